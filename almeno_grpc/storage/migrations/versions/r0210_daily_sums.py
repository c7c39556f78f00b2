"""Decisions and repayments summed a day."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.migrations.steps import Steps

revision = "0210"
down_revision = "0209"
branch_labels = None
depends_on = None

SOURCES = ("DECISIONS", "REPAYMENTS", "REVERSALS")


def upgrade(steps: Steps) -> None:
    """Creates the tables, empty: what is in the book is added up by the server, step by step, while it works."""
    steps.transaction(_create_tables)
    steps.create_index("ix_repayment_reversal_create_time_us", "repayment_reversal", ["create_time_us"])


def _create_tables() -> None:
    op.create_table(
        "daily_sum",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("label", sa.String(255), nullable=False),
        sa.Column("row_count", sa.BigInteger, nullable=False),
        sa.Column("amount_paise", sa.BigInteger, nullable=False),
        sa.CheckConstraint("name IN ('DECISIONS', 'REPAYMENTS')", name=op.f("ck_daily_sum_name_known")),
        sa.PrimaryKeyConstraint("name", "day", "label", name="pk_daily_sum"),
        sqlite_with_rowid=False,
    )
    place = op.create_table(
        "daily_sum_place",
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("place", sa.String(36), nullable=False),
        sa.CheckConstraint(
            "source IN ('DECISIONS', 'REPAYMENTS', 'REVERSALS')", name=op.f("ck_daily_sum_place_source_known")
        ),
        sa.PrimaryKeyConstraint("source", name="pk_daily_sum_place"),
    )
    op.bulk_insert(place, [{"source": source, "place": ""} for source in SOURCES])
