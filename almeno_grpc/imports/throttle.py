"""How much of an import lands at a time: little while calls wait to write, much while none do."""

import time

from almeno_grpc.service.store import Transaction

MAX_PART_ROWS = 500
_PART_SECONDS = 0.001
"""How much lands until the worker looks whether calls wait to write, and lets them through.

While such calls come, fewer at a time of the rows that take longer than others, and each part is a transaction of its
own: calls wait for its commit, too, which takes longer the more there is to commit.
"""
_MIN_SHARE = 32
"""Of the most rows at a time, at least one in so many."""
_LONG_SECONDS = 0.1
"""How long it lasts at the most while none come, or where that cannot be seen: it holds on to rows that calls need."""
_FIRST_SECONDS = 0.004
"""How long the first one lasts, and the first after such calls; each may last twice as long as the one before."""
_CALM_SECONDS = 1.0
"""After so long without such a call none are thought to come."""


class Pace:
    """How long the transactions of an import last, and how many rows land between two looks at who waits."""

    def __init__(self) -> None:
        self._calls_come_until = float("-inf")
        self._began = 0.0
        self._most_seconds = _FIRST_SECONDS
        self._seconds_a_row = 0.0

    @property
    def calls_come(self) -> bool:
        """Whether calls that write are thought to come."""
        return time.monotonic() < self._calls_come_until

    def begin(self) -> None:
        """A transaction begins."""
        self._began = time.monotonic()

    def part_rows(self, most: int) -> int:
        """How many rows land until the next look; while no calls come, as many as may."""
        if self._seconds_a_row == 0 or not self.calls_come:
            return most
        # Not too few: where a part takes long whatever is in it, there would be less and less in each.
        return max(-(-most // _MIN_SHARE), min(most, int(_PART_SECONDS / self._seconds_a_row)))

    def note(self, rows: int) -> None:
        """So many rows have landed since the transaction began."""
        self._seconds_a_row = (time.monotonic() - self._began) / rows

    def has_to_end(self, tx: Transaction) -> bool:
        """Whether the transaction has to end, though there is more to land."""
        now = time.monotonic()
        if tx.others_wait():
            self._calls_come_until = now + _CALM_SECONDS
        if now < self._calls_come_until:
            self._most_seconds = _FIRST_SECONDS
            return True
        if now - self._began <= self._most_seconds:
            return False
        self._most_seconds = min(2 * self._most_seconds, _LONG_SECONDS)
        return True
