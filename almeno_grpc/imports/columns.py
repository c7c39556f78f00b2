"""Columns of a table, and what a rule makes of all their cells.

A column of a long file is read and checked as a whole: numbers side by side in one go, and of cells that come again and
again each once. Only what is left is looked at cell by cell. With `row_order`, the place that knows numpy and pandas.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from almeno_grpc.imports.cells import EXACT_FLOATS, CellRule, Fault, PhoneNumber, PlainNumbers
from almeno_grpc.service.phone_numbers import LEAST_INDIAN, MOST_INDIAN, indian_to_e164

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[Any]

_PIECE_ROWS = 1_000
"""Cells of a text column that are read as plain numbers, or not, together."""
_PLAIN_DIGITS = 18
"""A whole number of so many digits fits into 64 bits."""


@dataclass(frozen=True, slots=True)
class ParsedColumn:
    """What a rule has made of a column."""

    values: Values
    """Whole numbers, a day as in `day_number`; or objects, where the rule gives texts. At a fault 0, or the fault."""
    faults: dict[int, Fault]
    """By the places of the cells."""


class Column:
    """A column, which grows while a file is read.

    It is kept as bare numbers as long as it holds nothing else; then as the cells that differ and, for each place,
    which of them it is; and as a list of all the cells where too many differ. Cells are made one by one all over the
    memory: numbers side by side take a quarter of the room, and putting them in order scatters nothing.
    """

    MOST_DISTINCT = 100_000

    def __init__(self) -> None:
        self._numbers = array("d")
        self._distinct: _Distinct | None = None
        self._codes = array("i")
        self._cells: list[object] | None = None

    def __len__(self) -> int:
        if self._cells is not None:
            return len(self._cells)
        return len(self._numbers if self._distinct is None else self._codes)

    def extend(self, cells: Sequence[object]) -> None:
        """Adds cells at the end. Booleans become the words a spreadsheet shows: Python takes True for 1."""
        kinds = set(map(type, cells))
        if self._distinct is None:
            if kinds <= {float}:
                numbers: Any = cells
                self._numbers.extend(numbers)
                return
            self._distinct = _Distinct()
            self._codes.extend(map(self._distinct.__getitem__, self._numbers))
            del self._numbers[:]
        if bool in kinds:
            cells = [str(cell).upper() if isinstance(cell, bool) else cell for cell in cells]
        if self._cells is None and len(self._distinct) > self.MOST_DISTINCT:
            self._cells = self._coded_cells()
            self._distinct.clear()
            del self._codes[:]
        if self._cells is None:
            self._codes.extend(map(self._distinct.__getitem__, cells))
        else:
            self._cells.extend(cells)

    def cells(self) -> list[object]:
        """The cells as they were found. An empty cell is an empty string."""
        if self._cells is not None:
            return self._cells
        return list(self._numbers) if self._distinct is None else self._coded_cells()

    def parsed(self, rule: CellRule) -> ParsedColumn:
        """What the rule makes of each cell."""
        if self._cells is not None:
            return _parsed_cells(self._cells, rule)
        if self._distinct is None:
            return _parsed_numbers(np.asarray(self._numbers), rule)
        return _taken([rule(cell) for cell in self._distinct], np.asarray(self._codes))

    def _coded_cells(self) -> list[object]:
        distinct = list(self._distinct or ())
        return list(map(distinct.__getitem__, self._codes))


class _Distinct(dict[object, int]):
    """Numbers cells in the order in which they come first."""

    def __missing__(self, cell: object) -> int:
        code = self[cell] = len(self)
        return code


def day_number(day: date) -> int:
    """The day as one number, in the order of the days."""
    return day.year * 10_000 + day.month * 100 + day.day


def parts_of_days(days: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Years, months and days of the month of numbers that `day_number` has made."""
    return days // 10_000, days // 100 % 100, days % 100


def each_once(make: Callable[[int], int], values: Numbers) -> Numbers:
    """What is made of each of the values, which come again and again."""
    codes, distinct = pd.factorize(values)
    return np.array([make(value) for value in distinct.tolist()], dtype=np.int64)[codes]


