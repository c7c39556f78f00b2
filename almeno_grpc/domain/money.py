"""Exact arithmetic on money: whole paise and exact fractions, rounded once, halves up where nothing else is said."""

from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

PAISE_PER_RUPEE = 100
PAISE_PER_LAKH = 100_000 * PAISE_PER_RUPEE
RATE_SCALE = 10_000
"""Rates have at most four decimal places, so a rate times this is a whole number."""


def round_half_up(numerator: int, denominator: int) -> int:
    """The whole number nearest to numerator/denominator, halves rounded up. The denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


class Rounding(StrEnum):
    """How an exact value of zero or more is rounded to an integer."""

    HALF_UP = "HALF_UP"
    """To the nearest, halves up."""
    HALF_EVEN = "HALF_EVEN"
    """To the nearest, halves to the even one."""
    UP = "UP"
    DOWN = "DOWN"


def rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """numerator/denominator rounded to an integer. The numerator is zero or more, the denominator positive."""
    if rounding is Rounding.HALF_UP:
        return round_half_up(numerator, denominator)
    if rounding is Rounding.UP:
        return -(-numerator // denominator)
    whole, rest = divmod(numerator, denominator)
    if rounding is Rounding.DOWN:
        return whole
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2))


@lru_cache(maxsize=4096)
def scaled_rate(rate: Decimal) -> int:
    """The rate in ten-thousandths of a per cent, exactly.

    Raises:
        ValueError: The rate has more than four decimal places.
    """
    scaled = int(rate * RATE_SCALE)
    # Compared with what was given: the product itself is rounded when a rate has more digits than the context keeps.
    if Decimal(scaled).scaleb(-4) != rate:
        raise ValueError(f"the rate {rate} has more than four decimal places")
    return scaled


@lru_cache(maxsize=4096)
def rate_from_scaled(scaled: int) -> Decimal:
    """The rate in per cent from ten-thousandths of a per cent; 105000 gives Decimal('10.5')."""
    return plain(Decimal(scaled).scaleb(-4))


def plain(value: Decimal) -> Decimal:
    """The same number without trailing zeros or an exponent, so that equal rates read equally."""
    if not value:
        return Decimal(0)
    normalized = value.normalize()
    exponent = normalized.as_tuple().exponent
    return normalized.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else normalized


def decimal_rupees(paise: int) -> str:
    """An amount of zero or more for programs, in rupees with both decimals: 1234567850 paise give 12345678.50."""
    return f"{paise // PAISE_PER_RUPEE}.{paise % PAISE_PER_RUPEE:02d}"


@lru_cache(maxsize=4096)
def format_rupees(paise: int) -> str:
    """An amount for people, grouped the Indian way: 1234567850 paise give ₹1,23,45,678.50. No paise, no decimals."""
    rupees, rest = divmod(abs(paise), PAISE_PER_RUPEE)
    text = str(rupees)
    # Unrolled for amounts below ₹1,00,00,00,000: each stored decision formats several of them.
    if len(text) > 7:
        text = f"{_pairs(text[:-7])},{text[-7:-5]},{text[-5:-3]},{text[-3:]}"
    elif len(text) > 5:
        text = f"{text[:-5]},{text[-5:-3]},{text[-3:]}"
    elif len(text) > 3:
        text = f"{text[:-3]},{text[-3:]}"
    if rest:
        text = f"{text}.{rest:02d}"
    return f"-₹{text}" if paise < 0 else f"₹{text}"


def _pairs(digits: str) -> str:
    """The digits in twos, from the right."""
    return digits if len(digits) <= 2 else f"{_pairs(digits[:-2])},{digits[-2:]}"
