"""The largest amount that amortizes, against trying every amount one by one."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almeno_grpc.domain.counter_offer import largest_amortizing_rupees
from almeno_grpc.domain.installments import InstallmentMethod, amortizes
from almeno_grpc.domain.money import Rounding

REDUCING, COMPOUND = InstallmentMethod.REDUCING_BALANCE, InstallmentMethod.ANNUAL_COMPOUND

# Rates in whole, half and quarter per cents, for which the search is complete.
RATES = st.integers(0, 240).map(lambda quarters: Decimal(quarters) / 4)


def tried_one_by_one(
    rate: Decimal, months: int, minimum: int, maximum: int, rounding: Rounding = Rounding.HALF_UP
) -> int | None:
    return next(
        (r for r in range(maximum, minimum - 1, -1) if amortizes(REDUCING, r * 100, rate, months, rounding)), None
    )


@given(RATES, st.integers(1, 360), st.integers(1_000, 10**9))
def test_an_amount_that_amortizes_is_its_own_answer(rate: Decimal, months: int, maximum: int) -> None:
    found = largest_amortizing_rupees(REDUCING, rate, months, 1_000, maximum)
    assert (found == maximum) == amortizes(REDUCING, maximum * 100, rate, months)


@settings(max_examples=100)
@given(RATES, st.integers(180, 600), st.integers(1_000, 1_300), st.sampled_from(Rounding))
def test_no_larger_amount_amortizes(rate: Decimal, months: int, maximum: int, rounding: Rounding) -> None:
    found = largest_amortizing_rupees(REDUCING, rate, months, 1_000, maximum, rounding)
    assert found == tried_one_by_one(rate, months, 1_000, maximum, rounding)


@pytest.mark.parametrize(
    ("rate", "months", "maximum", "largest"),
    [
        pytest.param("12", 600, 1_500, 1_367, id="more than a hundred rupees further down"),
        pytest.param("36", 360, 10_000, None, id="none in a range of thousands"),
        pytest.param("16", 600, 1_100, None, id="none near the minimum amount"),
        pytest.param("100", 600, 1_000_000_000, None, id="none up to a hundred crore"),
        pytest.param("0", 600, 1_799, 1_799, id="without interest"),
        pytest.param("12", 60, 999, None, id="nothing from the minimum amount on"),
    ],
)
def test_largest_amount_over_a_very_long_tenure(rate: str, months: int, maximum: int, largest: int | None) -> None:
    assert largest_amortizing_rupees(REDUCING, Decimal(rate), months, 1_000, maximum) == largest
    if maximum < 10**6:
        assert tried_one_by_one(Decimal(rate), months, 1_000, maximum) == largest


@pytest.mark.parametrize(("minimum", "largest"), [(1_366, 1_367), (1_367, 1_367), (1_368, None)])
def test_search_ends_with_the_minimum_amount(minimum: int, largest: int | None) -> None:
    assert largest_amortizing_rupees(REDUCING, Decimal(12), 600, minimum, 1_500) == largest


def test_search_is_bounded_for_rates_that_round_differently_at_every_amount() -> None:
    """₹2,900 to ₹3,300 at 36.1301 % hold no amount that amortizes; after 300 of them the search ends."""
    assert tried_one_by_one(Decimal("36.1301"), 360, 2_900, 3_300) is None
    assert largest_amortizing_rupees(REDUCING, Decimal("36.1301"), 360, 2_900, 3_300) is None


@pytest.mark.parametrize(("months", "largest"), [(100, 5), (500, 5), (501, None)])
def test_equal_parts_amortize_from_a_paisa_a_month(months: int, largest: int | None) -> None:
    assert largest_amortizing_rupees(COMPOUND, Decimal(12), months, 1, 5) == largest
