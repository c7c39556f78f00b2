"""Streams that hold no thread: their service sends to them when there is something to tell."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from almeno_grpc.domain.errors import TooManyCalls

Send = Callable[[Any], None]
"""Sends a response, in bytes; None ends the stream."""

MAX_BLOCKING_WATCHES = 32
"""Of such streams, where an interceptor that wraps their handler makes each hold a thread."""


class Watches:
    """The open streams of a server that hold no thread, such as those of the health service."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Send, bool] = {}
        """Each open stream, and whether it holds a thread after all."""

    def add(self, send: Send, *, is_blocking: bool) -> None:
        """Takes on a stream.

        Raises:
            TooManyCalls: It holds a thread, as many others do already.
        """
        with self._lock:
            if is_blocking and sum(self._open.values()) >= MAX_BLOCKING_WATCHES:
                raise TooManyCalls("the server has as many streams open as it takes on")
            self._open[send] = is_blocking

    def discard(self, send: Send) -> None:
        """Forgets a stream that has ended."""
        with self._lock:
            self._open.pop(send, None)

    def end_all(self) -> None:
        """Ends the streams that are open."""
        with self._lock:
            to_end = list(self._open)
        for send in to_end:
            send(None)


class ResponseQueue:
    """Sends the responses of a stream one after the other; who puts one in does not wait for the caller to read."""

    def __init__(self, start: Callable[[Any, Callable[[], None]], None]) -> None:
        """Makes the queue.

        Args:
            start: Begins to send a response, or the end; calls what it is given when the response is sent. Where the
                stream is over, it drops it.
        """
        self._start = start
        self._lock = threading.Lock()
        self._waiting: deque[Any] = deque()
        self._is_sending = False

    def put(self, response: Any) -> None:
        """Sends a response, in bytes, after those before it; None ends the stream."""
        with self._lock:
            self._waiting.append(response)
            if self._is_sending:
                return
            self._is_sending = True
        self._start_next()

    def _start_next(self) -> None:
        with self._lock:
            if not self._waiting:
                self._is_sending = False
                return
            response = self._waiting.popleft()
        self._start(response, self._start_next)
