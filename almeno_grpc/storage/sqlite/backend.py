"""What is SQLite's: a file that the processes of one machine share."""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from sqlalchemy import URL, Connection, Engine, bindparam, func, select
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.errors import PhoneNumberTaken, StoreUnavailable, WriteConflict
from almeno_grpc.service.store import Lock
from almeno_grpc.storage.book_connection import BookConnection
from almeno_grpc.storage.borrowers import OF_CUSTOMER, BorrowerQuery, borrower_of
from almeno_grpc.storage.backend import DatabaseUnusable
from almeno_grpc.storage.group_commit import GroupCommit
from almeno_grpc.storage.sqlite.engine import WRITES, open_sqlite_engine, without_foreign_keys
from almeno_grpc.storage.tables import customer
from almeno_grpc.storage.sqlite.fair_file_lock import Turns

T = TypeVar("T")
U = TypeVar("U")

_OF_CUSTOMERS = customer.c.customer_id.in_(select(func.json_each(bindparam("who")).table_valued("value").c.value))

_LONG_LOG_PAGES = 16_384
"""64 MiB of pages of 4 KiB. A page that is written again and again is brought into the file once."""
_STEP_PAGES = 1_024
"""What is brought in at a time while calls come beside an import: the disk takes longer over more, and they wait.

The first step brings in all that has come to be in the log before, which takes up to a tenth of a second.
"""
_WRITER_CACHE_KIBIBYTES = 65_536
"""Room for the pages that an import comes back to with each batch."""


@dataclass(frozen=True)
class _LockedFile:
    """A lock on a file, which stays as long as the file is open."""

    has_it: bool

    def is_held(self) -> bool:
        return self.has_it


