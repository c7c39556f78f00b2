from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.months import due_date, emis_due

APPROVAL_DATES = st.dates(date(1900, 1, 1), date(2199, 12, 31)) | st.dates(date(2023, 1, 28), date(2024, 3, 31))
TENURES = st.integers(1, 600)


def counted_due_date(approved: date, number: int) -> date:
    """The due date by turning one page of the calendar after another."""
    year, month = approved.year, approved.month
    for _ in range(number):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    day = approved.day
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1


@pytest.mark.parametrize(
    ("approved", "number", "due"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2026, 1, 31), 3, date(2026, 4, 30)),
        (date(2026, 1, 31), 12, date(2027, 1, 31)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 1, 30), 1, date(2024, 2, 29)),
        (date(2024, 1, 29), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(1899, 12, 31), 2, date(1900, 2, 28)),
        (date(2000, 1, 31), 1, date(2000, 2, 29)),
        (date(2025, 11, 30), 1, date(2025, 12, 30)),
        (date(2025, 12, 15), 1, date(2026, 1, 15)),
        (date(2017, 3, 9), 129, date(2027, 12, 9)),
        (date(9949, 12, 31), 600, date(9999, 12, 31)),
    ],
)
def test_due_dates_count_from_the_original_day_and_clip_to_the_month_end(
    approved: date, number: int, due: date
) -> None:
    assert due_date(approved, number) == due


def test_due_date_after_the_last_year_of_the_calendar_is_refused() -> None:
    with pytest.raises(OverflowError, match="after the year 9999"):
        due_date(date(9999, 12, 1), 1)


@given(APPROVAL_DATES, TENURES)
def test_due_dates_agree_with_the_calendar_turned_page_by_page(approved: date, number: int) -> None:
    assert due_date(approved, number) == counted_due_date(approved, number)


@pytest.mark.parametrize(
    ("on", "due"),
    [
        (date(2025, 6, 1), 0),
        (date(2026, 1, 31), 0),
        (date(2026, 2, 27), 0),
        (date(2026, 2, 28), 1),
        (date(2026, 3, 30), 1),
        (date(2026, 3, 31), 2),
        (date(2026, 4, 29), 2),
        (date(2026, 4, 30), 3),
        (date(2026, 5, 31), 3),
        (date(2300, 1, 1), 3),
    ],
)
def test_an_emi_is_due_from_its_due_date_on(on: date, due: int) -> None:
    assert emis_due(date(2026, 1, 31), 3, on) == due


@given(APPROVAL_DATES, TENURES, st.integers(-40, 19_000))
def test_emis_due_are_the_due_dates_that_have_come(approved: date, tenure: int, days: int) -> None:
    on = approved + timedelta(days)
    assert emis_due(approved, tenure, on) == sum(counted_due_date(approved, k) <= on for k in range(1, tenure + 1))


@given(APPROVAL_DATES, TENURES, st.data())
def test_an_emi_becomes_due_on_its_very_day(approved: date, tenure: int, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, tenure))
    day = due_date(approved, number)
    assert emis_due(approved, tenure, day) == number
    assert emis_due(approved, tenure, day - timedelta(1)) == number - 1
