"""An end to calls whose request does not come.

A call takes a thread once its headers are in; its request message may come later, or never. A few callers that stall
would so hold all threads of the server.
"""

from __future__ import annotations

import threading
import time

import grpc


class RequestWaits:
    """Cancels the calls that wait for their request for too long."""

    def __init__(self, longest_seconds: float) -> None:
        self._longest_seconds = longest_seconds
        # One entry a thread, which only that thread writes; emptied rather than removed, so that the size stays.
        self._waiting: dict[int, tuple[float, grpc.ServicerContext] | None] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="request-waits", daemon=True).start()

    def begin(self, context: grpc.ServicerContext) -> None:
        """Notes that this thread waits for the request of a call."""
        self._waiting[threading.get_ident()] = (time.monotonic(), context)

    def end(self) -> None:
        """Notes that this thread has the request, or has given up."""
        self._waiting[threading.get_ident()] = None

    def close(self) -> None:
        """Cancels nothing any more."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(self._longest_seconds / 10):
            latest_seconds = time.monotonic() - self._longest_seconds
            for thread in list(self._waiting):
                wait = self._waiting[thread]
                if wait is not None and wait[0] < latest_seconds:
                    wait[1].cancel()
