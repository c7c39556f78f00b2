"""The store: transactions on the book, and the locks that processes share."""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.errors import CreditError, PhoneNumberTaken, StoreUnavailable, WriteConflict
from almeno_grpc.service.store import always
from almeno_grpc.storage.borrowers import BorrowerQuery, Borrowers
from almeno_grpc.storage.customers import Customers
from almeno_grpc.storage.engine import WRITES, DatabaseUnusable, open_engine, parse_url, sqlite_file
from almeno_grpc.storage.group_commit import GroupCommit
from almeno_grpc.storage.imports import Imports
from almeno_grpc.storage.loans import Loans
from almeno_grpc.storage.records import AnsweredRequests, Decisions, PolicyPins
from almeno_grpc.storage.schema import migrate

T = TypeVar("T")


class BookTransaction:
    """The book as one transaction sees it."""

    def __init__(self, connection: Connection, borrower_query: BorrowerQuery) -> None:
        self.borrowers = Borrowers(connection, borrower_query)
        self.customers = Customers(connection)
        self.loans = Loans(connection)
        self.decisions = Decisions(connection)
        self.policy_pins = PolicyPins(connection)
        self.answered_requests = AnsweredRequests(connection)
        self.imports = Imports(connection)


class BookStore:
    """The book in a database. One a process; its methods may be called from any thread.

    Each thread keeps a connection to read with, for taking one from the pool costs more than the query it is for. There
    is one to write with.
    """

    def __init__(self, database_url: str, *, threads: int = 8) -> None:
        self._url = parse_url(database_url)
        self._engine = open_engine(self._url, pool_size=threads + 1)
        self._held = threading.local()
        self._borrower_query = BorrowerQuery(self._engine.dialect)
        self._writer = GroupCommit(self._open_writing, self._lock_file("writer"))

    @property
    def engine(self) -> Engine:
        """For those who look at the database itself: migrations, checks, tests."""
        return self._engine

    def migrate(self) -> None:
        """Brings the schema up to date; see `almeno_grpc.storage.schema.migrate`."""
        try:
            with _translated():
                migrate(self._engine)
        except DatabaseError as error:
            raise DatabaseUnusable("ALMENO_DATABASE_URL names a file that is no SQLite database") from error

    def close(self) -> None:
        """Gives up all connections."""
        self._writer.close()
        self._engine.dispose()

    def borrower(self, customer_id: int, on: date) -> Borrower | None:
        """See `almeno_grpc.service.store.Store.borrower`."""
        with _translated():
            cursor = self._reading().connection.cursor()
            return self._borrower_query.run(cursor, customer_id, on)

    @contextmanager
    def read(self) -> Iterator[BookTransaction]:
        """See `almeno_grpc.service.store.Store.read`."""
        with _translated():
            connection = self._reading()
            with connection.begin():
                yield BookTransaction(connection, self._borrower_query)

    def write(self, work: Callable[[BookTransaction], T], *, wanted: Callable[[], bool] = always) -> T:
        """See `almeno_grpc.service.store.Store.write`."""
        with _translated():
            return self._writer.write(
                lambda connection: work(BookTransaction(connection, self._borrower_query)), wanted
            )

    @contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """See `almeno_grpc.service.store.Store.hold`."""
        with self._lock_file(name).open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _lock_file(self, name: str) -> Path:
        path = sqlite_file(self._url)
        return path.with_name(f"{path.name}-{name}.lock")

    def _open_writing(self) -> Connection:
        return self._engine.connect().execution_options(**{WRITES: True})

    def _reading(self) -> Connection:
        connection: Connection | None = getattr(self._held, "connection", None)
        if connection is None:
            connection = self._held.connection = self._engine.connect()
        return connection


@contextmanager
def _translated() -> Iterator[None]:
    """Turns the database's errors into the service's."""
    try:
        yield
    except CreditError:
        raise
    except IntegrityError as error:
        cause = str(error.orig)
        if "UNIQUE" not in cause:
            # A check of the schema has caught a fault of the service: trying again would not help.
            raise
        if "phone_number" in cause:
            raise PhoneNumberTaken from error
        raise WriteConflict("another transaction changed the same rows first; send the request again") from error
    except (OperationalError, NoConnectionLeft) as error:
        raise StoreUnavailable("the database cannot take the request at the moment; send it again") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable("the connection to the database was lost; send the request again") from error
        raise
