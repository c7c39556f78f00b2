"""History that can be let go: partitions on PostgreSQL, answers apart from requests, decisions that may be gone."""

import re
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from alembic import op

from almeno_grpc.clock import Clock

revision = "0211"
down_revision = "0210"
branch_labels = None
depends_on = None

FIRST_GENERATED_ID = 1_000_000_001
CUSTOMERS_OF_PARTITION = 25_000_000
PARTITIONS_OF_CUSTOMERS = 4
"""Beside that of imported books and that of all further customers."""
_KEYS = """
SELECT conname, pg_get_constraintdef(oid), contype::text FROM pg_constraint
WHERE conrelid = '{table}'::regclass AND contype IN ('p', 'u', 'f') ORDER BY contype, conname
"""
_INDEXES = """
SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = '{table}'::regclass
  AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = c.oid AND contype IN ('p', 'u')) ORDER BY 1
"""
_REFERENCES = """
SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE confrelid = '{table}'::regclass AND contype = 'f' AND conparentid = 0 ORDER BY 1
"""
_TRIGGERS = """
SELECT tgname, pg_get_triggerdef(oid), tgtype & 1 = 1 FROM pg_trigger
WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal ORDER BY 1
"""


def upgrade() -> None:
    """Creates the tables, and divides those of history on PostgreSQL without a copy of any row."""
    op.create_table(
        "decision_cut",
        sa.Column("place", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("decision_id", sa.String(36), nullable=False),
        sa.CheckConstraint("place = 1", name=op.f("ck_decision_cut_one_row")),
        sa.PrimaryKeyConstraint("place", name="pk_decision_cut"),
    )
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "idempotency_answer",
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("create_time_us", "request_id", "principal", name="pk_idempotency_answer"),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (create_time_us)",
    )
    if is_postgresql:
        _complete_postgresql()
    else:
        _complete_sqlite()


def _complete_sqlite() -> None:
    # In the schema's text alone: see revision 0204. All rows that are there keep what the new schema asks for.
    edits = (
        ("loan", r",\s*CONSTRAINT fk_loan_decision_id FOREIGN KEY\([^)]*\) REFERENCES decision \([^)]*\)", ""),
        ("idempotency_record", r"answer BLOB NOT NULL", "answer BLOB"),
    )
    connection = op.get_bind()
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, before, after in edits:
        found = "FROM sqlite_schema WHERE type = 'table' AND name = ?"
        sql = connection.exec_driver_sql(f"SELECT sql {found}", (table,)).scalar_one()
        edited, count = re.subn(before, after, sql)
        if count != 1:
            raise RuntimeError(f"the table {table} is not as revision 0209 has it")
        connection.exec_driver_sql(
            "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (edited, table)
        )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def _complete_postgresql() -> None:
    op.execute("ALTER TABLE loan DROP CONSTRAINT fk_loan_decision_id")
    op.execute("ALTER TABLE idempotency_record ALTER COLUMN answer DROP NOT NULL")
    # Not on SQLite, where the driver of PostgreSQL may be missing.
    from almeno_grpc.storage.postgres.partitions import DIVIDED  # noqa: PLC0415 - as it says

    op.execute("CREATE TABLE idempotency_answer_default PARTITION OF idempotency_answer DEFAULT")
    _give_events_a_sequence()
    now = Clock.now_microseconds()
    for divided in DIVIDED:
        if divided.name != "idempotency_answer":
            _divide_by_time(divided, now)
    _divide_repayments()
    op.execute("ALTER TABLE change_event ALTER COLUMN number SET DEFAULT nextval('change_event_number_seq')")
    op.execute("ALTER SEQUENCE change_event_number_seq OWNED BY change_event.number")


def _give_events_a_sequence() -> None:
    """A sequence of its own, for a table with partitions has an identity column from PostgreSQL 17 on alone."""
    last = op.get_bind().exec_driver_sql("SELECT last_value, is_called FROM change_event_number_seq").one()
    op.execute("ALTER TABLE change_event ALTER COLUMN number DROP IDENTITY")
    op.execute(f"CREATE SEQUENCE change_event_number_seq START {last.last_value + last.is_called}")


