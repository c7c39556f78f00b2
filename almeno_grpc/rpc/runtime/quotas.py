"""Quotas: how a limit of the server is shared by its callers, so that none of them can use it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from typing import NamedTuple, Protocol

from almeno_grpc.domain.access import Caller
from almeno_grpc.metrics import CALL_SLOTS, CALL_SLOTS_IN_USE, Metrics

FEW = 3
"""As many of a limit as a caller may have beyond its share, in the place of others who only wait."""


class Connected(Protocol):
    """A call of gRPC's."""

    def peer(self) -> bytes:
        """The address of the caller's end of the connection."""


class Origin(NamedTuple):
    """Where a call comes from."""

    share: Hashable | None
    """Whose share of the server's limits it counts in: the principal's, else the connection's, where that is known."""
    caller: Caller | None
    """Who makes it; None where its certificate has to say."""
    since_seconds: float = 0.0
    """When the caller was looked at, by `time.monotonic`."""

    @property
    def max_streams(self) -> int | None:
        """How many streams the caller may have open, where its principal has a limit of its own."""
        return self.caller.limits.max_streams if self.caller else None


def origin_of(call: Connected, caller: Caller | None) -> Origin:
    """The origin of a call of gRPC's."""
    return Origin((caller.principal if caller else "") or call.peer() or None, caller, time.monotonic())


class Quota:
    """A limit of which each caller may hold at most as much as is left free.

    A caller alone gets half of it, n that want all of it an (n + 1)th each; the last part stays for one who comes new.
    No number of calls of one caller keeps another one out. (Choudhury and Hahne, "Dynamic queue length thresholds for
    shared-memory packet switches", 1998, with a factor of one.)
    """

    def __init__(self, limit: int, *, max_of_caller: int | None = None) -> None:
        """Makes a quota of which nothing is taken.

        Args:
            limit: What all callers hold together, at most.
            max_of_caller: What one caller holds at most, however much is free.
        """
        self._limit = limit
        self._max_of_caller = limit if max_of_caller is None else max_of_caller
        self._lock = threading.Lock()
        self._taken = 0
        self._taken_by: dict[Hashable | None, int] = {}

    def measure(self, metrics: Metrics, kind: str) -> None:
        """Shows a quota of calls of a kind."""
        metrics.gauge(CALL_SLOTS, lambda: self._limit, kind)
        metrics.gauge(CALL_SLOTS_IN_USE, lambda: self._taken, kind)

    @property
    def taken(self) -> int:
        """What all callers hold."""
        return self._taken

    @property
    def free_share(self) -> float:
        """What is left of the limit, 0 to 1."""
        return max(0.0, 1 - self._taken / self._limit)

    def take(self, caller: Hashable | None, amount: int = 1, max_of_caller: int | None = None) -> bool:
        """Takes for a caller, and says whether there was room.

        Args:
            caller: Whose share it is of; one who is not known has no share to keep to.
            amount: How much.
            max_of_caller: What this caller holds at most; None for what any may.
        """
        most = self._max_of_caller if max_of_caller is None else max_of_caller
        with self._lock:
            own, free = self._taken_by.get(caller, 0) + amount, self._limit - self._taken
            if amount > free or (caller is not None and (own > most or own > free)):
                return False
            self._taken_by[caller] = own
            self._taken += amount
            return True

    def take_over(self, caller: Hashable | None) -> bool:
        """Takes one for a caller who holds few, whether there is room or not: another place has to be given up."""
        with self._lock:
            own = self._taken_by.get(caller, 0) + 1
            if own > FEW:
                return False
            self._taken_by[caller] = own
            self._taken += 1
            return True

    def release(self, caller: Hashable | None, amount: int = 1) -> None:
        """Gives back what was taken."""
        with self._lock:
            self._taken -= amount
            own = self._taken_by[caller] - amount
            if own:
                self._taken_by[caller] = own
            else:
                del self._taken_by[caller]
