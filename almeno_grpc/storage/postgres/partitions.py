"""Partitions of the tables of history: made ahead, and let go as a whole.

Each table has a partition for every month or week, one behind the other, up to a few ahead; the first begins with
everything before. What no other takes goes to the default partition, so that no insert ever fails for a clock that is
wrong or a server that was off. The partitions are those of PostgreSQL's catalog: no other table knows of them.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from psycopg import errors
from sqlalchemy import Connection, Table

from almeno_grpc.logs import log_event
from almeno_grpc.service.identifiers import first_identifier, time_of_identifier
from almeno_grpc.storage.partition import Partition
from almeno_grpc.storage.postgres.dialect import execute_command
from almeno_grpc.storage.tables import audit_event, change_event, decision, idempotency_answer

_AHEAD = 3
"""Partitions behind that of now which are there already."""
_LOCK_TIMEOUT = "200ms"
"""How long calls may have to wait for one who waits for a table to itself."""
_ADVISORY_LOCK = 7_021_933_448_102_931_127
"""Of those who make, remove or bring back partitions, which they do one after the other."""
_ATTACHED_AGAIN = "attached again"
"""The comment of a partition that was brought back, and is not removed for its age."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTITIONS = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), greatest(c.reltuples, 0)::bigint,
  pg_total_relation_size(c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = '{}'::regclass
"""
_COMMENTED = "SELECT relname FROM pg_class WHERE relispartition AND obj_description(oid, 'pg_class') = '{}'"
_DETACHED = """
SELECT c.relname, obj_description(c.oid, 'pg_class'), greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
FROM pg_class c
WHERE c.relkind = 'r' AND NOT c.relispartition AND pg_table_is_visible(c.oid)
  AND obj_description(c.oid, 'pg_class') LIKE 'partition of %% FOR VALUES %%' ORDER BY 1
"""
_BOUNDS = re.compile(r"FOR VALUES FROM \((MINVALUE|'?[0-9a-f-]+'?)\) TO \('?([0-9a-f-]+)'?\)")
_STATEMENT_TRIGGERS = """
SELECT pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = '{}'::regclass AND NOT tgisinternal AND tgtype & 1 = 0 ORDER BY tgname
"""


def month_of(instant: int) -> datetime:
    """The first day of the month of an instant (microseconds since the epoch), in UTC."""
    return (_EPOCH + timedelta(microseconds=instant)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def week_of(instant: int) -> datetime:
    """The Monday of the week of an instant."""
    day = (_EPOCH + timedelta(microseconds=instant)).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def _following(period: Callable[[int], datetime], start: int) -> int:
    """When the period begins that follows the one of an instant."""
    # From its first day on: no month is longer than 31.
    days = 32 if period is month_of else 7
    return _instant_of(period(_instant_of(period(start) + timedelta(days=days))))


def _instant_of(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Partitioning:
    """How a table is divided."""

    table: Table
    column: str
    """That which divides it."""
    period: Callable[[int], datetime]
    """What gives the beginning of the period that an instant is in."""
    key: str = ""
    """The primary key of each partition, where the table itself has none, which would have to contain the time."""

    @property
    def name(self) -> str:
        """Of the table."""
        return self.table.name

    def bound(self, instant: int) -> str:
        """An instant as a literal of the column that divides the table."""
        return f"'{first_identifier(instant)}'" if self.table is decision else str(instant)

    def instant(self, bound: str) -> int:
        """What `bound` was made of."""
        return time_of_identifier(bound) if self.table is decision else int(bound)

    def key_of(self, name: str) -> str:
        """The primary key of the partition of a name, as its definition begins with it."""
        return f"(CONSTRAINT pk_{name} PRIMARY KEY ({self.key})) " if self.key else ""

    def partition_name(self, start: int) -> str:
        """The name of the partition that begins at an instant."""
        form = "%Y_%m" if self.period is month_of else "%Y_%m_%d"
        return f"{self.name}_{(_EPOCH + timedelta(microseconds=start)).strftime(form)}"

    def first_end(self, now: int) -> int:
        """Where a table that is divided now ends its first partition: never as long as that takes."""
        return _following(self.period, _following(self.period, now))


DIVIDED = (
    Partitioning(decision, "decision_id", month_of),
    Partitioning(idempotency_answer, "create_time_us", week_of),
    Partitioning(change_event, "event_time_us", week_of, key="number"),
    Partitioning(audit_event, "event_time_us", month_of, key="stream_id, sequence"),
)
"""The tables of history that are divided by time."""
_BY_NAME = {each.name: each for each in DIVIDED}


def partitions_of(connection: Connection, table: Table) -> list[Partition]:
    """The partitions of a table that is divided by time, oldest first, without the default one."""
    found = connection.exec_driver_sql(_PARTITIONS.format(table.name)).all()
    partitions = (_partition(_BY_NAME[table.name], *row) for row in found)
    return sorted((each for each in partitions if each), key=lambda each: each.end)


def _partition(
    divided: Partitioning, name: str, bounds: str | None, rows: int, size_bytes: int, *, is_attached: bool = True
) -> Partition | None:
    # None of one that has just been removed.
    match = _BOUNDS.search(bounds or "")
    if match is None:
        return None
    start, end = (bound.strip("'") for bound in match.groups())
    from_ = None if start == "MINVALUE" else divided.instant(start)
    return Partition(divided.name, name, from_, divided.instant(end), rows, size_bytes, is_attached=is_attached)


def detached(connection: Connection) -> list[Partition]:
    """The partitions that were detached and are in the database still, by name."""
    found: list[Partition] = []
    for name, comment, rows, size_bytes in connection.exec_driver_sql(_DETACHED).all():
        divided = _BY_NAME.get(comment.split(" ")[2])
        partition = divided and _partition(divided, name, comment, rows, size_bytes, is_attached=False)
        if partition:
            found.append(partition)
    return found


def prepare(connection: Connection, now: int) -> bool:
    """Makes the first partition of now and of the time to come that is not there yet and can be made.

    It cannot while others use its table, nor where the default partition has rows of its time already.

    Args:
        connection: In a transaction that writes, which ends behind it, so that nobody waits for two tables.
        now: The present instant.

    Returns:
        Whether one was made.
    """
    _wait_for_others(connection)
    for divided in DIVIDED:
        there = partitions_of(connection, divided.table)
        start = there[-1].end if there else _instant_of(divided.period(now))
        last = now
        for _ in range(_AHEAD):
            last = _following(divided.period, last)
        while start <= last:
            end = _following(divided.period, start)
            name = divided.partition_name(start)
            values = f"FROM ({divided.bound(start)}) TO ({divided.bound(end)})"
            definition = f"{divided.key_of(name)}FOR VALUES {values}"
            try:
                if _with_table_free(connection, partial(create, connection, divided.name, name, definition)):
                    return True
                break
            except errors.CheckViolation as error:
                log_event("partition_not_made", error=error)
            start = end
    return False


def create(connection: Connection, table: str, name: str, definition: str) -> None:
    """Makes a partition, with the triggers of the table that are for statements, which a partition does not inherit."""
    _command(connection, f"CREATE TABLE {name} PARTITION OF {table} {definition}")
    add_triggers(connection, table, name)


def add_triggers(connection: Connection, table: str, name: str) -> None:
    """Gives a partition the triggers of its table that are for statements."""
    for (trigger,) in connection.exec_driver_sql(_STATEMENT_TRIGGERS.format(table)).all():
        _command(connection, re.sub(rf' ON ((?:"[^"]+"|\w+)\.)?{table} ', rf" ON \g<1>{name} ", trigger))


def whole_before(connection: Connection, table: Table, before: int, *, any_of_them: bool = False) -> Partition | None:
    """The oldest partition of a table, if all of it is of before an instant; any, or none that was brought back."""
    _wait_for_others(connection)
    brought_back = connection.exec_driver_sql(_COMMENTED.format(_ATTACHED_AGAIN)).scalars()
    kept = set() if any_of_them else set(brought_back)
    there = [each for each in partitions_of(connection, table) if each.name not in kept]
    return there[0] if there and there[0].end <= before else None


def remove_strays(connection: Connection, table: Table, before: int, condition: str = "true") -> int:
    """Deletes rows of before an instant that no partition was made for; how many."""
    divided = _BY_NAME[table.name]
    where = f"{divided.column} < {divided.bound(before)} AND {condition}"
    deleted = execute_command(connection.connection, f"DELETE FROM {divided.name}_default WHERE {where}")  # noqa: S608 - names of our own
    return deleted.command_tuples or 0


def drop(connection: Connection, partition: Partition) -> bool:
    """Removes a partition with all its rows, or what was one; whether the tables that it takes were free for that."""
    _wait_for_others(connection)
    return _with_table_free(connection, lambda: _command(connection, f"DROP TABLE {partition.name}"))


def detach(connection: Connection, partition: Partition) -> bool:
    """Makes a table of its own of a partition, whose comment tells `attach` its bounds; whether the table was free."""

    def work() -> None:
        _command(connection, f"ALTER TABLE {partition.table} DETACH PARTITION {partition.name}")
        _command(connection, f"COMMENT ON TABLE {partition.name} IS '{_comment(partition)}'")

    return _with_table_free(connection, work)


def _comment(partition: Partition) -> str:
    bounds = _bounds(_BY_NAME[partition.table], partition)
    return f"partition of {partition.table} {bounds}".replace("'", "''")


def _bounds(divided: Partitioning, partition: Partition) -> str:
    start = "MINVALUE" if partition.start is None else divided.bound(partition.start)
    return f"FOR VALUES FROM ({start}) TO ({divided.bound(partition.end)})"


def attach(connection: Connection, partition: Partition) -> bool:
    """Makes a partition again of one that was detached; whether the table was free for that.

    Raises:
        ValueError: The table has rows of its time already.
    """
    _wait_for_others(connection)
    divided = _BY_NAME[partition.table]
    check = f"{divided.column} < {divided.bound(partition.end)}"
    if partition.start is not None:
        check = f"{divided.column} >= {divided.bound(partition.start)} AND {check}"
    # So that to attach it is no look at each row, while calls wait. Of a large one this takes minutes.
    _command(connection, "SET LOCAL statement_timeout = 0")
    _command(connection, f"ALTER TABLE {partition.name} ADD CONSTRAINT bounds_of_partition CHECK ({check})")
    bounds = _bounds(divided, partition)

    def work() -> None:
        _command(connection, f"ALTER TABLE {partition.table} ATTACH PARTITION {partition.name} {bounds}")
        _command(connection, f"COMMENT ON TABLE {partition.name} IS '{_ATTACHED_AGAIN}'")
        _command(connection, f"ALTER TABLE {partition.name} DROP CONSTRAINT bounds_of_partition")

    try:
        return _with_table_free(connection, work)
    except errors.CheckViolation:
        raise ValueError(f"the table {divided.name} has decisions of the time of {partition.name} already") from None


def _wait_for_others(connection: Connection) -> None:
    """Until the end of the transaction nobody else changes partitions."""
    _command(connection, f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _with_table_free(connection: Connection, work: Callable[[], object]) -> bool:
    """Does what needs a table to itself, unless others have it for longer than calls may wait.

    Raises:
        psycopg.errors.CheckViolation: Rows forbid it.
    """
    try:
        with connection.begin_nested():
            before = _setting(connection, "lock_timeout")
            _command(connection, f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            work()
            _command(connection, f"SET LOCAL lock_timeout = '{before}'")
    except errors.LockNotAvailable as error:
        log_event("partitions_unchanged", error=error)
        return False
    return True


def _command(connection: Connection, command: str) -> None:
    # Not by a cursor of the driver: behind a DROP it would deallocate the statements that are prepared, ours too.
    execute_command(connection.connection, command)


def _setting(connection: Connection, name: str) -> str:
    value: str = connection.exec_driver_sql(f"SHOW {name}").scalar_one()
    return value


def all_partitions(connection: Connection) -> Iterator[Partition]:
    """The partitions of all tables that are divided by time, and those that were detached."""
    for divided in DIVIDED:
        yield from partitions_of(connection, divided.table)
    yield from detached(connection)
