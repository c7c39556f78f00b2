"""Events that other systems follow the book by."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.migrations.steps import Steps

revision = "0209"
down_revision = "0208"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade(steps: Steps) -> None:
    """Creates the tables; what has changed before has no events."""
    steps.transaction(_create)


def _create() -> None:
    op.create_table(
        "change_event",
        sa.Column("number", ID, sa.Identity(), nullable=False),
        sa.Column("event_time_us", sa.BigInteger, nullable=False),
        sa.Column("business_day", sa.Integer, nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("import_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("loan_id", sa.BigInteger),
        sa.Column("snapshot", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_change_event_number_positive")),
        sa.CheckConstraint("kind > 0", name=op.f("ck_change_event_kind_positive")),
        sa.PrimaryKeyConstraint("number", name="pk_change_event"),
        sqlite_autoincrement=True,
    )
    cut = op.create_table(
        "change_event_cut",
        sa.Column("place", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.CheckConstraint("place = 1", name=op.f("ck_change_event_cut_one_row")),
        sa.CheckConstraint("number >= 0", name=op.f("ck_change_event_cut_number_not_negative")),
        sa.PrimaryKeyConstraint("place", name="pk_change_event_cut"),
    )
    op.bulk_insert(cut, [{"place": 1, "number": 0}])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER change_event_is_never_changed BEFORE UPDATE ON change_event "
            "BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END"
        )
    else:
        op.execute(
            "CREATE TRIGGER change_event_is_never_changed BEFORE UPDATE OR TRUNCATE ON change_event "
            "EXECUTE FUNCTION refuse_change()"
        )
