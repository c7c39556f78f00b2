"""Reading single cells: each rule takes a cell as the file holds it and gives the value, or what is wrong with it.

A workbook's cell is a float, a text, a date or a time; a CSV file's is a text. Nothing here computes with a float: its
shortest decimal form, which is what the sheet was given, is read as a `Decimal`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import ClassVar

from almeno_grpc.domain import limits
from almeno_grpc.domain.customer import phone_digits
from almeno_grpc.domain.money import PAISE_PER_RUPEE, format_rupees
from almeno_grpc.domain.names import clean_name
from almeno_grpc.service.phone_numbers import to_e164

QUOTED_CHARACTERS = 40
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(\.[0-9]{0,9})?")
"""At most 28 digits, which is what a `Decimal` reckons with exactly."""
_RUPEE_DECIMALS = 2
_ISO_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([ T]00:00(:00(\.0{1,9})?)?)?")
EXACT_FLOATS = 2**53
"""From here on not every whole number has a float of its own, and a cell may stand for its neighbour."""

_EMPTY = "is empty; so counts a formula that was never calculated, and an error"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a cell cannot be taken, to be read after the name of its column."""

    message: str


CellRule = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class PlainNumbers(ABC):
    """A rule by which plain whole numbers mean what they say: each, times `scale`, is the value it gives.

    Attributes:
        least: Of the values, inclusive.
        most: The same.
    """

    least: int
    most: int
    scale: ClassVar[int] = 1

    @abstractmethod
    def __call__(self, cell: object) -> int | Fault:
        """Reads a cell of any kind."""


def quoted(cell: object) -> str:
    """The cell as a person would know it again, shortened and without control characters."""
    if isinstance(cell, float):
        text = str(int(cell)) if cell.is_integer() and abs(cell) < EXACT_FLOATS else repr(cell)
    elif isinstance(cell, date):
        text = cell.isoformat()
    else:
        text = str(cell).strip()
    text = "".join(character if character.isprintable() else "?" for character in text[: QUOTED_CHARACTERS + 1])
    return "'" + (text if len(text) <= QUOTED_CHARACTERS else text[: QUOTED_CHARACTERS - 1] + "…") + "'"


def _is_empty(cell: object) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _decimal(cell: object) -> Decimal | None:
    """The number a cell holds; None where it holds none."""
    if isinstance(cell, float):
        value = Decimal(repr(cell))
        return value if value.is_finite() else None
    if isinstance(cell, str) and _NUMBER.fullmatch(text := cell.strip()):
        return Decimal(text)
    return None


@dataclass(frozen=True, slots=True)
class WholeNumber(PlainNumbers):
    """A rule for whole numbers; 12.0 is one."""

    def __call__(self, cell: object) -> int | Fault:
        """Reads a cell."""
        if isinstance(cell, float) and cell.is_integer() and abs(cell) < EXACT_FLOATS:
            number = int(cell)
        else:
            value = _decimal(cell)
            if value is None or value != value.to_integral_value():
                return self._fault(cell)
            if isinstance(cell, float):
                return Fault(f"is too long for a number cell to hold exactly ({quoted(cell)}); write it as text")
            number = int(value)
        return number if self.least <= number <= self.most else self._fault(cell)

    def _fault(self, cell: object) -> Fault:
        return _not(f"a whole number from {self.least} to {self.most}", cell)


@dataclass(frozen=True, slots=True)
class Amount(PlainNumbers):
    """A rule for amounts: rupees in the sheet, with at most two decimals; whole paise out."""

    scale: ClassVar[int] = PAISE_PER_RUPEE

    def __call__(self, cell: object) -> int | Fault:
        """Reads a cell."""
        value = _decimal(cell)
        if value is None:
            return self._fault(cell)
        paise = value.scaleb(_RUPEE_DECIMALS)
        if paise != paise.to_integral_value() or not self.least <= paise <= self.most:
            return self._fault(cell)
        return int(paise)

    def _fault(self, cell: object) -> Fault:
        lower = "more than ₹0" if self.least == 1 else f"{format_rupees(self.least)} or more"
        upper = format_rupees(self.most)
        return _not(f"an amount in rupees such as 500000 or 500000.50, {lower} and at most {upper}", cell)


def interest_rate(cell: object) -> int | Fault:
    """The rule for rates: per cent a year in the sheet, ten-thousandths of a per cent out."""
    value = _decimal(cell)
    if value is not None and limits.MIN_INTEREST_RATE <= value <= limits.MAX_INTEREST_RATE:
        scaled = value.scaleb(limits.RATE_DECIMAL_PLACES)
        if scaled == scaled.to_integral_value():
            return int(scaled)
    return _not(
        f"a rate in per cent a year from {limits.MIN_INTEREST_RATE} to {limits.MAX_INTEREST_RATE} with at most "
        f"{limits.RATE_DECIMAL_PLACES} decimals",
        cell,
    )


def day(cell: object) -> date | Fault:
    """The rule for dates: a date cell of a workbook without a time, or the text YYYY-MM-DD."""
    found: date | None = None
    if isinstance(cell, datetime):
        found = cell.date() if cell.time() == time() else None
    elif isinstance(cell, date):
        found = cell
    elif isinstance(cell, str) and (match := _ISO_DATE.fullmatch(cell.strip())):
        try:
            found = date.fromisoformat(match[1])
        except ValueError:
            found = None
    if found is None:
        return _not("a date: a date cell in a workbook, YYYY-MM-DD in text", cell)
    return found


def approval_day(cell: object) -> date | Fault:
    """The rule for the day of approval: a date in a year that a loan of today's book may come from."""
    found = day(cell)
    if isinstance(found, date) and not limits.MIN_BOOK_YEAR <= found.year <= limits.MAX_BOOK_YEAR:
        return _not(f"a date from {limits.MIN_BOOK_YEAR} to {limits.MAX_BOOK_YEAR}", cell)
    return found


def name(cell: object) -> str | Fault:
    """The rule for names; what was found is never quoted."""
    if not isinstance(cell, str):
        return Fault("must be text")
    if _is_empty(cell):
        return Fault(_EMPTY)
    try:
        return clean_name(cell)
    except ValueError as error:
        return Fault(str(error))


class PhoneNumber:
    """The rule for phone numbers, the digits of E.164 out; what was found is never quoted."""

    def __call__(self, cell: object) -> int | Fault:
        """Reads a cell of any kind."""
        if isinstance(cell, str) and _is_empty(cell):
            return Fault(_EMPTY)
        if isinstance(cell, float) and cell.is_integer() and abs(cell) < EXACT_FLOATS:
            cell = str(int(cell))
        try:
            return phone_digits(to_e164(cell if isinstance(cell, str) else ""))
        except ValueError as error:
            return Fault(str(error))


def _not(wanted: str, cell: object) -> Fault:
    """The fault of a cell that is not what was wanted."""
    return Fault(_EMPTY if _is_empty(cell) else f"must be {wanted}, but is {quoted(cell)}")
