"""SQLite as a backend of the store: one connection of a process writes, and each thread keeps one to read with."""

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Column, Connection, Engine, bindparam, column, select, table
from sqlalchemy.exc import DatabaseError

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.service.store import Lock
from almeno_grpc.storage.audit_writes import chained
from almeno_grpc.storage.backend import BEGIN, DatabaseUnusable
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.sqlite import bulk
from almeno_grpc.storage.sqlite.engine import open_engine
from almeno_grpc.storage.sqlite.errors import domain_error
from almeno_grpc.storage.sqlite.fair_file_lock import FairFileLock
from almeno_grpc.storage.table_write import TableWrite

_LONG_WAL_PAGES = 16_384
"""64 MiB of pages of 4 KiB. A page that is written again and again is checkpointed once."""
_STEP_PAGES = 1_024
"""Checkpointed at a time while calls come beside an import: the disk takes longer over more, and they wait.

The first step checkpoints all that has come to be in the WAL before, which takes up to a tenth of a second.
"""
_WRITER_CACHE_KIBIBYTES = 65_536
"""Room for the pages that an import comes back to with each batch."""

_LAST_ID = CompiledStatement(
    select(column("seq")).select_from(table("sqlite_sequence")).where(column("name") == bindparam("table_name")),
    "table_name",
)


@dataclass(frozen=True)
class _FileLock:
    """A lock on a file, which lasts as long as the file is open."""

    is_acquired: bool

    def is_held(self) -> bool:
        return self.is_acquired


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

    def __init__(self, url: URL, threads: int) -> None:
        # The file that SQLite opens: those who know it by another name share its locks. The driver is given the
        # absolute path, without what `..` takes away; only then are links followed.
        self._path = Path(os.path.realpath(os.path.abspath(url.database or "")))  # noqa: PTH100
        self._engine = open_engine(url, pool_size=threads + 1)
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
        with self._write_lock:
            writer = self._writer
            if writer is None:
                writer = self._writer = self._open_writer()
            try:
                with writer.file_lock.held(), chained(writer.connection, writer.connection.begin()):
                    yield writer.connection
                    writer.raise_if_rolled_back()
            except BaseException:
                # A commit that has failed may leave its transaction open.
                if writer.connection.invalidated or writer.is_in_transaction:
                    self._writer = None
                    writer.close()
                raise

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """Waits for the write lock."""
        try:
            with self.write() as connection:
                yield connection
        except DatabaseError as error:
            if isinstance(self.translate_error(error), StoreUnavailable):
                raise
            raise DatabaseUnusable("ALMENO_DATABASE_URL names a file that is no SQLite database") from error

    def translate_error(self, error: Exception) -> Exception:
        """By class and message."""
        return domain_error(error)

    def write_rows(self, connection: Connection, writes: Sequence[tuple[TableWrite, Sequence[Row]]]) -> None:
        """By a statement for each table."""
        bulk.write_rows(connection, writes)

    def next_ids(self, connection: Connection, column: Column[int], count: int) -> list[int]:
        """Behind the greatest that was ever in the table: nobody else writes meanwhile, and inserts advance it."""
        [(last,)] = _LAST_ID.rows(connection, column.table.name)
        return list(range(last + 1, last + 1 + count))

    def advance_ids(self, connection: Connection, column: Column[int], to: int) -> None:
        """AUTOINCREMENT does so by itself."""

    def is_contended(self) -> bool:
        """Whether another process waits for the file lock. Asked by the thread that writes."""
        return self._writer is not None and self._writer.file_lock.has_waiters()

    @contextmanager
    def try_lock(self, name: str) -> Iterator[Lock]:
        """By a lock on a file beside the database."""
        with self._lock_path(name).open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield _FileLock(is_acquired=False)
            else:
                yield _FileLock(is_acquired=True)

    def checkpoint(self, *, in_steps: bool) -> None:
        """Of the WAL, which else grows until a commit checkpoints it while its caller waits."""
        with self.read() as connection:
            _, logged, checkpointed = connection.exec_driver_sql("PRAGMA wal_checkpoint(NOOP)").one()
            if logged - checkpointed >= (_STEP_PAGES if in_steps else _LONG_WAL_PAGES):
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()

    def analyze(self) -> None:
        """No plan here depends on statistics."""

    def close(self) -> None:
        """Waits for the transaction that writes."""
        with self._write_lock:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()
        self._engine.dispose()

    def _lock_path(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}-{name}.lock")

    def _open_writer(self) -> _Writer:
        # With the write lock from the start: a transaction that reads first and then writes is refused with
        # SQLITE_BUSY, whatever the timeout, where another has written meanwhile.
        connection = self._engine.connect().execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        connection.connection.cursor().execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIBIBYTES}")
        return _Writer(connection, FairFileLock(self._lock_path("writer"), self._lock_path("writers-waiting")))

    def _reader(self) -> Connection:
        # To check one out of the pool would cost more than the query it is for.
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = self._of_thread.connection = self._engine.connect()
        return connection


def open_backend(url: URL, threads: int) -> SqliteBackend:
    """The database of a URL; arguments and errors are those of `almeno_grpc.storage.engine.open_backend`."""
    return SqliteBackend(url, threads)
