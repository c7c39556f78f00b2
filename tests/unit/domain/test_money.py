from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.money import (
    Rounding,
    format_rupees,
    plain,
    rate_from_scaled,
    round_half_up,
    rounded,
    scaled_rate,
)

BY_DECIMAL = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.UP: ROUND_CEILING,
    Rounding.DOWN: ROUND_DOWN,
}


@pytest.mark.parametrize(
    ("numerator", "denominator", "whole"),
    [
        (0, 7, 0),
        (1, 2, 1),
        (3, 2, 2),
        (5, 2, 3),
        (49, 100, 0),
        (50, 100, 1),
        (149, 100, 1),
        (150, 100, 2),
        (7, 1, 7),
        (-1, 2, 0),
        (-3, 2, -1),
        (-51, 100, -1),
    ],
)
def test_halves_round_up(numerator: int, denominator: int, whole: int) -> None:
    assert round_half_up(numerator, denominator) == whole


@pytest.mark.parametrize(
    ("numerator", "half_up", "half_even", "up", "down"),
    [
        (0, 0, 0, 0, 0),
        (1, 0, 0, 1, 0),
        (2, 1, 0, 1, 0),
        (3, 1, 1, 1, 0),
        (4, 1, 1, 1, 1),
        (5, 1, 1, 2, 1),
        (6, 2, 2, 2, 1),
        (7, 2, 2, 2, 1),
        (10, 3, 2, 3, 2),
    ],
)
def test_quarters_round_as_asked(numerator: int, half_up: int, half_even: int, up: int, down: int) -> None:
    ways = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.UP, Rounding.DOWN)
    assert [rounded(numerator, 4, rounding) for rounding in ways] == [half_up, half_even, up, down]


@given(st.integers(0, 10**15), st.integers(0, 12), st.sampled_from(Rounding))
def test_every_way_to_round_agrees_with_decimal_arithmetic(numerator: int, places: int, rounding: Rounding) -> None:
    exact = Decimal(numerator).scaleb(-places)
    assert rounded(numerator, 10**places, rounding) == int(exact.quantize(Decimal(1), BY_DECIMAL[rounding]))


@given(st.integers(0, 10**15), st.integers(1, 10**12))
def test_rounding_agrees_with_decimal_arithmetic(numerator: int, denominator: int) -> None:
    doubled = (Decimal(2 * numerator + denominator) / (2 * denominator)).to_integral_value(ROUND_FLOOR)
    assert round_half_up(numerator, denominator) == doubled


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**9))
def test_rounding_moves_a_value_by_half_at_most(numerator: int, denominator: int) -> None:
    moved = round_half_up(numerator, denominator) - Fraction(numerator, denominator)
    assert -Fraction(1, 2) < moved <= Fraction(1, 2)


@given(st.integers(0, 1_000_000))
def test_every_rate_comes_back_from_its_scaled_form(scaled: int) -> None:
    rate = rate_from_scaled(scaled)
    assert scaled_rate(rate) == scaled
    assert Fraction(rate) == Fraction(scaled, 10_000)
    assert str(rate) == str(plain(rate))


@pytest.mark.parametrize(
    "rate", ["0.00001", "12.34567", "99.99999", "12.00000000000000000000000000000001", "1e-30"], ids=str
)
def test_rate_with_more_than_four_decimals_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="more than four decimal places"):
        scaled_rate(Decimal(rate))


@pytest.mark.parametrize(
    ("rate", "scaled"),
    [("10.5", 105_000), ("0.0001", 1), ("100", 1_000_000), ("1E+1", 100_000), ("10.500000000000", 105_000), ("-0", 0)],
)
def test_rate_is_scaled_however_it_is_written(rate: str, scaled: int) -> None:
    assert scaled_rate(Decimal(rate)) == scaled


@pytest.mark.parametrize(
    ("written", "reads"),
    [("10.50", "10.5"), ("1E+2", "100"), ("100", "100"), ("0.0000", "0"), ("-0", "0"), ("0E+5", "0"), ("12", "12")],
)
def test_equal_rates_read_equally(written: str, reads: str) -> None:
    assert str(plain(Decimal(written))) == reads


@pytest.mark.parametrize(
    ("paise", "text"),
    [
        (0, "₹0"),
        (5, "₹0.05"),
        (100, "₹1"),
        (99_900, "₹999"),
        (100_000, "₹1,000"),
        (9_999_999, "₹99,999.99"),
        (10_000_000, "₹1,00,000"),
        (1_234_567_850, "₹1,23,45,678.50"),
        (100_000_000_000, "₹1,00,00,00,000"),
        (-150_050, "-₹1,500.50"),
    ],
)
def test_amounts_are_grouped_the_indian_way(paise: int, text: str) -> None:
    assert format_rupees(paise) == text


@given(st.integers(-(10**15), 10**15))
def test_an_amount_can_be_read_back_from_its_text(paise: int) -> None:
    text = format_rupees(paise)
    assert Decimal(text.replace("₹", "").replace(",", "")) * 100 == paise
    groups = text.lstrip("-₹").split(".")[0].split(",")
    assert all(len(group) == 2 for group in groups[1:-1])
    assert len(groups) == 1 or len(groups[-1]) == 3
