"""What the store needs of a database, whichever it is."""

from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextlib import AbstractContextManager
from datetime import date
from typing import ClassVar, Protocol, TypeVar

from sqlalchemy import Connection, Engine

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.service.store import Lock
from almeno_grpc.storage.book_connection import BookConnection

T = TypeVar("T")
U = TypeVar("U")


class DatabaseUnusable(Exception):
    """The database cannot be used as it is set up; the message says why and what to do."""


class Database(Protocol):
    """A database, as one process uses it; from any thread, and with its errors turned into the service's."""

    @property
    def engine(self) -> Engine:
        """For those who look at the database itself: checks and tests."""

    def borrower(self, customer_id: int, on: date) -> Borrower | None:
        """See `almeno_grpc.service.store.Store.borrower`."""

    def borrowers(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """See `almeno_grpc.service.store.Store.borrowers`."""

    def borrower_in(self, connection: Connection, customer_id: int, on: date) -> Borrower | None:
        """The borrower as the connection's transaction sees it."""

    def read(self) -> AbstractContextManager[Connection]:
        """See `almeno_grpc.service.store.Store.read`."""

    def submit(
        self, work: Callable[[BookConnection], T], then: Callable[[T], U], wanted: Callable[[], bool]
    ) -> Future[U]:
        """See `almeno_grpc.service.store.Store.submit`."""

    waits_to_submit: ClassVar[bool]
    """See `almeno_grpc.service.store.Store.waits_to_submit`."""

    def others_wait(self) -> bool:
        """See `almeno_grpc.service.store.Transaction.others_wait`."""

    def migrating(self) -> AbstractContextManager[Connection]:
        """A transaction that changes the schema; servers that start at the same time get it one after the other.

        Raises:
            DatabaseUnusable: What the URL names is no database.
        """

    def checkpoint(self, *, in_steps: bool = False) -> None:
        """See `almeno_grpc.service.store.Store.checkpoint`."""

    def analyze(self) -> None:
        """See `almeno_grpc.service.store.Store.analyze`."""

    def hold(self, name: str) -> AbstractContextManager[Lock]:
        """See `almeno_grpc.service.store.Store.hold`."""

    def close(self) -> None:
        """Gives up all connections."""


def settle(end: Future[U], make: Callable[[], U]) -> None:
    """Brings an end about: what is made, or what is raised meanwhile."""
    try:
        made = make()
    except BaseException as error:
        end.set_exception(error)
    else:
        end.set_result(made)
