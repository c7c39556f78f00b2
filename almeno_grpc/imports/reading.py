"""Reading a file into a table of cells. The only module that knows pandas; runs in the reading process alone."""

import csv
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, islice, zip_longest
from pathlib import Path
from typing import Any

import pandas as pd
import python_calamine

from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.imports.containers import Container, check_text, check_workbook_unpacks, recognize
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.frames import ReadingLimits
from almeno_grpc.imports.headings import HEADINGS, find_columns

_PIECE_ROWS = 2_000
"""Rows turned from rows into columns at a time: as many as the processor keeps close by."""
_MAX_FIELDS = 1_000
"""Of a line of a CSV file. A sheet of a workbook ends at 16,384 columns by itself."""

_EXACT_FLOATS = 2**53
"""Below, every whole number has a float of its own."""
_PLAIN_DIGITS = 18
"""A whole number of so many digits fits into 64 bits."""
_BEHIND_ALL_CUSTOMERS = 2**62

Row = Sequence[object]


class BookTable:
    """The rows of a file that hold anything, each cell as it was found, and the numbers of the rows."""

    def __init__(self, row_numbers: pd.Series, columns: dict[str, pd.Series], overlong_rows: set[int]) -> None:
        """Takes the rows' numbers, and the columns by the headings of the kind."""
        self._row_numbers = row_numbers
        # Each for itself: a frame would gather those of one type in a block, and copy each cell once more.
        self._columns = columns
        self.overlong_rows = overlong_rows
        """Numbers of the rows that have more fields than there are headings, which only a CSV file can have."""

    def __len__(self) -> int:
        return len(self._row_numbers)

    def column(self, heading: str, start: int = 0, stop: int | None = None) -> list[object]:
        """The cells of a column, from row `start` of the table up to `stop`. An empty cell is an empty string."""
        cells: list[object] = self._columns[heading].iloc[start:stop].tolist()
        return cells

    def whole_numbers(self, heading: str, least: int, most: int, start: int = 0, stop: int | None = None) -> list[int]:
        """As `column`, if each cell plainly is a whole number from `least` to `most`; else nothing.

        Many times quicker than looking at each, which matters where nearly every cell of a long column is a new one.
        """
        cells = self._columns[heading].iloc[start:stop]
        if cells.dtype == "float64":
            if most < _EXACT_FLOATS and (cells.between(least, most) & (cells % 1 == 0)).all():
                numbers: list[int] = cells.astype("int64").tolist()
                return numbers
            return []
        return _plain_digits(cells.tolist(), least, most)

    def rearranged(self, places: Sequence[int]) -> "BookTable":
        """The same rows in another order: first the one that stood at the first of the places, and so on."""
        columns = {heading: column.take(places) for heading, column in self._columns.items()}
        return BookTable(self._row_numbers.take(places), columns, self.overlong_rows)

    def row_numbers(self, start: int, stop: int) -> list[int]:
        """The numbers of the rows as a spreadsheet shows them."""
        numbers: list[int] = self._row_numbers.iloc[start:stop].tolist()
        return numbers


def repeated(keys: Sequence[Sequence[int]]) -> set[int]:
    """Positions of the rows whose key stands more than once; a key is made of one whole number from each list."""
    twice = pd.DataFrame(dict(enumerate(keys)), dtype="int64").duplicated(keep=False)
    return set(twice.to_numpy().nonzero()[0].tolist())


def landing_order(customer_ids: Sequence[int], loan_ids: Sequence[int]) -> tuple[list[int], int]:
    """The places of loans in the order they land in, and how many of them come first.

    First come those whose Loan ID stands nowhere above, by customer and Loan ID; then the others by Loan ID, those that
    have one in common as they stand in the sheet.
    """
    loans = pd.Series(loan_ids, dtype="int64")
    is_later = loans.duplicated()
    places = loans.argsort(kind="stable").to_numpy()
    customers = pd.Series(customer_ids, dtype="int64").where(~is_later, _BEHIND_ALL_CUSTOMERS)
    in_order: list[int] = places[customers.take(places).argsort(kind="stable").to_numpy()].tolist()
    return in_order, len(places) - int(is_later.sum())


