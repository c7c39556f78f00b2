"""The days on which something was recorded, and more repayments of a loan."""

import sqlalchemy as sa
from alembic import op

revision = "0204"
down_revision = "0201"
branch_labels = None
depends_on = None


REPAYMENT_CHECKS = (
    ("loan", "ck_loan_repayment_count_range", "repayment_count BETWEEN 0 AND"),
    ("repayment", "ck_repayment_number_range", "number BETWEEN 1 AND"),
)
MAX_BEFORE, MAX_REPAYMENTS = 10_000, 10_599


def upgrade() -> None:
    """Adds to the schema, whatever the database."""
    _create_business_days()
    if op.get_bind().dialect.name == "sqlite":
        _widen_checks_of_sqlite()
    else:
        _widen_checks_of_postgresql()


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
