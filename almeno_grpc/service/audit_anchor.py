"""The anchor file: a line for each checkpoint, outside of the database, which whoever edits that cannot reach.

line    number, create_time in microseconds since the epoch, hash, algorithm or -, signature or -; in hexadecimal
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from almeno_grpc.domain.audit import AuditCheckpoint


@dataclass(frozen=True, slots=True)
class AnchorLine:
    """What a line says of a checkpoint; `hash` is None where the line cannot be read."""

    number: int
    hash: bytes | None


@dataclass(frozen=True)
class AnchorFile:
    """An anchor file. Its folder may be of another machine, or of a disk that is written once."""

    path: Path

    def append(self, checkpoints: list[AuditCheckpoint]) -> None:
        """Appends checkpoints, and waits until they are on disk.

        Raises:
            OSError: The file cannot be written.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o600)
        try:
            # Behind a line that a crash has cut short.
            start = b"" if self._ends_whole() else b"\n"
            content = start + b"".join(map(_line_of, checkpoints))
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lines(self) -> Iterator[AnchorLine]:
        """The lines, in order, but for one at the end that a crash has cut short.

        Raises:
            OSError: The file cannot be read.
        """
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n") and line.strip():
                    yield _read(line)

    def last_number(self) -> int:
        """The number of the last checkpoint in it; 0 where there is no file, or none in it.

        Raises:
            OSError: The file cannot be read.
        """
        try:
            return max((line.number for line in self.lines()), default=0)
        except FileNotFoundError:
            return 0

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def _line_of(checkpoint: AuditCheckpoint) -> bytes:
    words = (
        str(checkpoint.number),
        str(checkpoint.create_time),
        checkpoint.hash.hex(),
        checkpoint.algorithm or "-",
        checkpoint.signature.hex() or "-",
    )
    return f"{' '.join(words)}\n".encode()


def _read(line: bytes) -> AnchorLine:
    number, *others = line.decode("ascii", "replace").split()
    if not number.isdecimal() or len(others) != 4:
        return AnchorLine(0, None)
    try:
        return AnchorLine(int(number), bytes.fromhex(others[1]))
    except ValueError:
        return AnchorLine(int(number), None)
