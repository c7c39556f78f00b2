import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.customer import approved_limit
from almeno_grpc.domain.limits import MAX_APPROVED_LIMIT, MAX_MONTHLY_INCOME

LAKH = 10_000_000


@pytest.mark.parametrize(
    ("income", "limit"),
    [
        (5_000_000, 18 * LAKH),
        (3_300_000, 12 * LAKH),
        (1, 0),
        (13_888_888, 50 * LAKH),
        (138_888, 0),
        (138_889, 1 * LAKH),
        (MAX_MONTHLY_INCOME, 36 * MAX_MONTHLY_INCOME),
    ],
)
def test_limit_is_36_months_of_income_to_the_nearest_lakh(income: int, limit: int) -> None:
    assert approved_limit(income) == limit


@pytest.mark.parametrize(("income", "lakhs"), [(1_250_000, 5), (1_249_999, 4), (1_250_001, 5), (1_527_777, 5)])
def test_limit_of_half_a_lakh_rounds_up(income: int, lakhs: int) -> None:
    """₹12,500 a month makes exactly 4.5 lakh."""
    assert approved_limit(income) == lakhs * LAKH


@given(st.integers(1, MAX_MONTHLY_INCOME))
def test_limit_is_in_whole_lakhs_and_within_half_a_lakh_of_36_months_income(income: int) -> None:
    limit = approved_limit(income)
    assert limit % LAKH == 0
    assert -LAKH < 2 * (36 * income - limit) < LAKH or 2 * (limit - 36 * income) == LAKH
    assert limit <= MAX_APPROVED_LIMIT
