"""Due dates by calendar months, and the number of instalments due."""

from calendar import isleap
from datetime import date

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def due_date(approval_date: date, number: int) -> date:
    """The day instalment `number` (1 is the first) falls due.

    Counted from the original day and clipped to the month's end: a loan approved on 31 January falls due on
    28 February and then on 31 March.

    Raises:
        OverflowError: The due date lies beyond the year 9999.
    """
    years, month_index = divmod(approval_date.month - 1 + number, 12)
    year = approval_date.year + years
    if year > date.max.year:
        raise OverflowError(f"instalment {number} of a loan approved on {approval_date} falls due after the year 9999")
    month = month_index + 1
    return date(year, month, min(approval_date.day, _last_day(year, month)))


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
