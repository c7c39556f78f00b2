"""Streams that hold no thread: their service sends to them when there is something to tell."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from almeno_grpc.domain.errors import TooManyCalls

Send = Callable[[Any], None]
"""Sends a response, in bytes; None ends the stream."""

MAX_BLOCKING_WATCHES = 32
"""Of such streams, where an interceptor that wraps their handler makes each hold a thread."""


class Watches:
    """The open streams of a server that hold no thread, such as those of the health service."""

    def __init__(self, max_watches: int) -> None:
        self._max_watches = max_watches
        self._lock = threading.Lock()
        self._open: set[Send] = set()

    def add(self, send: Send, *, is_blocking: bool) -> None:
        """Takes on a stream.

        Raises:
            TooManyCalls: As many are open as the server takes on.
        """
        with self._lock:
            if len(self._open) >= (min(self._max_watches, MAX_BLOCKING_WATCHES) if is_blocking else self._max_watches):
                raise TooManyCalls("the server has as many streams open as it takes on")
            self._open.add(send)

    def discard(self, send: Send) -> None:
        """Forgets a stream that has ended."""
        with self._lock:
            self._open.discard(send)

    def end_all(self) -> None:
        """Ends the streams that are open."""
        with self._lock:
            to_end = list(self._open)
        for send in to_end:
            send(None)
