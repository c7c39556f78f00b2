"""Who holds a phone number stands in a table of its own, which can be divided by the number."""

import sqlalchemy as sa
from alembic import op

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
KEY = "uq_customer_phone_number"
CHECK = "ck_customer_phone_number_e164"
NEW_CHECK = "ck_customer_phone_digits_positive"
DIGITS = "CAST(substr(phone_number, 2) AS BIGINT)"


def upgrade() -> None:
    """Keeps the digits alone, and those who hold them apart: a book lands in half the time."""
    op.create_table(
        "phone_number",
        sa.Column("digits", ID, autoincrement=False, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("digits", name="pk_phone_number"),
        sa.CheckConstraint("digits > 0", name=op.f("ck_phone_number_digits_positive")),
    )
    op.execute(f"INSERT INTO phone_number SELECT {DIGITS} AS digits, customer_id FROM customer ORDER BY digits")  # noqa: S608
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_customers()
        return
    op.drop_constraint(KEY, "customer")
    op.drop_constraint(CHECK, "customer")
    op.alter_column("customer", "phone_number", type_=sa.BigInteger, postgresql_using=DIGITS)
    op.alter_column("customer", "phone_number", new_column_name="phone_digits")
    op.create_check_constraint(op.f(NEW_CHECK), "customer", "phone_digits > 0")
    # From version 18 on PostgreSQL names what keeps a column from being empty by the column.
    named = "conrelid = 'customer'::regclass AND conname = 'customer_phone_number_not_null'"
    if op.get_bind().exec_driver_sql(f"SELECT 1 FROM pg_constraint WHERE {named}").first():  # noqa: S608
        op.execute(
            "ALTER TABLE customer RENAME CONSTRAINT customer_phone_number_not_null TO customer_phone_digits_not_null"
        )


def _rebuild_customers() -> None:
    """SQLite cannot drop the key of a table. Foreign keys are off meanwhile, see `SqliteDatabase.migrating`."""
    run = op.get_bind().exec_driver_sql
    table = run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'customer'").scalar_one()
    for before, after in (
        ("CREATE TABLE customer ", "CREATE TABLE rebuilt_customer "),
        ("phone_number VARCHAR(16) NOT NULL", "phone_digits BIGINT NOT NULL"),
        (f"CONSTRAINT {KEY} UNIQUE (phone_number),", ""),
        (f"CONSTRAINT {CHECK} CHECK (phone_number LIKE '+%')", f"CONSTRAINT {NEW_CHECK} CHECK (phone_digits > 0)"),
    ):
        head, found, tail = table.partition(before)
        if not found:
            raise RuntimeError("the table customer is not as this migration expects it; the database stays as it was")
        table = head + after + tail
    run(table)
    run(
        f"INSERT INTO rebuilt_customer SELECT customer_id, first_name, last_name, age, {DIGITS}, monthly_income_paise,"  # noqa: S608
        " approved_limit_paise, imported, create_time_us FROM customer ORDER BY customer_id"
    )
    # The numbers that the service gives go on where they were.
    run("DELETE FROM sqlite_sequence WHERE name = 'rebuilt_customer'")
    run(
        "INSERT INTO sqlite_sequence (name, seq)"
        " SELECT 'rebuilt_customer', seq FROM sqlite_sequence WHERE name = 'customer'"
    )
    run("DROP TABLE customer")
    run("ALTER TABLE rebuilt_customer RENAME TO customer")
    if run("PRAGMA foreign_key_check").first():
        raise RuntimeError("a row names a customer who is not there; the database stays as it was")
