"""An end to calls whose request does not come.

A call is under way once its headers are in; its request message may come later, or never. Callers that stall would so
use up the calls that the server takes on.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Waiting(Protocol):
    """A call that waits for its request."""

    def cancel(self) -> None:
        """Ends the call."""


class RequestWaits:
    """Cancels the calls that wait for their request for too long."""

    def __init__(self, longest_seconds: float) -> None:
        self._longest_seconds = longest_seconds
        self._since_seconds: dict[Waiting, float] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="request-waits", daemon=True).start()

    def begin(self, call: Waiting) -> None:
        """Notes that a call waits for its request."""
        self._since_seconds[call] = time.monotonic()

    def end(self, call: Waiting) -> None:
        """Notes that the request has come, or never will."""
        self._since_seconds.pop(call, None)

    def close(self) -> None:
        """Cancels nothing any more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(self._longest_seconds / 10):
            latest_seconds = time.monotonic() - self._longest_seconds
            for call, since_seconds in self._since_seconds.copy().items():
                if since_seconds < latest_seconds:
                    call.cancel()
