"""Deadlines: of a caller who does not send or does not read, and of one who waits no longer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import grpc

from almeno_grpc.domain.errors import DeadlineExceeded
from almeno_grpc.logs import log_event

MIN_PATIENCE = 0.2
"""What is left of a timeout where no room is: an event thread that is behind must not lose calls that have come."""
_LOOK_SECONDS = 0.05


def _patient() -> float:
    return 1.0


Expire = Callable[[bool], object]
"""Ends the wait of a call; it is told whether the whole timeout has passed, or the wait has been cut short."""


class Timeouts:
    """Ends the waits of calls that last too long.

    A call is under way once its headers are in; its request may come later, or never, and its answer may never be read.
    Callers who stall would so use up what the server takes on.
    """

    def __init__(self, patience: Callable[[], float] = _patient) -> None:
        """Makes it.

        Args:
            patience: Which part of each timeout is waited for at the moment; all of it from 1 on, and MIN_PATIENCE of
                it in any case.
        """
        self._patience = patience
        self._waits: dict[int, _Wait] = {}
        """By the identity of the call that waits: gRPC's calls need not be hashable."""
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="timeouts", daemon=True).start()

    def begin(self, call: object, timeout_seconds: float, expire: Expire) -> None:
        """Notes that a call waits; `expire` ends the wait on another thread, and must not wait itself."""
        self._waits[id(call)] = _Wait(call, time.monotonic(), timeout_seconds, expire)

    def end(self, call: object) -> bool:
        """Notes that the wait is over, and says whether that was in time."""
        return self._waits.pop(id(call), None) is not None

    def expire_oldest(self) -> bool:
        """Ends the wait that has begun first; says whether there was one."""
        # A list is made in one step; other threads change the waits meanwhile.
        return any(self._expire(wait) for wait in list(self._waits.values()))

    def close(self) -> None:
        """Ends no wait any more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            now, patience = time.monotonic(), min(1.0, max(MIN_PATIENCE, self._patience()))
            for wait in list(self._waits.values()):
                if now - wait.since_seconds > wait.timeout_seconds * patience:
                    self._expire(wait)

    def _expire(self, wait: _Wait) -> bool:
        if not self.end(wait.call):
            return False
        try:
            wait.expire(time.monotonic() - wait.since_seconds >= wait.timeout_seconds)
        except Exception as error:
            # The other calls that wait are ended all the same.
            log_event("call_not_ended", logging.ERROR, error=error)
        return True


class _Wait(NamedTuple):
    call: object
    since_seconds: float
    timeout_seconds: float
    expire: Expire


def seconds_for_request(limit_seconds: float, context: grpc.ServicerContext) -> float:
    """How long to wait for the request of a call: to a little before its deadline, if that is sooner than the limit.

    At the deadline gRPC would end the call without details.
    """
    left_seconds = context.time_remaining()
    return limit_seconds if left_seconds > limit_seconds + 0.1 else max(left_seconds - 0.1, left_seconds / 2)


def raise_if_not_awaited(context: grpc.ServicerContext) -> None:
    """Keeps a call from running for nobody, as gRPC would: it runs calls that have waited for a thread too long.

    Raises:
        DeadlineExceeded: The caller has cancelled, or the deadline has passed.
    """
    if not context.is_active() or context.time_remaining() <= 0:
        raise DeadlineExceeded("the caller's deadline had passed before the call was served; nothing was changed")


def code_of_departure(context: grpc.ServicerContext) -> str:
    """The status code under which the caller of a call that is no longer active has seen it end."""
    return "DEADLINE_EXCEEDED" if context.time_remaining() <= 0 else "CANCELLED"
