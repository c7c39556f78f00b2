"""The days on which something was recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0204"
down_revision = "0201"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table, and finds the latest day in what is recorded so far."""
    op.create_table(
        "business_day",
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("recorded_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("business_date", "recorded_id", name="pk_business_day"),
        sqlite_with_rowid=False,
    )
    facts = (("business_date", "decision_id", "decision"), ("payment_date", "repayment_id", "repayment"))
    for day, identifier, table in facts:
        op.execute(
            f"INSERT INTO business_day SELECT {day}, {identifier} FROM {table} ORDER BY 1 DESC LIMIT 1"  # noqa: S608
        )
