"""Uploads are stored a piece at a time, before their import is queued."""

import sqlalchemy as sa
from alembic import op

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keeps the pieces by the import's name rather than by its place in the queue, which it has only once queued."""
    op.create_table(
        "import_content",
        sa.Column("import_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_import_content"),
    )
    op.execute(
        "INSERT INTO import_content SELECT import_id, number, content"
        " FROM import_chunk JOIN import_file ON import_file.queue_number = import_chunk.queue_number"
    )
    op.drop_table("import_chunk")
