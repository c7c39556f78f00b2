"""The space that deleted rows have left in a SQLite database: given back to the disk, and erased from the log.

SQLite overwrites what it deletes in the database itself (`secure_delete`), and keeps its pages for later rows. Those
beyond a reserve are given back by incremental vacuum, which is switched on when a database is made. An older one has to
be rebuilt for it once.
"""

import logging
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from almeno_grpc.logs import log_event
from almeno_grpc.storage.compiled import execute_raw

_RESERVE_PAGES = 1_024
"""4 MiB of pages of 4 KiB: free pages that are kept for what comes next."""
_STEP_PAGES = 256
"""Given back in a transaction, which others wait for."""
_INCREMENTAL = 2
_MAX_REBUILT_BYTES = 256 * 2**20
"""Of a database that is rebuilt at the start of the server; it takes some seconds."""


def has_space_to_return(connection: Connection) -> bool:
    """Whether there is more free space than is kept, and it can be given back."""
    free, mode = (_pragma(connection, name) for name in ("freelist_count", "auto_vacuum"))
    return mode == _INCREMENTAL and free > _RESERVE_PAGES


def return_space(connection: Connection) -> None:
    """Gives back a part of it, in a transaction that writes."""
    free = _pragma(connection, "freelist_count") - _RESERVE_PAGES
    if free > 0:
        # A page a row: all have to be fetched.
        execute_raw(connection, f"PRAGMA incremental_vacuum({min(free, _STEP_PAGES)})").fetchall()


def erase_log(connection: Connection, busy_timeout_milliseconds: int) -> bool:
    """Empties the write-ahead log, which still has what was deleted; False where a transaction is in the way.

    To be called when its pages are in the database already: it waits for nobody.
    """
    execute_raw(connection, "PRAGMA busy_timeout = 0")
    try:
        is_busy, _, _ = execute_raw(connection, "PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        execute_raw(connection, f"PRAGMA busy_timeout = {busy_timeout_milliseconds}")
    return not is_busy


def rebuild_if_older(cursor: Any, path: Path) -> None:
    """Has a database of version 0.1.0 give back space from now on, where it is small enough to be rebuilt at a start.

    Outside of a transaction, while nobody else writes.

    Raises:
        Exception: The driver's error, where there is no room for it.
    """
    mode, pages, free, page_bytes = (
        cursor.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("auto_vacuum", "page_count", "freelist_count", "page_size")
    )
    if mode == _INCREMENTAL:
        return
    used_bytes = (pages - free) * page_bytes
    if used_bytes > _MAX_REBUILT_BYTES or shutil.disk_usage(path.parent).free < 3 * used_bytes:
        log_event(
            "database_keeps_free_space",
            logging.WARNING,
            file=str(path),
            free_bytes=free * page_bytes,
            message="stop the server and run: sqlite3 FILE 'PRAGMA auto_vacuum = INCREMENTAL; VACUUM'",
        )
        return
    cursor.execute("PRAGMA auto_vacuum = INCREMENTAL")
    cursor.execute("VACUUM")
    log_event("database_rebuilt", file=str(path), used_bytes=used_bytes, returned_bytes=free * page_bytes)


def _pragma(connection: Connection, name: str) -> int:
    value: int = execute_raw(connection, f"PRAGMA {name}").fetchone()[0]
    return value
