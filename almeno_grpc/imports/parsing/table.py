"""Reading a file into a table: its headings found, its rows gathered by columns."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from pathlib import Path

import numpy as np

from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.giving_way import give_way
from almeno_grpc.imports.parsing.cells import CellRule
from almeno_grpc.imports.parsing.columns import Column, ParsedColumn
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.sandbox.messages import ReadingLimits
from almeno_grpc.imports.parsing.headings import HEADINGS, find_columns
from almeno_grpc.imports.parsing.workbooks import SheetRows, open_rows
from almeno_grpc.imports.parsing.short_cells import Numbers


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
    [table] = BookReading(open_rows(path, file_name, limits)(), kind, limits).tables()
    return table


class BookReading:
    """The rows of a file below its headings, gathered by columns, piece by piece."""

    def __init__(self, rows: SheetRows, kind: ImportKind, limits: ReadingLimits) -> None:
        """Finds the headings; raises as `read_table`."""
        self._rows = rows
        self._kind = kind
        self._limits = limits
        self._next_number, heading_row = 2, rows.next_row()
        while heading_row is not None and _is_blank(heading_row):
            self._next_number, heading_row = self._next_number + 1, rows.next_row()
        if heading_row is None:
            raise FileRefusedError("the file is empty: its sheet has no headings")
        self._width = len(heading_row)
        self._positions = find_columns(kind, heading_row)
        self.sound_rows = rows.sound_rows - 1 if rows.sound_rows and 0 in self._positions else None
        """How many there are, where it is known beforehand that `tables` will not raise."""
        self._refuse_more(self.sound_rows or 0)

    def tables(self, max_rows: int | None = None) -> Iterator[BookTable]:
        """Yields the rows in order: in one table, or in several of at most so many rows, or of a piece; one at least.

        Of several the first are smaller, for whoever wants them has nothing to do until they come.

        Raises:
            FileRefusedError: The file as a whole cannot be taken, as some turn out far down.
        """
        growing = _GrowingTable(self._kind)
        rows_before = wanted_rows = 0
        while sheet_columns := self._rows.next_columns(self._width):
            give_way()
            count = len(sheet_columns[0])
            if max_rows is not None and len(growing) and len(growing) + count > wanted_rows:
                rows_before += len(growing)
                wanted_rows = min(2 * max(wanted_rows, len(growing)), max_rows)
                yield growing.table()
                growing = _GrowingTable(self._kind)
            picked = [sheet_columns[position] for position in self._positions]
            growing.extend(self._next_number, picked, sheet_columns[self._width :])
            self._next_number += count
            self._refuse_more(rows_before + len(growing))
        yield growing.table()

    def _refuse_more(self, rows: int) -> None:
        if rows > self._limits.rows:
            raise FileRefusedError(f"the file has more than {self._limits.rows:,} rows; split it into several files")


class _GrowingTable:
    def __init__(self, kind: ImportKind) -> None:
        self._columns = {heading: Column() for heading in HEADINGS[kind]}
        self._numbers = array("q")
        self._overlong: set[int] = set()

    def __len__(self) -> int:
        return len(self._numbers)

    def extend(
        self, first_number: int, cells_by_column: list[Sequence[object]], beyond: Sequence[Sequence[object]]
    ) -> None:
        """Adds rows: their cells, and those beyond the headings. Blank ones are left out."""
        numbers: Iterable[int] = range(first_number, first_number + len(cells_by_column[0]))
        filled = _filled(cells_by_column)
        if not all(filled):
            numbers = compress(numbers, filled)
            cells_by_column = [_kept(cells, filled) for cells in cells_by_column]
        self._numbers.extend(numbers)
        for column, cells in zip(self._columns.values(), cells_by_column, strict=True):
            column.extend(cells)
        for cells in beyond:
            self._overlong.update(number for number, cell in enumerate(cells, start=first_number) if cell)

    def table(self) -> BookTable:
        return BookTable(self._numbers, self._columns, self._overlong)


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
