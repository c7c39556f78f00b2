"""Columns of a sheet, checked while the file is read: each distinct cell once, by the rule of its column."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from almeno_grpc.domain.months import day_of_number
from almeno_grpc.imports.parsing import cells as rules
from almeno_grpc.imports.parsing.cells import MAX_EXACT, CellRule, Fault, Mark
from almeno_grpc.imports.parsing.days import EitherOrder, InOrder

Values = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]
M = TypeVar("M", bound=Mark)

_EITHER_ORDER = (
    "may begin with the day or the month, and the other dates of the column do not settle it; write it as YYYY-MM-DD"
)
_SWAPPED = (
    "may have day and month the wrong way round: no date cell of the column has a day above 12 and its other dates "
    "are text, as a spreadsheet leaves what it cannot read as dates; write it as YYYY-MM-DD, as text"
)


class ParsedColumn:
    """What a rule has made of a column."""

    def __init__(self, values: Values, marks: dict[int, Mark]) -> None:
        self.values = values
        """Whole numbers, a day as in `day_number`; or texts. At a fault 0, or an empty text."""
        self.marks = marks
        """By the places of the cells that have one."""

    def marked(self, kind: type[M]) -> Iterator[tuple[int, M]]:
        """The marks of a kind, each with its place."""
        return ((place, mark) for place, mark in self.marks.items() if isinstance(mark, kind))

    def reject(self, place: int, fault: Fault) -> None:
        """Marks a cell that cannot be taken after all."""
        self.values[place], self.marks[place] = fault.value, fault


class Column:
    """A column whose cells are checked piece by piece, while the file is read. Only their values are kept."""

    def __init__(self, rule: CellRule) -> None:
        self._rule = rule
        is_text = rule is rules.name
        self._no_value: object = "" if is_text else 0
        self._type: npt.DTypeLike = object if is_text else np.int64
        self._pieces: list[Values] = [np.empty(0, dtype=self._type)]
        self._marks: dict[int, Mark] = {}
        self._is_date_cell: list[Values] = [np.empty(0, dtype=np.bool)]
        self._length = 0

    def extend(self, cells: Sequence[object]) -> None:
        """Checks the next cells."""
        if {*map(type, cells)} & {bool, int}:
            cells = [_plain_cell(cell) for cell in cells]
        outcomes = {cell: self._rule(cell) for cell in {*cells}}
        marks = {cell: outcome for cell, outcome in outcomes.items() if isinstance(outcome, Mark)}
        if marks:
            outcomes |= {cell: mark.value or self._no_value for cell, mark in marks.items()}
            for place, cell in enumerate(cells, start=self._length):
                if cell in marks:
                    self._marks[place] = marks[cell]
        self._pieces.append(np.array([outcomes[cell] for cell in cells], dtype=self._type))
        self._is_date_cell.append(np.fromiter((isinstance(cell, date) for cell in cells), np.bool, len(cells)))
        self._length += len(cells)

    def parsed(self) -> ParsedColumn:
        """All that was made of the column. The dates with a plain order of day and month say how to read the others."""
        column = ParsedColumn(np.concatenate(self._pieces), self._marks)
        day_first = {day.day_first for _, day in column.marked(InOrder)}
        for place, day in list(column.marked(EitherOrder)):
            if day_first == {False}:
                column.values[place] = day.month_first
            elif day_first != {True}:
                column.reject(place, Fault(f"{day.found} {_EITHER_ORDER}", day.found))
        of_cells = np.flatnonzero(np.concatenate(self._is_date_cell))
        if day_first and (column.values[of_cells] % 100 <= 12).all():
            for place in of_cells.tolist():
                found = f"'{day_of_number(int(column.values[place]))}'"
                column.reject(place, Fault(f"{found} {_SWAPPED}", found))
        return column


def _plain_cell(cell: object) -> object:
    """The cell as text or a number. A boolean is the word that a spreadsheet shows: Python takes True for 1."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int):
        return float(cell) if abs(cell) < MAX_EXACT else str(cell)
    return cell
