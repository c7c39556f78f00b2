"""Deadlines: of a caller who does not send or does not read, and of one who waits no longer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import grpc

from almeno_grpc.deadline import Deadline, begin_deadline
from almeno_grpc.domain.errors import DeadlineExceeded
from almeno_grpc.logs import log_event

MIN_PATIENCE = 0.2
"""What is left of a timeout where no room is: an event thread that is behind must not lose calls that have come."""
_LOOK_SECONDS = 0.05
_LEAD_SECONDS = 2 * _LOOK_SECONDS
"""How long before its deadline the wait of a call ends."""


def _patient() -> float:
    return 1.0


Expire = Callable[[bool], object]
"""Ends the wait of a call; it is told whether the whole timeout has passed, or the wait has been cut short."""


IsOver = Callable[[], bool]
"""Tells whether a wait is over before its time."""

_Wait = tuple[object, float, float, Expire, IsOver | None]
"""What `Timeouts.begin` is given, with the time at which the wait began. A tuple, for it is made twice a call."""


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

    def begin(self, call: object, timeout_seconds: float, expire: Expire, is_over: IsOver | None = None) -> None:
        """Notes that a call waits.

        Args:
            call: The call; it waits once at a time.
            timeout_seconds: How long it may.
            expire: Ends the wait on another thread, and must not wait itself.
            is_over: Asked often, on another thread, for what ends the wait before its time; must not raise.
        """
        self._waits[id(call)] = call, time.monotonic(), timeout_seconds, expire, is_over

    def end(self, call: object) -> bool:
        """Notes that the wait is over, and says whether that was in time."""
        return self._waits.pop(id(call), None) is not None

    def expire_oldest(self) -> bool:
        """Ends the wait that has begun first; says whether there was one."""
        # A list is made in one step; other threads change the waits meanwhile.
        return any(self._expire(wait, is_over=False) for wait in list(self._waits.values()))

    def close(self) -> None:
        """Ends no wait any more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            now, patience = time.monotonic(), min(1.0, max(MIN_PATIENCE, self._patience()))
            for wait in list(self._waits.values()):
                _, since_seconds, timeout_seconds, _, is_over = wait
                ends_early = is_over is not None and is_over()
                if ends_early or now - since_seconds > timeout_seconds * patience:
                    self._expire(wait, is_over=ends_early or now - since_seconds > timeout_seconds)

    def _expire(self, wait: _Wait, *, is_over: bool) -> bool:
        call, _, _, expire, _ = wait
        # The call may have begun another wait meanwhile.
        if self._waits.get(id(call)) is not wait or not self.end(call):
            return False
        try:
            expire(is_over)
        except Exception as error:
            # The other calls that wait are ended all the same.
            log_event("call_not_ended", logging.ERROR, error=error)
        return True


def is_due(context: grpc.ServicerContext) -> bool:
    """Whether the deadline of a call has come, or will before the next look: gRPC would then give no details."""
    return context.time_remaining() < _LEAD_SECONDS


def begin_awaited(context: grpc.ServicerContext) -> None:
    """Gives what this thread is about to do the deadline of the call.

    Raises:
        DeadlineExceeded: The caller has cancelled, or the deadline has passed: nothing is to be done for nobody, which
            gRPC would do, for it runs calls that have waited for a thread too long.
    """
    left_seconds = context.time_remaining()
    if not context.is_active() or left_seconds <= 0:
        raise DeadlineExceeded("the caller's deadline had passed before the call was served; nothing was changed")
    begin_deadline(Deadline(time.monotonic() + left_seconds))


def code_of_departure(context: grpc.ServicerContext) -> str:
    """The status code under which the caller of a call that is no longer active has seen it end."""
    return "DEADLINE_EXCEEDED" if context.time_remaining() <= 0 else "CANCELLED"
