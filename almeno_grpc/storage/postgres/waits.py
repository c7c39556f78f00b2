"""Waits for the database, each of which ends soon after the deadline of those it is for.

A transaction that knows its deadline when it begins has a `statement_timeout`. That of a batch learns it later, a
statement without a transaction has none, and no setting of the database ends a commit that waits for the standby, or
helps where the database has come to a halt. All of these are watched from here: what is overdue is cancelled, and where
even that does not help the connection is closed.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Connection

from almeno_grpc.deadline import Deadline, current_deadline
from almeno_grpc.storage.postgres.timelines import shut_down

_LOOK_SECONDS = 0.1
_GRACE_SECONDS = 0.25
"""Behind the deadline, for `statement_timeout` to come first: it harms no other statement."""
_CANCEL_SECONDS = 1


class _Wait:
    """A connection that somebody waits for until the deadline."""

    __slots__ = ("connection", "deadline", "is_cancelled")

    def __init__(self, connection: psycopg.Connection, deadline: Deadline) -> None:
        self.connection = connection
        self.deadline = deadline
        self.is_cancelled = False


class Waits:
    """What the threads of a process wait for."""

    def __init__(self) -> None:
        self._waits: dict[int, _Wait] = {}
        """By the identity of SQLAlchemy's connection, which one thread uses at a time."""
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def begin(self, connection: Connection) -> None:
        """Watches a connection from now on, by the deadline of what this thread does.

        Raises:
            DBAPIError: It was lost, and no other can be made.
        """
        driver: Any = connection.connection.dbapi_connection
        self._waits[id(connection)] = _Wait(driver, current_deadline())
        if self._thread is None:
            self._start()

    def end(self, connection: Connection) -> None:
        """Watches it no longer."""
        self._waits.pop(id(connection), None)

    def close(self) -> None:
        """Ends the thread that watches."""
        self._closed.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = _started(self._watch, "waits")

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_SECONDS):
            now = time.monotonic()
            for key, wait in self._waits.copy().items():
                overdue_seconds = now - wait.deadline.seconds - _GRACE_SECONDS
                # It may have ended meanwhile. A cancellation that comes so late may end the next statement of the
                # connection, which is UNAVAILABLE then and may be sent again.
                if overdue_seconds < 0 or self._waits.get(key) is not wait:
                    continue
                if not wait.is_cancelled:
                    wait.is_cancelled = True
                    _started(partial(self._cancel, key, wait), "cancel")
                elif overdue_seconds > _CANCEL_SECONDS:
                    shut_down(wait.connection)

    def _cancel(self, key: int, wait: _Wait) -> None:
        # A thread may take a while to start.
        if self._waits.get(key) is wait:
            with suppress(psycopg.Error):
                wait.connection.cancel_safe(timeout=_CANCEL_SECONDS)


def _started(run: Callable[[], None], name: str) -> threading.Thread | None:
    thread = threading.Thread(target=run, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # The system has none left.
        return None
    return thread
