"""PostgreSQL keeps uploads as they are."""

from alembic import op

revision = "0106"
down_revision = "0105"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To compress a CSV file that stays for some minutes takes 35 ms a mebibyte; a workbook is compressed already."""
    if op.get_bind().dialect.name != "sqlite":
        op.execute("ALTER TABLE import_content ALTER COLUMN content SET STORAGE EXTERNAL")
