"""Days on which something was recorded, room for more repayments of a loan, changes of customers and loans."""

import sqlalchemy as sa
from alembic import op

revision = "0204"
down_revision = "0203"
branch_labels = None
depends_on = None


ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
REPAYMENT_CHECKS = (
    ("loan", "ck_loan_repayment_count_range", "repayment_count BETWEEN 0 AND"),
    ("repayment", "ck_repayment_number_range", "number BETWEEN 1 AND"),
)
MAX_BEFORE, MAX_REPAYMENTS = 10_000, 10_599


def upgrade() -> None:
    """Adds to the schema, whatever the database."""
    _create_business_days()
    _create_customer_changes()
    if op.get_bind().dialect.name == "sqlite":
        _widen_checks_of_sqlite()
        for change, done in (("UPDATE", "changed"), ("DELETE", "removed")):
            op.execute(
                f"CREATE TRIGGER customer_change_is_never_{done} BEFORE {change} ON customer_change "
                f"BEGIN SELECT RAISE(ABORT, 'a change of a customer is never {done}'); END"
            )
    else:
        _widen_checks_of_postgresql()
        op.execute(
            "CREATE TRIGGER customer_change_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON customer_change "
            "EXECUTE FUNCTION refuse_change()"
        )


def _create_business_days() -> None:
    """Creates the table, and finds the latest day in what is recorded so far."""
    op.create_table(
        "business_day",
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("recorded_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("business_date", "recorded_id", name="pk_business_day"),
        sqlite_with_rowid=False,
    )
    facts = (("business_date", "decision_id", "decision"), ("payment_date", "repayment_id", "repayment"))
    for day, identifier, table in facts:
        op.execute(
            f"INSERT INTO business_day SELECT {day}, {identifier} FROM {table} ORDER BY 1 DESC LIMIT 1"  # noqa: S608
        )


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


def _widen_checks_of_sqlite() -> None:
    # SQLite has no command for it but to copy the table, which may be large. A check is in the schema's text alone; how
    # it is edited is described in SQLite's documentation of ALTER TABLE, under "Making Other Kinds Of Table Schema
    # Changes". All rows that the old checks took the new ones take too.
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, _, check in REPAYMENT_CHECKS:
        connection.exec_driver_sql(
            "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ?",
            (f"{check} {MAX_BEFORE}", f"{check} {MAX_REPAYMENTS}", table),
        )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    # Off again, and the schema read anew.
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def _widen_checks_of_postgresql() -> None:
    for table, name, check in REPAYMENT_CHECKS:
        op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, f"{check} {MAX_REPAYMENTS}")
