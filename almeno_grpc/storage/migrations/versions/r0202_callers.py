"""Callers: principals, their API keys and certificate names; the request_id becomes the principal's."""

import sqlalchemy as sa
from alembic import op

revision = "0202"
down_revision = "0201"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables of callers, and the principal to what callers have asked for."""
    _create_callers()
    op.add_column("import_file", sa.Column("principal", sa.String(64), nullable=False, server_default=""))
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_idempotency_record()
    else:
        op.add_column("idempotency_record", sa.Column("principal", sa.String(64), nullable=False, server_default=""))
        op.drop_constraint("pk_idempotency_record", "idempotency_record")
        op.create_primary_key("pk_idempotency_record", "idempotency_record", ["request_id", "principal"])


def _rebuild_idempotency_record() -> None:
    """SQLite cannot change the primary key of a table."""
    op.rename_table("idempotency_record", "idempotency_record_0201")
    op.create_table(
        "idempotency_record",
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("principal", sa.String(64), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("request_id", "principal", name="pk_idempotency_record"),
    )
    op.execute(
        "INSERT INTO idempotency_record (request_id, fingerprint, answer, create_time_us) "
        "SELECT request_id, fingerprint, answer, create_time_us FROM idempotency_record_0201"
    )
    op.drop_table("idempotency_record_0201")


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
