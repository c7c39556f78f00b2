"""Engines: how the service talks to its database."""

import importlib
import os
import sqlite3
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

PATCHED_SQLITE = (3, 51, 3)
"""The first SQLite without a race at the reset of the write-ahead log, which can lose the commits of one of two
processes that write at the same time."""

WRITES = "almeno_writes"
"""Execution option of connections whose transactions take the write lock at their start."""

_BUSY_TIMEOUT_MILLISECONDS = 10_000
_LOCKED_SECONDS = 0.01
"""How long to wait before a new database that is locked is tried again."""


class DatabaseUnusable(Exception):
    """The database cannot be used as it is set up; the message says why and what to do."""


def parse_url(database_url: str) -> URL:
    """Reads a database URL.

    Raises:
        DatabaseUnusable: It is not one, or not of a database the service runs on.
    """
    try:
        url = make_url(database_url)
    except ArgumentError:
        raise DatabaseUnusable("ALMENO_DATABASE_URL is not a database URL such as sqlite:///almeno.db") from None
    if url.get_backend_name() != "sqlite":
        raise DatabaseUnusable(f"ALMENO_DATABASE_URL names {url.get_backend_name()}; the service runs on sqlite")
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseUnusable(f"ALMENO_DATABASE_URL names the driver {url.drivername}; leave it out, as in sqlite:///")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseUnusable(
            "ALMENO_DATABASE_URL names no file: the server is several processes that share the database, so a SQLite "
            "database has to be a file, as in sqlite:///almeno.db"
        )
    return url


def sqlite_file(url: URL) -> Path:
    """The file of a SQLite URL, absolute."""
    return Path(os.path.abspath(url.database or ""))  # noqa: PTH100


def open_engine(url: URL, *, pool_size: int = 8) -> Engine:
    """An engine for one process. Engines do not survive a fork: each process opens its own.

    Args:
        url: As `parse_url` gives it.
        pool_size: The most connections held.

    Raises:
        DatabaseUnusable: The SQLite of this environment has the write-ahead-log race.
    """
    engine = create_engine(
        url,
        module=_patched_sqlite(),
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"timeout": _BUSY_TIMEOUT_MILLISECONDS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _patched_sqlite() -> ModuleType:
    """The newest SQLite at hand: the one that the package pysqlite3 brings, or the interpreter's own."""
    try:
        module = importlib.import_module("pysqlite3")
    except ImportError:
        module = sqlite3
    if module.sqlite_version_info < PATCHED_SQLITE:
        raise DatabaseUnusable(
            f"SQLite {module.sqlite_version} can lose commits when several processes write "
            f"(fixed in {'.'.join(map(str, PATCHED_SQLITE))}); install the package pysqlite3 or a newer SQLite"
        )
    return module


def _set_up_sqlite(dbapi_connection: Any, _record: Any) -> None:
    # Transactions are begun by the hook below, not by the driver's guess.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MILLISECONDS}")
    _use_write_ahead_log(dbapi_connection, cursor)
    for pragma in (
        "synchronous = FULL",
        "foreign_keys = ON",
        "trusted_schema = OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _use_write_ahead_log(dbapi_connection: Any, cursor: Any) -> None:
    # Of several processes that open a new database at once, some are told at once that it is locked: switching the
    # journal does not wait as other statements do.
    deadline = time.monotonic() + _BUSY_TIMEOUT_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except dbapi_connection.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_LOCKED_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: a reading transaction that turns to writing is refused whatever the timeout.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
