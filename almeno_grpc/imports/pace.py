"""How much of an import lands at a time: little while calls wait to write, much while none do; and when it pauses."""

import time

from almeno_grpc.service.store import Transaction

MOST_PART_ROWS = 500
_PART_SECONDS = 0.001
"""How much lands until the worker looks whether calls wait to write, and lets them through.

While such calls come, fewer at a time of the rows that take longer than others, and each part is a transaction of its
own: calls wait for its commit, too, which takes longer the more there is to commit.
"""
_LEAST_SHARE = 32
"""Of the most rows at a time, at least one in so many."""
_LONG_SECONDS = 0.1
"""How long it lasts at the most while none come, or where that cannot be seen: it holds on to rows that calls need."""
_FIRST_SECONDS = 0.004
"""How long the first one lasts, and the first after such calls; each may last twice as long as the one before."""
_CALM_SECONDS = 1.0
"""After so long without such a call none are thought to come."""
_SHARED_SECONDS = 0.03
"""How long one lasts at the most while calls write beside it."""
_PAUSE_SHARE = 0.5
"""How long it then pauses after each, of the time since that began: they wait for no turn, but for a processor."""


class Pace:
    """How long the transactions of an import last, with how many rows between two looks at others, and the pauses."""

    def __init__(self) -> None:
        self._calls_come_until = self._others_write_until = float("-inf")
        self._is_shared = False
        self._began = 0.0
        self._most_seconds = _FIRST_SECONDS
        self._seconds_a_row = 0.0

    @property
    def calls_come(self) -> bool:
        """Whether calls that wait to write are thought to come."""
        return time.monotonic() < self._calls_come_until

    def pause_seconds(self) -> float:
        """How long to pause now, after a transaction: 0 unless others wrote beside it."""
        took = time.monotonic() - self._began
        # It may have waited for others itself, for long.
        return min(took * _PAUSE_SHARE, _LONG_SECONDS) if self._is_shared else 0.0

    def begin(self) -> None:
        """A transaction begins."""
        self._began = time.monotonic()

    def part_rows(self, most: int) -> int:
        """How many rows land until the next look; while no calls come, as many as may."""
        if self._seconds_a_row == 0 or not self.calls_come:
            return most
        # Not too few: where a part takes long whatever is in it, there would be less and less in each.
        return max(-(-most // _LEAST_SHARE), min(most, int(_PART_SECONDS / self._seconds_a_row)))

    def note(self, rows: int) -> None:
        """So many rows have landed since the transaction began."""
        self._seconds_a_row = (time.monotonic() - self._began) / rows

    def has_to_end(self, tx: Transaction) -> bool:
        """Whether the transaction has to end, though there is more to land."""
        now = time.monotonic()
        if tx.others_wait():
            self._calls_come_until = now + _CALM_SECONDS
        if tx.others_write():
            self._others_write_until = now + _CALM_SECONDS
        if now < self._calls_come_until:
            self._most_seconds = _FIRST_SECONDS
            return True
        self._is_shared = now < self._others_write_until
        longest = _SHARED_SECONDS if self._is_shared else _LONG_SECONDS
        if now - self._began <= min(self._most_seconds, longest):
            return False
        self._most_seconds = min(2 * self._most_seconds, longest)
        return True