def first_owners(loan_ids: Sequence[int], customer_ids: Sequence[int]) -> tuple["array[int]", "array[int]"]:
    """The Loan IDs that are no faults, each once and in their order, and the customer with whom each comes first."""
    loans = pd.DataFrame({"loan": loan_ids, "customer": customer_ids}, dtype="int64")
    firsts = loans.drop_duplicates("loan").query("loan > 0 and customer > 0").sort_values("loan")
    return array("q", firsts["loan"].to_numpy().tobytes()), array("q", firsts["customer"].to_numpy().tobytes())


def rearranged(values: list[Any], places: Sequence[int]) -> list[Any]:
    """The values in another order, as of `BookTable.rearranged`."""
    column = pd.Series(values)
    # Numbers are made anew, side by side again.
    rearranged: list[Any] = column.take(places).tolist()
    return rearranged


def _plain_digits(cells: Sequence[object], least: int, most: int) -> list[int]:
    """The cells as whole numbers, if each is a text of digits for one from `least` to `most`; else nothing."""
    if set(map(type, cells)) != {str}:
        return []
    texts: list[str] = list(map(str, cells))
    digits = "".join(texts)
    if not (digits.isascii() and digits.isdigit() and all(texts) and max(map(len, texts)) <= _PLAIN_DIGITS):
        return []
    numbers = list(map(int, texts))
    return numbers if min(numbers) >= least and max(numbers) <= most else []


def read_table(path: Path, *, kind: ImportKind, file_name: str, limits: ReadingLimits) -> BookTable:
    """Reads the whole file.

    Args:
        path: Where the file lies.
        kind: What its rows are, which says which headings it needs.
        file_name: The name its sender gave it; with the content it decides how the file is read.
        limits: How large it may be.

    Raises:
        FileRefusedError: The file as a whole cannot be taken.
    """
    if recognize(path, file_name) is Container.WORKBOOK:
        check_workbook_unpacks(path, limits)
        return _table(_workbook_rows(path), kind, limits)
    with path.open("rb") as file:
        check_text(file)
    return _table(_csv_rows(path), kind, limits)


def _workbook_rows(path: Path) -> Iterator[Row]:
    """Yields every row of the first worksheet, the leading blank ones too."""
    try:
        sheet = _first_sheet(path)
    except python_calamine.PasswordError as error:
        raise FileRefusedError("the workbook has a password; save it without one") from error
    except (FileRefusedError, MemoryError):
        raise
    # Whatever else the library says of a workbook it can make nothing of; its panics are no Exception.
    except BaseException as error:
        raise FileRefusedError("the file is not a sound .xlsx workbook") from error
    yield from sheet.iter_rows()


def _first_sheet(path: Path) -> python_calamine.CalamineSheet:
    with path.open("rb") as file:
        workbook = python_calamine.CalamineWorkbook.from_filelike(file)
    for metadata in workbook.sheets_metadata:
        if metadata.typ == python_calamine.SheetTypeEnum.WorkSheet:
            return workbook.get_sheet_by_name(metadata.name)
    raise FileRefusedError("the workbook has no worksheet")


