"""Columns of a table, and what a rule makes of all their cells.

A column of a long file is read and checked as a whole: numbers side by side in one go, and of cells that come again and
again each once. Only what is left is looked at cell by cell.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from almeno_grpc.domain.months import day_number
from almeno_grpc.imports.parsing.cells import EXACT_FLOATS, CellRule, Fault, PhoneNumber, PlainNumbers
from almeno_grpc.imports.parsing.short_cells import Numbers, ShortCells, factorized, packed
from almeno_grpc.service.phone_numbers import MAX_INDIAN, MIN_INDIAN, OF_INDIA

Values = npt.NDArray[Any]

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
    which of them it is; and where too many differ, or a plain CSV file gives them so, piece by piece, as whole numbers
    that were written in digits, as short cells or as cells of any kind. Cells are made one by one all over the memory:
    numbers side by side take a quarter of the room, and are read many times quicker.
    """

    MAX_DISTINCT = 20_000

    def __init__(self) -> None:
        self._kept: _Bare | _Coded | _Pieces = _Bare()

    def extend(self, cells: Sequence[object]) -> None:
        """Adds cells at the end. An array of whole numbers stands for texts, the digits of each.

        Booleans become the words a spreadsheet shows: Python takes True for 1.
        """
        comes_whole = isinstance(cells, (array, ShortCells))
        kinds = {str} if comes_whole else set(map(type, cells))
        if bool in kinds:
            cells = [str(cell).upper() if isinstance(cell, bool) else cell for cell in cells]
        if isinstance(self._kept, _Bare) and not kinds <= {float}:
            self._kept = _Coded(self.cells(range(len(self))))
        if isinstance(self._kept, _Coded) and (comes_whole or self._kept.distinct_count > self.MAX_DISTINCT):
            self._kept = _Pieces(self.cells(range(len(self))))
        self._kept.extend(cells)

    def __len__(self) -> int:
        return len(self._kept)

    def cells(self, places: Iterable[int]) -> list[object]:
        """The cells at some places as they were found. An empty cell is an empty string."""
        return self._kept.cells(places)

    def parsed(self, rule: CellRule) -> ParsedColumn:
        """What the rule makes of each cell."""
        return self._kept.parsed(rule)


class _Bare:
    def __init__(self) -> None:
        self._numbers = array("d")

    def extend(self, cells: Any) -> None:
        # By way of another array: one that grows takes its time over each number.
        self._numbers.extend(array("d", cells))

    def __len__(self) -> int:
        return len(self._numbers)

    def cells(self, places: Iterable[int]) -> list[object]:
        return list(map(self._numbers.__getitem__, places))

    def parsed(self, rule: CellRule) -> ParsedColumn:
        return _parsed_numbers(np.asarray(self._numbers), rule)


class _Coded:
    def __init__(self, cells: Sequence[object]) -> None:
        self._distinct = _Distinct()
        self._codes = array("i")
        self.extend(cells)

    @property
    def distinct_count(self) -> int:
        return len(self._distinct)

    def extend(self, cells: Sequence[object]) -> None:
        self._codes.extend(array("i", list(map(self._distinct.__getitem__, cells))))

    def __len__(self) -> int:
        return len(self._codes)

    def cells(self, places: Iterable[int]) -> list[object]:
        distinct = list(self._distinct)
        return [distinct[self._codes[place]] for place in places]

    def parsed(self, rule: CellRule) -> ParsedColumn:
        return _taken([rule(cell) for cell in self._distinct], np.asarray(self._codes))


class _Pieces:
    def __init__(self, cells: Sequence[object]) -> None:
        self._pieces: list[Sequence[object]] = []
        """Each of whole numbers that were written in digits, of short cells, or of cells of any kind."""
        self._starts: list[int] = []
        self._length = 0
        self.extend(cells)

    def __len__(self) -> int:
        return self._length

    def extend(self, cells: Sequence[object]) -> None:
        if cells:
            self._pieces.append(cells if isinstance(cells, (array, ShortCells)) else _in_digits(cells))
            self._starts.append(self._length)
            self._length += len(cells)

    def cells(self, places: Iterable[int]) -> list[object]:
        return [self._cell(place) for place in places]

    def _cell(self, place: int) -> object:
        number = bisect_right(self._starts, place) - 1
        piece = self._pieces[number]
        cell = piece[place - self._starts[number]]
        return str(cell) if isinstance(piece, array) else cell

    def parsed(self, rule: CellRule) -> ParsedColumn:
        return _joined([_parsed_piece(_one_of(list(alike)), rule) for _, alike in groupby(self._pieces, type)])


