"""The files of the terms under which loans were booked."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.migrations.steps import Steps

revision = "0208"
down_revision = "0207"
branch_labels = None
depends_on = None


def upgrade(steps: Steps) -> None:
    """Creates the table and its triggers: no loan of before has terms."""
    steps.transaction(_create)


def _create() -> None:
    op.create_table(
        "terms_pin",
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_terms_pin"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change, done in (("UPDATE", "changed"), ("DELETE", "removed")):
            op.execute(
                f"CREATE TRIGGER terms_pin_is_never_{done} BEFORE {change} ON terms_pin "
                f"BEGIN SELECT RAISE(ABORT, 'a pin of terms is never {done}'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER terms_pin_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON terms_pin "
            "EXECUTE FUNCTION refuse_change()"
        )
