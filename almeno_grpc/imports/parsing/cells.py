"""The rules for single cells: each takes a cell as the file holds it and gives its value, or a mark on the cell.

A workbook's cell is a number, a text, a date or a time; a CSV file's is a text. A number is what its 15 significant
digits say, which is what Excel shows and saves: sums and products leave binary digits behind those.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from almeno_grpc.domain import limits
from almeno_grpc.domain.customer import phone_digits
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.money import PAISE_PER_RUPEE, format_rupees
from almeno_grpc.domain.names import clean_name
from almeno_grpc.service.phone_numbers import to_e164

MAX_QUOTED_CHARACTERS = 40
_EMPTY = "is empty; so counts a formula that was never calculated, and an error"
MAX_EXACT = 10**15
"""Whole numbers below have at most 15 digits, and a float of their own each."""
_ERRORS = frozenset({"#N/A", "#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"})
"""How a spreadsheet writes the errors of formulas into a CSV file."""
_MAX_INT64_DIGITS = 18
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(\.[0-9]{0,15})?")
_GROUPED_BY_POINTS = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+")
"""Such as 1.500, which is fifteen hundred in much of Europe. Rates may be written so, for three decimals are common."""
_AMOUNT = re.compile(
    # Grouped by thousands or the Indian way, or not at all; 1.00E+05 has lost digits and is none.
    r"(?:₹|rs\.?|inr)?\s*([+-]?(?:[0-9]{1,19}|[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]?(?:,[0-9]{2})*,[0-9]{3})"
    r"(?:\.[0-9]{0,15})?)\s*(?:/-)?",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"([+-]?[0-9]{1,9}(?:\.[0-9]{0,15})?)\s*(%)?")
_PHONE_NUMBER_AS_FRACTION = re.compile(r"([1-9][0-9]{9,14})\.0+")
"""How pandas writes a whole column of numbers once a cell of it was empty."""

_WITHOUT_PLUS = re.compile(r"(?!91)[1-9][0-9]{10,}")
"""Ten digits are a number of India, so more of them are one of another country, or none."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a rule has to say of a cell beside its value."""

    value: int
    """Of the cell in its column; 0 where it has none."""


@dataclass(frozen=True, slots=True)
class Fault(Mark):
    """Why a cell cannot be taken, to be read after the name of its column."""

    value: int = field(default=0, init=False)
    message: str
    found: str = "''"
    """The cell, quoted, where the rule quotes it."""


@dataclass(frozen=True, slots=True)
class Adjusted(Mark):
    """A cell that is taken with a change, which the message says, to be read after the name of its column."""

    message: str


@dataclass(frozen=True, slots=True)
class Fraction(Mark):
    """A rate below 1 without a percent sign: 0.105 may be 0.105 % or, as spreadsheets keep a percentage, 10.5 %.

    The value is that of 0.105 %, or 0 where it has too many decimals; in ten-thousandths of a per cent.
    """

    as_percentage: int
    """The value of 10.5 %."""
    found: str


CellRule = Callable[[object], object]


def quoted(cell: object) -> str:
    """The cell as a person would know it again, shortened and without control characters."""
    if isinstance(cell, float):
        number = number_of(cell)
        text = repr(cell) if number is None else f"{Decimal(number).normalize():f}"
    else:
        text = cell.isoformat() if isinstance(cell, date) else str(cell).strip()
    text = "".join(character if character.isprintable() else "?" for character in text[: MAX_QUOTED_CHARACTERS + 1])
    return "'" + (text if len(text) <= MAX_QUOTED_CHARACTERS else text[: MAX_QUOTED_CHARACTERS - 1] + "…") + "'"


def visible(text: str) -> str:
    """The text without format characters (Unicode category Cf), and without white space around it."""
    if not text.isascii():
        text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return text.strip()


def number_of(cell: object) -> Decimal | int | None:
    """The number a cell holds; None where it holds none."""
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < MAX_EXACT:
            return int(cell)
        return Decimal(f"{cell:.15g}") if math.isfinite(cell) else None
    if not isinstance(cell, str):
        return None
    # Nearly every cell of a CSV file is so, and a Decimal of it would take several times as long.
    if cell.isascii() and cell.isdigit() and len(cell) <= _MAX_INT64_DIGITS:
        return int(cell)
    text = visible(cell)
    return Decimal(text) if _NUMBER.fullmatch(text) and not _GROUPED_BY_POINTS.fullmatch(text) else None


