"""History that can be let go: partitions on PostgreSQL, answers apart from requests, decisions that may be gone."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from almeno_grpc.clock import Clock
from almeno_grpc.storage.backend import DatabaseUnusable
from almeno_grpc.storage.migrations.steps import Steps, edit_tables

revision = "0211"
down_revision = "0210"
branch_labels = None
depends_on = None

FIRST_GENERATED_ID = 1_000_000_001
CUSTOMERS_OF_PARTITION = 25_000_000
PARTITIONS_OF_CUSTOMERS = 4
"""Beside that of imported books and that of all further customers."""
DIVIDED_BY_TIME = ("decision", "change_event", "audit_event")
TABLES_BESIDE = {
    "decision": ("customer",),
    "repayment": ("loan", "repayment_reversal", "loan_segment"),
}
"""Those that foreign keys of a table refer to, or that refer to it."""
REFERENCES_TO_REPAYMENTS = (
    ("repayment_reversal", "fk_repayment_reversal_customer_id"),
    ("loan_segment", "fk_loan_segment_repayment_number"),
)
_BOUNDS = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{first}_bounds'"
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
_GRANTS = """
SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM pg_class, aclexplode(relacl) WHERE oid = '{table}'::regclass AND grantee <> relowner ORDER BY 2, 1
"""
_TRIGGERS = """
SELECT tgname, pg_get_triggerdef(oid), tgtype & 1 = 1 FROM pg_trigger
WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal ORDER BY 1
"""


def upgrade(steps: Steps) -> None:
    """Creates the tables, and divides those of history on PostgreSQL without a copy of any row."""
    steps.transaction(_create_tables)
    if steps.is_on_sqlite:
        steps.transaction(
            lambda: edit_tables(steps.connection, {"loan": _without_decision, "idempotency_record": _alone})
        )
        return
    # Not on SQLite, where the driver of PostgreSQL may be missing.
    from almeno_grpc.storage.postgres.partitions import DIVIDED  # noqa: PLC0415 - as it says

    by_time = [each for each in DIVIDED if each.name in DIVIDED_BY_TIME]

    steps.transaction(_create_default_of_answers)
    drop = "ALTER TABLE loan DROP CONSTRAINT fk_loan_decision_id"
    steps.transaction(lambda: op.execute(drop), tables=["loan", "decision"])
    steps.alter("idempotency_record", ["ALTER COLUMN answer DROP NOT NULL"])
    steps.transaction(_give_events_a_sequence, tables=("change_event",))
    for divided in by_time:
        _divide_by_time(steps, divided)
    _divide_repayments(steps)


def _create_tables() -> None:
    op.create_table(
        "decision_cut",
        sa.Column("place", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("decision_id", sa.String(36), nullable=False),
        sa.CheckConstraint("place = 1", name=op.f("ck_decision_cut_one_row")),
        sa.PrimaryKeyConstraint("place", name="pk_decision_cut"),
    )
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


def _without_decision(sql: str) -> str:
    return _edited(sql, r",\s*CONSTRAINT fk_loan_decision_id FOREIGN KEY\([^)]*\) REFERENCES decision \([^)]*\)", "")


def _alone(sql: str) -> str:
    """Requests without their answers."""
    return _edited(sql, r"answer BLOB NOT NULL", "answer BLOB")


def _edited(sql: str, before: str, after: str) -> str:
    edited, count = re.subn(before, after, sql)
    if count != 1:
        raise RuntimeError(f"a table is not as revision 0209 has it: {sql}")
    return edited


def _create_default_of_answers() -> None:
    op.execute("CREATE TABLE idempotency_answer_default PARTITION OF idempotency_answer DEFAULT")


def _give_events_a_sequence() -> None:
    """A sequence of its own, for a table with partitions has an identity column from PostgreSQL 17 on alone."""
    op.execute("LOCK TABLE change_event IN ACCESS EXCLUSIVE MODE")
    last = op.get_bind().exec_driver_sql("SELECT last_value, is_called FROM change_event_number_seq").one()
    op.execute("ALTER TABLE change_event ALTER COLUMN number DROP IDENTITY")
    op.execute(f"CREATE SEQUENCE change_event_number_seq START {last.last_value + last.is_called}")
    op.execute("ALTER TABLE change_event ALTER COLUMN number SET DEFAULT nextval('change_event_number_seq')")


def _divide_by_time(steps: Steps, divided: Any) -> None:
    def bound() -> None:
        # All that is there belongs to the first partition, whatever clock has dated it.
        query = f"SELECT max({divided.column}) FROM {divided.name}"  # noqa: S608 - names of our own
        latest, now = steps.connection.exec_driver_sql(query).scalar_one(), Clock.now_microseconds()
        try:
            end = divided.bound(divided.first_end(max(now, divided.instant(str(latest)) if latest else now)))
        except (ValueError, OverflowError):
            raise DatabaseUnusable(
                f"the database has a decision of the id {latest}, which is no UUID of version 7 and was not made by"
                " the service; give it another one"
            ) from None
        _bound(divided.name, divided.column, f"{end}::text" if divided.name == "decision" else f"'{end}'::bigint")

    def divide() -> None:
        _divide(divided.name, divided.column, divided.key)
        name = f"{divided.name}_default"
        _add(divided.name, name, f"{divided.key_of(name)}DEFAULT")
        if divided.name == "change_event":
            op.execute("ALTER SEQUENCE change_event_number_seq OWNED BY change_event.number")

    _divide_in_steps(steps, divided.name, bound, divide)


def _divide_repayments(steps: Steps) -> None:
    """By customers: those of imported books first, then as many generated ids at a time."""

    def bound() -> None:
        last = steps.connection.exec_driver_sql("SELECT last_value FROM customer_customer_id_seq").scalar_one()
        # Never as far as the ids of customers come until the table is divided.
        begun = max(0, last - FIRST_GENERATED_ID) // CUSTOMERS_OF_PARTITION
        _bound("repayment", "customer_id", f"'{FIRST_GENERATED_ID + (begun + 2) * CUSTOMERS_OF_PARTITION}'::bigint")

    def divide() -> None:
        start = int(_divide("repayment", "customer_id"))
        for _ in range(PARTITIONS_OF_CUSTOMERS):
            end = start + CUSTOMERS_OF_PARTITION
            _add("repayment", f"repayment_{start}", f"FOR VALUES FROM ({start}) TO ({end})")
            start = end
        _add("repayment", "repayment_default", "DEFAULT")

    _divide_in_steps(steps, "repayment", bound, divide)
    for table, name in REFERENCES_TO_REPAYMENTS:
        steps.alter(table, [f"VALIDATE CONSTRAINT {name}"])


def _divide_in_steps(steps: Steps, table: str, bound: Callable[[], None], divide: Callable[[], None]) -> None:
    # That the bounds hold is known when the partition is attached, which is then no look at each row.
    steps.transaction(bound, tables=(table,))
    steps.alter(table, [f"VALIDATE CONSTRAINT {table}_first_bounds"])
    steps.transaction(divide, tables=(table, *TABLES_BESIDE.get(table, ())))


def _bound(table: str, column: str, end: str) -> None:
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_first_bounds CHECK ({column} < {end}) NOT VALID")


def _add(table: str, name: str, definition: str) -> None:
    from almeno_grpc.storage.postgres.partitions import create  # noqa: PLC0415 - as above

    create(op.get_bind(), table, name, definition)


def _divide(table: str, column: str, key: str = "") -> str:
    """Makes the table the first partition of one that takes its name.

    Args:
        table: The table.
        column: That which divides it.
        key: Where the primary key is that of each partition alone, its columns.

    Returns:
        Where the partition ends.
    """
    connection = op.get_bind()
    first = f"{table}_first"
    bounds = connection.exec_driver_sql(_BOUNDS.format(first=first)).scalar_one()
    end: str = re.findall(r"'([^']+)'", bounds)[0]
    keys = connection.exec_driver_sql(_KEYS.format(table=table)).all()
    indexes = connection.exec_driver_sql(_INDEXES.format(table=table)).all()
    references = connection.exec_driver_sql(_REFERENCES.format(table=table)).all()
    grants = connection.exec_driver_sql(_GRANTS.format(table=table)).all()
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
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ('{end}')")
    op.execute(f"ALTER TABLE {first} DROP CONSTRAINT {first}_bounds")
    for _, definition, _ in triggers:
        op.execute(definition)
    _give_back(table, grants, references)
    return end


def _give_back(table: str, grants: Sequence[Any], references: Sequence[Any]) -> None:
    """Privileges, and foreign keys to the table, which are validated afterwards."""
    for privilege, grantee, option in grants:
        op.execute(f"GRANT {privilege} ON {table} TO {grantee}{option}")
    for name, referring, definition in references:
        op.execute(f"ALTER TABLE {referring} ADD CONSTRAINT {name} {definition} NOT VALID")
