"""How an import keeps out of the way of calls. All of it is here; nothing else in the service sleeps for an import.

1. **Priority.** The import process is nice (`serving.import_process`). The process that reads a file has idle priority
   (SCHED_IDLE); one that is left no processor for long is replaced by one of ordinary priority (`sandbox.session`).
2. **Yielding.** A fair scheduler gives a thread that was put aside what it has missed first, up to 4 ms later, and a
   server's process waits on its own processor even where another is idle. So long work calls `yield_cpu` between its
   steps, about every half a millisecond.
3. **Small inserts.** A call to the store inserts as many rows as take about a millisecond; between two calls the
   import pauses, for a database's server is not nice and would take the next statement before it takes a call's.
4. **Short transactions.** A transaction of SQLite keeps other writes waiting, one of PostgreSQL holds on to rows. While
   nobody waits it lasts up to a tenth of a second, for each commit costs a sync. Once the store sees that others wait
   (`Transaction.is_contended`) there is traffic: for a second each call to the store is a transaction of its own.
5. **Checkpoints in steps** while there is traffic, so that no call has to wait for a large one (`Store.checkpoint`).
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator

from almeno_grpc.service.store import Transaction

MAX_ROWS_PER_CALL = 250
IDLE_PRIORITY = "idle-priority"
"""On the command line of a reading process: to take only what others leave of the processors."""

_NICENESS = 10
_PAUSE_SECONDS = 0.00005
"""As asked for; the kernel's timers may be late by as much again. To pause longer has shown no gain."""
_CALL_SECONDS = 0.001
"""How long the rows of a call to the store may take while there is traffic."""
_MIN_SHARE = 32
"""Of the most rows a call at least one in so many: where each call takes long, there would be ever less."""
_MAX_TRANSACTION_SECONDS = 0.1
_FIRST_TRANSACTION_SECONDS = 0.004
"""How long the first one lasts, and the first after traffic; each may last twice as long as the one before."""
_TRAFFIC_SECONDS = 1.0
"""How long there is taken to be traffic after somebody was seen to wait."""


def lower_priority(*, idle: bool) -> None:
    """Lets calls that wait for a processor come before this process."""
    os.nice(_NICENESS)
    # A nice process still keeps the processor for up to 4 ms from a call that has come for it; such a one is put aside
    # at once. Some containers do not allow it.
    if idle and sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def yield_cpu() -> None:
    """Lets those run who wait for this processor; where nobody does, it takes a fraction of a microsecond."""
    os.sched_yield()


class ImportThrottle:
    """How long the transactions of an import last, and how many rows go into a call to the store."""

    def __init__(self, max_rows: int = MAX_ROWS_PER_CALL) -> None:
        self._max_rows = max_rows
        self._traffic_until = float("-inf")
        self._max_seconds = _FIRST_TRANSACTION_SECONDS
        self._seconds_a_row = 0.0

    @property
    def has_traffic(self) -> bool:
        """Whether calls that write are taken to come."""
        return time.monotonic() < self._traffic_until

    def calls(self, tx: Transaction, start: int, stop: int) -> Iterator[slice]:
        """Cuts the rows from one place up to another into the calls to the store of one transaction.

        The rows of a call are to be imported before the next is asked for. Where the transaction has to end, none comes
        though there are more rows.
        """
        began, first = time.monotonic(), start
        while start < stop:
            here = slice(start, min(stop, start + self._rows_per_call()))
            yield here
            start, seconds = here.stop, time.monotonic() - began
            self._seconds_a_row = seconds / (start - first)
            if tx.is_contended():
                self._traffic_until = time.monotonic() + _TRAFFIC_SECONDS
            if self.has_traffic:
                self._max_seconds = _FIRST_TRANSACTION_SECONDS
                return
            if seconds > self._max_seconds:
                self._max_seconds = min(2 * self._max_seconds, _MAX_TRANSACTION_SECONDS)
                return
            time.sleep(_PAUSE_SECONDS)

    def _rows_per_call(self) -> int:
        if self._seconds_a_row == 0 or not self.has_traffic:
            return self._max_rows
        return max(-(-self._max_rows // _MIN_SHARE), min(self._max_rows, int(_CALL_SECONDS / self._seconds_a_row)))