class _Distinct(dict[object, int]):
    """Numbers cells in the order in which they come first."""

    def __missing__(self, cell: object) -> int:
        code = self[cell] = len(self)
        return code


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
        is_whole = (np.abs(cells) < EXACT_FLOATS) & (cells == np.floor(cells))
    values, is_plain = _plain_values(np.where(is_whole, cells, 0).astype(np.int64), rule)
    others = np.flatnonzero(~(is_whole & is_plain))
    return _with_others(values, others, _parsed_once(cells[others], rule))


def _one_of(pieces: list[Sequence[object]]) -> Sequence[object]:
    """One piece of several of a kind."""
    first, *others = pieces
    if not others:
        return first
    if isinstance(first, array):
        return packed(np.concatenate([np.asarray(piece) for piece in pieces]))
    if isinstance(first, ShortCells):
        return ShortCells.joined([piece for piece in pieces if isinstance(piece, ShortCells)])
    return [cell for piece in pieces for cell in piece]


def _parsed_piece(piece: Sequence[object], rule: CellRule) -> ParsedColumn:
    """Of whole numbers in digits all at once, of other cells each once."""
    if isinstance(piece, ShortCells):
        cell_codes, cells = piece.each_once()
        return _taken([rule(cell) for cell in cells], cell_codes)
    if not isinstance(piece, array):
        return _Coded(piece).parsed(rule)
    numbers = np.asarray(piece)
    values, is_plain = _plain_values(numbers, rule)
    others = np.flatnonzero(~is_plain)
    codes, distinct = factorized(numbers[others].view(np.uint64))
    return _with_others(values, others, _taken([rule(str(number)) for number in distinct.tolist()], codes))


def _plain_values(numbers: Numbers, rule: CellRule) -> tuple[Values, npt.NDArray[np.bool]]:
    """What the rule makes of whole numbers, and of which of them that is known without asking it."""
    if isinstance(rule, PlainNumbers):
        # What is too large for the rule is too large to be multiplied.
        is_plain = (numbers >= -(-rule.least // rule.scale)) & (numbers <= rule.most // rule.scale)
        return np.where(is_plain, numbers, 0) * rule.scale, is_plain
    if isinstance(rule, PhoneNumber):
        is_plain = (numbers >= MIN_INDIAN) & (numbers <= MAX_INDIAN)
        return np.where(is_plain, numbers + OF_INDIA, 0), is_plain
    return np.zeros(len(numbers), dtype=object), np.zeros(len(numbers), dtype=bool)


def _with_others(values: Values, others: Numbers, parsed: ParsedColumn) -> ParsedColumn:
    """The values, with what has come of the cells at other places."""
    if not len(others):
        return ParsedColumn(values, {})
    if len(others) == len(values):
        return parsed
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


def _joined(pieces: Sequence[ParsedColumn]) -> ParsedColumn:
    faults: dict[int, Fault] = {}
    first = 0
    for piece in pieces:
        faults |= {first + place: fault for place, fault in piece.faults.items()}
        first += len(piece.values)
    return ParsedColumn(np.concatenate([piece.values for piece in pieces]), faults)


def _in_digits(cells: Sequence[object]) -> Sequence[object]:
    """The cells as whole numbers, if each is a text of the digits in which that number is written; else the cells."""
    if set(map(type, cells)) != {str}:
        return cells
    texts: Any = cells
    digits = "".join(texts)
    if not (digits.isascii() and digits.isdigit() and all(texts) and max(map(len, texts)) <= _PLAIN_DIGITS):
        return cells
    numbers = array("q", list(map(int, texts)))
    # A zero in front would be lost; nearly always there is none.
    starts_with_zero = ",0" in "," + ",".join(texts)
    return cells if starts_with_zero and sum(map(len, map(str, numbers))) < len(digits) else numbers


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