def _csv_rows(path: Path) -> Iterator[Row]:
    """Yields every record of a CSV file; a blank line is a row without fields."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for row in reader:
                if len(row) > _MAX_FIELDS:
                    raise FileRefusedError(f"line {reader.line_num} of the file has more than {_MAX_FIELDS:,} fields")
                yield row
        except csv.Error as error:
            raise FileRefusedError(f"the file is not sound CSV: line {reader.line_num}: {error}") from error


def _table(rows: Iterator[Row], kind: ImportKind, limits: ReadingLimits) -> BookTable:
    """Finds the headings and gathers the columns below them, piece by piece."""
    heading_number, heading_row = next(
        ((number, row) for number, row in enumerate(rows, start=1) if not _is_blank(row)), (0, ())
    )
    if not heading_row:
        raise FileRefusedError("the file is empty: its sheet has no headings")
    positions = find_columns(kind, heading_row)
    numbers = array("q")
    columns = [_Column() for _ in positions]
    overlong: set[int] = set()
    next_number = heading_number + 1
    while piece := list(islice(rows, _PIECE_ROWS)):
        sheet_columns = _columns(piece, len(heading_row))
        picked = [sheet_columns[position] for position in positions]
        piece_numbers: Iterable[int] = range(next_number, next_number + len(piece))
        filled = _filled(picked)
        if not all(filled):
            piece_numbers = compress(piece_numbers, filled)
            picked = [tuple(compress(cells, filled)) for cells in picked]
        numbers.extend(piece_numbers)
        for column, cells in zip(columns, picked, strict=True):
            column.extend(cells)
        for beyond in sheet_columns[len(heading_row) :]:
            overlong.update(number for number, cell in enumerate(beyond, start=next_number) if cell)
        next_number += len(piece)
        if len(numbers) > limits.rows:
            raise FileRefusedError(f"the file has more than {limits.rows:,} rows; split it into several files")
    by_heading = {heading: column.as_series() for heading, column in zip(HEADINGS[kind], columns, strict=True)}
    return BookTable(pd.Series(memoryview(numbers), dtype="int64"), by_heading, overlong)


def _columns(rows: Sequence[Row], width: int) -> list[tuple[object, ...]]:
    """The rows as columns, at least `width` of them; a row of a CSV file may be shorter or longer than others."""
    if set(map(len, rows)) == {width}:
        return list(zip(*rows, strict=True))
    # With a full row on top each column is there.
    return [column[1:] for column in zip_longest(range(width), *rows, fillvalue="")]


def _filled(columns: Sequence[Sequence[object]]) -> list[bool]:
    """Which of the rows hold anything."""
    first, *others = columns
    if set(map(type, first)) == {float}:
        return [True] * len(first)
    # Nearly every row has its Customer ID, and then there is nothing more to look at.
    return [
        cell.__class__ is float
        or (cell.__class__ is str and str(cell).isalnum())
        or not _is_blank((cell,))
        or not _is_blank([column[place] for column in others])
        for place, cell in enumerate(first)
    ]


def _is_blank(row: Iterable[object]) -> bool:
    """Whether the row holds nothing but empty cells and white space."""
    return all(isinstance(cell, str) and not cell.strip() for cell in row)


class _Column:
    """A column as it grows: bare numbers as long as it holds nothing else, and then cells.

    Cells are made one by one all over the memory. Numbers side by side take a quarter of the room, and a sort does not
    scatter them.
    """

    _MAX_COMMON = 100_000

    def __init__(self) -> None:
        self._numbers = array("d")
        self._cells: list[object] | None = None
        self._common: dict[object, object] = {}
        """Cells that have come before, so that a text or a date that comes again is the same one."""

    def extend(self, cells: Sequence[object]) -> None:
        """Adds cells at the end. Booleans become the words a spreadsheet shows: Python takes True for 1."""
        kinds = set(map(type, cells))
        if kinds <= {float} and self._cells is None:
            numbers: Any = cells
            self._numbers.extend(numbers)
            return
        if self._cells is None:
            self._cells = list(self._numbers)
            del self._numbers[:]
        if bool in kinds:
            cells = [str(cell).upper() if isinstance(cell, bool) else cell for cell in cells]
        if len(self._common) > self._MAX_COMMON:
            self._common.clear()
        # A number that stands among texts must not become an equal one of another kind.
        self._cells.extend(cells if float in kinds else map(self._common.setdefault, cells, cells))

    def as_series(self) -> pd.Series:
        """The column; of objects, unless it is one of numbers alone."""
        if self._cells is None:
            return pd.Series(memoryview(self._numbers), dtype="float64")
        return pd.Series(self._cells, dtype=object)