def _parsed_numbers(cells: npt.NDArray[np.float64], rule: CellRule) -> ParsedColumn:
    """Of bare numbers: plainly whole ones all at once, of the others each once."""
    with np.errstate(invalid="ignore"):
        is_plain = (np.abs(cells) < EXACT_FLOATS) & (cells == np.floor(cells))
    numbers = np.where(is_plain, cells, 0).astype(np.int64)
    values: Values
    if isinstance(rule, PlainNumbers):
        values = numbers * rule.scale
        is_plain &= (values >= rule.least) & (values <= rule.most)
        values[~is_plain] = 0
    elif isinstance(rule, PhoneNumber):
        values = np.zeros(len(cells), dtype=object)
        is_plain &= (numbers >= LEAST_INDIAN) & (numbers <= MOST_INDIAN)
        values[is_plain] = indian_to_e164(numbers[is_plain].tolist())
    else:
        return _parsed_once(cells, rule)
    others = np.flatnonzero(~is_plain)
    if not len(others):
        return ParsedColumn(values, {})
    parsed = _parsed_once(cells[others], rule)
    values[others] = parsed.values
    return ParsedColumn(values, dict(zip(others[[*parsed.faults]].tolist(), parsed.faults.values(), strict=True)))


def _parsed_once(cells: npt.NDArray[np.float64], rule: CellRule) -> ParsedColumn:
    codes, distinct = pd.factorize(cells, use_na_sentinel=False)
    return _taken([rule(cell) for cell in distinct.tolist()], codes)


def _taken(outcomes: list[object], codes: npt.NDArray[Any]) -> ParsedColumn:
    """The outcome for each place, given those of the cells that differ and which of them stands there."""
    values = _as_values(outcomes)
    faulty = [code for code, outcome in enumerate(outcomes) if isinstance(outcome, Fault)]
    places = np.flatnonzero(np.isin(codes, faulty)).tolist() if faulty else []
    faults = {place: outcome for place in places if isinstance(outcome := outcomes[codes[place]], Fault)}
    return ParsedColumn(values[codes], faults)


def _parsed_cells(cells: list[object], rule: CellRule) -> ParsedColumn:
    """Of cells most of which differ: whole numbers in digits a piece at a time, others one by one."""
    outcomes: list[object] = []
    for piece in _pieces(cells):
        plain = _plain_digits(piece, rule) if isinstance(rule, PlainNumbers) else []
        outcomes += plain or map(rule, piece)
    faults = {place: outcome for place, outcome in enumerate(outcomes) if isinstance(outcome, Fault)}
    return ParsedColumn(_as_values(outcomes), faults)


def _pieces(cells: list[object]) -> Iterator[list[object]]:
    for start in range(0, len(cells), _PIECE_ROWS):
        yield cells[start : start + _PIECE_ROWS]


def _plain_digits(cells: Sequence[object], rule: PlainNumbers) -> list[int]:
    """The cells as whole numbers, if each is a text of digits for one that the rule takes; else nothing.

    Many times quicker than looking at each.
    """
    if set(map(type, cells)) != {str}:
        return []
    texts: list[str] = list(map(str, cells))
    digits = "".join(texts)
    if not (digits.isascii() and digits.isdigit() and all(texts) and max(map(len, texts)) <= _PLAIN_DIGITS):
        return []
    numbers = list(map(int, texts)) if rule.scale == 1 else [int(text) * rule.scale for text in texts]
    return numbers if min(numbers) >= rule.least and max(numbers) <= rule.most else []


def _as_values(outcomes: list[object]) -> Values:
    """Outcomes of a rule as an array: of numbers, unless there are texts among them."""
    if any(isinstance(outcome, str) for outcome in outcomes):
        # Handed over as it is, a list of texts would become an array of characters.
        texts = np.empty(len(outcomes), dtype=object)
        texts[:] = outcomes
        return texts
    return np.array([_as_number(outcome) for outcome in outcomes], dtype=np.int64)


def _as_number(outcome: Any) -> int:
    if isinstance(outcome, Fault):
        return 0
    return day_number(outcome) if isinstance(outcome, date) else int(outcome)