def not_a(wanted: str, cell: object) -> Fault:
    """The fault of a cell that is not what was wanted."""
    is_empty = isinstance(cell, str) and not visible(cell)
    return Fault(_EMPTY) if is_empty else Fault(f"must be {wanted}, but is {quoted(cell)}", quoted(cell))


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """The rule for whole numbers from `min_value` to `max_value`; 12.0 is one."""

    min_value: int
    max_value: int

    def __call__(self, cell: object) -> int | Fault:
        """Reads a cell."""
        number = number_of(cell)
        if number is None or int(number) != number:
            return self._fault(cell)
        if isinstance(cell, float) and cell.is_integer() and int(cell) != number:
            return Fault(f"is too long for a number cell to hold exactly ('{int(cell)}'); write it as text")
        return int(number) if self.min_value <= number <= self.max_value else self._fault(cell)

    def _fault(self, cell: object) -> Fault:
        return not_a(f"a whole number from {self.min_value} to {self.max_value}", cell)


@dataclass(frozen=True, slots=True)
class Amount:
    """The rule for amounts: rupees in the sheet, whole paise out, from `min_value` to `max_value`."""

    min_value: int
    max_value: int
    rounds: bool = False
    """Whether more than two decimals are rounded, as of payments that a formula has worked out."""

    def __call__(self, cell: object) -> int | Adjusted | Fault:
        """Reads a cell."""
        displayed = _AMOUNT.fullmatch(visible(cell)) if isinstance(cell, str) else None
        rupees = number_of(displayed[1].replace(",", "") if displayed else cell)
        exact = (rupees or 0) * PAISE_PER_RUPEE
        if rupees is None or not self.min_value <= exact <= self.max_value or (exact % 1 and not self.rounds):
            return self._fault(cell)
        if exact % 1:
            paise = int(Decimal(exact).to_integral_value(ROUND_HALF_UP))
            return Adjusted(paise, f"{quoted(cell)} rounded to {format_rupees(paise)}")
        return int(exact)

    def _fault(self, cell: object) -> Fault:
        lower = "more than ₹0" if self.min_value == 1 else f"{format_rupees(self.min_value)} or more"
        upper = format_rupees(self.max_value)
        return not_a(f"an amount in rupees such as 500000 or 500000.50, {lower} and at most {upper}", cell)


def interest_rate(cell: object) -> int | Fraction | Fault:
    """The rule for rates: per cent a year in the sheet, ten-thousandths of a per cent out."""
    match = _PERCENT.fullmatch(visible(cell)) if isinstance(cell, str) else None
    number = Decimal(match[1]) if match else number_of(cell)
    if number is not None and limits.MIN_INTEREST_RATE <= number <= limits.MAX_INTEREST_RATE:
        scaled, percentage = number * 10**limits.RATE_DECIMAL_PLACES, number * 10 ** (limits.RATE_DECIMAL_PLACES + 2)
        if 0 < number < 1 and not (match and match[2]) and percentage % 1 == 0:
            return Fraction(0 if scaled % 1 else int(scaled), int(percentage), quoted(cell))
        if scaled % 1 == 0:
            return int(scaled)
    return not_a(
        f"a rate in per cent a year from {limits.MIN_INTEREST_RATE} to {limits.MAX_INTEREST_RATE} with at most "
        f"{limits.RATE_DECIMAL_PLACES} decimals",
        cell,
    )


def installment_method(cell: object) -> int | Fault:
    """The rule for the method of the instalments in a sheet that was exported: 1 for the reducing balance, else 0."""
    methods = [InstallmentMethod.ANNUAL_COMPOUND, InstallmentMethod.REDUCING_BALANCE]
    text = visible(cell) if isinstance(cell, str) else ""
    return methods.index(InstallmentMethod(text)) if text in methods else not_a(" or ".join(methods), cell)


def name(cell: object) -> str | Fault:
    """The rule for names; what was found is never quoted."""
    if not isinstance(cell, str):
        return Fault("must be text")
    if not cell.strip() or cell.strip() in _ERRORS:
        return Fault(_EMPTY)
    if "\ufffd" in cell:
        return Fault("has lost a character, which was not saved in the encoding of the file")
    try:
        return clean_name(cell)
    except ValueError as error:
        return Fault(str(error))


def phone_number(cell: object) -> int | Fault:
    """The rule for phone numbers, the digits of E.164 out; what was found is never quoted."""
    if isinstance(cell, float):
        cell = str(int(cell)) if cell.is_integer() and abs(cell) < limits.MAX_BOOK_ID else "?"
    text = visible(cell) if isinstance(cell, str) else "?"
    if not text:
        return Fault(_EMPTY)
    if match := _PHONE_NUMBER_AS_FRACTION.fullmatch(text):
        text = match[1]
    if _WITHOUT_PLUS.fullmatch(text):
        return Fault("must have + in front of its country code, which spreadsheets leave out of number cells")
    try:
        return phone_digits(to_e164(text))
    except ValueError as error:
        return Fault(str(error))
