"""Callers: principals, their API keys and certificate names; the request_id becomes the principal's."""

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.migrations.steps import Steps

revision = "0202"
down_revision = "0201"
branch_labels = None
depends_on = None


REQUEST_COLUMNS = "request_id, fingerprint, answer, create_time_us"


def upgrade(steps: Steps) -> None:
    """Adds the tables of callers, and the principal to what callers have asked for."""
    steps.transaction(_create_callers)
    steps.transaction(lambda: _add_principal("import_file"), tables=["import_file"])
    if steps.is_on_sqlite:
        steps.transaction(_rebuild_idempotency_record)
        return
    table = "idempotency_record"
    steps.transaction(lambda: _add_principal(table), tables=[table])
    # What servers of the version before insert has the principal '': the key is as narrow for them as the one before.
    steps.create_index("pk_idempotency_record_0202", table, ["request_id", "principal"], unique=True)
    key = "CONSTRAINT pk_idempotency_record"
    steps.alter(table, [f"DROP {key}", f"ADD {key} PRIMARY KEY USING INDEX pk_idempotency_record_0202"])


def _add_principal(table: str) -> None:
    op.add_column(table, sa.Column("principal", sa.String(64), nullable=False, server_default=""))


def _rebuild_idempotency_record() -> None:
    """SQLite cannot change the primary key of a table.

    In one transaction: a server of the version before that was started again in between would have forgotten every
    request.
    """
    before = "idempotency_record_0201"
    op.rename_table("idempotency_record", before)
    _create_idempotency_record()
    rows = f"SELECT {REQUEST_COLUMNS} FROM {before}"  # noqa: S608 - names of our own
    op.execute(f"INSERT INTO idempotency_record ({REQUEST_COLUMNS}) {rows}")
    op.drop_table(before)


def _create_idempotency_record() -> None:
    op.create_table(
        "idempotency_record",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("principal", sa.String(64), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("request_id", "principal", name="pk_idempotency_record"),
    )


def _create_callers() -> None:
    op.create_table(
        "principal",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("max_loan_amount_paise", sa.BigInteger),
        sa.Column("max_repayment_paise", sa.BigInteger),
        sa.Column("calls_per_second", sa.Integer),
        sa.Column("burst", sa.Integer),
        sa.Column("max_streams", sa.SmallInteger),
        sa.Column("max_pii_reads_per_day", sa.BigInteger),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("update_time_us", sa.BigInteger, nullable=False),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 64", name=op.f("ck_principal_name_length")),
        sa.PrimaryKeyConstraint("name", name="pk_principal"),
    )
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.String(12), nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("expire_time_us", sa.BigInteger, nullable=False),
        sa.Column("revoke_time_us", sa.BigInteger),
        sa.Column("last_use_date", sa.Date),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_api_key_sha256_length")),
        sa.CheckConstraint("expire_time_us > create_time_us", name=op.f("ck_api_key_expires_later")),
        sa.ForeignKeyConstraint(["principal"], ["principal.name"], name="fk_api_key_principal"),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_key"),
        sa.UniqueConstraint("sha256", name="uq_api_key_sha256"),
    )
    op.create_index("ix_api_key_principal", "api_key", ["principal"])
    op.create_table(
        "certificate_name",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["principal"], ["principal.name"], name="fk_certificate_name_principal"),
        sa.PrimaryKeyConstraint("name", name="pk_certificate_name"),
    )
    op.create_index("ix_certificate_name_principal", "certificate_name", ["principal"])
    access_state = op.create_table(
        "access_state",
        sa.Column("number", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_access_state_one_row")),
        sa.PrimaryKeyConstraint("number", name="pk_access_state"),
    )
    op.bulk_insert(access_state, [{"number": 1, "version": 1}])
