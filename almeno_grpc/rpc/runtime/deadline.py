"""Deadlines: of a request that does not arrive, and of a caller who waits no longer."""

from __future__ import annotations

import threading
import time
from typing import Protocol

import grpc

from almeno_grpc.domain.errors import DeadlineExceeded


class Cancellable(Protocol):
    """A call of gRPC's."""

    def cancel(self) -> object:
        """Ends the call from this side, with CANCELLED."""


class RequestTimeouts:
    """Cancels the calls whose request does not arrive in time.

    A call is under way once its headers are in; its request may come later, or never. Callers who stall would so use up
    the calls that the server takes on.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._waiting: dict[int, tuple[Cancellable, float]] = {}
        """Calls, with the time since which they wait, by their identity: gRPC's calls need not be hashable."""
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="request-timeouts", daemon=True).start()

    def begin(self, call: Cancellable) -> None:
        """Notes that a call waits for its request."""
        self._waiting[id(call)] = call, time.monotonic()

    def end(self, call: Cancellable) -> None:
        """Notes that the request has arrived, or never will."""
        self._waiting.pop(id(call), None)

    def close(self) -> None:
        """Cancels nothing any more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(self._timeout_seconds / 10):
            latest_seconds = time.monotonic() - self._timeout_seconds
            for call, since_seconds in self._waiting.copy().values():
                if since_seconds < latest_seconds:
                    self.end(call)
                    call.cancel()


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
