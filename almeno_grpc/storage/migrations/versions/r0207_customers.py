"""Fields of customers that calls have changed, why a limit was set, and the keys that customers are found by."""

from itertools import chain

import sqlalchemy as sa
from alembic import op

from almeno_grpc.domain.names import name_keys

revision = "0207"
down_revision = "0206"
branch_labels = None
depends_on = None


ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
CUSTOMERS_AT_A_TIME = 10_000


def upgrade() -> None:
    """Adds the columns and the table; of the customers that are there no field was changed by a call."""
    # As they stand: a check that is added by itself would copy the whole table on SQLite.
    op.execute(
        "ALTER TABLE customer ADD COLUMN changed_fields SMALLINT DEFAULT 0 NOT NULL"
        " CONSTRAINT ck_customer_changed_fields_range CHECK (changed_fields BETWEEN 0 AND 63)"
    )
    op.execute(
        "ALTER TABLE customer_change ADD COLUMN reason VARCHAR(200)"
        " CONSTRAINT ck_customer_change_reason_length CHECK (length(reason) BETWEEN 1 AND 200)"
    )
    op.add_column("customer_change", sa.Column("request_date", sa.Date))
    table = op.create_table(
        "customer_name",
        sa.Column("key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("key", "customer_id", name="pk_customer_name"),
        sqlite_with_rowid=False,
    )
    _fill(table)


def _fill(table: sa.Table) -> None:
    """Makes the keys of all customers, some at a time."""
    connection = op.get_bind()
    some = sa.text(
        "SELECT customer_id, first_name, last_name FROM customer WHERE customer_id > :after"
        " ORDER BY customer_id LIMIT :count"
    )
    after = 0
    while rows := connection.execute(some, {"after": after, "count": CUSTOMERS_AT_A_TIME}).all():
        keys = chain.from_iterable(((key, row[0]) for key in name_keys(row[1], row[2])) for row in rows)
        values = [{"key": key, "customer_id": customer_id} for key, customer_id in sorted(keys)]
        connection.execute(sa.insert(table), values)
        after = rows[-1][0]
