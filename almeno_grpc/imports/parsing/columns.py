"""Columns of a sheet, checked while the file is read: each distinct cell once, by the rule of its column."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

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


class Column:
    """A column whose cells are checked piece by piece, while the file is read. Only their values are kept."""

    def __init__(self, rule: CellRule) -> None:
        self._rule = rule
        is_text = rule is rules.name
        self._no_value: object = "" if is_text else 0
        self.values: Values = np.empty(0, dtype=object if is_text else np.int64)
        """Whole numbers, a day as in `day_number`; or texts. At a fault 0, or an empty text. Set by `finish`."""
        self.marks: dict[int, Mark] = {}
        """By the places of the cells that have one."""
        self._pieces: list[Values] = []
        self._is_date_cell: list[Values] = []
        self._length = 0

    def extend(self, cells: Sequence[object]) -> None:
        """Checks the next cells."""
        kinds = {*map(type, cells)}
        if kinds & {bool, int}:
            cells = [_plain_cell(cell) for cell in cells]
        codes, distinct = pd.factorize(np.array(cells, dtype=object), use_na_sentinel=False)
        values = np.full(len(distinct), self._no_value, dtype=self.values.dtype)
        marks: dict[int, Mark] = {}
        for code, outcome in enumerate(map(self._rule, distinct)):
            if isinstance(outcome, Mark):
                marks[code] = outcome
            values[code] = (outcome.value or self._no_value) if isinstance(outcome, Mark) else outcome
        for place in np.flatnonzero(np.isin(codes, list(marks))).tolist() if marks else ():
            self.marks[self._length + place] = marks[codes[place]]
        self._pieces.append(values[codes])
        is_date_cell = [isinstance(cell, date) for cell in cells] if kinds & {date, datetime} else [False] * len(cells)
        self._is_date_cell.append(np.array(is_date_cell, dtype=np.bool))
        self._length += len(cells)

    def finish(self) -> None:
        """Looks at the column as a whole: the dates with a plain order of day and month say how to read the others."""
        self.values = np.concatenate([self.values, *self._pieces])
        day_first = {day.day_first for _, day in self.marked(InOrder)}
        for place, day in self.marked(EitherOrder):
            if day_first == {False}:
                self.values[place] = day.month_first
            elif day_first != {True}:
                self._reject(place, Fault(f"{day.found} {_EITHER_ORDER}", day.found))
        date_cells = np.flatnonzero(np.concatenate(self._is_date_cell)) if day_first else np.arange(0)
        if day_first and (self.values[date_cells] % 100 <= 12).all():
            for place in date_cells.tolist():
                found = f"'{day_of_number(int(self.values[place]))}'"
                self._reject(place, Fault(f"{found} {_SWAPPED}", found))

    def marked(self, kind: type[M]) -> list[tuple[int, M]]:
        """The marks of a kind, each with its place."""
        return [(place, mark) for place, mark in self.marks.items() if isinstance(mark, kind)]

    def _reject(self, place: int, fault: Fault) -> None:
        self.values[place], self.marks[place] = fault.value, fault


def _plain_cell(cell: object) -> object:
    """The cell as text or a number. A boolean is the word that a spreadsheet shows: Python takes True for 1."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int):
        return float(cell) if abs(cell) < MAX_EXACT else str(cell)
    return cell
