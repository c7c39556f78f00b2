"""The audit trail: events in chains, checkpoints, and what the retention has removed."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.migrations.steps import Steps

revision = "0203"
down_revision = "0202"
branch_labels = None
depends_on = None


def upgrade(steps: Steps) -> None:
    """Creates the tables and their triggers. What the book holds already is vouched for by servers that run."""
    steps.transaction(_create)


def _create() -> None:
    _create_events()
    _create_checkpoints()
    if op.get_bind().dialect.name == "sqlite":
        _complete_sqlite()
    else:
        _complete_postgresql()


def _create_events() -> None:
    op.create_table(
        "audit_event",
        sa.Column("stream_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("event_time_us", sa.BigInteger, nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("credential", sa.String(255), nullable=False),
        sa.Column("method", sa.String(128), nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("stream_id > 0 AND sequence > 0", name=op.f("ck_audit_event_place_positive")),
        sa.CheckConstraint("kind BETWEEN 1 AND 4", name=op.f("ck_audit_event_kind_known")),
        sa.PrimaryKeyConstraint("stream_id", "sequence", name="pk_audit_event"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_audit_event_event_time_us_stream_id_sequence", "audit_event", ["event_time_us", "stream_id", "sequence"]
    )
    op.create_table(
        "audit_cut",
        sa.Column("stream_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("removed", sa.BigInteger, nullable=False),
        sa.CheckConstraint("removed > 0 AND sequence >= removed", name=op.f("ck_audit_cut_removed_positive")),
        sa.PrimaryKeyConstraint("stream_id", name="pk_audit_cut"),
    )


def _create_checkpoints() -> None:
    op.create_table(
        "audit_checkpoint",
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("heads", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_audit_checkpoint_number_positive")),
        sa.PrimaryKeyConstraint("number", name="pk_audit_checkpoint"),
    )
    op.create_table(
        "audit_head",
        sa.Column("stream_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", name="pk_audit_head"),
    )


def _complete_sqlite() -> None:
    for table in ("audit_event", "audit_checkpoint"):
        op.execute(
            f"CREATE TRIGGER {table}_is_never_changed BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'a row of {table} is never changed'); END"
        )
    op.execute(
        "CREATE TRIGGER audit_checkpoint_is_never_removed BEFORE DELETE ON audit_checkpoint "
        "BEGIN SELECT RAISE(ABORT, 'a row of audit_checkpoint is never removed'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_event_is_removed_by_cuts_alone BEFORE DELETE ON audit_event WHEN NOT EXISTS "
        "(SELECT 1 FROM audit_cut WHERE stream_id = OLD.stream_id AND sequence >= OLD.sequence) "
        "BEGIN SELECT RAISE(ABORT, 'a row of audit_event is never removed but by the retention'); END"
    )


def _complete_postgresql() -> None:
    op.execute(
        "CREATE TRIGGER audit_checkpoint_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint "
        "EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_event_is_never_changed BEFORE UPDATE OR TRUNCATE ON audit_event "
        "EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE FUNCTION refuse_removal_without_cut() RETURNS trigger LANGUAGE plpgsql AS '"
        "BEGIN IF EXISTS (SELECT 1 FROM audit_cut WHERE stream_id = OLD.stream_id AND sequence >= OLD.sequence) "
        "THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION ''a row of audit_event is never removed but by the retention''; END'"
    )
    op.execute(
        "CREATE TRIGGER audit_event_is_removed_by_cuts_alone BEFORE DELETE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION refuse_removal_without_cut()"
    )
    # Hashes and keys: nothing that compresses.
    op.execute("ALTER TABLE audit_event ALTER COLUMN rows SET STORAGE EXTERNAL")
