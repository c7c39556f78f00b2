"""Of imported loans only those with another number than the sheet's stand in the index of the sheet's numbers."""

import sqlalchemy as sa
from alembic import op

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None

KEY = "uq_loan_customer_id_source_loan_id"
COLUMNS = ["customer_id", "source_loan_id"]


def upgrade() -> None:
    """The others are found, and stand once, by their primary key: a page less to write for each loan."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_without_key()
    else:
        op.drop_constraint(KEY, "loan")
    renumbered = sa.text("source_loan_id != loan_id")
    op.create_index(KEY, "loan", COLUMNS, unique=True, sqlite_where=renumbered, postgresql_where=renumbered)


def _rebuild_without_key() -> None:
    """SQLite cannot drop the key of a table. Foreign keys are off meanwhile, see `SqliteDatabase.migrating`."""
    run = op.get_bind().exec_driver_sql
    table = run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'loan'").scalar_one()
    indexes = run("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'loan' AND sql IS NOT NULL")
    head, key, tail = table.replace("CREATE TABLE loan ", "CREATE TABLE rebuilt_loan ", 1).partition(
        f"CONSTRAINT {KEY} UNIQUE ({', '.join(COLUMNS)}),"
    )
    rebuilt = [head + tail, "INSERT INTO rebuilt_loan SELECT * FROM loan ORDER BY customer_id, loan_id"]
    renamed = ["DROP TABLE loan", "ALTER TABLE rebuilt_loan RENAME TO loan"]
    for statement in (*rebuilt, *renamed, *indexes.scalars().all()):
        run(statement)
    if not key or run("PRAGMA foreign_key_check").first():
        raise RuntimeError("the table loan is not as this migration expects it; the database stays as it was")
