"""The rows of a plain CSV file, in which each line is a row: thousands of lines are cut up at a time."""

import codecs
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from almeno_grpc.imports.parsing.workbooks import PIECE_ROWS, Row, by_columns, parsed
from almeno_grpc.imports.parsing.short_cells import cut_up

_PIECE_BYTES = 2**18
"""What is cut up at a time: of a book about two milliseconds' work, after which calls get their turn."""


class PlainRows:
    """Gives the rows, as `SheetRows` says.

    They are those that the csv module finds. Where a row has fewer or more fields than the first, that module reads the
    whole piece.
    """

    def __init__(self, path: Path, sound_rows: int | None = None) -> None:
        """Takes where the file lies, which `check_text` has found plain, and its sound lines."""
        self.sound_rows = sound_rows
        self._pieces = _whole_lines(path)
        self._lines: deque[str] = deque()
        """Those at hand that were not cut up."""
        self._lines_before = 0

    def next_row(self) -> Row | None:
        """The next row; none at the end."""
        if not self._lines:
            self._into_lines(next(self._pieces, b""))
        rows = self._take(1)
        return rows[0] if rows else None

    def next_columns(self, width: int) -> list[Sequence[object]]:
        """The next rows by columns; none at the end."""
        if not self._lines:
            piece = next(self._pieces, b"")
            columns = cut_up(piece, width)
            if columns:
                self._lines_before += len(columns[0])
                return columns
            self._into_lines(piece)
        return by_columns(self._take(PIECE_ROWS), width)

    def _into_lines(self, piece: bytes) -> None:
        self._lines.extend(piece.decode().replace("\r\n", "\n").split("\n")[:-1])

    def _take(self, count: int) -> list[Row]:
        """The rows of the next lines."""
        lines = [self._lines.popleft() for _ in range(min(count, len(self._lines)))]
        rows = list(parsed(lines, self._lines_before)) if lines else []
        self._lines_before += len(lines)
        return rows


def _whole_lines(path: Path) -> Iterator[bytes]:
    r"""The lines of a plain CSV file: the first one, as a rule the headings, then many at a time.

    They end in \n, or all that come together in \r\n.
    """
    with path.open("rb") as file:
        piece = file.readline().removeprefix(codecs.BOM_UTF8)
        while piece:
            if not piece.endswith(b"\n"):
                piece += b"\n"
            # Nearly always all lines end alike.
            if b"\r" in piece and piece.count(b"\r") != piece.count(b"\n"):
                piece = piece.replace(b"\r\n", b"\n")
            yield piece
            piece = file.read(_PIECE_BYTES)
            piece += file.readline() if piece else b""
