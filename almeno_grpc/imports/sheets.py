"""The rows of a file as its library gives them. The only module that knows the library of workbooks."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice, repeat, zip_longest
from pathlib import Path
from threading import Thread
from typing import Protocol

import python_calamine

from almeno_grpc.imports.containers import Container, check_text, check_workbook_unpacks, recognize
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.frames import ReadingLimits

_MAX_FIELDS = 1_000
"""Of a line of a CSV file. A sheet of a workbook ends at 16,384 columns by itself."""
_PIECE_ROWS = 2_000
_PIECE_CHARACTERS = 2**16
"""What is turned from rows into columns at a time: as much as the processor keeps close by."""

Row = Sequence[object]
"""A cell of a workbook is a float, a text, a boolean, a date, a time, both or a duration; one of a CSV file a text."""


class SheetRows(Protocol):
    """The rows of a file in order, the leading blank ones too; a blank line of a CSV file is a row without fields.

    Asking for rows raises `FileRefusedError` where the file turns out to be damaged.
    """

    def next_row(self) -> Row | None:
        """The next row; none at the end."""

    def next_columns(self, width: int) -> list[Sequence[object]]:
        """The next rows, some thousand at the most, by columns, at least `width`; none at the end.

        A row of a CSV file may be shorter or longer than others: the fields it lacks are empty.
        """


def open_rows(path: Path, file_name: str, limits: ReadingLimits) -> Callable[[], SheetRows]:
    """Begins to read a file and checks it meanwhile: a workbook takes seconds, in which its library needs one core.

    Args:
        path: Where the file lies.
        file_name: The name its sender gave it.
        limits: How much it may ask for.

    Returns:
        What waits for the end of the reading and gives the rows.

    Raises:
        FileRefusedError: It is no file of rows, or asks for too much; what is returned may raise it, too.
    """
    if recognize(path, file_name) is not Container.WORKBOOK:
        is_plain = check_text(path)
        return lambda: _PlainRows(path) if is_plain else _SingleRows(_csv_rows(path))
    sheet: Future[python_calamine.CalamineSheet] = Future()
    # The process does not wait for the thread where the file is refused before it has been read.
    Thread(target=_read_first_sheet, args=(path, sheet), daemon=True).start()
    check_workbook_unpacks(path, limits)
    return lambda: _SingleRows(_workbook_rows(sheet))


def _workbook_rows(sheet: "Future[python_calamine.CalamineSheet]") -> Iterator[Row]:
    try:
        read = sheet.result()
    except python_calamine.PasswordError as error:
        raise FileRefusedError("the workbook has a password; save it without one") from error
    except (FileRefusedError, MemoryError):
        raise
    # Whatever else the library says of a workbook it can make nothing of; its panics are no Exception.
    except BaseException as error:
        raise FileRefusedError("the file is not a sound .xlsx workbook") from error
    return iter(read.iter_rows())


def _read_first_sheet(path: Path, sheet: "Future[python_calamine.CalamineSheet]") -> None:
    try:
        sheet.set_result(_first_sheet(path))
    except BaseException as error:
        sheet.set_exception(error)


def _first_sheet(path: Path) -> python_calamine.CalamineSheet:
    with path.open("rb") as file:
        workbook = python_calamine.CalamineWorkbook.from_filelike(file)
    for metadata in workbook.sheets_metadata:
        if metadata.typ == python_calamine.SheetTypeEnum.WorkSheet:
            return workbook.get_sheet_by_name(metadata.name)
    raise FileRefusedError("the workbook has no worksheet")


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _parsed(file)


def _parsed(lines: Iterable[str], lines_before: int = 0) -> Iterator[Row]:
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if len(row) > _MAX_FIELDS:
                number = lines_before + reader.line_num
                raise FileRefusedError(f"line {number} of the file has more than {_MAX_FIELDS:,} fields")
            yield row
    except csv.Error as error:
        raise FileRefusedError(f"the file is not sound CSV: line {lines_before + reader.line_num}: {error}") from error


def _by_columns(rows: Sequence[Row], width: int) -> list[Sequence[object]]:
    if not rows:
        return []
    if set(map(len, rows)) == {width}:
        return list(zip(*rows, strict=True))
    # With a full row on top each column is there.
    return [column[1:] for column in zip_longest(range(width), *rows, fillvalue="")]


class _SingleRows:
    """Rows that a library gives one by one."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows

    def next_row(self) -> Row | None:
        return next(self._rows, None)

    def next_columns(self, width: int) -> list[Sequence[object]]:
        return _by_columns(list(islice(self._rows, _PIECE_ROWS)), width)


class _PlainRows:
    """The rows of a plain CSV file, in which each line is a row: many are cut up at once, in a third of the time."""

    def __init__(self, path: Path) -> None:
        self._texts = _whole_lines(path)
        self._lines: list[str] = []
        self._place = 0
        self._lines_before = 0

    def next_row(self) -> Row | None:
        rows = self._rows_of(self._waiting()[self._place : self._place + 1])
        return rows[0] if rows else None

    def next_columns(self, width: int) -> list[Sequence[object]]:
        lines = self._waiting()[self._place : self._place + _PIECE_ROWS]
        if not lines:
            return []
        # The csv module has a limit for a field, which none of a shorter text can be beyond.
        text = ",".join(lines)
        if len(text) <= csv.field_size_limit() and set(map(str.count, lines, repeat(","))) == {width - 1}:
            self._take(len(lines))
            cells = text.split(",")
            return [cells[place::width] for place in range(width)]
        return _by_columns(self._rows_of(lines), width)

    def _waiting(self) -> list[str]:
        """The lines at hand, of which those from the place on are still to come; none there only at the end."""
        if self._place == len(self._lines):
            text = next(self._texts, "")
            self._lines = text.removesuffix("\n").split("\n") if text else []
            self._place = 0
        return self._lines

    def _rows_of(self, lines: list[str]) -> list[Row]:
        rows = list(_parsed(lines, self._lines_before))
        self._take(len(lines))
        return rows

    def _take(self, count: int) -> None:
        self._place += count
        self._lines_before += count


def _whole_lines(path: Path) -> Iterator[str]:
    r"""The text of a plain CSV file, some thousand lines at a time; each ends in \n, but perhaps the last."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        while text := file.read(_PIECE_CHARACTERS):
            yield (text + file.readline()).replace("\r\n", "\n")
