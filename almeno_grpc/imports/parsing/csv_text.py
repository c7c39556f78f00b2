"""CSV files, read by pandas: with commas, semicolons, tabs or bars, in UTF-8 or UTF-16."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO, cast

import pandas as pd

from almeno_grpc.imports.errors import FileRefusedError

_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(rf'"?sep=([{_SEPARATORS}])"?\s*', re.IGNORECASE)
"""Excel's first line, which a spreadsheet does not show."""
_BOM = "\ufeff"
_MAX_COLUMNS = 4_096
"""Fields of a line. Each column costs, in every chunk, whether its cells are empty or not."""
_CHUNK_CELLS = 200_000
_MIN_CHUNK_ROWS = 200
"""A column of a chunk takes pandas about 50 µs, however short it is."""


# Bytes that cannot be decoded become a NUL character, which no text has.
codecs.register_error("nul", lambda error: ("\0", cast(UnicodeDecodeError, error).end))


def csv_rows(path: Path) -> Iterator[Sequence[str]]:
    """The rows of a CSV file. Those below the headings are padded to the length of the longest row.

    Raises:
        FileRefusedError: It is not text, or its quotes are not sound; the message names the line.
    """
    with path.open("rb") as file:
        file.seek(0)
        encoding = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    with path.open(encoding=encoding, errors="nul", newline="") as text:
        text.seek(0)
        lines = _lines(text)
        # The codec takes off one byte order mark, and pandas another.
        before, first = list[str](), next(lines, "").removeprefix(_BOM)
        if match := _SEPARATOR_LINE.fullmatch(first):
            first = next(lines, "").removeprefix(_BOM)
        while first and not first.strip():
            before, first = [*before, first], next(lines, "")
        separator = match[1] if match else max(_SEPARATORS, key=first.count)
        top, count, width = _check(chain(before, [first], lines), separator, lines_above=1 if match else 0)
        yield from top
        if count > len(top):
            text.seek(0)
            if match:
                text.readline()
            yield from islice(_padded_rows(text, separator, count, width), len(top), None)


def _lines(text: TextIO) -> Iterator[str]:
    for number, line in enumerate(text, start=1):
        if "\0" in line:
            found = f"neither a workbook nor CSV in UTF-8 (line {number} is not)"
            raise FileRefusedError(f"the file is {found}; save it as CSV UTF-8")
        yield line


def _check(lines: Iterator[str], separator: str, lines_above: int) -> tuple[list[list[str]], int, int]:
    """The rows down to the headings, the number of all rows, and that of the fields in the longest.

    Has the csv module check each row with a quote: where one is missing, pandas takes the rows up to the next one into
    a field, and says nothing.
    """
    top, count, width, has_headings = list[list[str]](), 0, 1, False
    quoted, unquoted = list[str](), lines_above
    rest = iter(lambda: quoted.pop() if quoted else next(lines, None), None)
    reader = csv.reader(rest, delimiter=separator, strict=True)
    try:
        for line in lines:
            count += 1
            if has_headings and '"' not in line:
                unquoted += 1
                width = _wider(width, line.count(separator) + 1, count)
                continue
            quoted.append(line)
            row = next(reader)
            width = _wider(width, len(row), count)
            if not has_headings:
                top.append(row)
                has_headings = any(map(str.strip, row))
    except csv.Error as error:
        raise FileRefusedError(f"the file is not sound CSV: line {unquoted + reader.line_num}: {error}") from error
    return top, count, width


def _wider(width: int, fields: int, row_number: int) -> int:
    if fields > _MAX_COLUMNS:
        raise FileRefusedError(f"row {row_number} of the file has more than {_MAX_COLUMNS} fields")
    return max(width, fields)


def _padded_rows(text: TextIO, separator: str, count: int, width: int) -> Iterator[Sequence[str]]:
    found = 0
    as_text: dict[str, Any] = {"dtype": object, "na_filter": False, "skip_blank_lines": False, "index_col": False}
    size = max(_MIN_CHUNK_ROWS, _CHUNK_CELLS // width)
    try:
        for chunk in pd.read_csv(text, sep=separator, header=None, names=range(width), chunksize=size, **as_text):
            found += len(chunk)
            yield from zip(*(column.tolist() for _, column in chunk.items()), strict=True)
    except pd.errors.ParserError as error:
        if "out of memory" in str(error):
            raise MemoryError from error
    if found != count:
        raise FileRefusedError("the file is not sound CSV: its rows can be read in two ways")
