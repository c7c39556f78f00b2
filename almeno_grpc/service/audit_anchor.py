"""The anchor file: a line for each checkpoint, outside of the database, which whoever edits that cannot reach.

line    number, create_time in microseconds since the epoch, hash, algorithm or -, signature or -; in hexadecimal
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from almeno_grpc.domain.audit import AuditCheckpoint

_END_BYTES = 4096
_HASH_DIGITS = 64


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
            start = b"\n" if self._end()[-1:] not in (b"", b"\n") else b""
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
            # Without the last part, which is empty behind a whole line; the first may be cut.
            *lines, _ = self._end().split(b"\n")
        except FileNotFoundError:
            return 0
        return max((_read(line).number for line in lines if line.strip()), default=0)

    def _end(self) -> bytes:
        """The last bytes of the file, with some lines."""
        with self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END_BYTES))
            return file.read()


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
    if not number.isdecimal() or len(others) != 4 or len(others[1]) != _HASH_DIGITS:
        return AnchorLine(0, None)
    try:
        return AnchorLine(int(number), bytes.fromhex(others[1]))
    except ValueError:
        return AnchorLine(int(number), None)
