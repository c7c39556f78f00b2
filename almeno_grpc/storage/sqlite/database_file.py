"""The file of a SQLite database: made once, before the server serves, and missed when it is gone.

A connection to a file that was deleted goes on as if nothing had happened, and what it commits is lost with it.
"""

import os
from pathlib import Path

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.storage.backend import DatabaseUnusable
from almeno_grpc.storage.sqlite.private_files import create_database_file

_PARTS = ("", "-wal", "-shm")
"""The database, its write-ahead log and the index of that. Processes that have not the same of each do not see what
the others commit, or write at the same time."""
_LOST = "the file of the database is gone or was replaced; its operator has to restore it"


class DatabaseFile:
    """The file, with those beside it, as this process has found them first."""

    def __init__(self, path: Path, given: Path) -> None:
        """Takes the path without symbolic links, and as it was given."""
        self._given = given
        self._paths = {part: path.with_name(f"{path.name}{part}") for part in _PARTS}
        self._found: dict[str, tuple[int, int]] = {}

    def create(self) -> None:
        """Makes the file where there is none, for a new database.

        Raises:
            DatabaseUnusable: The file is gone, but its write-ahead log is there; or it cannot be made.
            UnsafeFile: The path is that of a link to a file that does not exist.
        """
        self._raise_if_gone()
        database = self._paths[""]
        create_database_file(self._given)
        try:
            os.close(os.open(database, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise DatabaseUnusable(f"{database} cannot be opened: {(error.strerror or str(error)).lower()}") from error

    def is_new(self) -> bool:
        """Whether the file is not there or is empty, and can be made.

        Raises:
            DatabaseUnusable: It is gone, or cannot be made or written to.
        """
        self._raise_if_gone()
        database = self._paths[""]
        if not os.access(database if database.exists() else database.parent, os.W_OK):
            raise DatabaseUnusable(f"{database} cannot be written to")
        return not _size(database)

    def _raise_if_gone(self) -> None:
        database, log = self._paths[""], self._paths["-wal"]
        if not _size(database) and _size(log):
            raise DatabaseUnusable(
                f"{database} is gone or empty, but its write-ahead log {log.name} is there: restore the file from a "
                f"backup, or remove the log too if a new database is wanted"
            )

    def raise_if_lost(self) -> None:
        """Looks whether the files are those that were found at the first look, while a connection is open.

        Raises:
            StoreUnavailable: One was deleted or replaced.
        """
        for part, path in self._paths.items():
            try:
                status = os.stat(path)  # noqa: PTH116 - takes half as long as the path's own method
            except OSError as error:
                if part in self._found or not part:
                    raise StoreUnavailable(_LOST) from error
                continue
            if self._found.setdefault(part, (status.st_dev, status.st_ino)) != (status.st_dev, status.st_ino):
                raise StoreUnavailable(_LOST)

    def expect_new_log(self) -> None:
        """Forgets the files beside the database, which SQLite removes when it closes the last connection."""
        self._found = {part: found for part, found in self._found.items() if not part}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
