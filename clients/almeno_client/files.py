"""Files that the client writes, readable by their owner alone: keys, profiles, pages of reports, tables."""

import os
import secrets
import stat
from pathlib import Path

PAGE_MARK = '<meta name="generator" content="almeno">'
"""What each page has near its beginning."""

_MAX_PRIVATE_BYTES = 64 * 1024
_HEAD_BYTES = 1024


def read_private(file: Path) -> str:
    """Reads a file that holds a secret.

    Raises:
        OSError: The file cannot be read.
        ValueError: Others may read or write it, or it is no text.
    """
    with file.open("rb") as opened:
        status = os.fstat(opened.fileno())
        # As PostgreSQL has it for private keys: a file of root's, such as a mounted secret, may be its group's to read.
        others = status.st_mode & (0o037 if status.st_uid == 0 else 0o077)
        if others:
            raise ValueError(f"{file} is not its owner's alone: chmod 600 {file}")
        content = opened.read(_MAX_PRIVATE_BYTES + 1)
    if len(content) > _MAX_PRIVATE_BYTES:
        raise ValueError(f"{file} has more than {_MAX_PRIVATE_BYTES // 1024} KiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not a text file in UTF-8") from None


def write_private(file: Path, text: str, *, overwrite: bool = False) -> None:
    """Writes a file that its owner alone may read.

    Raises:
        FileExistsError: The file is there already, and is not to be overwritten.
        OSError: The file cannot be written.
        ValueError: It is a symbolic link.
    """
    refuse_symlink(file)
    if overwrite:
        _replace(file, text)
    else:
        _create(file, text)


def write_page(file: Path, text: str) -> None:
    """Writes a page of HTML, in the place of what is there; a page that cannot be written leaves that as it is.

    Its owner alone may read it.

    Raises:
        OSError: The page cannot be written.
        ValueError: The file is a symbolic link.
    """
    refuse_symlink(file)
    _replace(file, text)


def write_table(file: Path, text: str) -> None:
    """Writes a file of CSV likewise. A mark at its beginning says that it is UTF-8, as spreadsheets want it.

    Raises:
        OSError: The file cannot be written.
        ValueError: The file is a symbolic link.
    """
    refuse_symlink(file)
    _replace(file, "\ufeff" + text)


def refuse_symlink(file: Path) -> None:
    """Refuses to write through a symbolic link, which somebody else may have laid.

    Raises:
        ValueError: The file is a symbolic link.
    """
    if file.is_symlink():
        raise ValueError(f"{file} is a symbolic link; name the file itself")


def is_regular(file: Path) -> bool:
    """Whether something that is there is an ordinary file, not a device, a pipe or a folder."""
    return stat.S_ISREG(file.lstat().st_mode)


def is_page(file: Path) -> bool:
    """Whether an ordinary file is a page of this program's.

    Raises:
        OSError: The file cannot be read.
    """
    with file.open("rb") as opened:
        return PAGE_MARK.encode() in opened.read(_HEAD_BYTES)


def _replace(file: Path, text: str) -> None:
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    _create(unfinished, text)
    try:
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink()
        raise


def _create(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
    except BaseException:
        # An interrupt too leaves nothing half written.
        file.unlink()
        raise
