"""Following the book: events of changes, in an order in which none comes before one that was read already.

Numbers are given to events before their transactions commit, and a transaction may commit before one with smaller
numbers does. A reader who went by the numbers alone would pass those, and never see them. So a reader goes as far as
the numbers have no gap. What is missing in a gap is of a transaction that is still open, or was undone: the reader
waits until those that were open when it saw the gap have ended, and reads again. Up to the number that it had seen then
nothing can come any more: each process remembers the highest such number, so that a transaction that hangs keeps nobody
from what lies before it and was waited for once. Writers never wait for a reader.

Who reads the book and follows it from there begins at a number that was waited for, before it reads the book: what is
missing below the last number in the book may be of a transaction that the book does not show yet.

A transaction takes its numbers last, under all its locks, so the events of one customer have the order of the commits.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from almeno_grpc.domain.change_event import ChangeEvent
from almeno_grpc.domain.errors import EventsNotReached, EventsRemoved, EventsUnsettled
from almeno_grpc.service.store import Store, Transaction

MAX_WAIT_MILLISECONDS = 500
"""How long a reader waits for transactions to end; then it reads nothing, and has to come again."""
MAX_CALL_WAIT_MILLISECONDS = 50
"""The same for a call with one answer: it stands on one of a few threads."""
_POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class ChangeEventPage:
    """Some events, by ascending number."""

    events: list[ChangeEvent]
    last_number: int
    """The highest number in the book, as the transaction saw it that has read the page."""
    next_after: int
    """The number behind which the page after it begins."""


class ChangeEventService:
    """The use cases around events of changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._settled_number = 0
        """The highest number that this process has waited for: those up to it are in the book, or will never be."""

    def page(
        self, after: int | None, count: int, max_wait_milliseconds: int = MAX_WAIT_MILLISECONDS
    ) -> ChangeEventPage:
        """Up to `count` events behind a number; none where the next may not be read yet.

        Args:
            after: The number of the last event read; None for the first that is kept.
            count: How many.
            max_wait_milliseconds: How long to wait at a gap for transactions to end.

        Raises:
            EventsRemoved: Events behind the number were removed.
            EventsNotReached: No event has had the number yet.
        """
        # Of before the transaction begins: what was waited for later, this transaction may not see yet.
        settled_number = self._settled_number
        seen = self._read(after, count)
        settled = _up_to_gap(seen, settled_number)
        if seen.events and not settled.events and self._settle(seen.events[-1].number, max_wait_milliseconds):
            return _up_to_gap(self._read(after, count), seen.events[-1].number)
        return settled

    def newest(self, newest: int, count: int, max_wait_milliseconds: int) -> ChangeEventPage:
        """The first `count` of the newest events, behind which no event comes later that the book does not show now.

        Args:
            newest: How many the newest are; 0 for none, to learn where to follow from.
            count: How many of them to read.
            max_wait_milliseconds: How long to wait for transactions to end.

        Raises:
            EventsUnsettled: A transaction that may have given smaller numbers is open for longer.
        """
        settled_number = self._settled_number
        with self._store.read() as tx:
            last = tx.change_events.behind_newest(0)
        if last > settled_number and not self._settle(last, max_wait_milliseconds):
            raise EventsUnsettled(last)
        with self._store.read() as tx:
            begin = tx.change_events.behind_newest(newest, last)
            events = [event for event in tx.change_events.page(begin, count) if event.number <= last]
        return ChangeEventPage(events, last, events[-1].number if events else begin)

    def _read(self, after: int | None, count: int) -> ChangeEventPage:
        """Events as they are in the book, gaps or not; the page begins where `next_after` says."""
        with self._store.read() as tx:
            begin = _begin(tx, after)
            events = tx.change_events.page(begin, count)
            last = tx.change_events.behind_newest(0)
            if begin > last and begin > tx.change_events.last_number():
                raise EventsNotReached(begin, tx.change_events.last_number())
        return ChangeEventPage(events, last, begin)

    def _settle(self, number: int, max_wait_milliseconds: int) -> bool:
        """Waits until the transactions that are open now have ended; whether they have.

        Args:
            number: One that was seen in the book: whoever reads after they have ended sees all that there are up to it.
            max_wait_milliseconds: How long.
        """
        deadline = time.monotonic() + max_wait_milliseconds / 1000
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


def _up_to_gap(seen: ChangeEventPage, settled_number: int) -> ChangeEventPage:
    """The events as they were read, up to the first gap in which a number may come yet."""
    events = list(_without_gap(seen.events, seen.next_after, settled_number))
    return ChangeEventPage(events, seen.last_number, events[-1].number if events else seen.next_after)


def _without_gap(events: Sequence[ChangeEvent], begin: int, settled_number: int) -> Iterator[ChangeEvent]:
    """The events up to the first gap in which a number may come yet."""
    for event in events:
        if event.number > max(begin, settled_number) + 1:
            return
        yield event
        begin = event.number
