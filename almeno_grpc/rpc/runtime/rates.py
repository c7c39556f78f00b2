"""Rates: how often a principal calls, by the generic cell rate algorithm (ITU-T I.371), in each process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from almeno_grpc.domain.access import Caller
from almeno_grpc.domain.errors import RateLimited


class Rates:
    """Counts calls by the time at which each principal would have no call to its credit left."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._arrivals: dict[str, float] = {}
        """The theoretical arrival time of each principal that has a rate, in seconds."""
        self._lock = threading.Lock()

    def count(self, caller: Caller) -> None:
        """Counts a call.

        Raises:
            RateLimited: The caller's principal calls more often than it may. The call is not counted.
        """
        limits = caller.limits
        if limits.calls_per_second is None:
            return
        interval_seconds = 1 / limits.calls_per_second
        with self._lock:
            now = self._now()
            arrival = max(now, self._arrivals.get(caller.principal, now)) + interval_seconds
            wait_seconds = arrival - now - interval_seconds * (limits.burst or limits.calls_per_second)
            # Sums of floats are not exact.
            if wait_seconds > interval_seconds / 1000:
                raise RateLimited(math.ceil(wait_seconds * 1000))
            self._arrivals[caller.principal] = arrival