class SqliteDatabase:
    """A SQLite file. Each thread keeps a connection to read with; there is one to write with."""

    waits_to_submit: ClassVar[bool] = False

    def __init__(self, url: URL, threads: int) -> None:
        # The file that SQLite opens: those who know it by another name share its locks. The driver is given the
        # absolute path, without what `..` takes away; only then are links followed.
        self._path = Path(os.path.realpath(os.path.abspath(url.database or "")))  # noqa: PTH100
        self._engine = open_sqlite_engine(url, pool_size=threads + 1)
        self._held = threading.local()
        self._of_customer = BorrowerQuery(self._engine.dialect, OF_CUSTOMER)
        self._of_customers = BorrowerQuery(self._engine.dialect, _OF_CUSTOMERS)
        self._driver: Any = self._engine.dialect.loaded_dbapi
        self._writer = GroupCommit(
            self._open_writing,
            lambda: Turns(self._lock_file("writer"), self._lock_file("writers-waiting")),
            _explained,
        )

    @property
    def engine(self) -> Engine:
        """See `almeno_grpc.storage.backend.Database.engine`."""
        return self._engine

    def borrower(self, customer_id: int, on: date) -> Borrower | None:
        """See `almeno_grpc.storage.backend.Database.borrower`."""
        rows = self._read_borrowers(self._of_customer, customer_id, on)
        return borrower_of(rows[0]) if rows else None

    def borrowers(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """See `almeno_grpc.storage.backend.Database.borrowers`."""
        rows = self._read_borrowers(self._of_customers, json.dumps(list(customer_ids)), on)
        return {row[0]: borrower_of(row) for row in rows}

    def borrower_in(self, connection: Connection, customer_id: int, on: date) -> Borrower | None:
        """See `almeno_grpc.storage.backend.Database.borrower_in`."""
        rows = self._run(connection.connection.driver_connection, self._of_customer, customer_id, on)
        return borrower_of(rows[0]) if rows else None

    def _read_borrowers(self, query: BorrowerQuery, who: int | str, on: date) -> list[Any]:
        # A cursor of the driver that the thread keeps: making one would cost as much as half the query.
        cursor = getattr(self._held, "cursor", None)
        if cursor is None:
            with _translated():
                cursor = self._held.cursor = self._reading().connection.cursor()
        try:
            return self._run(cursor, query, who, on)
        except Exception as error:
            raise _refusal(error) from error

    def _run(self, driver: Any, query: BorrowerQuery, who: int | str, on: date) -> list[Any]:
        """Runs the query on a connection of the driver, or on a cursor."""
        try:
            rows: list[Any] = driver.execute(query.sql, (*query.of_day(on), who)).fetchall()
        except self._driver.Error as error:
            lost = self._engine.dialect.is_disconnect(error, None, None)
            raise DBAPIError.instance(
                query.sql, None, error, self._driver.Error, connection_invalidated=lost, dialect=self._engine.dialect
            ) from error
        return rows

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See `almeno_grpc.storage.backend.Database.read`."""
        with _translated():
            connection = self._reading()
            with connection.begin():
                yield connection

    def submit(
        self, work: Callable[[BookConnection], T], then: Callable[[T], U], wanted: Callable[[], bool]
    ) -> Future[U]:
        """See `almeno_grpc.storage.backend.Database.submit`."""
        return self._writer.submit(work, then, wanted)

    def others_wait(self) -> bool:
        """See `almeno_grpc.storage.backend.Database.others_wait`."""
        return self._writer.others_wait()

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """See `almeno_grpc.storage.backend.Database.migrating`."""
        try:
            with (
                _translated(),
                self._open_writing() as connection,
                without_foreign_keys(connection),
                connection.begin(),
            ):
                yield connection
        except DatabaseError as error:
            raise DatabaseUnusable("ALMENO_DATABASE_URL names a file that is no SQLite database") from error

    def checkpoint(self, *, in_steps: bool = False) -> None:
        """See `almeno_grpc.storage.backend.Database.checkpoint`: brings a long log into the database file."""
        with self.read() as connection:
            _, logged, brought_in = connection.exec_driver_sql("PRAGMA wal_checkpoint(NOOP)").one()
            if logged - brought_in >= (_STEP_PAGES if in_steps else _LONG_LOG_PAGES):
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()

    def analyze(self) -> None:
        """See `almeno_grpc.storage.backend.Database.analyze`: no plan here depends on it."""

    @contextmanager
    def hold(self, name: str) -> Iterator[Lock]:
        """See `almeno_grpc.storage.backend.Database.hold`."""
        with self._lock_file(name).open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield _LockedFile(has_it=False)
            else:
                yield _LockedFile(has_it=True)

    def close(self) -> None:
        """See `almeno_grpc.storage.backend.Database.close`."""
        self._writer.close()
        self._engine.dispose()

    def _lock_file(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}-{name}.lock")

    def _open_writing(self) -> Connection:
        connection = self._engine.connect().execution_options(**{WRITES: True})
        connection.connection.cursor().execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIBIBYTES}")
        return connection

    def _reading(self) -> Connection:
        # Taking one from the pool would cost more than the query it is for.
        connection: Connection | None = getattr(self._held, "connection", None)
        if connection is None:
            connection = self._held.connection = self._engine.connect()
        return connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        refusal = _refusal(error)
        if refusal is error:
            raise
        raise refusal from error


def _explained(error: BaseException) -> BaseException:
    """As `_refusal`, with the error as its cause."""
    refusal = _refusal(error)
    if refusal is not error:
        refusal.__cause__ = error
    return refusal


def _refusal(error: BaseException) -> BaseException:
    """What the service calls an error of the database; the error itself where that has no name for it."""
    match error:
        case IntegrityError() if "UNIQUE" in str(error.orig):
            if "phone_number" in str(error.orig):
                return PhoneNumberTaken()
            return WriteConflict("another transaction changed the same rows first; send the request again")
        case OperationalError() | NoConnectionLeft():
            return StoreUnavailable("the database cannot take the request at the moment; send it again")
        case DBAPIError() if error.connection_invalidated:
            return StoreUnavailable("the connection to the database was lost; send the request again")
    # Such as a check of the schema that has caught a fault of the service: trying again would not help.
    return error
