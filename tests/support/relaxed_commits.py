"""The wiring of a server with a fault on purpose: commits do not wait for the disk, which a cut of the power shows."""

from dataclasses import replace
from typing import Any

from sqlalchemy import event

from almeno_grpc import bootstrap
from almeno_grpc.application import CreditApplication
from almeno_grpc.bootstrap import build_import_worker, prepare_database, queue_files, store_figures
from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.storage.postgres import begin
from almeno_grpc.storage.sqlite import backend as sqlite

__all__ = ["build_application", "build_import_worker", "prepare_database", "queue_files", "store_figures"]

_open_sqlite = sqlite.open_engine


def build_application(settings: Settings, metrics: Metrics) -> CreditApplication:
    """The services as they are, on a database with `synchronous = NORMAL`, or `synchronous_commit = off`."""
    sqlite.open_engine = _open_relaxed
    waiting, statement = "'synchronous_commit', 'on'", begin.WRITING.statement
    assert waiting in statement
    begin.WRITING = replace(begin.WRITING, statement=statement.replace(waiting, "'synchronous_commit', 'off'"))
    return bootstrap.build_application(settings, metrics)


def _open_relaxed(*arguments: Any, **options: Any) -> Any:
    engine = _open_sqlite(*arguments, **options)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = NORMAL"))
    return engine
