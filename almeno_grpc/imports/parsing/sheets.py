"""The rows of a file by columns, whichever library reads it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.containers import Container, check_workbook_unpacks, recognize
from almeno_grpc.imports.parsing.csv_text import open_csv
from almeno_grpc.imports.parsing.workbooks import open_workbook
from almeno_grpc.imports.sandbox.messages import ReadingLimits

Row = Sequence[object]
Columns = Sequence[Sequence[object]]


@dataclass(frozen=True)
class Sheet:
    """A sheet whose headings have been read."""

    title: str
    """What it is in a sentence: the file, or a sheet of it."""
    headings: Row
    heading_row: int
    """Its number as a spreadsheet shows it."""
    pieces: Iterator[Columns]
    """The rows below, some thousands at a time, by columns: one for each heading; of a CSV file some more, which hold
    the fields of rows that have more. An empty cell is an empty text. Asking for them raises `FileRefusedError` where
    the file turns out to be damaged."""


@contextmanager
def open_sheet(path: Path, file_name: str, limits: ReadingLimits) -> Iterator[Sheet]:
    """Opens a file that its sender has named, and reads its headings, which stand in the first row that is not blank.

    Raises:
        FileRefusedError: It is no file of rows, or asks for too much.
    """
    container = recognize(path, file_name)
    if container is Container.ZIP:
        check_workbook_unpacks(path, limits)
    with ExitStack() as stack:
        opened = stack.enter_context(open_csv(path)) if container is Container.TEXT else open_workbook(path)
        title, rows, pieces_of = opened
        for number, row in enumerate(rows, start=1):
            if not is_blank(row):
                yield Sheet(title, row, number, pieces_of(len(row)))
                return
        raise FileRefusedError(f"{title} is empty: it has no headings")


def is_blank(row: Row) -> bool:
    """Whether the row holds nothing but empty cells and white space."""
    return all(isinstance(cell, str) and not cell.strip() for cell in row)
