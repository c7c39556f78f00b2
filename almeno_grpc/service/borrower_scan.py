"""The scan of all borrowers, page by page, in the background of the calls that the process serves."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import starmap

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.service.store import Store
from almeno_grpc.service.time_slices import computed_in_slices

PAGE_CUSTOMERS = 1000
"""Customers read in one statement; the scan reports its progress after each page."""

_scan_lock = threading.Lock()
"""However many scans a process runs, together they take the CPU time of one."""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """The progress of a scan."""

    customers_done: int
    customers_total: int
    """Customers in the book when the scan began, or those visited since, if they are more."""


def scan_borrowers(store: Store, on: date, visit: Callable[[int, Borrower], None]) -> Iterator[ScanProgress]:
    """Visits every customer in the order of customer_id and yields the progress, first before any is visited.

    Each page is a transaction of its own: one as long as the scan would hold back checkpoints and vacuum. The borrowers
    of a page are thus of one moment, those of later pages of later ones.

    Args:
        store: The book.
        on: The business date.
        visit: Takes the customer_id and the borrower.

    Raises:
        StoreUnavailable: The database cannot be reached.
    """
    with store.read() as tx:
        customers_total = tx.customers.count()
    customers_done = last_id = 0
    yield ScanProgress(0, customers_total)
    while True:
        with _scan_lock:
            with store.read() as tx:
                page = tx.borrowers.page(last_id, PAGE_CUSTOMERS, on)
            computed_in_slices(starmap(visit, page))
        if page:
            last_id, _ = page[-1]
            customers_done += len(page)
            yield ScanProgress(customers_done, max(customers_done, customers_total))
        if len(page) < PAGE_CUSTOMERS:
            return