def _divide_by_time(divided: Any, now: int) -> None:
    # All that is there belongs to the first partition, whatever clock has dated it.
    latest = op.get_bind().exec_driver_sql(f"SELECT max({divided.column}) FROM {divided.name}").scalar_one()  # noqa: S608 - names of our own
    end = divided.bound(divided.first_end(max(now, divided.instant(latest) if latest else now)))
    literal = f"{end}::text" if divided.name == "decision" else f"'{end}'::bigint"
    _divide(divided.name, divided.column, end, literal, divided.key)
    _add(divided.name, f"{divided.name}_default", f"{divided.key_of(f'{divided.name}_default')}DEFAULT")


def _divide_repayments() -> None:
    """By customers: those of imported books first, then as many generated ids at a time."""
    last = op.get_bind().exec_driver_sql("SELECT last_value FROM customer_customer_id_seq").scalar_one()
    size = CUSTOMERS_OF_PARTITION
    begun = max(0, last - FIRST_GENERATED_ID) // size
    ends = [FIRST_GENERATED_ID + (begun + number) * size for number in range(1, PARTITIONS_OF_CUSTOMERS + 1)]
    _divide("repayment", "customer_id", str(ends[0]), f"'{ends[0]}'::bigint", "")
    for start, end in pairwise(ends):
        _add("repayment", f"repayment_{start}", f"FOR VALUES FROM ({start}) TO ({end})")
    _add("repayment", "repayment_default", "DEFAULT")


def _add(table: str, name: str, definition: str) -> None:
    from almeno_grpc.storage.postgres.partitions import create  # noqa: PLC0415 - as above

    create(op.get_bind(), table, name, definition)


def _divide(table: str, column: str, end: str, literal: str, key: str) -> None:
    """Makes the table the first partition of one that takes its name.

    Args:
        table: The table.
        column: That which divides it.
        end: The first value that is not the partition's, as a bound.
        literal: The same as an expression.
        key: Where the primary key is that of each partition alone, its columns.
    """
    connection = op.get_bind()
    first = f"{table}_first"
    # That it holds is known when the partition is attached, which is then no look at each row.
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {first}_bounds CHECK ({column} < {literal}) NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {first}_bounds")
    keys = connection.exec_driver_sql(_KEYS.format(table=table)).all()
    indexes = connection.exec_driver_sql(_INDEXES.format(table=table)).all()
    references = connection.exec_driver_sql(_REFERENCES.format(table=table)).all()
    triggers = connection.exec_driver_sql(_TRIGGERS.format(table=table)).all()
    for name, referring, _ in references:
        op.execute(f"ALTER TABLE {referring} DROP CONSTRAINT {name}")
    for name, _, is_for_rows in triggers:
        if is_for_rows:
            op.execute(f"DROP TRIGGER {name} ON {table}")
    for name in (*(name for name, _, kind in keys if kind != "f"), *(name for name, _ in indexes)):
        op.execute(f"ALTER INDEX {name} RENAME TO {name}_first")
    op.execute(f"ALTER TABLE {table} RENAME TO {first}")
    op.execute(
        f"CREATE TABLE {table} (LIKE {first} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)"
        f" PARTITION BY RANGE ({column})"
    )
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {first}_bounds")
    for name, definition, kind in keys:
        if kind != "p" or not key:
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _, definition in indexes:
        op.execute(definition)
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ({end})")
    op.execute(f"ALTER TABLE {first} DROP CONSTRAINT {first}_bounds")
    for _, definition, _ in triggers:
        op.execute(definition)
    for name, referring, definition in references:
        op.execute(f"ALTER TABLE {referring} ADD CONSTRAINT {name} {definition} NOT VALID")
        op.execute(f"ALTER TABLE {referring} VALIDATE CONSTRAINT {name}")
