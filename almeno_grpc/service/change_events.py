"""Following the book: events of changes, in an order in which none comes before one that was read already.

Numbers are given to events before their transactions commit, and a transaction may commit before one with smaller
numbers does. A reader who went by the numbers alone would pass those, and never see them. So a reader goes as far as
the numbers have no gap. What is missing in a gap is of a transaction that is still open, or was undone: the reader
waits until those that were open when it saw the gap have ended, and reads again. Up to the number that it had seen then
nothing can come any more: each process remembers the highest such number, so that a transaction that hangs keeps nobody
from what lies before it and was waited for once. Writers never wait for a reader.

A transaction takes its numbers last, under all its locks, so the events of one customer have the order of the commits.
"""

import threading
import time
from collections.abc import Iterator, Sequence

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
        self._lock = threading.Lock()
        self._settled_number = 0
        """The highest number that this process has waited for: those up to it are in the book, or will never be."""

    def page(self, after: int | None, count: int) -> list[ChangeEvent]:
        """Up to `count` events behind a number, by ascending number; none where the next may not be read yet.

        Args:
            after: The number of the last event read; None for the first that is kept.
            count: How many.

        Raises:
            EventsRemoved: Events behind the number were removed.
            EventsNotReached: No event has had the number yet.
        """
        # Of before the transaction begins: what was waited for later, this transaction may not see yet.
        settled_number = self._settled_number
        begin, events = self._read(after, count)
        settled = list(_without_gap(events, begin, settled_number))
        if events and not settled and self._settle(events[-1].number):
            begin, again = self._read(after, count)
            settled = list(_without_gap(again, begin, events[-1].number))
        return settled

    def _read(self, after: int | None, count: int) -> tuple[int, list[ChangeEvent]]:
        with self._store.read() as tx:
            begin = _begin(tx, after)
            events = tx.change_events.page(begin, count)
            if not events and begin > tx.change_events.last_number():
                raise EventsNotReached(begin, tx.change_events.last_number())
        return begin, events

    def _settle(self, number: int) -> bool:
        """Waits until the transactions that are open now have ended; whether they have.

        Args:
            number: One that was seen in the book: whoever reads after they have ended sees all that there are up to it.
        """
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        writers = self._store.writers_of_events()
        while writers and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            writers &= self._store.writers_of_events()
        if writers:
            return False
        with self._lock:
            self._settled_number = max(self._settled_number, number)
        return True


def _begin(tx: Transaction, after: int | None) -> int:
    """The number behind which to read."""
    removed = tx.change_events.removed()
    if after is None:
        return removed
    if after < removed:
        raise EventsRemoved(after, removed)
    return after


def _without_gap(events: Sequence[ChangeEvent], begin: int, settled_number: int) -> Iterator[ChangeEvent]:
    """The events up to the first gap in which a number may come yet."""
    for event in events:
        if event.number > max(begin, settled_number) + 1:
            return
        yield event
        begin = event.number
