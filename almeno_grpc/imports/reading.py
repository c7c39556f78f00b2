"""Reading a file into a table: its headings found, its rows gathered by columns."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.giving_way import give_way
from almeno_grpc.imports.cells import CellRule
from almeno_grpc.imports.columns import Column, ParsedColumn
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.frames import ReadingLimits
from almeno_grpc.imports.headings import HEADINGS, find_columns
from almeno_grpc.imports.sheets import SheetRows, open_rows
from almeno_grpc.imports.short_cells import Numbers


class BookTable:
    """The rows of a file that hold anything, each cell as it was found, and the numbers of the rows."""

    def __init__(self, row_numbers: "array[int]", columns: dict[str, Column], overlong_rows: set[int]) -> None:
        """Takes the rows' numbers, and the columns by the headings of the kind."""
        self.row_numbers: Numbers = np.asarray(row_numbers, dtype=np.int64)
        """The numbers of the rows as a spreadsheet shows them."""
        self._columns = columns
        self.overlong_rows = overlong_rows
        """Numbers of the rows that have more fields than there are headings, which only a CSV file can have."""

    def __len__(self) -> int:
        return len(self.row_numbers)

    def cells(self, heading: str, places: Iterable[int]) -> list[object]:
        """The cells of a column in some of the rows. An empty cell is an empty string."""
        return self._columns[heading].cells(places)

    def parsed(self, heading: str, rule: CellRule) -> ParsedColumn:
        """What the rule makes of each cell of a column."""
        return self._columns[heading].parsed(rule)


def read_table(path: Path, *, kind: ImportKind, file_name: str, limits: ReadingLimits) -> BookTable:
    """Reads the rows of an uploaded file.

    Args:
        path: Where the file lies.
        kind: What its rows are.
        file_name: The name its sender gave it.
        limits: How much it may ask for.

    Raises:
        FileRefusedError: The file as a whole cannot be taken.
    """
    return table_of(open_rows(path, file_name, limits)(), kind, limits)


def table_of(rows: SheetRows, kind: ImportKind, limits: ReadingLimits) -> BookTable:
    """Finds the headings and gathers the columns below them, piece by piece; see `read_table`."""
    next_number, heading_row = 2, rows.next_row()
    while heading_row is not None and _is_blank(heading_row):
        next_number, heading_row = next_number + 1, rows.next_row()
    if heading_row is None:
        raise FileRefusedError("the file is empty: its sheet has no headings")
    positions = find_columns(kind, heading_row)
    numbers = array("q")
    columns = [Column() for _ in positions]
    overlong: set[int] = set()
    while sheet_columns := rows.next_columns(len(heading_row)):
        give_way()
        picked = [sheet_columns[position] for position in positions]
        count = len(picked[0])
        piece_numbers: Iterable[int] = range(next_number, next_number + count)
        filled = _filled(picked)
        if not all(filled):
            piece_numbers = compress(piece_numbers, filled)
            picked = [_kept(cells, filled) for cells in picked]
        numbers.extend(piece_numbers)
        for column, cells in zip(columns, picked, strict=True):
            column.extend(cells)
        for beyond in sheet_columns[len(heading_row) :]:
            overlong.update(number for number, cell in enumerate(beyond, start=next_number) if cell)
        next_number += count
        if len(numbers) > limits.rows:
            raise FileRefusedError(f"the file has more than {limits.rows:,} rows; split it into several files")
    return BookTable(numbers, dict(zip(HEADINGS[kind], columns, strict=True)), overlong)


def _kept(cells: Sequence[object], filled: Sequence[bool]) -> Sequence[object]:
    if isinstance(cells, array):
        return array(cells.typecode, compress(cells, filled))
    return tuple(compress(cells, filled))


def _filled(columns: Sequence[Sequence[object]]) -> list[bool]:
    """Which of the rows hold anything."""
    first, *others = columns
    if isinstance(first, array):
        return [True] * len(first)
    kinds = set(map(type, first))
    if kinds == {float} or (kinds == {str} and all(first) and "".join(map(str, first)).isalnum()):
        return [True] * len(first)
    # Nearly every row has its Customer ID, and then there is nothing more to look at. Of the others, cells that were
    # kept as words are made into texts once.
    rest = [list(column) for column in others]
    return [
        cell.__class__ is float
        or (cell.__class__ is str and str(cell).isalnum())
        or not _is_blank((cell,))
        or not _is_blank([column[place] for column in rest])
        for place, cell in enumerate(first)
    ]


def _is_blank(row: Iterable[object]) -> bool:
    """Whether the row holds nothing but empty cells and white space."""
    return all(isinstance(cell, str) and not cell.strip() for cell in row)
