"""File systems of a test's own, mounted while it runs: a disk whose power can be cut, and one that is soon full."""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.servers import eventually

_FS_IOC_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = 2
"""Neither the journal nor what waits in memory is written: what a cut of the power leaves of a sound disk."""
_PROGRAMS = ("mkfs.ext4", "mount", "umount")


class CutDisk:
    """An ext4 in a file, whose power can be cut."""

    def __init__(self, folder: Path, size_mebibytes: int) -> None:
        self.path = folder / "disk"
        self._image = folder / "disk.img"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(size_mebibytes << 20)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()

    def _mount(self) -> None:
        # The kernel itself writes nothing while a trial lasts: what is on the disk, the database has put there.
        _run("mount", "-o", "loop,commit=300", str(self._image), str(self.path))

    def flush(self) -> None:
        """Writes everything to the disk."""
        _run("sync", "-f", str(self.path))

    def cut_power(self) -> None:
        """From now on the disk answers with errors, and what it was not made to write is lost."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _FS_IOC_SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def restore_power(self) -> None:
        """Mounts it anew, once the last process that had a file open is gone."""
        eventually(lambda: _ended_well("umount", str(self.path)))
        self._mount()


@contextlib.contextmanager
def cut_disk(folder: Path, size_mebibytes: int = 512) -> Iterator[CutDisk]:
    """A disk in a folder of its own; skips the test where nothing can be mounted."""
    _skip_unless_mountable()
    disk = None
    try:
        disk = CutDisk(folder, size_mebibytes)
        yield disk
    finally:
        # What still has files open on it ends with the test.
        _ended_well("umount", "--lazy", str(folder / "disk"))
        (folder / "disk.img").unlink(missing_ok=True)


class SmallDisk:
    """A file system in memory."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self._filler = path / "filler"
        path.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "almeno-small-disk", str(path))

    def fill(self, room_bytes: int = 0) -> None:
        """Leaves room for so many bytes, in whole pages."""
        page_bytes = os.sysconf("SC_PAGE_SIZE")
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while (free_bytes := shutil.disk_usage(self.path).free - room_bytes) >= page_bytes:
                filler.write(bytes(min(free_bytes // page_bytes * page_bytes, 1 << 20)))

    def make_room(self) -> None:
        """Takes back what `fill` has filled."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """A small disk at a path; skips the test where nothing can be mounted."""
    _skip_unless_mountable()
    try:
        yield SmallDisk(path, size_bytes)
    finally:
        _ended_well("umount", "--lazy", str(path))


def _skip_unless_mountable() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("file systems are mounted by root alone, and on Linux")
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"there is no {', '.join(missing)} to mount a file system with")


def _run(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode and command[0] == "mount":
        pytest.skip(f"no file system can be mounted here: {ended.stderr.strip()}")
    assert ended.returncode == 0, f"{command}: {ended.stderr}"


def _ended_well(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
