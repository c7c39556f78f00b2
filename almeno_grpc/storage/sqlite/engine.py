"""Engines for a SQLite file: durable, strict, and by a version of SQLite without the WAL-reset race."""

import contextlib
import importlib
import platform
import sqlite3
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from almeno_grpc.storage.backend import BEGIN, DatabaseUnusable
from almeno_grpc.storage.compiled import execute_raw

PATCHED_SQLITE = (3, 51, 3)
"""The first SQLite without a race at the reset of the write-ahead log, which can lose the commits of one of two
processes that write at the same time."""

BUSY_TIMEOUT_MILLISECONDS = 10_000
_MAX_LOG_PAGES = 65_536
"""256 MiB of pages of 4 KiB. From here on a commit does what nobody has done between the commits."""
_LOCKED_SECONDS = 0.01
"""How long to wait before a new database that is locked is tried again."""


def complete_url(url: URL) -> URL:
    """Checks a SQLite URL.

    Raises:
        DatabaseUnusable: It names another driver, or no file.
    """
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseUnusable(f"ALMENO_DATABASE_URL names the driver {url.drivername}; leave it out, as in sqlite:///")
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise DatabaseUnusable(
            "ALMENO_DATABASE_URL names no file: the server is several processes that share the database, so a SQLite "
            "database has to be a file, as in sqlite:///almeno.db"
        )
    return url


def open_engine(url: URL, *, pool_size: int = 8, read_only: bool = False) -> Engine:
    """An engine for one process. It opens a file that is there, and makes none.

    Args:
        url: As `complete_url` gives it.
        pool_size: The most connections held.
        read_only: Whether the file stays as it is to the byte.

    Raises:
        DatabaseUnusable: The SQLite of this environment has the write-ahead-log race.
    """
    engine = create_engine(
        url,
        module=_patched_sqlite(),
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_MILLISECONDS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "do_connect", _open_read_only if read_only else _open_existing)
    event.listen(engine, "connect", _set_up_reader if read_only else _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def set_up_new_database(path: Path) -> None:
    """Has an empty file become a database whose free pages can be given back, which has to be said before all else.

    Raises:
        DatabaseUnusable: The SQLite of this environment has the write-ahead-log race.
    """
    connection = _patched_sqlite().connect(path, timeout=BUSY_TIMEOUT_MILLISECONDS / 1000, isolation_level=None)
    with contextlib.closing(connection):
        cursor = connection.cursor()
        cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _use_write_ahead_log(connection, cursor)


def _patched_sqlite() -> ModuleType:
    """The SQLite that the package pysqlite3 brings, or the interpreter's own; the first of them without the race."""
    modules: list[ModuleType] = [sqlite3]
    with contextlib.suppress(ImportError):
        modules.insert(0, importlib.import_module("pysqlite3"))
    for module in modules:
        if module.sqlite_version_info >= PATCHED_SQLITE:
            return module
    patched = ".".join(map(str, PATCHED_SQLITE))
    # As pyproject.toml has it: there is no wheel for others.
    has_wheel = sys.platform != "linux" or platform.machine() == "x86_64"
    raise DatabaseUnusable(
        f"SQLite {modules[0].sqlite_version} can lose commits when several processes write; {patched} and newer do "
        f"not. Use PostgreSQL, or run a Python whose sqlite3.sqlite_version is {patched} or newer"
        + (", or install the package pysqlite3, which brings one" if has_wheel else "")
    )


def _open_existing(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
    # SQLite makes a new file in the place of one that is gone, unless a URI tells it not to.
    arguments[0] = f"{Path(arguments[0]).as_uri()}?mode=rw"
    options["uri"] = True


def _open_read_only(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
    path = Path(arguments[0])
    # A file without a write-ahead log is in use by nobody; to open it otherwise would leave an empty log beside it.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    arguments[0] = f"{path.as_uri()}?{mode}"
    options["uri"] = True


def _set_up_reader(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None


def _set_up(dbapi_connection: Any, _record: Any) -> None:
    # Transactions are begun by the hook below, not by the driver's guess.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MILLISECONDS}")
    _use_write_ahead_log(dbapi_connection, cursor)
    for pragma in (
        "synchronous = FULL",
        "foreign_keys = ON",
        "trusted_schema = OFF",
        # What is deleted, such as an upload with people in it, is overwritten, not only forgotten.
        "secure_delete = ON",
        f"wal_autocheckpoint = {_MAX_LOG_PAGES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _use_write_ahead_log(dbapi_connection: Any, cursor: Any) -> None:
    # Of several processes that open a new database at once, some are told at once that it is locked: switching the
    # journal does not wait as other statements do.
    deadline = time.monotonic() + BUSY_TIMEOUT_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except dbapi_connection.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_LOCKED_SECONDS)
        else:
            return


def _begin(connection: Connection) -> None:
    execute_raw(connection, connection.get_execution_options().get(BEGIN, "BEGIN"))
