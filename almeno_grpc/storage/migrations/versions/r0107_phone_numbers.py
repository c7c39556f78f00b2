"""Who holds a phone number stands in a table of its own, which can be divided by the number."""

import sqlalchemy as sa
from alembic import op

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
KEY = "uq_customer_phone_number"


def upgrade() -> None:
    """Numbers that come with a book are added in their own order, at a third of the time that an index takes."""
    op.create_table(
        "phone_number",
        sa.Column("digits", ID, autoincrement=False, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("digits", name="pk_phone_number"),
        sa.CheckConstraint("digits > 0", name=op.f("ck_phone_number_digits_positive")),
    )
    op.execute(
        "INSERT INTO phone_number SELECT CAST(substr(phone_number, 2) AS BIGINT) AS digits, customer_id FROM customer"
        " ORDER BY digits"
    )
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_without_key()
    else:
        op.drop_constraint(KEY, "customer")


def _rebuild_without_key() -> None:
    """SQLite cannot drop the key of a table. Foreign keys are off meanwhile, see `SqliteDatabase.migrating`."""
    run = op.get_bind().exec_driver_sql
    table = run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'customer'").scalar_one()
    head, key, tail = table.replace("CREATE TABLE customer ", "CREATE TABLE rebuilt_customer ", 1).partition(
        f"CONSTRAINT {KEY} UNIQUE (phone_number),"
    )
    run(head + tail)
    run("INSERT INTO rebuilt_customer SELECT * FROM customer ORDER BY customer_id")
    # The numbers that the service gives go on where they were.
    run("DELETE FROM sqlite_sequence WHERE name = 'rebuilt_customer'")
    run(
        "INSERT INTO sqlite_sequence (name, seq)"
        " SELECT 'rebuilt_customer', seq FROM sqlite_sequence WHERE name = 'customer'"
    )
    run("DROP TABLE customer")
    run("ALTER TABLE rebuilt_customer RENAME TO customer")
    if not key or run("PRAGMA foreign_key_check").first():
        raise RuntimeError("the table customer is not as this migration expects it; the database stays as it was")
