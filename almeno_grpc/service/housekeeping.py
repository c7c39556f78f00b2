"""What nobody needs any more is deleted: uploads, issues of old imports, old events, and requests long answered.

In steps so short that calls do not notice, by whoever holds the lock of the import worker.
"""

import time
from functools import partial
from typing import Any

from almeno_grpc.clock import Clock
from almeno_grpc.service.daily_sums import DailySums
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import Store, Transaction

_HOUR_MILLISECONDS = 3_600_000
_DAY_MICROSECONDS = 24 * _HOUR_MILLISECONDS * 1_000
_MAX_UPLOAD_MICROSECONDS = _HOUR_MILLISECONDS * 1_000
"""How long an upload may take from its first stored piece until it is queued: what is older came to nothing.

Uploads that end otherwise are dropped by the process that received them, unless it has died.
"""
_ISSUE_DAYS = 90
"""How long the issues of an import that has ended are kept."""
_ROWS_PER_STEP = 500
_ROUND_MILLISECONDS = 24 * _HOUR_MILLISECONDS
"""How long after a round through the old rows the next one begins."""
_ERASE_MILLISECONDS = 1_000
"""How long to wait before the log is tried again, from which a reader kept it."""


class Housekeeping:
    """Deletes step by step; its methods raise StoreUnavailable as `Store.write` does."""

    def __init__(self, store: Store, clock: Clock, request_days: int, event_days: int) -> None:
        """Begins.

        Args:
            store: The book.
            clock: The clock.
            request_days: How long a request_id is remembered.
            event_days: How long events of changes are kept.
        """
        self._store = store
        self._clock = clock
        self._request_days = request_days
        self._event_days = event_days
        self._daily_sums = DailySums(store, clock)
        # Whoever did this before may have been killed in the middle of it.
        self._has_deleted = True
        self._erase_at_milliseconds = self._round_at_milliseconds = 0
        self._issues_are_done = self._events_are_done = False
        self._after: tuple[Any, ...] | None = None

    def work(self, max_milliseconds: int) -> None:
        """Works for about so long, or until nothing is left to do; takes a step at least."""
        deadline = _milliseconds() + max_milliseconds
        while self._step() and _milliseconds() < deadline:
            pass

    def _step(self) -> bool:
        """Takes a step; whether there may be another."""
        return self._drop_uploads() or self._return_space() or self._daily_sums.add_some() or self._forget()

    def _drop_uploads(self) -> bool:
        oldest = new_identifier(self._clock.now_microseconds() - _MAX_UPLOAD_MICROSECONDS)
        with self._store.read() as tx:
            pieces = tx.imports.done_with(oldest)
        for import_id, number in pieces:
            # A piece a transaction, for others wait meanwhile.
            self._store.write(partial(_drop_piece, import_id, number))
            self._has_deleted = True
        if pieces:
            self._store.checkpoint(in_steps=True)
        return bool(pieces)

    def _return_space(self) -> bool:
        if not self._has_deleted:
            return False
        if self._store.return_space():
            return True
        if _milliseconds() >= self._erase_at_milliseconds:
            self._has_deleted = not self._store.erase_log()
            self._erase_at_milliseconds = _milliseconds() + _ERASE_MILLISECONDS
        return False

    def _forget(self) -> bool:
        """Takes a step of a round through the old rows."""
        if _milliseconds() < self._round_at_milliseconds:
            return False
        if not self._issues_are_done:
            before = self._clock.now_microseconds() - _ISSUE_DAYS * _DAY_MICROSECONDS
            self._issues_are_done = not self._store.write(partial(_drop_issues, before))
            return True
        if not self._events_are_done:
            self._events_are_done = not self._remove_events()
            return True
        if self._forget_requests():
            return True
        self._issues_are_done = self._events_are_done = False
        self._round_at_milliseconds = _milliseconds() + _ROUND_MILLISECONDS
        return False

    def _remove_events(self) -> bool:
        before = self._clock.now_microseconds() - self._event_days * _DAY_MICROSECONDS
        has_removed = self._store.write(lambda tx: tx.change_events.remove(before, _ROWS_PER_STEP))
        self._has_deleted |= has_removed
        return has_removed

    def _forget_requests(self) -> bool:
        # By the primary key: an index by time would have to be written with each booking.
        before = self._clock.now_microseconds() - self._request_days * _DAY_MICROSECONDS
        with self._store.read() as tx:
            times = tx.idempotency.create_times(self._after, _ROWS_PER_STEP)
        if old := [key for key, create_time in times if create_time < before]:
            self._store.write(partial(_forget_requests, old))
            self._has_deleted = True
        self._after = times[-1][0] if times else None
        return bool(times)


def _milliseconds() -> int:
    return time.monotonic_ns() // 1_000_000


def _drop_piece(import_id: str, number: int, tx: Transaction) -> None:
    tx.imports.drop_content(import_id, number)


def _drop_issues(ended_before: int, tx: Transaction) -> bool:
    return tx.imports.drop_issues(ended_before, _ROWS_PER_STEP)


def _forget_requests(keys: list[tuple[Any, ...]], tx: Transaction) -> None:
    tx.idempotency.forget(keys)
