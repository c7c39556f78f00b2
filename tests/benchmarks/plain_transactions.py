"""The wiring of a server that writes to SQLite without group commit: each request in a transaction of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from almeno_grpc import bootstrap
from almeno_grpc.bootstrap import import_queue_depth, prepare_database, queue_files, run_import_worker
from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.storage.book_connection import BookConnection
from almeno_grpc.storage.backend import settle
from almeno_grpc.storage.sqlite.backend import SqliteDatabase

__all__ = ["build_application", "import_queue_depth", "prepare_database", "queue_files", "run_import_worker"]

_lock = threading.Lock()
_opened: list[BookConnection] = []
"""The connection to write with, once there is one: the process has one at a time at work, as SQLite has."""


def build_application(settings: Settings, metrics: Metrics) -> bootstrap.CreditApplication:
    """The services as they are, on a store whose writes are each a transaction of their own, on the caller's thread."""
    SqliteDatabase.submit = _submit
    SqliteDatabase.waits_to_submit = True
    return bootstrap.build_application(settings, metrics)


def _submit(
    database: SqliteDatabase, work: Callable[[Any], Any], then: Callable[[Any], Any], _wanted: Callable[[], bool]
) -> Future[Any]:
    end: Future[Any] = Future()
    settle(end, lambda: then(_written(database, work)))
    return end


def _written(database: SqliteDatabase, work: Callable[[BookConnection], Any]) -> Any:
    with _lock:
        if not _opened:
            _opened.append(BookConnection(database._open_writing()))
        [connection] = _opened
        with connection.connection.begin():
            return work(connection)
