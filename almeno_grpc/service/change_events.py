"""Following the book: events of changes, in an order in which none comes before one that was read already.

Numbers are given to events before their transactions commit, and a transaction may commit before one with smaller
numbers does. A reader who went by the numbers alone would pass those, and never see them. So a reader goes as far as
the numbers have no gap. What is missing in a gap is of a transaction that is still open, or was undone: the reader
waits until those that were open when it saw the gap have ended, and reads again. Writers never wait for a reader.

A transaction takes its numbers last, under all its locks, so the events of one customer have the order of the commits.
"""

import time
from itertools import count as numbers_from
from itertools import takewhile

from almeno_grpc.domain.change_event import ChangeEvent
from almeno_grpc.domain.errors import EventsNotReached, EventsRemoved
from almeno_grpc.service.store import Store, Transaction

MAX_WAIT_SECONDS = 0.5
"""How long a reader waits for transactions to end; then it reads nothing, and has to come again."""
_POLL_SECONDS = 0.002


class ChangeEventService:
    """The use cases around events of changes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, after: int | None, count: int) -> list[ChangeEvent]:
        """Up to `count` events behind a number, by ascending number; none where the next may not be read yet.

        Args:
            after: The number of the last event read; None for the first that is kept.
            count: How many.

        Raises:
            EventsRemoved: Events behind the number were removed.
            EventsNotReached: No event has had the number yet.
        """
        with self._store.read() as tx:
            begin = _begin(tx, after)
            events = tx.change_events.page(begin, count)
            if not events and begin > tx.change_events.last_number():
                raise EventsNotReached(begin, tx.change_events.last_number())
        # The numbers of events as long as they have no gap.
        expected = numbers_from(begin + 1)
        settled = list(takewhile(lambda event: event.number == next(expected), events))
        if settled or not events:
            return settled
        if not self._has_settled():
            return []
        with self._store.read() as tx:
            begin = _begin(tx, after)
            return [event for event in tx.change_events.page(begin, count) if event.number <= events[-1].number]

    def _has_settled(self) -> bool:
        """Waits until the transactions that are open now have ended; whether they have."""
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        writers = self._store.writers_of_events()
        while writers and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            writers &= self._store.writers_of_events()
        return not writers


def _begin(tx: Transaction, after: int | None) -> int:
    """The number behind which to read."""
    removed = tx.change_events.removed()
    if after is None:
        return removed
    if after < removed:
        raise EventsRemoved(after, removed)
    return after
