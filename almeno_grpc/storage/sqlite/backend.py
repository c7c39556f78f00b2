"""SQLite as a backend of the store: one connection of a process writes, and each thread keeps one to read with."""

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sqlalchemy import URL, Column, Connection, Engine, Table, bindparam, column, select, table
from sqlalchemy.exc import DatabaseError

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.logs import log_event
from almeno_grpc.metrics import Metrics
from almeno_grpc.service.store import Lock
from almeno_grpc.storage.audit_writes import chained
from almeno_grpc.storage.backend import BEGIN, DatabaseUnusable, measure_pool
from almeno_grpc.storage.compiled import CompiledStatement, Row, execute_raw
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.partition import Partition
from almeno_grpc.storage.sqlite import bulk, space
from almeno_grpc.storage.sqlite.database_file import DatabaseFile
from almeno_grpc.storage.sqlite.engine import BUSY_TIMEOUT_MILLISECONDS, open_engine, set_up_new_database
from almeno_grpc.storage.sqlite.errors import domain_error, is_damage, is_interrupt, is_no_database
from almeno_grpc.storage.sqlite.fair_file_lock import FairFileLock
from almeno_grpc.storage.sqlite.private_files import (
    UnsafeFile,
    narrow_database_files,
    open_lock_file,
)
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import access_state

_LONG_WAL_PAGES = 16_384
"""64 MiB of pages of 4 KiB. A page that is written again and again is checkpointed once."""
_STEP_PAGES = 1_024
"""Checkpointed at a time while calls come beside an import: the disk takes longer over more, and they wait.

The first step checkpoints all that has come to be in the WAL before, which takes up to a tenth of a second.
"""
_WRITER_CACHE_KIBIBYTES = 65_536
"""Room for the pages that an import comes back to with each batch."""

_MAX_WAIT_SECONDS = 10
"""How long a transaction waits for its turn to write."""
_MAX_PROBE_SECONDS = 5
_MAX_MIGRATION_SECONDS = 3600
_STEPS_BETWEEN_LOOKS = 10_000
"""Instructions of SQLite's between two looks at the time, a fraction of a millisecond's."""

_LAST_ID = CompiledStatement(
    select(column("seq")).select_from(table("sqlite_sequence")).where(column("name") == bindparam("table_name")),
    "table_name",
)

_ACCESS_VERSION = CompiledStatement(select(access_state.c.version))


