"""Columns of a file, checked as a whole: what comes of each cell is what its rule makes of that cell alone."""

import math
from array import array
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import pytest
from almeno_grpc.imports.parsing.short_cells import cut_up
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.months import day_number, day_of_number
from almeno_grpc.imports.parsing.cells import Amount, Fault, WholeNumber
from almeno_grpc.imports.parsing.columns import Column, parts_of_days
from almeno_grpc.imports.parsing.rows import RULES

ALL_RULES = [rule for rules in RULES.values() for rule in rules.values()]
CELLS = st.one_of(
    st.floats(),
    st.integers(-10, 2**54).map(float),
    st.sampled_from([math.nan, math.inf, -0.0, 2.0**53, 1e300, 10.5, 9876543210.0, 99.995, 1e15, 2.0**53 - 1]),
    st.integers(-5, 10**20).map(str),
    st.text(max_size=12),
    st.sampled_from(["", " ", "²", "٣", "+5", "12.50", "2024-02-30", "2024-02-29", "9876543210", "Asha", "1e3"]),
    st.dates().map(str),
    st.dates(),
    st.datetimes(),
    st.sampled_from(
        [time(10), timedelta(days=3), datetime.fromisoformat("2024-01-31"), date(2024, 1, 31), date(1899, 12, 31)]
    ),
)
SHORT = st.one_of(
    st.integers(0, 10**16).map(str), st.dates().map(str), st.text(st.sampled_from("0159 +-.aé€😀"), max_size=4)
)
MANY = st.one_of(
    st.lists(SHORT, min_size=1, max_size=30).map(
        lambda cells: cut_up("".join(f"{cell}\n" for cell in cells).encode(), 1)[0]
    ),
    st.lists(st.one_of(st.floats(), st.integers(-3, 2**54).map(float)), max_size=30),
    st.lists(st.integers(0, 10**19).map(str), max_size=30),
    st.lists(CELLS, max_size=30),
)


def column_of(*pieces: Sequence[object]) -> Column:
    column = Column()
    for piece in pieces:
        column.extend(piece)
    return column


def told(cell: object) -> str:
    """The cell in writing; nothing is the same below zero and above."""
    return repr(cell + 0.0 if isinstance(cell, float) else cell)


def as_value(outcome: object) -> object:
    return day_number(outcome) if isinstance(outcome, date) else outcome


@pytest.mark.parametrize("max_distinct", [0, 3, Column.MAX_DISTINCT])
@given(rule=st.sampled_from(ALL_RULES), pieces=st.lists(MANY, max_size=4))
def test_column_comes_to_what_its_cells_come_to(max_distinct, rule, pieces):
    cells = [str(cell) if isinstance(piece, array) else cell for piece in pieces for cell in piece]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Column, "MAX_DISTINCT", max_distinct)
        column = column_of(*pieces)
        parsed = column.parsed(rule)
    assert len(cells) == len(parsed.values)
    assert list(map(told, column.cells(range(len(column))))) == list(map(told, cells))
    outcomes = [rule(cell) for cell in cells]
    assert parsed.faults == {place: each for place, each in enumerate(outcomes) if isinstance(each, Fault)}
    values = parsed.values.tolist()
    for place, outcome in enumerate(outcomes):
        if place not in parsed.faults:
            assert values[place] == as_value(outcome)


def test_boolean_is_its_word_even_beside_an_equal_number():
    column = column_of([1.0, True], [False, "x"])
    assert column.cells(range(len(column))) == [1.0, "TRUE", "FALSE", "x"]
    assert set(column.parsed(WholeNumber(0, 5)).faults) == {1, 2, 3}


def test_cells_that_come_again_are_looked_at_once():
    asked = []

    def rule(cell):
        asked.append(cell)
        return cell

    column_of(["a", "b"] * 50, ["b", "c"]).parsed(rule)
    assert asked == ["a", "b", "c"]
    asked.clear()
    column_of([2.5, 3.5] * 50).parsed(rule)
    assert asked == [2.5, 3.5]


def test_plain_numbers_are_not_looked_at_one_by_one(monkeypatch):
    def look(*_):
        raise AssertionError("a plain number was looked at")

    monkeypatch.setattr(WholeNumber, "__call__", look)
    monkeypatch.setattr(Amount, "__call__", look)
    for rule, factor in ((WholeNumber(0, 10**15), 1), (Amount(0, 10**15), 100)):
        texts = [f"{number}" for number in range(3000)]
        [cut] = cut_up("".join(f"{text}\n" for text in texts).encode(), 1)
        for cells in ([float(number) for number in range(3000)], texts, cut):
            monkeypatch.setattr(Column, "MAX_DISTINCT", 2)
            parsed = column_of(cells[:10], cells[10:]).parsed(rule)
            assert parsed.values.tolist() == [number * factor for number in range(3000)]


@given(st.dates())
def test_number_of_a_day_has_its_parts(day):
    assert tuple(parts_of_days(day_number(day))) == (day.year, day.month, day.day)
    assert day_of_number(day_number(day)) == day
