"""The rule for dates, whatever way they are written: what has one meaning is taken, nothing is guessed."""

import contextlib
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from almeno_grpc.domain import limits
from almeno_grpc.domain.months import day_number
from almeno_grpc.imports.parsing.cells import Adjusted, Fault, Mark, not_a, quoted, visible

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_NAME = r"(?P<name>[a-z]{3,9})\.?"
_DATES = [
    re.compile(pattern + r"(?:(?:t|\s+)(?P<time>\d.*))?", re.IGNORECASE | re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})(?P<by>[-/.])(?P<month>\d{1,2})(?P=by)(?P<day>\d{1,2})",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
        rf"(?P<day>\d{{1,2}})[-/. ]*{_NAME}[-/., ]*(?P<year>\d{{4}})",
        rf"{_NAME}[-/. ]*(?P<day>\d{{1,2}})[-/., ]+(?P<year>\d{{4}})",
        r"(?P<first>\d{1,2})(?P<by>[-/.])(?P<second>\d{1,2})(?P=by)(?P<year>\d{4})",
    )
]
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap]m)?\s*(z|[+-]\d{2}:?\d{2})?", re.IGNORECASE)
_INDIA = timedelta(hours=5, minutes=30)
_SHORTLY_BEFORE_MIDNIGHT, _END_OF_DAY = time(23, 59, 30), time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class InOrder(Mark):
    """A date whose order of day and month is plain, for one of them is above 12."""

    day_first: bool


@dataclass(frozen=True, slots=True)
class EitherOrder(Mark):
    """A date such as 09-03-2021, its value with the day first: the whole column has to say which comes first."""

    month_first: int
    """The value with the month first."""
    found: str


def day(cell: object) -> object:
    """The rule for dates: a number as `day_number` gives it, or a mark on the cell."""
    if isinstance(cell, float) and cell.is_integer() and 10**7 <= cell < 10**8:
        cell = str(int(cell))
    if isinstance(cell, datetime):
        return _without_time(cell, cell)
    if isinstance(cell, date):
        return day_number(cell)
    text = visible(cell) if isinstance(cell, str) else ""
    matches = filter(None, (pattern.fullmatch(text) for pattern in _DATES))
    # A day that the calendar does not have is none.
    with contextlib.suppress(ValueError):
        for match in matches:
            return _day_of(match.groupdict(), cell)
    return not_a("a date: a date cell in a workbook, YYYY-MM-DD in text", cell)


def approval_day(cell: object) -> object:
    """The rule for the day of approval: a date in a year that a loan of today's book may come from."""
    found = day(cell)
    value: Any = getattr(found, "value", found)
    if isinstance(found, Fault) or limits.MIN_BOOK_YEAR <= value // 10_000 <= limits.MAX_BOOK_YEAR:
        return found
    return not_a(f"a date from {limits.MIN_BOOK_YEAR} to {limits.MAX_BOOK_YEAR}", cell)


def _day_of(parts: dict[str, Any], cell: object) -> object:
    """The day that the parts of a text say.

    Raises:
        ValueError: There is no such day, month or time.
    """
    year, clock = int(parts["year"]), parts["time"]
    if "first" not in parts:
        name = parts.get("name", "").lower()
        # The names of other languages begin alike: marraskuu is November.
        named = [number for number, full in enumerate(_MONTHS, start=1) if full.startswith(name)]
        [month] = named if name else [int(parts["month"])]
        return _at(date(year, month, int(parts["day"])), clock, cell)
    first, second = int(parts["first"]), int(parts["second"])
    outcome = _at(date(year, first, second) if second > 12 else date(year, second, first), clock, cell)
    if not isinstance(outcome, int) or first == second:
        is_known = first == second or max(first, second) > 12
        return outcome if is_known else not_a("a date with one order of day and month, such as YYYY-MM-DD", cell)
    if max(first, second) > 12:
        return InOrder(outcome, day_first=first > 12)
    return EitherOrder(outcome, day_number(date(year, first, second)), quoted(cell))


def _at(found: date, clock: str | None, cell: object) -> object:
    """The day, at a time that the text gives or does not.

    A time in UTC is one of India, unless it is midnight: so programs write a day that has none.
    """
    if clock is None:
        return day_number(found)
    match = _TIME.fullmatch(clock)
    if match is None:
        raise ValueError
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[4]:
        hour = hour % 12 + (12 if match[4].lower() == "pm" else 0)
    moment = datetime.combine(found, time(hour, minute, second))
    if match[5] and match[5].lower() in ("z", "+00:00", "+0000") and moment.time() != time():
        local = moment + _INDIA
        return Adjusted(day_number(local), f"{quoted(cell)} taken as {local.date()}, the day it was in India")
    return _without_time(moment, cell)


def _without_time(moment: datetime, cell: object) -> int | Adjusted | Fault:
    """The day of a moment; of one just before midnight, which programs write for want of seconds, the day after."""
    clock = moment.time().replace(microsecond=0)
    if clock == time():
        return day_number(moment)
    if clock >= _END_OF_DAY:
        return not_a("a date without a time: this may be the end of one day or the beginning of the next", cell)
    if clock >= _SHORTLY_BEFORE_MIDNIGHT:
        after = moment.date() + timedelta(days=1)
        return Adjusted(day_number(after), f"{quoted(cell)} taken as {after}, which begins within seconds of it")
    return Adjusted(day_number(moment), f"{quoted(cell)} taken as {moment.date()}, without its time")
