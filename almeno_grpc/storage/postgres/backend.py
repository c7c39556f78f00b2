"""PostgreSQL as a backend of the store."""

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Column, Connection, Engine, RootTransaction, Table, text
from sqlalchemy.exc import DBAPIError

from almeno_grpc.deadline import current_deadline
from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.metrics import Metrics
from almeno_grpc.service.store import Lock
from almeno_grpc.storage.audit_writes import chained
from almeno_grpc.storage.backend import BEGIN, DatabaseUnusable, measure_pool
from almeno_grpc.storage.compiled import CompiledStatement, Row, execute_raw, wrap_dbapi_error
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.partition import Partition
from almeno_grpc.storage.postgres import begin, bulk, partitions
from almeno_grpc.storage.postgres.analyze import analyze
from almeno_grpc.storage.postgres.cursor import checked
from almeno_grpc.storage.postgres.dialect import execute_command, is_idle
from almeno_grpc.storage.postgres.engine import MAX_POOL_SIZE, open_engine
from almeno_grpc.storage.postgres.errors import LOST_STATEMENTS, POOLER_REMEDY, cause_of, domain_error
from almeno_grpc.storage.postgres.kept_connection import KeptConnection
from almeno_grpc.storage.postgres.timelines import SLOW_COMMIT_SECONDS, Timelines
from almeno_grpc.storage.postgres.waits import Waits
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import FIRST_GENERATED_ID

_LOCK_SECONDS = 0.2
"""Between two attempts to get the lock of the one that migrates."""
_MAX_IDS_ONE_BY_ONE = 10_000
# A virtual transaction id is of one transaction alone, as long as the server runs.
_WRITERS = (
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = CAST(CAST($1 AS TEXT) AS regclass)"
)


