"""The rows of a file as its library gives them. The only module that knows the library of workbooks."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice, zip_longest
from pathlib import Path
from threading import Thread
from typing import Protocol

import python_calamine

from almeno_grpc.imports.parsing.containers import Container, check_text, check_workbook_unpacks, recognize
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import ReadingLimits

_MAX_FIELDS = 1_000
"""Of a line of a CSV file. A sheet of a workbook ends at 16,384 columns by itself."""
PIECE_ROWS = 2_000
"""How many rows are turned into columns at a time: as much as the processor keeps close by."""

Row = Sequence[object]
"""A cell of a workbook is a float, a text, a boolean, a date, a time, both or a duration; one of a CSV file a text."""


class SheetRows(Protocol):
    """The rows of a file in order, the leading blank ones too; a blank line of a CSV file is a row without fields.

    Asking for rows raises `FileRefusedError` where the file turns out to be damaged.
    """

    sound_rows: int | None
    """How many there are, where it is known beforehand that none is damaged and each has something in its first cell.

    Then no refusal is raised later on.
    """

    def next_row(self) -> Row | None:
        """The next row; none at the end."""

    def next_columns(self, width: int) -> list[Sequence[object]]:
        """The next rows, some thousands at the most, by columns, at least `width`; none at the end.

        A row of a CSV file may be shorter or longer than others: the fields it lacks are empty. Where all cells of a
        column are whole numbers in digits, without a zero in front, they may be those numbers, as an array.
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
        text = check_text(path)
        return lambda: _plain_rows(path, text.sound_lines) if text.is_plain else _SingleRows(_csv_rows(path))
    sheet: Future[python_calamine.CalamineSheet] = Future()
    # The process does not wait for the thread where the file is refused before it has been read.
    Thread(target=_read_first_sheet, args=(path, sheet), daemon=True).start()
    check_workbook_unpacks(path, limits)
    return lambda: _SingleRows(_workbook_rows(sheet))


def _plain_rows(path: Path, sound_lines: int | None) -> SheetRows:
    # Not before: a workbook is to be read while pandas loads.
    from almeno_grpc.imports.parsing.csv_text import PlainRows  # noqa: PLC0415

    return PlainRows(path, sound_lines)


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
        yield from parsed(file)


def parsed(lines: Iterable[str], lines_before: int = 0) -> Iterator[Row]:
    """The rows of CSV text, by the csv module.

    Args:
        lines: The text, or what comes of it behind so many lines.
        lines_before: How many those are.

    Raises:
        FileRefusedError: The text is not sound; the message names the line.
    """
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            if len(row) > _MAX_FIELDS:
                number = lines_before + reader.line_num
                raise FileRefusedError(f"line {number} of the file has more than {_MAX_FIELDS:,} fields")
            yield row
    except csv.Error as error:
        raise FileRefusedError(f"the file is not sound CSV: line {lines_before + reader.line_num}: {error}") from error


def by_columns(rows: Sequence[Row], width: int) -> list[Sequence[object]]:
    """The columns of some rows, at least `width`; none if there are no rows."""
    if not rows:
        return []
    if set(map(len, rows)) == {width}:
        return list(zip(*rows, strict=True))
    # With a full row on top each column is there.
    return [column[1:] for column in zip_longest(range(width), *rows, fillvalue="")]


class _SingleRows:
    """Rows that a library gives one by one."""

    sound_rows: int | None = None

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows

    def next_row(self) -> Row | None:
        return next(self._rows, None)

    def next_columns(self, width: int) -> list[Sequence[object]]:
        return by_columns(list(islice(self._rows, PIECE_ROWS)), width)
