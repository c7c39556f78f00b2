"""CSV files, read by pandas as text: with commas, semicolons, tabs or bars, in UTF-8 or UTF-16."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.throttle import yield_cpu

_CHUNK_BYTES = 2**17
_PIECE_ROWS = 20_000
_MAX_HEADINGS = 1_000
_EXTRA_COLUMNS = 3
"""Beyond the headings, by which a row is seen to have too many fields."""
_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(rf'\ufeff?"?sep=([{_SEPARATORS}])"?\s*', re.IGNORECASE)
"""Excel's first line, which a spreadsheet does not show."""


@contextmanager
def open_csv(
    path: Path,
) -> Iterator[tuple[str, Iterator[Sequence[object]], Callable[[int], Iterator[list[Sequence[object]]]]]]:
    """Opens a CSV file.

    Returns:
        What the file is called in a sentence, its rows, and what gives the rows that are left by columns.

    Raises:
        FileRefusedError: It is not text, or its quotes are not sound; the message names the line.
    """
    encoding = _encoding_of(path)
    has_quotes = _check_text(path, encoding)
    with path.open(encoding=encoding, newline="") as file:
        before, line = list[str](), file.readline()
        if match := _SEPARATOR_LINE.fullmatch(line):
            separator = match[1]
        else:
            while line and not line.strip():
                before, line = [*before, line], file.readline()
            before, separator = [*before, line], max(_SEPARATORS, key=line.count)
        if has_quotes:
            _check_quotes(path, encoding, separator)
        rows = csv.reader(chain(before, file), delimiter=separator)
        yield "the file", rows, lambda width: _pieces(file, separator, width)


def _pieces(file: TextIO, separator: str, width: int) -> Iterator[list[Sequence[object]]]:
    """The rows that are left, by columns."""
    if width > _MAX_HEADINGS:
        raise FileRefusedError(f"the file has more than {_MAX_HEADINGS:,} headings")
    names = range(width + _EXTRA_COLUMNS)
    text = _WithHeadings(separator.join(map(str, names)) + "\n", file)
    try:
        # With `usecols` rows may have fewer fields than the headings, or more.
        for frame in pd.read_csv(
            text, sep=separator, usecols=list(names), dtype=object, na_filter=False, skip_blank_lines=False,
            index_col=False, chunksize=_PIECE_ROWS, engine="c",
        ):  # fmt: skip
            columns: list[Any] = [frame.iloc[:, place].to_numpy() for place in names]
            yield columns
    except pd.errors.ParserError as error:
        raise FileRefusedError(f"the file is not sound CSV: {error}") from error


class _WithHeadings(io.TextIOBase):
    """A text behind a line of headings."""

    def __init__(self, line: str, text: TextIO) -> None:
        self._line = line
        self._text = text

    def read(self, size: int | None = -1) -> str:
        """The line, and after it what is read of the text."""
        line, self._line = self._line, ""
        return line or self._text.read(-1 if size is None else size)


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(len(codecs.BOM_UTF8))
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def _check_text(path: Path, encoding: str) -> bool:
    """Checks that a file is text without NUL characters; gives whether it holds quotes."""
    decoder = codecs.getincrementaldecoder(encoding)()
    has_quotes, line = False, 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                sound = error.object[: error.start].decode(encoding, errors="replace")
                _refuse_nul(sound, line)
                line += sound.count("\n")
                raise FileRefusedError(
                    f"the file is neither a workbook nor CSV in UTF-8 (line {line} is not); save it as CSV UTF-8"
                ) from error
            _refuse_nul(text, line)
            has_quotes = has_quotes or '"' in text
            line += text.count("\n")
            yield_cpu()
            if not chunk:
                return has_quotes


def _refuse_nul(text: str, line: int) -> None:
    before, nul, _ = text.partition("\0")
    if nul:
        line += before.count("\n")
        raise FileRefusedError(f"the file is not CSV text: line {line} holds a NUL character; save it as CSV UTF-8")


def _check_quotes(path: Path, encoding: str, separator: str) -> None:
    """Checks that each quote ends where a field does: pandas would take the rows up to the next one into a field."""
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        try:
            for _ in reader:
                pass
        except csv.Error as error:
            raise FileRefusedError(f"the file is not sound CSV: line {reader.line_num}: {error}") from error
