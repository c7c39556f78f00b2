"""The rows of a file, whichever library reads it: python-calamine a workbook, the csv module all other text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import python_calamine

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.containers import is_workbook
from almeno_grpc.imports.parsing.csv_text import csv_rows
from almeno_grpc.imports.sandbox.messages import ReadingLimits

Row = Sequence[object]


@dataclass(frozen=True)
class Sheet:
    """A sheet whose headings have been read."""

    title: str
    """What it is in a sentence: the file, or a sheet of it."""
    headings: Row
    heading_row: int
    """Its number as a spreadsheet shows it."""
    rows: Iterator[Row]
    """The rows below. An empty cell is an empty text. A row of a CSV file may be shorter than the headings, or longer.
    Asking for them raises `FileRefusedError` where the file turns out to be damaged."""


def open_sheet(path: Path, file_name: str, limits: ReadingLimits) -> Sheet:
    """Opens a file that its sender has named, and reads its headings, which stand in the first row that is not blank.

    Raises:
        FileRefusedError: It is no file of rows, or asks for too much.
    """
    title, rows = _open_workbook(path) if is_workbook(path, file_name, limits) else ("the file", csv_rows(path))
    for number, row in enumerate(rows, start=1):
        if not is_blank(row):
            return Sheet(title, row, number, rows)
    raise FileRefusedError(f"{title} is empty: it has no headings")


def is_blank(row: Row) -> bool:
    """Whether the row holds nothing but empty cells and white space."""
    return all(isinstance(cell, str) and not cell.strip() for cell in row)


def _open_workbook(path: Path) -> tuple[str, Iterator[Row]]:
    """What the first visible worksheet is called in a sentence, and its rows."""
    try:
        with path.open("rb") as file:
            workbook = python_calamine.CalamineWorkbook.from_filelike(file)
            name = _first_visible(workbook.sheets_metadata)
            return f"the sheet '{name}'", iter(workbook.get_sheet_by_name(name).iter_rows())
    except python_calamine.PasswordError as error:
        raise FileRefusedError("the workbook has a password; save it without one") from error
    except (FileRefusedError, MemoryError, KeyboardInterrupt):
        raise
    # Whatever else the library says of a workbook it can make nothing of; its panics are no Exception.
    except BaseException as error:
        raise FileRefusedError("the file is not a sound workbook, or has a password") from error


def _first_visible(sheets: Sequence[python_calamine.SheetMetadata]) -> str:
    for sheet in sheets:
        is_worksheet = sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        if is_worksheet and sheet.visible == python_calamine.SheetVisibleEnum.Visible:
            return sheet.name
    raise FileRefusedError("the workbook has no visible worksheet")
