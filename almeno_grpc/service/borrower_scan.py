"""The scan of all borrowers, page by page, in the background of the calls that the process serves."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.service.store import Store

PAGE_CUSTOMERS = 1000
"""Customers read in one statement; the scan reports its progress after each page."""

_SLICE_CUSTOMERS = 20
"""Customers visited, in well under a millisecond, before the scan releases the GIL."""
_PAUSE_SECONDS = 50e-6
"""Long enough that a thread which waits for the GIL is woken, in a process that is pinned to one core."""

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
            _visit_in_slices(page, visit)
        if page:
            last_id, _ = page[-1]
            customers_done += len(page)
            yield ScanProgress(customers_done, max(customers_done, customers_total))
        if len(page) < PAGE_CUSTOMERS:
            return


def _visit_in_slices(page: list[tuple[int, Borrower]], visit: Callable[[int, Borrower], None]) -> None:
    customers = iter(page)
    while visited := list(islice(customers, _SLICE_CUSTOMERS)):
        for customer_id, borrower in visited:
            visit(customer_id, borrower)
        # Releases the GIL, which a computing thread would keep from a waiting one for the switch interval of 5 ms.
        time.sleep(_PAUSE_SECONDS)
