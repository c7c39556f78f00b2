"""CSV files, read by the csv module: with commas, semicolons, tabs or bars, in UTF-8 or UTF-16."""

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from almeno_grpc.imports.errors import FileRefusedError

_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(rf'\ufeff?"?sep=([{_SEPARATORS}])"?\s*', re.IGNORECASE)
"""Excel's first line, which a spreadsheet does not show."""


def csv_rows(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV file.

    Raises:
        FileRefusedError: It is not text, or its quotes are not sound; the message names the line.
    """
    with path.open("rb") as file:
        is_utf16 = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    with path.open(encoding="utf-16" if is_utf16 else "utf-8-sig", newline="") as text:
        lines = _lines(text)
        before, first = list[str](), next(lines, "")
        if match := _SEPARATOR_LINE.fullmatch(first):
            separator = match[1]
        else:
            while first and not first.strip():
                before, first = [*before, first], next(lines, "")
            before, separator = [*before, first], max(_SEPARATORS, key=first.count)
        # Without `strict` a quote that is missing would take the rows up to the next one into a field.
        reader = csv.reader(chain(before, lines), delimiter=separator, strict=True)
        try:
            yield from reader
        except csv.Error as error:
            raise FileRefusedError(f"the file is not sound CSV: line {reader.line_num}: {error}") from error


def _lines(text: TextIO) -> Iterator[str]:
    """The lines of a text without NUL characters."""
    number = 0
    try:
        for number, line in enumerate(text, start=1):
            _refuse_nul(line, number)
            yield line
    except UnicodeDecodeError as error:
        sound = error.object[: error.start].decode(text.encoding, errors="replace")
        _refuse_nul(sound, number + 1)
        line_number = number + 1 + sound.count("\n")
        raise FileRefusedError(
            f"the file is neither a workbook nor CSV in UTF-8 (line {line_number} is not); save it as CSV UTF-8"
        ) from error


def _refuse_nul(text: str, first_line: int) -> None:
    before, nul, _ = text.partition("\0")
    if nul:
        number = first_line + before.count("\n")
        raise FileRefusedError(f"the file is not CSV text: line {number} holds a NUL character; save it as CSV UTF-8")
