"""Imported files, their uploads and their issues."""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "import_file",
        sa.Column("queue_number", ID, sa.Identity(), primary_key=True),
        sa.Column("import_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("book_date", sa.Date, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("rows_total", sa.Integer, nullable=False),
        sa.Column("rows_inserted", sa.Integer, nullable=False),
        sa.Column("rows_updated", sa.Integer, nullable=False),
        sa.Column("rows_unchanged", sa.Integer, nullable=False),
        sa.Column("rows_rejected", sa.Integer, nullable=False),
        sa.Column("rows_adjusted", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("start_time_us", sa.BigInteger),
        sa.Column("end_time_us", sa.BigInteger),
        sa.UniqueConstraint("import_id", name="uq_import_file_import_id"),
        sa.CheckConstraint("kind IN ('CUSTOMERS', 'LOANS')", name=op.f("ck_import_file_kind_known")),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')",
            name=op.f("ck_import_file_state_known"),
        ),
        sa.CheckConstraint(
            "state <> 'SUCCEEDED' OR rows_total = rows_inserted + rows_updated + rows_unchanged + rows_rejected",
            name=op.f("ck_import_file_rows_accounted_for"),
        ),
        sa.CheckConstraint(
            "(state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (end_time_us IS NOT NULL)",
            name=op.f("ck_import_file_ended_in_end_state"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_import_file_state_queue_number", "import_file", ["state", "queue_number"])
    op.create_index("ix_import_file_sha256", "import_file", ["sha256"])
    op.create_table(
        "import_chunk",
        sa.Column(
            "queue_number",
            ID,
            sa.ForeignKey("import_file.queue_number", name="fk_import_chunk_queue_number"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "import_issue",
        sa.Column(
            "queue_number",
            ID,
            sa.ForeignKey("import_file.queue_number", name="fk_import_issue_queue_number"),
            primary_key=True,
        ),
        sa.Column("row_number", sa.Integer, primary_key=True),
        sa.Column("number", sa.SmallInteger, primary_key=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("column_heading", sa.String(64), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.CheckConstraint("outcome IN ('REJECTED', 'ADJUSTED')", name=op.f("ck_import_issue_outcome_known")),
    )
