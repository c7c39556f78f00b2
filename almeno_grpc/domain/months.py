"""Due dates by calendar months, and the number of instalments due."""

from calendar import isleap
from datetime import date
from functools import lru_cache

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def due_date(approval_date: date, number: int) -> date:
    """The day instalment `number` (1 is the first) falls due.

    Counted from the original day and clipped to the month's end: a loan approved on 31 January falls due on
    28 February and then on 31 March.

    Raises:
        OverflowError: The due date lies beyond the year 9999.
    """
    day = due_day(approval_date.year, approval_date.month, approval_date.day, number)
    if day is None:
        raise OverflowError(f"instalment {number} of a loan approved on {approval_date} falls due after the year 9999")
    return date.fromordinal(day)


def due_day(year: int, month: int, day: int, number: int) -> int | None:
    """The ordinal of `due_date` for a loan of a year, month and day; None beyond the year 9999."""
    found = _month(year * 12 + month - 1 + number)
    return found and found[0] + min(day, found[1])


@lru_cache(maxsize=4096)
def _month(number: int) -> tuple[int, int] | None:
    """The ordinal of the day before a month, which is counted from the year 0 on, and how many days the month has."""
    year, month_index = divmod(number, 12)
    if year > date.max.year:
        return None
    return date(year, month_index + 1, 1).toordinal() - 1, _last_day(year, month_index + 1)


def emis_due(approval_date: date, tenure_months: int, on: date) -> int:
    """How many of the loan's instalments have a due date on or before `on`; 0 to `tenure_months`."""
    months = (on.year - approval_date.year) * 12 + on.month - approval_date.month
    if on.day < approval_date.day and on.day < _last_day(on.year, on.month):
        months -= 1
    return max(0, min(tenure_months, months))


def day_number(day: date) -> int:
    """The date as an integer YYYYMMDD, in calendar order: 5 April 2026 is 20260405."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of_number(number: int) -> date:
    """The inverse of `day_number`."""
    return date(number // 10_000, number // 100 % 100, number % 100)


def _last_day(year: int, month: int) -> int:
    return _MONTH_DAYS[month - 1] + (month == 2 and isleap(year))
