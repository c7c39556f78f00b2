"""The store: the book in a database, in transactions."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import TypeVar

from sqlalchemy import Engine

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.service.store import Lock, always
from almeno_grpc.storage.book_connection import BookConnection
from almeno_grpc.storage.borrowers import Borrowers
from almeno_grpc.storage.customers import Customers
from almeno_grpc.storage.backend import Database
from almeno_grpc.storage.decisions import Decisions, IdempotencyRecords, PolicyPins
from almeno_grpc.storage.engine import open_database, parse_url
from almeno_grpc.storage.imports import Imports
from almeno_grpc.storage.loans import Loans
from almeno_grpc.storage.repayments import Repayments
from almeno_grpc.storage.schema import migrate
from almeno_grpc.storage.statistics import PortfolioStatistics

T = TypeVar("T")
U = TypeVar("U")


class BookTransaction:
    """The book as one transaction sees it."""

    def __init__(self, connection: BookConnection, database: Database, *, writes: bool) -> None:
        self._connection = connection
        self._database = database
        self._writes = writes
        self.borrowers = Borrowers(connection, database)
        self.loans = Loans(connection)
        self.decisions = Decisions(connection)
        self.idempotency_records = IdempotencyRecords(connection)

    @property
    def customers(self) -> Customers:
        """The customers. As of the other parts that know of no rows that wait: ask for them each time."""
        return Customers(self._connection.connection)

    @property
    def repayments(self) -> Repayments:
        """The repayments."""
        return Repayments(self._connection.connection)

    @property
    def figures(self) -> PortfolioStatistics:
        """The book added up."""
        return PortfolioStatistics(self._connection.connection)

    @property
    def policy_pins(self) -> PolicyPins:
        """Which policy files decisions were taken by."""
        return PolicyPins(self._connection.connection)

    @property
    def imports(self) -> Imports:
        """The imports."""
        return Imports(self._connection.connection, writes=self._writes)

    def others_wait(self) -> bool:
        """See `almeno_grpc.service.store.Transaction.others_wait`."""
        return self._database.others_wait()


class SqlStore:
    """The book in a database. One a process; its methods may be called from any thread."""

    def __init__(self, database_url: str, *, threads: int = 8) -> None:
        self._database = open_database(parse_url(database_url), threads)
        self._written: tuple[BookConnection, BookTransaction] | None = None

    @property
    def engine(self) -> Engine:
        """For those who look at the database itself: checks and tests."""
        return self._database.engine

    def migrate(self, revision: str = "head") -> None:
        """Brings the schema up to date; see `almeno_grpc.storage.schema.migrate`."""
        with self._database.migrating() as connection:
            migrate(connection, revision)

    def close(self) -> None:
        """Gives up all connections."""
        self._database.close()

    def borrower(self, customer_id: int, on: date) -> Borrower | None:
        """See `almeno_grpc.service.store.Store.borrower`."""
        return self._database.borrower(customer_id, on)

    def borrowers(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """See `almeno_grpc.service.store.Store.borrowers`."""
        return self._database.borrowers(customer_ids, on)

    @contextmanager
    def read(self) -> Iterator[BookTransaction]:
        """See `almeno_grpc.service.store.Store.read`."""
        with self._database.read() as connection:
            yield BookTransaction(BookConnection(connection), self._database, writes=False)

    def write(self, work: Callable[[BookTransaction], T], *, wanted: Callable[[], bool] = always) -> T:
        """See `almeno_grpc.service.store.Store.write`."""
        return self.submit(work, lambda result: result, wanted=wanted).result()

    def submit(
        self, work: Callable[[BookTransaction], T], then: Callable[[T], U], *, wanted: Callable[[], bool] = always
    ) -> Future[U]:
        """See `almeno_grpc.service.store.Store.submit`."""
        return self._database.submit(lambda connection: work(self._transaction(connection)), then, wanted)

    @property
    def waits_to_submit(self) -> bool:
        """See `almeno_grpc.service.store.Store.waits_to_submit`."""
        return self._database.waits_to_submit

    def _transaction(self, connection: BookConnection) -> BookTransaction:
        # The one connection to write to SQLite with is the same each time.
        written = self._written
        if written is None or written[0] is not connection:
            written = self._written = connection, BookTransaction(connection, self._database, writes=True)
        return written[1]

    def checkpoint(self, *, in_steps: bool = False) -> None:
        """See `almeno_grpc.service.store.Store.checkpoint`."""
        self._database.checkpoint(in_steps=in_steps)

    def analyze(self) -> None:
        """See `almeno_grpc.service.store.Store.analyze`."""
        self._database.analyze()

    def hold(self, name: str) -> AbstractContextManager[Lock]:
        """See `almeno_grpc.service.store.Store.hold`."""
        return self._database.hold(name)
