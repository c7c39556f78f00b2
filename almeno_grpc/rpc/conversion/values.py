"""Amounts, rates, dates and instants."""

import re
from datetime import date
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2, decimal_pb2, money_pb2

CURRENCY = "INR"
_QUOTED = re.compile("'.*'", re.DOTALL)
"""From the first quote to the last: a cell may hold some itself."""


def fill_money(message: money_pb2.Money, paise: int) -> None:
    """Fills an amount of paise in rupees."""
    fill_amount(in_rupees(message), paise)


def in_rupees(message: money_pb2.Money) -> money_pb2.Money:
    """Names the currency."""
    message.currency_code = CURRENCY
    return message


def fill_amount(message: money_pb2.Money, paise: int) -> None:
    """Fills a message that names its currency: as rupees and billionths of a rupee, both below zero or neither."""
    if paise < 0:
        message.units = -(-paise // 100)
        message.nanos = -(-paise % 100 * 10_000_000)
        return
    message.units = paise // 100
    message.nanos = paise % 100 * 10_000_000


def fill_decimal(message: decimal_pb2.Decimal, number: Decimal) -> None:
    """Fills a rate in per cent, written without an exponent."""
    text = str(number)
    # To format it takes more than twice as long.
    message.value = f"{number:f}" if "E" in text else text


def without_quoted_cells(text: str) -> str:
    """A text about a file with all that it quotes of the file's cells left out, for they may hold names."""
    return _QUOTED.sub("'…'", text)


def quotes_cells(text: str) -> bool:
    """Whether a text about a file quotes one of its cells."""
    return _QUOTED.search(text) is not None


def fill_date(message: date_pb2.Date, day: date) -> None:
    """Fills a date with all three parts."""
    message.year = day.year
    message.month = day.month
    message.day = day.day


def fill_timestamp(message: Timestamp, microseconds: int) -> None:
    """Fills an instant from microseconds since the epoch."""
    seconds, rest = divmod(microseconds, 1_000_000)
    message.seconds = seconds
    message.nanos = rest * 1000