class _FileLock:
    """A lock on a file, which lasts as long as the file is open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._is_acquired = False

    def is_held(self) -> bool:
        return self._is_acquired

    def try_again(self) -> None:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._is_acquired = True


@dataclass(frozen=True)
class _Writer:
    """What a process writes with. Its threads take turns by a lock of theirs, processes by the file lock."""

    connection: Connection
    file_lock: FairFileLock

    @property
    def is_in_transaction(self) -> bool:
        """Whether SQLite has a transaction open: where the disk is full it rolls it back by itself."""
        driver: Any = self.connection.connection.dbapi_connection
        in_transaction: bool = driver.in_transaction
        return in_transaction

    def raise_if_rolled_back(self) -> None:
        if not self.is_in_transaction:
            raise StoreUnavailable("the database has rolled the transaction back; send the request again")

    def close(self) -> None:
        self.connection.invalidate()
        self.connection.close()
        self.file_lock.close()


class SqliteBackend:
    """A SQLite file."""

    divides_history = False
    # What copies the file as it changes copies each probe.
    proven_seconds = 10

    def __init__(self, url: URL, threads: int, *, read_only: bool = False) -> None:
        # The driver is given the absolute path, without what `..` takes away; only then are links followed.
        given = Path(os.path.abspath(url.database or ""))  # noqa: PTH100
        # The file that SQLite opens: those who know it by another name share its locks.
        self._path = Path(os.path.realpath(given))
        self._file = DatabaseFile(self._path, given)
        self._engine = open_engine(url, pool_size=threads + 1, read_only=read_only)
        self._fault = ""
        """Why nothing is read or written any more: the file is damaged, or gone."""
        self._is_damaged = False
        self._of_thread = threading.local()
        self._write_lock = threading.Lock()
        self._writer: _Writer | None = None

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self._engine

    def fetch(self, statement: CompiledStatement | KeyedStatement, *parameters: Any) -> list[Row]:
        """On the thread's connection."""
        return statement.rows(self._reader(), *parameters)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """On the thread's connection."""
        connection = self._reader()
        with connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Of all other writers of the machine none writes meanwhile."""
        with self._write(_MAX_WAIT_SECONDS) as connection:
            yield connection

    @contextmanager
    def _write(self, max_wait_seconds: int) -> Iterator[Connection]:
        with self._turn(max_wait_seconds) as writer, chained(writer.connection, writer.connection.begin()):
            yield writer.connection
            writer.raise_if_rolled_back()

    @contextmanager
    def _turn(self, max_wait_seconds: int) -> Iterator[_Writer]:
        """The turn to write, in transactions that are yet to begin."""
        deadline = time.monotonic() + max_wait_seconds
        if not self._write_lock.acquire(timeout=max_wait_seconds):
            raise StoreUnavailable("other calls have written for too long; send the request again")
        try:
            writer = self._writer
            if writer is None:
                writer = self._writer = self._open_writer()
            try:
                with writer.file_lock.held(timeout_milliseconds=int(1000 * (deadline - time.monotonic()))):
                    self._raise_if_lost()
                    yield writer
            except BaseException:
                # A commit that has failed may leave its transaction open.
                if writer.connection.invalidated or writer.is_in_transaction:
                    self._close_writer()
                raise
        finally:
            self._write_lock.release()

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """Waits for the write lock, as long as the migration of another server may take."""
        try:
            self._file.create()
            narrow_database_files(self._path)
            if not self._path.stat().st_size:
                set_up_new_database(self._path)
            with self._turn(_MAX_MIGRATION_SECONDS) as writer:
                yield writer.connection
            self._rebuild_if_older()
        except UnsafeFile as error:
            raise DatabaseUnusable(f"{error}") from error
        except DatabaseError as error:
            _raise_if_no_database(error)
            raise

    def translate_error(self, error: Exception) -> Exception:
        """By class, result code and message."""
        translated = domain_error(error)
        if is_damage(error) and isinstance(translated, StoreUnavailable):
            # What can still be read may lack a part: a loan that is not seen would let the next one through.
            self._fault = translated.message
            self._is_damaged = True
        return translated

    def probe_reads(self) -> None:
        """Of the file itself too, which connections do not miss when it is deleted."""
        if self._fault:
            # The file may be back.
            self._raise_if_lost()
        with self.read() as connection:
            self._raise_if_lost()
            execute_raw(connection, "SELECT 1 FROM customer LIMIT 1").fetchall()

    def probe_writes(self) -> None:
        """Writes the header of the file, with a number that nobody uses."""
        with self._write(_MAX_PROBE_SECONDS) as connection:
            execute_raw(connection, "PRAGMA user_version = 0")

    def is_new(self) -> bool:
        """Whether the file is not there, or is empty."""
        return self._file.is_new()

    def find_damage(self, max_seconds: int) -> str | None:
        """By SQLite's quick check, which reads all pages of the file."""
        if not self._path.is_file():
            return None
        end = time.monotonic() + max_seconds
        try:
            with self._engine.connect() as connection:
                driver: Any = connection.connection.dbapi_connection
                driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
                try:
                    [found] = execute_raw(connection, "PRAGMA quick_check(1)").fetchone()
                finally:
                    driver.set_progress_handler(None, 0)
        except DatabaseError as error:
            if is_interrupt(error):
                # What it has read is sound.
                return None
            _raise_if_no_database(error)
            if not is_damage(error):
                raise
            found = str(error.orig)
        return None if found == "ok" else found.splitlines()[-1]

    def write_rows(self, connection: Connection, writes: Sequence[tuple[TableWrite, Sequence[Row]]]) -> None:
        """By a statement for each table."""
        bulk.write_rows(connection, writes)

    def next_ids(self, connection: Connection, column: Column[int], count: int) -> list[int]:
        """Behind the greatest that was ever in the table: nobody else writes meanwhile, and inserts advance it."""
        last = self.last_id(connection, column)
        return list(range(last + 1, last + 1 + count))

    def last_id(self, connection: Connection, column: Column[int]) -> int:
        """The greatest that was ever in the table."""
        rows = _LAST_ID.rows(connection, column.table.name)
        return int(rows[0][0]) if rows else 0

    def writers_of(self, table: Table) -> frozenset[str]:  # noqa: ARG002 - the parameter is another database's
        """None: what one has generated is seen before another begins to write."""
        return frozenset()

    def advance_ids(self, connection: Connection, column: Column[int], to: int) -> None:
        """AUTOINCREMENT does so by itself."""

    def access_version(self, connection: Connection) -> int:
        """Nobody else writes meanwhile."""
        [(version,)] = _ACCESS_VERSION.rows(connection)
        return int(version)

    def prepare_partitions(self, connection: Connection, now: int) -> bool:  # noqa: ARG002 - there are none
        """None is missing."""
        return False

    def remove_strays(self, connection: Connection, table: Table, before: int, condition: str = "true") -> int:  # noqa: ARG002 - as above
        """None."""
        return 0

    def partition_before(
        self,
        connection: Connection,  # noqa: ARG002 - as above
        table: Table,  # noqa: ARG002 - as above
        before: int,  # noqa: ARG002 - as above
        *,
        any_of_them: bool = False,  # noqa: ARG002 - as above
    ) -> Partition | None:
        """None."""
        return None

    def partitions(self, connection: Connection) -> list[Partition]:  # noqa: ARG002 - as above
        """None."""
        return []

    def attach_partition(self, connection: Connection, partition: Partition) -> bool:
        """Never called.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("SQLite has no partitions")

    def remove_partition(self, connection: Connection, partition: Partition, *, keeps: bool = False) -> bool:
        """Never called.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("SQLite has no partitions")

    def is_contended(self) -> bool:
        """Whether another process waits for the file lock. Asked by the thread that writes."""
        return self._writer is not None and self._writer.file_lock.has_waiters()

    @contextmanager
    def try_lock(self, name: str) -> Iterator[Lock]:
        """By a lock on a file beside the database."""
        with open_lock_file(self._lock_path(name)) as file:
            lock = _FileLock(file)
            lock.try_again()
            yield lock

    def checkpoint(self, *, in_steps: bool) -> None:
        """Of the WAL, which else grows until a commit checkpoints it while its caller waits."""
        with self.read() as connection:
            _, logged, checkpointed = connection.exec_driver_sql("PRAGMA wal_checkpoint(NOOP)").one()
            if logged - checkpointed >= (_STEP_PAGES if in_steps else _LONG_WAL_PAGES):
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()

    def return_space(self) -> bool:
        """By incremental vacuum."""
        with self.read() as connection:
            has_space = space.has_space_to_return(connection)
        if has_space:
            with self.write() as connection:
                space.return_space(connection)
            self.checkpoint(in_steps=True)
        return has_space

    def erase_log(self) -> bool:
        """By a checkpoint that truncates the WAL."""
        # Outside of a transaction.
        connection = self._reader()
        execute_raw(connection, "PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return space.erase_log(connection, BUSY_TIMEOUT_MILLISECONDS)

    def analyze(self) -> None:
        """No plan here depends on statistics."""

    def measure(self, metrics: Metrics) -> None:
        """One of them writes, and each thread keeps one to read with."""
        measure_pool(self._engine, metrics)

    def file_bytes(self) -> Mapping[str, int]:
        """Of the database's file and of its WAL."""
        paths = {"database": self._path, "wal": self._path.with_name(f"{self._path.name}-wal")}
        return {name: path.stat().st_size if path.exists() else 0 for name, path in paths.items()}

    def close(self) -> None:
        """Waits for the transaction that writes."""
        with self._write_lock:
            self._close_writer()
        self._engine.dispose()

    def _rebuild_if_older(self) -> None:
        with self._write_lock:
            writer = self._writer = self._writer or self._open_writer()
            with (
                writer.file_lock.held(timeout_milliseconds=1000 * _MAX_MIGRATION_SECONDS),
                contextlib.closing(writer.connection.connection.cursor()) as cursor,
            ):
                try:
                    space.rebuild_if_older(cursor, self._path)
                except self._driver_error as error:
                    # It works as it is.
                    log_event("database_not_rebuilt", logging.WARNING, error=error)

    @property
    def _driver_error(self) -> type[Exception]:
        error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        return error

    def _lock_path(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}-{name}.lock")

    def _raise_if_lost(self) -> None:
        """Looks for the files of the database; where they are gone or damaged, all that comes is refused.

        Raises:
            StoreUnavailable: They are.
        """
        if not self._is_damaged:
            try:
                self._file.raise_if_lost()
                self._fault = ""
            except StoreUnavailable as error:
                self._fault = error.message
        self._raise_fault()

    def _raise_fault(self) -> None:
        if self._fault:
            raise StoreUnavailable(self._fault)

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            self._file.expect_new_log()
            writer.close()

    def _open_writer(self) -> _Writer:
        file_lock = FairFileLock(self._lock_path("writer"), self._lock_path("writers-waiting"))
        # With the write lock from the start: a transaction that reads first and then writes is refused with
        # SQLITE_BUSY, whatever the timeout, where another has written meanwhile.
        try:
            connection = self._engine.connect().execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
            execute_raw(connection, f"PRAGMA cache_size = -{_WRITER_CACHE_KIBIBYTES}")
        except BaseException:
            file_lock.close()
            raise
        return _Writer(connection, file_lock)

    def _reader(self) -> Connection:
        if self._fault:
            self._raise_fault()
        # To check one out of the pool would cost more than the query it is for.
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = self._engine.connect()
        return connection


def _raise_if_no_database(error: DatabaseError) -> None:
    if is_no_database(error):
        raise DatabaseUnusable("ALMENO_DATABASE_URL names a file that is no SQLite database") from error


def open_backend(url: URL, threads: int, *, read_only: bool = False) -> SqliteBackend:
    """The database of a URL; arguments and errors are those of `almeno_grpc.storage.engine.open_backend`."""
    return SqliteBackend(url, threads, read_only=read_only)
