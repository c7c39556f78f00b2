"""What differs between the databases: `almeno_grpc.storage.sqlite` and `almeno_grpc.storage.postgres` implement it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, Connection, Engine, QueuePool, Table

from almeno_grpc.metrics import DATABASE_CONNECTIONS, DATABASE_CONNECTIONS_MAX, Metrics
from almeno_grpc.service.store import Lock
from almeno_grpc.storage.audit_writes import AuditWrites
from almeno_grpc.storage.change_event_writes import ChangeEventWrites
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.partition import Partition
from almeno_grpc.storage.table_write import TableWrite

BEGIN = "almeno_begin"
"""Execution option: what begins a transaction. Without it SQLite begins one by BEGIN, PostgreSQL none."""


class DatabaseUnusable(Exception):
    """The database cannot be used as it is set up; the message says why and what to do."""


class Backend(Protocol):
    """A database, as one process uses it, from any thread. What it raises, `translate_error` gives its domain error."""

    @property
    def proven_seconds(self) -> int:
        """For how long a commit shows that the database takes writes."""

    @property
    def engine(self) -> Engine:
        """For those who look at the database itself: checks and tests."""

    def fetch(self, statement: CompiledStatement | KeyedStatement, *parameters: Any) -> list[Row]:
        """Executes a statement that reads, outside of any transaction, and fetches its rows."""

    def read(self) -> AbstractContextManager[Connection]:
        """A read-only transaction, which sees one snapshot."""

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that writes, committed at the end of the context and rolled back when that raises.

        Raises:
            CommitOutcomeUnknown: The database was lost during the commit.
            WriteConflict: The database has rolled it back.
        """

    def migrate(self) -> AbstractContextManager[Connection]:
        """A connection that changes the schema, in transactions that are yet to begin.

        Servers that start at the same time get it one after the other.

        Raises:
            DatabaseUnusable: What the URL names is no database.
            StoreUnavailable: It cannot be reached.
        """

    def translate_error(self, error: Exception) -> Exception:
        """The domain error that an error of the database stands for; the error itself where there is none.

        None stands for a violated check, such as one that has caught a fault of the service: to try again is no use.
        """

    def probe_reads(self) -> None:
        """Reads a row.

        Raises:
            StoreUnavailable: The database cannot be read, or is not the one that was opened.
        """

    def probe_writes(self) -> None:
        """Commits a transaction that changes no row, to the disk.

        Raises:
            StoreUnavailable: The database takes no writes.
        """

    def is_new(self) -> bool:
        """Whether there is no database yet, and a start would make one.

        Raises:
            DatabaseUnusable: It could not, or could not write to the one that is there.
            StoreUnavailable: It cannot be reached.
        """

    def find_damage(self, max_seconds: int) -> str | None:
        """Reads the database, or as much as the time allows, and tells the first thing that is wrong with it."""

    def write_rows(self, connection: Connection, writes: Sequence[tuple[TableWrite, Sequence[Row]]]) -> None:
        """Executes inserts and updates, in the order of their foreign keys, in as few statements as possible."""

    def next_ids(self, connection: Connection, column: Column[int], count: int) -> list[int]:
        """The next ids that the database generates for the primary key, ascending."""

    def last_id(self, connection: Connection, column: Column[int]) -> int:
        """The last id that the database has generated for the primary key; 0 where there is none yet."""

    def writers_of(self, table: Table) -> frozenset[str]:
        """The open transactions that may have generated ids of the table, which others do not see yet."""

    def advance_ids(self, connection: Connection, column: Column[int], to: int) -> None:
        """Makes the ids generated from now on greater than one that is about to be inserted.

        Done before the insert, it keeps the row from meeting rows whose ids are generated meanwhile.
        """

    def access_version(self, connection: Connection) -> int:
        """The version of what is known of callers, as it was when the connection's transaction began to write."""

    divides_history: bool
    """Whether the tables of history have partitions, which are removed as a whole."""

    def prepare_partitions(self, connection: Connection, now: int) -> bool:
        """Makes a partition of now (microseconds since the epoch) or of later; False where none is missing."""

    def remove_strays(self, connection: Connection, table: Table, before: int, condition: str = "true") -> int:
        """Deletes rows of before an instant that no partition was made for, and a condition names; how many."""

    def partition_before(
        self, connection: Connection, table: Table, before: int, *, any_of_them: bool = False
    ) -> Partition | None:
        """The oldest partition of a table, if all of it is of before an instant; any, or none that was brought back."""

    def partitions(self, connection: Connection) -> list[Partition]:
        """The partitions of tables that are divided by time, and those that were detached."""

    def attach_partition(self, connection: Connection, partition: Partition) -> bool:
        """Brings one back that was detached; False where others use its table."""

    def remove_partition(self, connection: Connection, partition: Partition, *, keeps: bool = False) -> bool:
        """Drops a partition, or makes a table of its own of it where `keeps`; False where others use its table."""

    def is_contended(self) -> bool:
        """Whether other processes wait for the transaction that writes."""

    def try_lock(self, name: str) -> AbstractContextManager[Lock]:
        """Tries to get a lock that all processes share, for as long as the context lasts."""

    def checkpoint(self, *, in_steps: bool) -> None:
        """Does what the database has put off, if it is much; already if it is little where `in_steps`."""

    def return_space(self) -> bool:
        """Gives back to the disk a part of the space that deleted rows have left; whether there may be more."""

    def erase_log(self) -> bool:
        """Erases deleted rows from the log of writes; False where that has to wait for other transactions."""

    def analyze(self) -> None:
        """Renews the planner's statistics of tables that have grown."""

    def measure(self, metrics: Metrics) -> None:
        """Shows the connections of its pool."""

    def file_bytes(self) -> Mapping[str, int]:
        """Sizes of the files of the database, by what they are; none where a server keeps them."""

    def close(self) -> None:
        """Closes all connections."""


def measure_pool(engine: Engine, metrics: Metrics) -> None:
    """Shows the connections of an engine's pool: those that are checked out, those that are idle, and the most."""
    pool = engine.pool
    if isinstance(pool, QueuePool):
        metrics.gauge(DATABASE_CONNECTIONS, pool.checkedout, "in_use")
        metrics.gauge(DATABASE_CONNECTIONS, pool.checkedin, "idle")
        metrics.gauge(DATABASE_CONNECTIONS_MAX, pool.size)


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction of a backend."""

    connection: Connection
    backend: Backend
    writes: bool
    """Whether it may write; what is read to be changed is locked then."""
    audit: AuditWrites
    """What it adds to the audit trail."""
    change_events: ChangeEventWrites
    """The events of what it changes by itself."""
