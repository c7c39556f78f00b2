"""Fields of customers that calls have changed, why a limit was set, and the keys that customers are found by."""

from functools import partial

import sqlalchemy as sa
from alembic import op

from almeno_grpc.storage.audit_baseline import write_reforms
from almeno_grpc.storage.migrations.customer_names import insert_keys, note_names
from almeno_grpc.storage.migrations.steps import Steps

revision = "0207"
down_revision = "0206"
branch_labels = None
depends_on = None


ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
CHANGED_FIELDS = "changed_fields BETWEEN 0 AND 63"
REASON = "length(reason) BETWEEN 1 AND 200"


def upgrade(steps: Steps) -> None:
    """Adds the columns and the table; of the customers that are there no field was changed by a call."""
    if steps.is_on_sqlite:
        steps.transaction(_add_columns_of_sqlite)
    else:
        steps.alter("customer", ["ADD COLUMN changed_fields SMALLINT DEFAULT 0 NOT NULL"])
        steps.alter("customer_change", ["ADD COLUMN reason VARCHAR(200)"])
        steps.replace_checks("customer", {"changed_fields_range": CHANGED_FIELDS})
        steps.replace_checks("customer_change", {"reason_length": REASON})
    steps.transaction(_add_request_date, tables=["customer_change"])
    steps.transaction(_create_names, tables=["customer"])
    steps.fill("customer", ["customer_id"], partial(insert_keys, steps.connection))
    steps.transaction(lambda: write_reforms(steps.connection, revision))


def _add_request_date() -> None:
    op.add_column("customer_change", sa.Column("request_date", sa.Date))


def _add_columns_of_sqlite() -> None:
    # As they stand: a check that is added by itself would copy the whole table.
    op.execute(
        "ALTER TABLE customer ADD COLUMN changed_fields SMALLINT DEFAULT 0 NOT NULL"
        f" CONSTRAINT ck_customer_changed_fields_range CHECK ({CHANGED_FIELDS})"
    )
    op.execute(
        "ALTER TABLE customer_change ADD COLUMN reason VARCHAR(200)"
        f" CONSTRAINT ck_customer_change_reason_length CHECK ({REASON})"
    )


def _create_names() -> None:
    op.create_table(
        "customer_name",
        sa.Column("key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("key", "customer_id", name="pk_customer_name"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name != "sqlite":
        note_names(op.get_bind())
