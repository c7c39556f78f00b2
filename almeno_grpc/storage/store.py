"""The store: the book in a database, in transactions."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import TypeVar

from sqlalchemy import Connection, Engine

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.service.store import Hold, always
from almeno_grpc.storage.borrowers import Borrowers
from almeno_grpc.storage.customers import Customers
from almeno_grpc.storage.database import Database
from almeno_grpc.storage.engine import open_database, parse_url
from almeno_grpc.storage.figures import Figures
from almeno_grpc.storage.imports import Imports
from almeno_grpc.storage.loans import Loans
from almeno_grpc.storage.records import AnsweredRequests, Decisions, PolicyPins
from almeno_grpc.storage.repayments import Repayments
from almeno_grpc.storage.schema import migrate

T = TypeVar("T")
U = TypeVar("U")


class BookTransaction:
    """The book as one transaction sees it."""

    def __init__(self, connection: Connection, database: Database, *, writes: bool) -> None:
        self._database = database
        self.borrowers = Borrowers(connection, database)
        self.customers = Customers(connection)
        self.loans = Loans(connection)
        self.repayments = Repayments(connection)
        self.decisions = Decisions(connection)
        self.figures = Figures(connection)
        self.policy_pins = PolicyPins(connection)
        self.answered_requests = AnsweredRequests(connection)
        self.imports = Imports(connection, writes=writes)

    def others_wait(self) -> bool:
        """See `almeno_grpc.service.store.Transaction.others_wait`."""
        return self._database.others_wait()


class BookStore:
    """The book in a database. One a process; its methods may be called from any thread."""

    def __init__(self, database_url: str, *, threads: int = 8) -> None:
        self._database = open_database(parse_url(database_url), threads)

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
            yield BookTransaction(connection, self._database, writes=False)

    def write(self, work: Callable[[BookTransaction], T], *, wanted: Callable[[], bool] = always) -> T:
        """See `almeno_grpc.service.store.Store.write`."""
        return self.submit(work, lambda result: result, wanted=wanted).result()

    def submit(
        self, work: Callable[[BookTransaction], T], then: Callable[[T], U], *, wanted: Callable[[], bool] = always
    ) -> Future[U]:
        """See `almeno_grpc.service.store.Store.submit`."""
        return self._database.submit(
            lambda connection: work(BookTransaction(connection, self._database, writes=True)), then, wanted
        )

    def tidy_up(self, *, in_steps: bool = False) -> None:
        """See `almeno_grpc.service.store.Store.tidy_up`."""
        self._database.tidy_up(in_steps=in_steps)

    def hold(self, name: str) -> AbstractContextManager[Hold]:
        """See `almeno_grpc.service.store.Store.hold`."""
        return self._database.hold(name)
