"""Columns of a file, checked as a whole: what comes of each cell is what its rule makes of that cell alone."""

import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.months import day_number
from almeno_grpc.imports.parsing import cells, days
from almeno_grpc.imports.parsing.cells import Fault, Mark, WholeNumber
from almeno_grpc.imports.parsing.columns import Column
from almeno_grpc.imports.parsing.days import EitherOrder, InOrder
from almeno_grpc.imports.parsing.table import RULES

ALL_RULES = [rule for rules in RULES.values() for rule in rules.values()]
CELLS = st.one_of(
    st.floats(),
    st.integers(-10, 2**54).map(float),
    st.sampled_from([math.nan, math.inf, -0.0, 2.0**53, 1e300, 10.5, 9876543210.0, 99.995, 1e15, 2.0**53 - 1]),
    st.integers(-5, 10**20).map(str),
    st.text(max_size=12),
    st.sampled_from(
        [
            "",
            " ",
            "²",
            "٣",
            "+5",
            "12.50",
            "2024-02-30",
            "2024-02-29",
            "09-03-2021",
            "13/03/2021",
            "03/14/2021",
            "0.105",
            "1.239",
            "9876543210",
            "Asha",
            "1e3",
        ]
    ),
    st.dates().map(str),
    st.dates(),
    st.datetimes(),
    st.sampled_from(
        [time(10), timedelta(days=3), datetime.fromisoformat("2024-01-31"), date(2024, 1, 31), date(1899, 12, 31)]
    ),
)
MANY = st.one_of(
    st.lists(st.one_of(st.floats(), st.integers(-3, 2**54).map(float)), max_size=30),
    st.lists(st.integers(0, 10**19).map(str), max_size=30),
    st.lists(st.one_of(st.booleans(), st.integers(-5, 10**20)), max_size=30),
    st.lists(CELLS, max_size=30),
)


def column_of(rule: object, *pieces: Sequence[object]) -> Column:
    column = Column(rule)
    for piece in pieces:
        column.extend(piece)
    column.finish()
    return column


def as_cell(cell: object) -> object:
    """A boolean is the word that a spreadsheet shows; a whole number is a float, where one can hold it."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, int):
        return float(cell) if abs(cell) < 10**15 else str(cell)
    return cell


@given(rule=st.sampled_from(ALL_RULES), pieces=st.lists(MANY, max_size=4))
def test_column_comes_to_what_its_cells_come_to(rule, pieces):
    parsed = column_of(rule, *pieces)
    outcomes = [rule(as_cell(cell)) for piece in pieces for cell in piece]
    assert len(parsed.values) == len(outcomes)
    orders = {outcome.day_first for outcome in outcomes if isinstance(outcome, InOrder)}
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, EitherOrder) and len(orders) != 1:
            assert isinstance(parsed.marks[place], Fault)
            continue
        if isinstance(outcome, EitherOrder):
            assert parsed.values[place] == (outcome.value if orders == {True} else outcome.month_first)
            continue
        if orders and isinstance(outcome, int) and "wrong way round" in getattr(parsed.marks.get(place), "message", ""):
            # A date cell beside texts that a spreadsheet could not read as dates.
            continue
        assert parsed.marks.get(place) == (outcome if isinstance(outcome, Mark) else None)
        value = getattr(outcome, "value", outcome)
        assert parsed.values[place] == ("" if rule is cells.name and place in parsed.marks else value)


def test_boolean_is_its_word_even_beside_an_equal_number():
    faults = column_of(WholeNumber(0, 5), [1.0, True], [False, "x"]).marked(Fault)
    assert {place: fault.found for place, fault in faults} == {1: "'TRUE'", 2: "'FALSE'", 3: "'x'"}


def test_cells_that_come_again_are_looked_at_once_a_piece():
    asked = []

    def rule(cell):
        asked.append(cell)
        return 0

    column_of(rule, ["a", "b"] * 50, ["b", "c"])
    assert (sorted(asked[:2]), sorted(asked[2:])) == (["a", "b"], ["b", "c"])
    asked.clear()
    column_of(rule, [2.5, 3.5] * 50)
    assert sorted(asked) == [2.5, 3.5]


@pytest.mark.parametrize(
    ("settled_by", "expected"),
    [
        (["13/03/2021"], [20210309]),
        (["03/13/2021"], [20210903]),
        (["09/09/2021", "2021-03-13", "13-Mar-2021"], None),
        (["13/03/2021", "03/13/2021"], None),
    ],
)
def test_order_of_day_and_month_is_settled_by_the_whole_column_or_not_at_all(settled_by, expected):
    parsed = column_of(days.approval_day, ["09-03-2021"], settled_by)
    faults = dict(parsed.marked(Fault))
    assert set(faults) == (set() if expected else {0})
    if expected:
        assert parsed.values[:1].tolist() == expected
    else:
        assert "may begin with the day or the month" in faults[0].message
        assert parsed.values[0] == 0


@pytest.mark.parametrize("text", ["13/03/2021", "03/13/2021"])
def test_date_cells_that_a_spreadsheet_may_have_read_the_wrong_way_round_are_rejected(text):
    """One that reads the month first makes 09/03/2021 a date cell of September and leaves 13/03/2021 as text."""
    swapped = [date(2021, 9, 3), date(2021, 12, 1)]
    column = column_of(days.approval_day, [*swapped, text])
    assert set(dict(column.marked(Fault))) == {0, 1}
    assert "day and month the wrong way round" in dict(column.marked(Fault))[0].message
    assert column.values[:2].tolist() == [0, 0]
    # One day above 12 shows that they were read as they are.
    assert column_of(days.approval_day, [*swapped, date(2021, 9, 30)], [text]).marked(Fault) == []
    assert column_of(days.approval_day, swapped, ["2021-03-13", "13-Mar-2021"]).marked(Fault) == []


def test_day_of_a_workbook_is_its_number():
    assert column_of(days.day, [date(2024, 2, 29)]).values.tolist() == [day_number(date(2024, 2, 29))]
