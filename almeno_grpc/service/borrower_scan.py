"""Going through the whole book, customer by customer, beside the calls that the process serves meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.service.store import Store

PAGE_CUSTOMERS = 1000
"""Customers read in one statement; the walk tells how far it has come after each page."""

_CUSTOMERS_AT_A_TIME = 20
"""Customers that are dealt with, in well under a millisecond, before other threads get their turn."""
_PAUSE_SECONDS = 50e-6
"""Long enough that a thread which waits for its turn is woken, on a process that keeps to one processor."""

_walking = threading.Lock()
"""However many walks a process has under way, they take as much of its time as one."""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a walk has come."""

    customers_done: int
    customers_total: int
    """Customers in the book when the walk began, or those met since, if they are more."""


def scan_borrowers(store: Store, on: date, visit: Callable[[int, Borrower], None]) -> Iterator[ScanProgress]:
    """Visits every customer, by ascending number, and yields how far that has come: first before any is visited.

    Each page is a transaction of its own, for one that lasted as long as the walk would keep the database from tidying
    up. A customer's figures are thus of one moment, while those who come later in the walk are met as they then are.

    Args:
        store: The book.
        on: The business date.
        visit: Takes the number and the figures of a customer.

    Raises:
        StoreUnavailable: The database cannot be reached.
    """
    with store.read() as tx:
        customers_total = tx.customers.count()
    customers_done = last_id = 0
    yield ScanProgress(0, customers_total)
    while True:
        with _walking:
            with store.read() as tx:
                page = tx.borrowers.page(last_id, PAGE_CUSTOMERS, on)
            _visit_in_turns(page, visit)
        if page:
            last_id, _ = page[-1]
            customers_done += len(page)
            yield ScanProgress(customers_done, max(customers_done, customers_total))
        if len(page) < PAGE_CUSTOMERS:
            return


def _visit_in_turns(page: list[tuple[int, Borrower]], visit: Callable[[int, Borrower], None]) -> None:
    rest = iter(page)
    while few := list(islice(rest, _CUSTOMERS_AT_A_TIME)):
        for customer_id, borrower in few:
            visit(customer_id, borrower)
        # Lets go of the interpreter's lock, which a thread that computes would keep for 5 ms from one that waits.
        time.sleep(_PAUSE_SECONDS)