class _AdvisoryLock:
    """A lock of a transaction, which lasts as long as its connection."""

    def __init__(self, connection: Connection, key: int) -> None:
        self._connection = connection
        self._key = key
        self._is_acquired = False

    def is_held(self) -> bool:
        if not self._is_acquired:
            return False
        try:
            self._ask("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def try_again(self) -> None:
        statement = f"SELECT pg_try_advisory_xact_lock({self._key})"
        try:
            self._is_acquired = self._ask(statement) == b"t"
        except psycopg.Error as error:
            raise wrap_dbapi_error(self._connection, statement, error) from error

    def _ask(self, statement: str) -> bytes | None:
        # A prepared statement would leave a portal, and with it a snapshot, until the next one.
        return execute_command(self._connection.connection, statement).get_value(0, 0)


class PostgresBackend:
    """A PostgreSQL database."""

    divides_history = True
    # So that each probe of a process commits which writes nothing else: only a commit that hangs tells it that its
    # database was deposed, and until then it answers what is read from that.
    proven_seconds = 1

    def __init__(self, url: URL, threads: int) -> None:
        self._timelines = Timelines()
        self._waits = Waits()
        # One for each thread and the two that are kept.
        self._engine = open_engine(url, self._timelines, pool_size=threads + 2)
        self._fetching = KeptConnection(self._engine)
        self._reading = self._engine.execution_options(**{BEGIN: begin.READING})
        self._writing = KeptConnection(self._engine.execution_options(**{BEGIN: begin.WRITING}))
        self._migrating = self._engine.execution_options(**{BEGIN: begin.MIGRATING})
        self._locking = self._engine.execution_options(**{BEGIN: begin.LOCKING})

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self._engine

    def fetch(self, statement: CompiledStatement | KeyedStatement, *parameters: Any) -> list[Row]:
        """Without a transaction it is one round trip."""
        with self._fetching.checkout() as connection:
            self._waits.begin(connection)
            try:
                return statement.rows(connection, *parameters)
            except DBAPIError as error:
                if not error.connection_invalidated or current_deadline().has_passed():
                    raise
                connection.invalidate()
            finally:
                self._waits.end(connection)
        # It was lost while it was idle.
        with self.read() as connection:
            return statement.rows(connection, *parameters)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Of one snapshot."""
        with self._reading.connect() as connection, _transaction(connection, self._waits):
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Of READ COMMITTED."""
        with self._writing.checkout() as connection, chained(connection, _transaction(connection, self._waits)):
            yield connection

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """Under an advisory lock."""
        self._reach()
        self._refuse_forgetful_pooler()
        with self.try_lock("upgrade") as lock, self._migrating.connect() as connection:
            while not lock.is_held():
                # Whoever waited in a statement would have a snapshot, which CREATE INDEX CONCURRENTLY waits for.
                time.sleep(_LOCK_SECONDS)
                lock.try_again()
            # One that was lost while it was idle is made anew.
            _begun(connection).rollback()
            driver: Any = connection.connection.dbapi_connection
            # At each ALTER or DROP the driver would drop all prepared statements, those of its own and others.
            driver.prepare_threshold = None
            try:
                yield connection
            finally:
                connection.invalidate()

    def translate_error(self, error: Exception) -> Exception:
        """By SQLSTATE."""
        return domain_error(error)

    def probe_reads(self) -> None:
        """As a call would."""
        self._timelines.look_if_commits_hang()
        with self.read() as connection:
            execute_raw(connection, "SELECT 1 FROM customer LIMIT 1").fetchall()

    def probe_writes(self) -> None:
        """By a record in the write-ahead log, which the commit waits for, on the standby too."""
        # While it hangs nobody sees that it is slow.
        look = threading.Timer(SLOW_COMMIT_SECONDS, self._timelines.look_soon)
        look.start()
        try:
            with self.write() as connection:
                execute_raw(connection, "SELECT pg_logical_emit_message(true, 'almeno', '')").fetchall()
        finally:
            look.cancel()

    def is_new(self) -> bool:
        """A database of the server is made by its operator. It has to be reached, which tells why it is not."""
        self._reach()
        return False

    def _reach(self) -> None:
        try:
            self._engine.connect().close()
        except DBAPIError as error:
            # In one line.
            cause = " ".join(str(cause_of(error)).split())
            raise StoreUnavailable(f"the database cannot be reached: {cause}") from error

    def _refuse_forgetful_pooler(self) -> None:
        """Finds out whether a statement that was prepared is there still when its connection goes on.

        In transaction mode a pooler lends a connection to the database for one transaction: the second that begins gets
        the one that the first has given back, and the first another one.
        """
        with self._engine.connect() as first, self._engine.connect() as second:
            connection: Any = first.connection.dbapi_connection
            if connection.prepare_threshold is None:
                return
            # Of no name that the cursor of the connection gives.
            name = b"almeno_pooler"
            try:
                checked(connection.pgconn, connection.pgconn.prepare(name, b"SELECT 1"))
                execute_command(second.connection, "BEGIN")
                checked(connection.pgconn, connection.pgconn.exec_prepared(name, []))
                execute_command(second.connection, "ROLLBACK")
                execute_command(connection, f"DEALLOCATE {name.decode()}")
            except LOST_STATEMENTS as error:
                first.invalidate()
                raise DatabaseUnusable(POOLER_REMEDY) from error

    def find_damage(self, max_seconds: int) -> str | None:  # noqa: ARG002 - the parameter is another database's
        """The server verifies the checksum of each page that it reads."""
        return None

    def write_rows(self, connection: Connection, writes: Sequence[tuple[TableWrite, Sequence[Row]]]) -> None:
        """By one statement."""
        bulk.write_rows(connection, writes)

    def next_ids(self, connection: Connection, column: Column[int], count: int) -> list[int]:
        """From the sequence."""
        rows = execute_raw(connection, _next_ids(column), (count,)).fetchall()
        return sorted(row[0] for row in rows)

    def advance_ids(self, connection: Connection, column: Column[int], to: int) -> None:
        """Advances the sequence, which knows nothing of ids that are inserted."""
        if to < FIRST_GENERATED_ID:
            return
        sequence = _sequence(column)
        missing = to - self.last_id(connection, column)
        if missing > _MAX_IDS_ONE_BY_ONE:
            connection.execute(text(f"SELECT setval('{sequence}', :id)"), {"id": to})
        elif missing > 0:
            # Others take ids at the same time, whom setting the sequence could send back to ids already given. From
            # further below they cannot have come so far meanwhile.
            connection.execute(text(f"SELECT count(nextval('{sequence}')) FROM generate_series(1, {missing})"))  # noqa: S608

    def last_id(self, connection: Connection, column: Column[int]) -> int:
        """That of the sequence, which knows nothing of transactions."""
        last = connection.execute(
            text(f"SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {_sequence(column)}")  # noqa: S608
        )
        return int(last.scalar_one())

    def writers_of(self, table: Table) -> frozenset[str]:
        """By the lock of the table that an insert takes first, before an id is generated, and keeps until the end.

        The end of a transaction is seen by others before its locks are released.
        """
        with self.read() as connection:
            return frozenset(name for (name,) in execute_raw(connection, _WRITERS, (table.name,)).fetchall())

    def access_version(self, connection: Connection) -> int:
        """As the statement that began the transaction has read it."""
        return begin.begin_value(connection)

    def prepare_partitions(self, connection: Connection, now: int) -> bool:
        """Some ahead."""
        return partitions.prepare(connection, now)

    def remove_strays(self, connection: Connection, table: Table, before: int, condition: str = "true") -> int:
        """Of the default partition."""
        return partitions.remove_strays(connection, table, before, condition)

    def partition_before(
        self, connection: Connection, table: Table, before: int, *, any_of_them: bool = False
    ) -> Partition | None:
        """As the catalog has them."""
        return partitions.whole_before(connection, table, before, any_of_them=any_of_them)

    def partitions(self, connection: Connection) -> list[Partition]:
        """Of the catalog."""
        return list(partitions.all_partitions(connection))

    def attach_partition(self, connection: Connection, partition: Partition) -> bool:
        """Within the bounds that its comment names."""
        return partitions.attach(connection, partition)

    def remove_partition(self, connection: Connection, partition: Partition, *, keeps: bool = False) -> bool:
        """Needs the table to itself, which calls do not wait for longer than a moment."""
        return (partitions.detach if keeps else partitions.drop)(connection, partition)

    def is_contended(self) -> bool:
        """Never: only who wants the same rows ever waits."""
        return False

    @contextmanager
    def try_lock(self, name: str) -> Iterator[Lock]:
        """By an advisory lock of a transaction on a connection that the pool does not miss."""
        with self._locking.connect() as connection:
            _begun(connection)
            connection.detach()
            lock = _AdvisoryLock(connection, _lock_key(name))
            lock.try_again()
            yield lock

    def checkpoint(self, *, in_steps: bool) -> None:
        """The server does so by itself."""

    def return_space(self) -> bool:
        """Autovacuum does so by itself."""
        return False

    def erase_log(self) -> bool:
        """The server recycles its log."""
        return True

    def analyze(self) -> None:
        """Autovacuum would take a minute to see that an import has filled a table."""
        with self.write() as connection:
            analyze(connection)

    def measure(self, metrics: Metrics) -> None:
        """Of them two stay checked out, for what is written and what is read outside of transactions."""
        measure_pool(self._engine, metrics)

    def file_bytes(self) -> Mapping[str, int]:
        """They are the server's to show."""
        return {}

    def close(self) -> None:
        """Connections in use are closed once they come back."""
        self._waits.close()
        self._fetching.close()
        self._writing.close()
        self._engine.dispose()


@contextmanager
def _transaction(connection: Connection, waits: Waits | None = None) -> Iterator[None]:
    """A transaction of the connection, committed at the end of the context and rolled back when that raises."""
    try:
        with _begun(connection, waits):
            yield
    finally:
        if waits is not None:
            waits.end(connection)
        if not is_idle(connection):
            # The database rolls back what its connection leaves behind.
            connection.invalidate()


def _begun(connection: Connection, waits: Waits | None = None) -> RootTransaction:
    """Begins a transaction, on a new connection of the pool where the one at hand was lost while it was idle.

    When the database is restarted, all that are idle are lost.
    """
    for _ in range(MAX_POOL_SIZE):
        try:
            if waits is not None:
                waits.begin(connection)
            return connection.begin()
        except DBAPIError as error:
            connection.invalidate()
            # Not where none could be made, or nobody waits for it.
            if not error.connection_invalidated or current_deadline().has_passed():
                raise
    return connection.begin()


def _next_ids(column: Column[int]) -> str:
    # By a subquery, which hides the count from the planner: it would plan anew for each.
    return f"SELECT nextval('{_sequence(column)}') FROM generate_series(1, (SELECT CAST($1 AS BIGINT)))"  # noqa: S608


def _sequence(column: Column[int]) -> str:
    return f"{column.table.name}_{column.name}_seq"


def _lock_key(name: str) -> int:
    """The key of a name among the database's advisory locks, whoever else takes some."""
    return int.from_bytes(hashlib.sha256(f"almeno {name}".encode()).digest()[:8], "big", signed=True)


def open_backend(url: URL, threads: int, *, read_only: bool = False) -> PostgresBackend:  # noqa: ARG001 - who reads leaves no trace here
    """The database of a URL; arguments and errors are those of `almeno_grpc.storage.engine.open_backend`."""
    return PostgresBackend(url, threads)
