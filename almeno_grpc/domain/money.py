"""Exact arithmetic on money: whole paise and exact fractions, rounded once, halves up."""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

PAISE_PER_RUPEE = 100
PAISE_PER_LAKH = 100_000 * PAISE_PER_RUPEE
RATE_SCALE = 10_000
"""Rates have at most four decimal places, so a rate times this is a whole number."""


def round_half_up(numerator: int, denominator: int) -> int:
    """The whole number nearest to numerator/denominator, halves rounded up. The denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


def round_fraction(value: Fraction | int) -> int:
    """The whole number nearest to the value, halves rounded up."""
    return round_half_up(value.numerator, value.denominator)


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


def format_rupees(paise: int) -> str:
    """An amount for people, grouped the Indian way: 1234567850 paise give ₹1,23,45,678.50. No paise, no decimals."""
    rupees, rest = divmod(abs(paise), PAISE_PER_RUPEE)
    thousands, last = divmod(rupees, 1000)
    text = f"{last:03d}" if thousands else str(last)
    while thousands:
        thousands, pair = divmod(thousands, 100)
        text = f"{pair:02d},{text}" if thousands else f"{pair},{text}"
    return f"{'-' if paise < 0 else ''}₹{text}{f'.{rest:02d}' if rest else ''}"
