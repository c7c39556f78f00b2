"""Finished history is added up a day, so that a summary of the book reads sums and the rows of the last day."""

import time
from functools import partial

from almeno_grpc.clock import DAY_MICROSECONDS, Clock
from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.service.store import Store, SummedRange, SumSource, Transaction

_FINISHED_MICROSECONDS = DAY_MICROSECONDS
"""How old a row has to be, so that none comes any more that is older: see `almeno_grpc.storage.daily_sums`."""
_ROWS_PER_STEP = 10_000
_PAUSE_MILLISECONDS = 600_000
"""How long to wait before it is seen again what has come of age: an hour of bookings takes a second."""


class DailySums:
    """Adds up step by step. By one server at a time: two would do the same work, of which the second is refused."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next_at_milliseconds = 0

    def add_some(self) -> bool:
        """Takes a step, if there is one to take; whether there may be another.

        Raises:
            StoreUnavailable: As `Store.write`; nothing of the step is in the sums, or all of it.
            CommitOutcomeUnknown: Likewise.
        """
        if _milliseconds() < self._next_at_milliseconds:
            return False
        before = self._clock.now_microseconds() - _FINISHED_MICROSECONDS
        for source in SumSource:
            # Not while others wait to write: the rows never change, and the place is compared.
            with self._store.read() as tx:
                summed = tx.daily_sums.next_range(source, before, _ROWS_PER_STEP)
            if summed is not None:
                self._add(summed)
                return True
        self._next_at_milliseconds = _milliseconds() + _PAUSE_MILLISECONDS
        return False

    def _add(self, summed: SummedRange) -> None:
        try:
            self._store.write(partial(_add, summed), max_attempts=1)
        except WriteConflict:
            # The next step begins where another has come to.
            return


def _add(summed: SummedRange, tx: Transaction) -> None:
    tx.daily_sums.add(summed)


def _milliseconds() -> int:
    return time.monotonic_ns() // 1_000_000
