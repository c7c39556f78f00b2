"""An import keeps the size of its upload, and the headings that its sender has named."""

import sqlalchemy as sa
from alembic import op

revision = "0109"
down_revision = "0108"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds both, and counts what is stored of imports that have not ended."""
    op.add_column("import_file", sa.Column("size_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("import_file", sa.Column("columns", sa.Text, nullable=False, server_default="{}"))
    op.execute(
        "UPDATE import_file SET size_bytes = (SELECT coalesce(sum(length(content)), 0) FROM import_content"
        " WHERE import_content.import_id = import_file.import_id)"
    )
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("import_file", "size_bytes", server_default=None)
        op.alter_column("import_file", "columns", server_default=None)
