"""The database's files, and the lock files beside it, are their owner's alone.

Whoever may open a lock file, if only to read, may lock it, and bookings stand still.
"""

import contextlib
import errno
import logging
import os
import stat
from io import FileIO
from pathlib import Path

from almeno_grpc.logs import log_event

_OWNER_ONLY = 0o600
_OTHERS = 0o077
_LINK = "is a symbolic link, which somebody else may have put there; delete it"


class UnsafeFile(OSError):
    """A file is one that others have made, or may use; the message says what to do."""


def open_lock_file(path: Path) -> FileIO:
    """Opens a file to be locked, and makes it if there is none.

    Raises:
        UnsafeFile: It is a link, or belongs to somebody who has no say in its folder.
        OSError: It cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, _OWNER_ONLY)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeFile(f"the lock file {path} {_LINK}") from error
        if error.errno == errno.EACCES:
            raise UnsafeFile(f"the lock file {path} belongs to another user: run all servers as one user") from error
        raise
    file = os.fdopen(descriptor, "r+b", buffering=0)
    try:
        _make_private(file, path)
    except BaseException:
        file.close()
        raise
    return file


def _make_private(file: FileIO, path: Path) -> None:
    found = os.fstat(file.fileno())
    # Whoever owns the folder can replace what is in it anyway.
    if not stat.S_ISREG(found.st_mode) or found.st_uid not in (os.geteuid(), path.parent.stat().st_uid):
        raise UnsafeFile(f"the lock file {path} was made by another user; delete it while no server runs")
    if found.st_mode & _OTHERS:
        os.fchmod(file.fileno(), _OWNER_ONLY)


def create_database_file(path: Path) -> None:
    """Makes the file of a new database, before SQLite does, which would let others read it.

    Where it cannot be made, SQLite says so as it opens it.

    Raises:
        UnsafeFile: The path is that of a link to a file that does not exist.
    """
    if path.is_symlink() and not path.exists():
        raise UnsafeFile(f"the database {path} {_LINK}")
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OWNER_ONLY))


def narrow_database_files(path: Path) -> None:
    """Takes a database that others may open away from them; SQLite makes its further files as the database is.

    Raises:
        UnsafeFile: One of its files is none, or belongs to another user.
    """
    # None is opened: to close it again would take from SQLite the locks that this process has on it.
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        # SQLite deletes the log with the last connection.
        with contextlib.suppress(FileNotFoundError):
            _narrow(file)


def _narrow(file: Path) -> None:
    mode = file.lstat().st_mode
    if not stat.S_ISREG(mode):
        raise UnsafeFile(f"the database's file {file} is no plain file; delete it")
    if mode & _OTHERS:
        try:
            file.chmod(_OWNER_ONLY)
        except PermissionError as error:
            raise UnsafeFile(
                f"the database's file {file} can be opened by other users; have its owner forbid that by "
                f"chmod 600, and run the server as that user"
            ) from error
        log_event("database_file_made_private", logging.WARNING, file=str(file), mode_before=f"{mode & 0o777:o}")
