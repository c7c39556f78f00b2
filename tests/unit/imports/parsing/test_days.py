"""The rule for dates: what has one meaning is taken, and nothing is guessed."""

from datetime import date, datetime

import pytest

from almeno_grpc.domain.months import day_number
from almeno_grpc.imports.parsing.cells import Adjusted, Fault
from almeno_grpc.imports.parsing.days import EitherOrder, InOrder, approval_day, day

NINTH_OF_MARCH = day_number(date(2021, 3, 9))


@pytest.mark.parametrize(
    "cell",
    [
        *("2021-03-09", "2021/03/09", "2021.03.09", "2021-3-9", "20210309", 20210309.0, " 2021-03-09\u200b "),
        *("9-Mar-2021", "09 Mar 2021", "9 March 2021", "09-MAR-2021", "9mar2021", "Mar 9, 2021", "March 9 2021"),
        *("9. Mar 2021", "2021-3-9 0:00", "09-Mar-2021 00:00:00.000000000", "2021-03-09T00:00:00.000+0530"),
        *("2021-03-09T00:00:00Z", "2021-03-09T00:00:00+05:30", "2021-03-09 00:00:00.000", "2021-03-09T00:00:00+00:00"),
        *("2021-03-09 12:00 AM", date(2021, 3, 9), datetime.fromisoformat("2021-03-09T00:00")),
    ],
)
def test_day_that_has_one_meaning_is_taken(cell):
    assert day(cell) == NINTH_OF_MARCH


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("2021-03-09 10:15:00", "'2021-03-09 10:15:00' taken as 2021-03-09, without its time"),
        ("2021-03-09 10:15 pm", "'2021-03-09 10:15 pm' taken as 2021-03-09, without its time"),
        (datetime.fromisoformat("2021-03-09T10:15"), "'2021-03-09T10:15:00' taken as 2021-03-09, without its time"),
        (datetime.fromisoformat("2021-03-08T23:59:50"), "taken as 2021-03-09, which begins within seconds of it"),
        ("2021-03-08 23:59:50", "taken as 2021-03-09, which begins within seconds of it"),
        ("2021-03-08T18:30:00.000Z", "taken as 2021-03-09, the day it was in India"),
        ("2021-03-09T04:00:00Z", "taken as 2021-03-09, the day it was in India"),
    ],
)
def test_day_with_a_time_is_adjusted_and_says_so(cell, said):
    outcome = day(cell)
    assert isinstance(outcome, Adjusted)
    assert outcome.value == NINTH_OF_MARCH
    assert said in outcome.message


@pytest.mark.parametrize(
    "cell",
    [
        *("", "soon", "2021-02-29", "2021-13-01", "9-Mar-21", "09/03/21", "44264", 44264.0, "March 2021", "9-3-2021-1"),
        *("2021-03-08 23:59:59", datetime.fromisoformat("2021-03-08T23:59:59"), "2021-03-09 25:00", "2021-03-09Tnoon"),
        # Marraskuu is November, Mai May and Marts March.
        *("9 Marraskuu 2021", "9-Marts-2021", "9 Mai 2021", "9 decade 2021", "9janvier2021", "Juniper 9, 2021"),
        *("2021-03-09 24:00", "2021-03", "12012021", "31122020", "2021-03-09 00:00:00 UTC", "9.3.21", "1900-01-00"),
        *("31/04/2021", "00/03/2021", "09/03/2021 10:15", True, "٢٠٢١-٠٣-٠٩", "09-03/2021", "2021-03/09"),
    ],
)
def test_what_has_no_meaning_or_several_is_rejected(cell):
    assert isinstance(day(cell), Fault)


def test_order_of_day_and_month_is_plain_where_one_is_above_twelve_or_both_are_the_same():
    assert day("13/03/2021") == InOrder(20210313, day_first=True)
    assert day("03-13-2021") == InOrder(20210313, day_first=False)
    assert day("09.09.2021") == 20210909
    assert day("09/03/2021") == EitherOrder(20210309, 20210903, "'09/03/2021'")


@pytest.mark.parametrize("cell", ["1899-12-31", "31/12/1899", "1/2/2200", date(2200, 1, 1), "1899-12-31 10:00"])
def test_day_of_approval_lies_in_a_year_of_today_s_books(cell):
    outcome = approval_day(cell)
    assert isinstance(outcome, Fault)
    assert outcome.message.startswith("must be a date from 1900 to 2199, but is ")
