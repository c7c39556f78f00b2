"""What servers of version 0.1.0 cannot bear, and the end of what was there for them."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.audit_baseline import begin_baseline
from almeno_grpc.storage.migrations import customer_names
from almeno_grpc.storage.migrations.steps import ROWS_PER_BATCH, Place, Steps

revision = "0212"
down_revision = "0211"
branch_labels = None
depends_on = None

STOPS_SERVERS = True
"""Servers of versions before this one have to be stopped for it."""
FUNCTIONS = ("decision_has_business_day", "repayment_has_business_day", "loan_is_completed")
"""Of triggers."""
DEFAULTS = ("state", "latest_repayment", "segment_count", "charge_count", "open_charges_paise")


def prepare(connection: sa.Connection) -> bool:
    """Does some of it while servers of before run, in a transaction; whether there may be more."""
    return connection.dialect.name != "sqlite" and _has_noted(connection) and customer_names.catch_up(connection, 500)


def upgrade(steps: Steps) -> None:
    """Ends it, where it is not over: a database may have come to revision 0209 another way."""
    if not steps.is_on_sqlite:
        steps.batches(_catch_up)
        steps.transaction(_drop, tables=["loan", "decision", "repayment", "customer"])
    steps.transaction(_count_issues)
    steps.transaction(_create_baseline)


def _has_noted(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_table(customer_names.NOTED)


def _catch_up(_: Place | None) -> Place | None:
    connection = op.get_bind()
    return [0] if _has_noted(connection) and customer_names.catch_up(connection, ROWS_PER_BATCH) else None


def _drop() -> None:
    for name in FUNCTIONS:
        # With its triggers, whatever their tables are called by now.
        op.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
    customer_names.forget_names(op.get_bind())
    for column in DEFAULTS:
        op.alter_column("loan", column, server_default=None)


def _count_issues() -> None:
    """Counts the issues of imports by servers that kept all of them and counted none."""
    kept = "(SELECT count(*) FROM import_issue WHERE import_issue.queue_number = import_file.queue_number)"
    op.execute(f"UPDATE import_file SET issues_total = {kept} WHERE issues_total < {kept}")  # noqa: S608 - of our own


def _create_baseline() -> None:
    op.create_table(
        "audit_baseline",
        sa.Column("number", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("form", sa.SmallInteger, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_audit_baseline_one_row")),
        sa.PrimaryKeyConstraint("number", name="pk_audit_baseline"),
    )
    begin_baseline(op.get_bind())
