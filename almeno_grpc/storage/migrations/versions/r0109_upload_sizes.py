"""An import keeps the size of its upload, and the headings that its sender has named."""

import sqlalchemy as sa
from alembic import op

revision = "0109"
down_revision = "0108"
branch_labels = None
depends_on = None

SIZES = (
    "SELECT coalesce(sum(length(content)), 0) FROM import_content"
    " WHERE import_content.import_id = import_file.import_id"
)
"""Of what is stored, which is the whole upload of an import that has not ended."""


def upgrade() -> None:
    """Adds both columns."""
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
        return
    op.add_column("import_file", sa.Column("size_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("import_file", sa.Column("columns", sa.Text, nullable=False, server_default="{}"))
    op.execute(f"UPDATE import_file SET size_bytes = ({SIZES})")  # noqa: S608
    op.alter_column("import_file", "size_bytes", server_default=None)
    op.alter_column("import_file", "columns", server_default=None)


def _rebuild() -> None:
    """SQLite adds no column without a default. Foreign keys are off meanwhile, see `SqliteDatabase.migrating`."""
    run = op.get_bind().exec_driver_sql
    table = run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'import_file'").scalar_one()
    indexes = run("SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'import_file' AND sql IS NOT NULL")
    kept = indexes.scalars().all()
    names = ", ".join(row[1] for row in run("PRAGMA table_info(import_file)"))
    head, column, tail = table.replace('"import_file"', "import_file", 1).partition("sha256 VARCHAR(64) NOT NULL")
    if not column:
        raise RuntimeError("the table import_file is not as this migration expects it; the database stays as it was")
    rebuilt = f"{head}size_bytes BIGINT NOT NULL, \n\t{column}, \n\tcolumns TEXT NOT NULL{tail}"
    run(rebuilt.replace("CREATE TABLE import_file ", "CREATE TABLE rebuilt_import_file ", 1))
    run(
        f"INSERT INTO rebuilt_import_file ({names}, size_bytes, columns)"  # noqa: S608
        f" SELECT {names}, ({SIZES}), '{{}}' FROM import_file ORDER BY queue_number"
    )
    run("DELETE FROM sqlite_sequence WHERE name = 'rebuilt_import_file'")
    run(
        "INSERT INTO sqlite_sequence (name, seq)"
        " SELECT 'rebuilt_import_file', seq FROM sqlite_sequence WHERE name = 'import_file'"
    )
    run("DROP TABLE import_file")
    run("ALTER TABLE rebuilt_import_file RENAME TO import_file")
    for index in kept:
        run(index)
