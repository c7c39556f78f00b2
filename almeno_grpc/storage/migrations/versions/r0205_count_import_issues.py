"""The number of all issues of an import, of which the first are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0205"
down_revision = "0204"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; all issues of before are kept, and counted."""
    op.add_column("import_file", sa.Column("issues_total", sa.Integer, server_default=sa.text("0"), nullable=False))
    op.execute(
        "UPDATE import_file SET issues_total ="
        " (SELECT count(*) FROM import_issue WHERE import_issue.queue_number = import_file.queue_number)"
    )
