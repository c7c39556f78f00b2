"""What the tests see of the events by which other systems follow the book."""

import threading
import time
from collections import Counter

from almeno_grpc.domain.change_event import ChangeEvent, ChangeEventKind
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.service.change_events import ChangeEventService
from almeno_grpc.storage.store import SqlStore
from support.book import Book


def events_after(store: SqlStore, after: int | None = None) -> list[ChangeEvent]:
    """All events behind a number."""
    return ChangeEventService(store).page(after, 1_000).events


def kinds_after(store: SqlStore, after: int | None) -> list[ChangeEventKind]:
    return [event.kind for event in events_after(store, after)]


class Follower:
    """Reads the events on a thread of its own while others write them."""

    def __init__(self, events: ChangeEventService, page_size: int = 40) -> None:
        self._events = events
        self._page_size = page_size
        self._writers_are_done = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self.seen: list[ChangeEvent] = []

    def __enter__(self) -> "Follower":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Reads what is left."""
        self._writers_are_done.set()
        self._thread.join()

    def _follow(self) -> None:
        while True:
            is_last = self._writers_are_done.is_set()
            try:
                page = self._events.page(self.seen[-1].number if self.seen else None, self._page_size).events
            except CreditError:
                # The connection is lost; or a number that was given is not yet in the book.
                time.sleep(0.01)
                continue
            self.seen += page
            if is_last and not page:
                return
            if not page:
                time.sleep(0.002)


def assert_complete(book: Book, seen: list[ChangeEvent]) -> None:
    """Every change of the book was seen once, in an order in which none came before one that was seen earlier."""
    numbers = [event.number for event in seen]
    assert numbers == sorted(set(numbers))
    assert numbers == [row["number"] for row in book.rows("change_event")]
    of_kind = Counter(event.kind for event in seen)
    assert of_kind == {
        kind: len(book.rows(table))
        for kind, table in (
            (ChangeEventKind.CUSTOMER_REGISTERED, "customer"),
            (ChangeEventKind.LOAN_BOOKED, "loan"),
            (ChangeEventKind.REPAYMENT_RECORDED, "repayment"),
        )
    }
    for ids, table, column in (
        ([event.customer.customer_id for event in seen if event.customer], "customer", "customer_id"),
        ([event.repayment.repayment_id for event in seen if event.repayment], "repayment", "repayment_id"),
    ):
        assert sorted(ids) == sorted(row[column] for row in book.rows(table))
