"""Columns of a sheet: cells that come again and again are checked once, plain whole numbers all at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from almeno_grpc.imports.parsing import cells as rules
from almeno_grpc.imports.parsing.cells import Adjusted, Amount, CellRule, Fault, Fraction, WholeNumber
from almeno_grpc.imports.parsing.days import EitherOrder, InOrder
from almeno_grpc.service.phone_numbers import MAX_INDIAN, MIN_INDIAN, OF_INDIA

Values = npt.NDArray[Any]
Numbers = npt.NDArray[np.int64]

_MAX_DIGITS = 18
"""A whole number of so many digits fits into 64 bits."""
_MAX_EXACT = 10**15
"""Whole numbers below have at most 15 digits, and a float of their own each."""


@dataclass(frozen=True, slots=True)
class ParsedColumn:
    """What a rule has made of a column. The dictionaries are by the places of the cells."""

    values: Values
    """Whole numbers, a day as in `day_number`; or texts. At a fault 0, or an empty text."""
    faults: dict[int, Fault]
    adjusted: dict[int, Adjusted]
    fractions: dict[int, Fraction]


class Column:
    """A column whose cells are checked piece by piece, while the file is read. Only their values are kept."""

    def __init__(self, rule: CellRule) -> None:
        self._rule = rule
        self._is_text = rule is rules.name
        self._pieces: list[Values] = []
        self._marks: dict[int, object] = {}
        self._day_first: set[bool] = set()
        self._length = 0

    def extend(self, cells: Sequence[object]) -> None:
        """Checks the next cells. Booleans are the words a spreadsheet shows: Python takes True for 1."""
        kinds = set(map(type, cells))
        if kinds <= {float}:
            distinct, codes = np.unique(np.array(cells, dtype=np.float64), return_inverse=True)
            is_whole = (np.abs(distinct) < _MAX_EXACT) & (distinct == np.floor(distinct))
            self._take(distinct.tolist(), codes, np.where(is_whole, distinct, -1).astype(np.int64))
            return
        if not kinds <= {str, float}:
            cells = [_plain_cell(cell) for cell in cells]
        objects = np.empty(len(cells), dtype=object)
        objects[:] = cells
        codes, uniques = pd.factorize(objects, use_na_sentinel=False)
        self._take(uniques.tolist(), codes, _in_digits(uniques.tolist()))

    def parsed(self) -> ParsedColumn:
        """All that was made of the column."""
        empty: Values = np.empty(0, dtype=object if self._is_text else np.int64)
        values = np.concatenate([empty, *self._pieces])
        for place, mark in self._marks.items():
            if isinstance(mark, EitherOrder):
                self._marks[place] = self._in_order(mark)
                values[place] = getattr(self._marks[place], "value", self._marks[place])
        found = self._marks.items()
        return ParsedColumn(
            values,
            {place: mark for place, mark in found if isinstance(mark, Fault)},
            {place: mark for place, mark in found if isinstance(mark, Adjusted)},
            {place: mark for place, mark in found if isinstance(mark, Fraction)},
        )

    def _in_order(self, mark: EitherOrder) -> int | Fault:
        if len(self._day_first) == 1:
            return mark.value if True in self._day_first else mark.month_first
        return Fault(
            f"{mark.found} may begin with the day or the month, and the other dates of the column do not settle it; "
            "write it as YYYY-MM-DD",
            mark.found,
        )

    def _take(self, distinct: list[Any], codes: Values, numbers: Numbers | None) -> None:
        """Checks cells that differ, and keeps what comes of them at the places where they stand.

        Args:
            distinct: The cells.
            codes: For each place, which of them stands there.
            numbers: What they are as whole numbers that are not negative; -1 for others. None where that is unknown.
        """
        values, is_plain = _plain_values(numbers, self._rule, len(distinct))
        if self._is_text:
            values = np.full(len(distinct), "", dtype=object)
        marks: dict[int, object] = {}
        for code in np.flatnonzero(~is_plain).tolist():
            outcome = self._rule(distinct[code])
            if isinstance(outcome, InOrder):
                self._day_first.add(outcome.day_first)
                outcome = outcome.value
            if isinstance(outcome, (Fault, Adjusted, Fraction, EitherOrder)):
                marks[code] = outcome
                outcome = "" if self._is_text else outcome.value
            values[code] = outcome
        if marks:
            for place in np.flatnonzero(np.isin(codes, [*marks])).tolist():
                self._marks[self._length + place] = marks[int(codes[place])]
        self._pieces.append(values[codes])
        self._length += len(codes)


def _plain_values(numbers: Numbers | None, rule: CellRule, count: int) -> tuple[Values, npt.NDArray[np.bool]]:
    """What the rule makes of whole numbers, and of which of them that is known without asking it."""
    if numbers is not None and isinstance(rule, (WholeNumber, Amount)):
        # What is too large for the rule is too large to be multiplied.
        is_plain = (numbers >= max(0, -(-rule.min_value // rule.scale))) & (numbers <= rule.max_value // rule.scale)
        return np.where(is_plain, numbers, 0) * rule.scale, is_plain
    if numbers is not None and rule is rules.phone_number:
        is_plain = (numbers >= MIN_INDIAN) & (numbers <= MAX_INDIAN)
        return np.where(is_plain, numbers + OF_INDIA, 0), is_plain
    return np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)


def _plain_cell(cell: object) -> object:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int):
        return float(cell) if abs(cell) < _MAX_EXACT else str(cell)
    return cell


def _in_digits(texts: list[Any]) -> Numbers | None:
    """The cells as whole numbers, if each is written in digits without a zero in front; else None."""
    if not texts or set(map(type, texts)) != {str} or max(map(len, texts)) > _MAX_DIGITS or not all(texts):
        return None
    joined = ",".join(texts)
    digits = joined.replace(",", "")
    if not (digits.isascii() and digits.isdigit()) or joined.count(",") >= len(texts) or ",0" in f",{joined}":
        return None
    return np.array(list(map(int, texts)), dtype=np.int64)
