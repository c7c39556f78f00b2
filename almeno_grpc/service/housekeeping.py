"""What nobody needs any more is deleted: uploads, issues of old imports, old events, decisions and answers.

In steps so short that calls do not notice, by whoever holds the lock of the import worker.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from almeno_grpc.clock import DAY_MICROSECONDS, Clock
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.service.audit_upkeep import RETENTION
from almeno_grpc.service.daily_sums import DailySums
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import Changes, Store, SumSource, Transaction

_HOUR_MILLISECONDS = 3_600_000
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


@dataclass(frozen=True)
class HistoryDays:
    """How many days of history are kept. A database that keeps it by months or weeks removes whole ones."""

    requests: int = 90
    """For which a request_id is remembered."""
    events: int = 90
    """For which events of changes are kept."""
    decisions: int = 36_500
    """For which decisions are kept."""


KEPT = HistoryDays()


class Housekeeping:
    """Deletes step by step; its methods raise StoreUnavailable as `Store.write` does."""

    def __init__(self, store: Store, clock: Clock, days: HistoryDays = KEPT) -> None:
        """Begins.

        Args:
            store: The book.
            clock: The clock.
            days: How long history is kept.
        """
        self._store = store
        self._clock = clock
        self._days = days
        self._daily_sums = DailySums(store, clock)
        # Whoever did this before may have been killed in the middle of it.
        self._has_deleted = True
        self._erase_at_milliseconds = self._round_at_milliseconds = 0
        self._round: deque[Callable[[], bool]] = deque()
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
        if not self._round:
            self._round.extend(self.steps_of_round())
        if not self._round[0]():
            self._round.popleft()
        if self._round:
            return True
        self._round_at_milliseconds = _milliseconds() + _ROUND_MILLISECONDS
        return False

    def steps_of_round(self, *, is_asked: bool = False, keeps_decisions: bool = False) -> list[Callable[[], bool]]:
        """What a round does: each is called until it tells that nothing is left for it to do.

        Args:
            is_asked: Whether somebody has asked for it: then months of decisions that were brought back go, too.
            keeps_decisions: Whether months of decisions become tables of their own, where the database has such.
        """
        now = self._clock.now_microseconds()
        requests, events, decisions, issues = (
            now - days * DAY_MICROSECONDS
            for days in (self._days.requests, self._days.events, self._days.decisions, _ISSUE_DAYS)
        )
        return [
            lambda: self._store.write(lambda tx: tx.prepare_partitions(now)),
            partial(self._remove, lambda tx: tx.imports.drop_issues(issues, _ROWS_PER_STEP)),
            partial(self._remove, lambda tx: tx.change_events.remove(events, _ROWS_PER_STEP)),
            partial(self._remove, partial(_remove_decisions, decisions, now, is_asked=is_asked, keeps=keeps_decisions)),
            partial(self._forget_requests, requests),
            # Behind their records, which name them.
            partial(self._remove, lambda tx: tx.idempotency.remove_answers(requests)),
        ]

    def _remove(self, work: Callable[[Transaction], bool]) -> bool:
        has_removed = self._store.write(work)
        self._has_deleted |= has_removed
        return has_removed

    def _forget_requests(self, before: int) -> bool:
        # By the primary key: an index by time would have to be written with each booking.
        with self._store.read() as tx:
            times = tx.idempotency.create_times(self._after, _ROWS_PER_STEP)
        if old := [key for key, create_time in times if create_time < before]:
            self._store.write(lambda tx: tx.idempotency.forget(old, before))
            self._has_deleted = True
        self._after = times[-1][0] if times else None
        return bool(times)


def _milliseconds() -> int:
    return time.monotonic_ns() // 1_000_000


def _drop_piece(import_id: str, number: int, tx: Transaction) -> None:
    tx.imports.drop_content(import_id, number)


def _remove_decisions(before: int, now: int, tx: Transaction, *, is_asked: bool, keeps: bool) -> bool:
    # What is not added up yet would be missing in every summary, and what no event vouches for yet in the audit trail.
    if not tx.daily_sums.has_all(SumSource.DECISIONS, before) or tx.baseline.place() is not None:
        return False
    has_removed = tx.decisions.remove(before, _ROWS_PER_STEP, is_asked=is_asked, keeps=keeps)
    if has_removed:
        tx.write(Changes(event=AuditEntry(AuditEventKind.WRITE, now, "", "", RETENTION)))
    return has_removed
