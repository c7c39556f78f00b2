"""The number of all issues of an import, of which the first are kept."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.migrations.steps import Steps

revision = "0205"
down_revision = "0204"
branch_labels = None
depends_on = None


def upgrade(steps: Steps) -> None:
    """Adds the column. The issues of before are counted by revision 0212, when no server of before adds any more."""
    steps.transaction(_add_column, tables=["import_file"])


def _add_column() -> None:
    op.add_column("import_file", sa.Column("issues_total", sa.Integer, server_default=sa.text("0"), nullable=False))
