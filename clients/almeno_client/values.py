"""Conversion of amounts, rates and dates between Python values and messages, exact.

Binary floating point is refused: 0.1 rupees cannot be written as a float, so a float has no place near money.
"""

import datetime as dt
import re
from decimal import Decimal, InvalidOperation

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal as RateMessage
from google.type.money_pb2 import Money

Rupees = Decimal | int | str
"""An amount in rupees: `Decimal("500000.50")`, `500000`, or text as a person types it, `"₹5,00,000"`."""

Rate = Decimal | int | str
"""A rate in per cent a year: `Decimal("10.5")`, `12`, `"10.5"` or `"10.5 %"`."""

_NANOS_A_RUPEE = 10**9
_NANOS_A_PAISA = 10**7
# No amount and no rate of the service has this many digits before or after the point. Beyond it, text such as
# "1e999999999" would be written out in full.
_MAX_DIGITS = 18

_AMOUNT = re.compile(r"(?:₹|inr|rs\.?)?\s*(?P<digits>[0-9,]+(?:\.[0-9]+)?)", re.IGNORECASE)
# Digits without separators, in the Indian grouping (12,34,567) or the western one (1,234,567). Another grouping is
# likelier a slip of the hand than an amount.
_GROUPING = re.compile(r"[0-9]+|[0-9]{1,2}(?:,[0-9]{2})*,[0-9]{3}|[0-9]{1,3}(?:,[0-9]{3})+", re.ASCII)
_RATE = re.compile(r"(?P<digits>[0-9]+(?:\.[0-9]+)?)\s*%?", re.ASCII)


def parse_rupees(text: str) -> Decimal:
    """Reads an amount as a person types it: `500000`, `5,00,000`, `500,000.50`, `₹5,00,000`, `Rs. 5,00,000`.

    Raises:
        ValueError: The text is not an amount, or its commas fit neither the Indian nor the western grouping.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match and _GROUPING.fullmatch(match["digits"].partition(".")[0]):
        return _bounded(Decimal(match["digits"].replace(",", "")), text)
    raise ValueError(f"{text!r} is not an amount in rupees; write it like 500000, 5,00,000 or ₹5,00,000.50")


def parse_rate(text: str) -> Decimal:
    """Reads a rate as a person types it: `10.5` or `10.5 %`.

    Raises:
        ValueError: The text is not a rate.
    """
    match = _RATE.fullmatch(text.strip())
    if match:
        return _bounded(Decimal(match["digits"]), text)
    raise ValueError(f"{text!r} is not a rate in per cent a year; write it like 10.5")


def money_message(amount: Rupees) -> Money:
    """Converts an amount in rupees to a message.

    Raises:
        TypeError: The amount is a float, or no number at all.
        ValueError: The amount is finer than a paisa, not finite, or text that is not an amount.
    """
    rupees = parse_rupees(amount) if isinstance(amount, str) else _exact(amount, "an amount in rupees")
    units, nanos = _split(rupees)
    if nanos % _NANOS_A_PAISA:
        raise ValueError(f"{rupees} rupees is finer than a paisa; give at most two decimal places")
    return Money(currency_code="INR", units=units, nanos=nanos)


def rupees_of(message: Money) -> Decimal:
    """Converts an amount to rupees, with two decimal places."""
    paise = (message.units * _NANOS_A_RUPEE + message.nanos) // _NANOS_A_PAISA
    sign = "-" if paise < 0 else ""
    # Made from text, which no decimal context rounds.
    return Decimal(f"{sign}{abs(paise) // 100}.{abs(paise) % 100:02d}")


def rate_message(rate: Rate) -> RateMessage:
    """Converts a rate in per cent a year to a message.

    Raises:
        TypeError: The rate is a float, or no number at all.
        ValueError: The rate is not finite, or text that is not a rate.
    """
    per_cent = parse_rate(rate) if isinstance(rate, str) else _exact(rate, "a rate")
    return RateMessage(value=format(per_cent, "f"))


def rate_of(message: RateMessage) -> Decimal:
    """Converts a rate to per cent a year.

    Raises:
        ValueError: The service sent text that is not a number.
    """
    try:
        return Decimal(message.value)
    except InvalidOperation:
        raise ValueError(f"the service sent {message.value!r} for a rate") from None


def date_message(day: dt.date) -> Date:
    """Converts a date to a message.

    Raises:
        TypeError: The value is not a date, or has a time of day.
    """
    # A datetime is a date to isinstance(), and dropping its time and zone could move the day.
    given: object = day
    if not isinstance(given, dt.date) or isinstance(given, dt.datetime):
        raise TypeError(f"a date has to be a datetime.date without a time, not {type(day).__name__}")
    return Date(year=day.year, month=day.month, day=day.day)


def optional_date_message(day: dt.date | None) -> Date | None:
    """Converts a date to a message, and None to a field that is not set; raises as `date_message`."""
    return None if day is None else date_message(day)


def date_of(message: Date) -> dt.date:
    """Converts a date."""
    return dt.date(message.year, message.month, message.day)


def instant_of(message: Timestamp) -> dt.datetime:
    """Converts a timestamp to a datetime in UTC."""
    return message.ToDatetime(tzinfo=dt.UTC)


def _exact(number: object, what: str) -> Decimal:
    if isinstance(number, float):
        raise TypeError(f"{what} has to be exact: give a Decimal, an int or text, not the float {number!r}")
    if isinstance(number, bool) or not isinstance(number, Decimal | int):
        raise TypeError(f"{what} has to be a Decimal, an int or text, not {type(number).__name__}")
    return _bounded(Decimal(number), str(number))


def _bounded(number: Decimal, text: str) -> Decimal:
    exponent = number.as_tuple().exponent
    if isinstance(exponent, str):
        raise ValueError(f"{text} is not a finite number")
    if number.adjusted() >= _MAX_DIGITS or exponent < -_MAX_DIGITS:
        raise ValueError(f"{text[:40]} has more digits than the service takes")
    return number


def _split(rupees: Decimal) -> tuple[int, int]:
    """Splits rupees into whole ones and nanos, both with the sign of the amount."""
    numerator, denominator = rupees.as_integer_ratio()
    whole, rest = divmod(abs(numerator) * _NANOS_A_RUPEE, denominator)
    if rest:
        raise ValueError(f"{rupees} rupees is finer than a paisa; give at most two decimal places")
    units, nanos = divmod(whole, _NANOS_A_RUPEE)
    return (-units, -nanos) if numerator < 0 else (units, nanos)
