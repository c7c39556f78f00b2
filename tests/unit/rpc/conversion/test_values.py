"""Amounts, rates, dates and instants as messages."""

from datetime import date
from decimal import Decimal

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2, decimal_pb2, money_pb2

from almeno_grpc.rpc.conversion.values import fill_date, fill_decimal, fill_money, fill_timestamp

AMOUNTS = [
    (0, 0, 0),
    (1, 0, 10_000_000),
    (1_074_695, 10_746, 950_000_000),
    (-1, 0, -10_000_000),
    (-84_75, -84, -750_000_000),
    (-100, -1, 0),
]


@pytest.mark.parametrize(("paise", "units", "nanos"), AMOUNTS)
def test_amount_is_whole_rupees_and_billionths(paise: int, units: int, nanos: int) -> None:
    message = money_pb2.Money()
    fill_money(message, paise)
    assert (message.currency_code, message.units, message.nanos) == ("INR", units, nanos)


@pytest.mark.parametrize("text", ["0", "10.5", "0.0001", "100"])
def test_rate_is_written_without_an_exponent(text: str) -> None:
    message = decimal_pb2.Decimal()
    fill_decimal(message, Decimal(text))
    assert message.value == text
    fill_decimal(message, Decimal("1E-4"))
    assert message.value == "0.0001"


def test_date_and_instant() -> None:
    day, instant = date_pb2.Date(), Timestamp()
    fill_date(day, date(2026, 2, 28))
    fill_timestamp(instant, 1_700_000_000_123_456)
    assert (day.year, day.month, day.day) == (2026, 2, 28)
    assert (instant.seconds, instant.nanos) == (1_700_000_000, 123_456_000)
