"""Days on which something was recorded, room for more repayments of a loan, changes of customers and loans."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.migrations.steps import Steps

revision = "0204"
down_revision = "0203"
branch_labels = None
depends_on = None


ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
MAX_REPAYMENTS = 10_599
FACTS = (("business_date", "decision_id", "decision"), ("payment_date", "repayment_id", "repayment"))
"""What is recorded: the columns of the day and of the id, and the table."""


def upgrade(steps: Steps) -> None:
    """Adds to the schema, whatever the database."""
    steps.transaction(_create_business_days, tables=[table for _, _, table in FACTS])
    steps.transaction(_find_latest_days)
    steps.transaction(_create_customer_changes, tables=["customer", "loan"])
    for table, column, lowest in (("loan", "repayment_count", 0), ("repayment", "number", 1)):
        name = f"{column}_range"
        steps.replace_checks(table, {name: f"{column} BETWEEN {lowest} AND {MAX_REPAYMENTS}"}, dropped=[name])


def _create_business_days() -> None:
    op.create_table(
        "business_day",
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("recorded_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("business_date", "recorded_id", name="pk_business_day"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        return
    # Servers of the version before know nothing of the table. Revision 0212 drops what is theirs.
    for day, identifier, table in FACTS:
        op.execute(
            f"CREATE FUNCTION {table}_has_business_day() RETURNS trigger LANGUAGE plpgsql AS '"  # noqa: S608 - names of our own
            f"BEGIN IF NOT EXISTS (SELECT 1 FROM business_day WHERE business_date = NEW.{day}) THEN "
            f"INSERT INTO business_day VALUES (NEW.{day}, NEW.{identifier}) ON CONFLICT DO NOTHING; "
            "END IF; RETURN NULL; END'"
        )
        op.execute(
            f"CREATE TRIGGER {table}_has_business_day AFTER INSERT ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {table}_has_business_day()"
        )


def _find_latest_days() -> None:
    """Finds the latest day in what is recorded so far."""
    for day, identifier, table in FACTS:
        latest = f"SELECT {day}, {identifier} FROM {table} ORDER BY 1 DESC LIMIT 1"  # noqa: S608 - names of our own
        op.execute(f"INSERT INTO business_day {latest} ON CONFLICT DO NOTHING")


def _create_customer_changes() -> None:
    op.create_table(
        "customer_change",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("loan_id", ID),
        sa.Column("field", sa.String(32), nullable=False),
        sa.Column("old_value", sa.Text, nullable=False),
        sa.Column("new_value", sa.Text, nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("import_id", sa.String(36)),
        sa.Column("row_number", sa.Integer),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_customer_change_number_positive")),
        sa.CheckConstraint("old_value <> new_value", name=op.f("ck_customer_change_values_differ")),
        sa.CheckConstraint("(import_id IS NULL) = (row_number IS NULL)", name=op.f("ck_customer_change_row_of_import")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.customer_id"], name="fk_customer_change_customer_id"),
        sa.ForeignKeyConstraint(
            ["loan_id", "customer_id"], ["loan.loan_id", "loan.customer_id"], name="fk_customer_change_loan_id"
        ),
        sa.PrimaryKeyConstraint("customer_id", "number", name="pk_customer_change"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        for change, done in (("UPDATE", "changed"), ("DELETE", "removed")):
            op.execute(
                f"CREATE TRIGGER customer_change_is_never_{done} BEFORE {change} ON customer_change "
                f"BEGIN SELECT RAISE(ABORT, 'a change of a customer is never {done}'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER customer_change_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON customer_change "
            "EXECUTE FUNCTION refuse_change()"
        )
