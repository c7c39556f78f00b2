"""The rows of a file as its library gives them. The only module that knows the library of workbooks."""

import csv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from io import TextIOWrapper
from pathlib import Path
from threading import Thread

import python_calamine

from almeno_grpc.imports.containers import Container, check_text, check_workbook_unpacks, recognize, refuse_text
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.frames import ReadingLimits

_MAX_FIELDS = 1_000
"""Of a line of a CSV file. A sheet of a workbook ends at 16,384 columns by itself."""

Row = Sequence[object]
"""A cell of a workbook is a float, a text, a boolean, a date, a time, both or a duration; one of a CSV file a text."""


def open_rows(path: Path, file_name: str, limits: ReadingLimits) -> Callable[[], Iterator[Row]]:
    """Begins to read a file and checks it meanwhile: a workbook takes seconds, in which its library needs one core.

    Args:
        path: Where the file lies.
        file_name: The name its sender gave it.
        limits: How much it may ask for.

    Returns:
        What waits for the end of the reading and gives every row, the leading blank ones too; a blank line of a CSV
        file is a row without fields.

    Raises:
        FileRefusedError: It is no file of rows, or asks for too much; what is returned may raise it, too.
    """
    if recognize(path, file_name) is not Container.WORKBOOK:
        check_text(path)
        return lambda: _csv_rows(path)
    sheet: Future[python_calamine.CalamineSheet] = Future()
    # The process does not wait for the thread where the file is refused before it has been read.
    Thread(target=_read_first_sheet, args=(path, sheet), daemon=True).start()
    check_workbook_unpacks(path, limits)
    return lambda: _workbook_rows(sheet)


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
    yield from read.iter_rows()


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
    with path.open("rb") as content, TextIOWrapper(content, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for row in reader:
                if len(row) > _MAX_FIELDS:
                    raise FileRefusedError(f"line {reader.line_num} of the file has more than {_MAX_FIELDS:,} fields")
                yield row
        except csv.Error as error:
            raise FileRefusedError(f"the file is not sound CSV: line {reader.line_num}: {error}") from error
        except UnicodeDecodeError:
            # To look at each line before would take half as long as to read it.
            content.seek(0)
            refuse_text(content)
            raise
