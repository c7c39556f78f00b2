"""Sheets that the client writes, row by row, to CSV files and workbooks.

A text that a spreadsheet would take for a formula is written behind an apostrophe: whoever opens the sheet runs nothing
of what it holds.
"""

import csv
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from almeno_grpc.extras import ExtraMissing, require_extra

Cell = str | int | Decimal | date | None

ENDINGS = (".csv", ".xlsx")
MAX_WORKBOOK_ROWS = 1_048_576
"""The most rows of a sheet in a workbook, the headings among them."""
_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")
_FIRST_WORKBOOK_DAY = date(1900, 3, 1)
"""Spreadsheets take 1900 for a leap year: days before are one off, and are written as text."""


class SheetWriter(Protocol):
    """A sheet that is being written."""

    def write(self, row: Sequence[Cell]) -> None:
        """Adds a row.

        Raises:
            ValueError: The sheet is full.
        """


@contextmanager
def new_sheet(file: Path, title: str, headings: Sequence[str]) -> Iterator[SheetWriter]:
    """Writes a sheet whose owner alone may read it; what is at its place stays until it is complete.

    Args:
        file: Ends in one of `ENDINGS`.
        title: Of the sheet in a workbook.
        headings: The first row.

    Raises:
        OSError: The file cannot be written.
        ValueError: It has another ending; or a workbook is to be written, and what writes one is not installed.
    """
    is_workbook = is_workbook_name(file)
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb" if is_workbook else "w", **_text_options(is_workbook)) as opened:
            sheet = _Workbook(title) if is_workbook else _Csv(opened)
            try:
                sheet.write(headings)
                yield sheet
            except BaseException:
                sheet.abandon()
                raise
            sheet.finish(opened)
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.replace(file)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def is_workbook_name(file: Path) -> bool:
    """Whether the name is that of a workbook, and not of a CSV file.

    Raises:
        ValueError: It is neither's.
    """
    ending = file.suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"{file.name} ends in neither {' nor '.join(ENDINGS)}")
    return ending == ".xlsx"


def safe_text(text: str) -> str:
    """The text as a spreadsheet takes it for nothing else."""
    return f"'{text}" if text.startswith(_FORMULA_BEGINNINGS) else text


def _text_options(is_workbook: bool) -> dict[str, Any]:
    return {} if is_workbook else {"encoding": "utf-8", "newline": ""}


class _Csv:
    """Commas, and a line break of two characters, as RFC 4180 has it; dates as YYYY-MM-DD."""

    def __init__(self, opened: Any) -> None:
        self._writer = csv.writer(opened)

    def write(self, row: Sequence[Cell]) -> None:
        self._writer.writerow(list(map(_text, row)))

    def finish(self, opened: Any) -> None:
        """Everything is in the file."""

    def abandon(self) -> None:
        """There is nothing to close."""


class _Workbook:
    """Rows go to a temporary file as they come, and into the workbook at its end."""

    def __init__(self, title: str) -> None:
        try:
            require_extra("report", "the writing of workbooks")
        except ExtraMissing as missing:
            raise ValueError(f"{missing}; a .csv file needs none") from None
        import openpyxl  # noqa: PLC0415 - who writes CSV does without it

        self._book = openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet(title)
        self._rows = 0

    def write(self, row: Sequence[Cell]) -> None:
        if self._rows == MAX_WORKBOOK_ROWS:
            raise ValueError(f"a workbook holds {MAX_WORKBOOK_ROWS - 1:,} rows at most; export to a .csv file")
        self._rows += 1
        self._sheet.append(list(map(_workbook_cell, row)))

    def finish(self, opened: Any) -> None:
        self._book.save(opened)

    def abandon(self) -> None:
        # Else the temporary file is written to when it is closed already.
        self._sheet.close()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return safe_text(cell)
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def _workbook_cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return safe_text(cell)
    return cell.isoformat() if isinstance(cell, date) and cell < _FIRST_WORKBOOK_DAY else cell
