"""Key facts: the annual percentage rate and the totals."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.installments import InstallmentMethod, amortizes, installment, schedule
from almeno_grpc.domain.key_facts import KeyFacts, LoanFacts, annual_percentage_rate, key_facts
from almeno_grpc.domain.terms_file import parse_terms

REDUCING = InstallmentMethod.REDUCING_BALANCE
ANNUAL = InstallmentMethod.ANNUAL_COMPOUND


def amounts_of(rupees: int, rate: str, months: int, method: InstallmentMethod = REDUCING) -> list[int]:
    principal = rupees * 100
    emi = installment(method, principal, Decimal(rate), months)
    return [row.amount for row in schedule(method, principal, Decimal(rate), months, emi)]


@pytest.mark.parametrize(
    ("rupees", "rate", "months", "net", "apr"),
    [
        (20_000, "15", 24, 19_600, "17.07"),
        (500_000, "10.5", 60, 494_100, "11.02"),
        (500_000, "10.5", 60, 500_000, "10.50"),
        (200_000, "10", 12, 197_640, "12.25"),
        (200_000, "10", 6, 197_640, "14.15"),
        (1_000, "0", 3, 950, "31.31"),
        (1_000, "0", 3, 1_000, "0.00"),
        (1_000, "0", 1, 1_000, "0.00"),
        (1_000, "12", 1, 1_000, "12.00"),
        (500_000, "10.5", 600, 500_000, "10.50"),
    ],
)
def test_annual_percentage_rate_by_the_internal_rate_of_return(rupees, rate, months, net, apr):
    assert str(annual_percentage_rate(net * 100, amounts_of(rupees, rate, months))) == apr


@pytest.mark.parametrize(
    ("net", "apr"),
    [
        # One instalment of ₹1,010 after a month: 12 (1010/net − 1) is 12 %, and half a hundredth more or less.
        (100_000, "12.00"),
        (99_999, "12.01"),
        (100_001, "11.99"),
        # Exactly 11.995 %: halves go up.
        (240_000 * 101, "12.00"),
    ],
)
def test_a_paisa_more_or_less_counts(net, apr):
    amount = 101_000 if net < 10**6 else 101 * (240_000 + 2 * 1200 - 1)
    assert str(annual_percentage_rate(net, [amount])) == apr


def test_rate_of_a_loan_of_which_next_to_nothing_is_disbursed_is_exact_too():
    assert annual_percentage_rate(1, [100_000]) == Decimal("119998800.00")


def test_loan_by_annual_compound_has_the_rate_of_its_schedule():
    apr = annual_percentage_rate(100_000 * 100, amounts_of(100_000, "12", 24, ANNUAL))
    assert str(apr) == "22.79"


def nearest_hundredth(net: int, amounts: list[int]) -> Decimal:
    """The rate by bisection of the net present value in fractions, rounded to hundredths, halves up."""

    def value(rate: Fraction) -> Fraction:
        return sum((amount / (1 + rate / 1200) ** month for month, amount in enumerate(amounts, 1)), Fraction())

    low, high = Fraction(0), Fraction(1)
    while value(high) >= net:
        high *= 2
    # The present value falls as the rate rises, so the rate lies between the two.
    while high - low > Fraction(1, 10**5):
        middle = (low + high) / 2
        low, high = (middle, high) if value(middle) >= net else (low, middle)
    nearest = [(rate * 100 + Fraction(1, 2)) // 1 for rate in (low, high)]
    if nearest[0] == nearest[1]:
        return Decimal(nearest[0]).scaleb(-2)
    # A half lies between the two: which side is it on?
    half = Fraction(2 * nearest[1] - 1, 200)
    return Decimal(nearest[1] if value(half) >= net else nearest[0]).scaleb(-2)


@given(
    rupees=st.integers(1_000, 10_000_000),
    rate=st.integers(0, 600_000).map(lambda scaled: Decimal(scaled).scaleb(-4)),
    months=st.integers(1, 12),
    kept_percent=st.integers(0, 40),
    paise=st.integers(0, 99),
    method=st.sampled_from(InstallmentMethod),
)
def test_annual_percentage_rate_is_the_nearest_to_the_exact_one(rupees, rate, months, kept_percent, paise, method):
    if not amortizes(method, rupees * 100, rate, months):
        return
    net = rupees * (100 - kept_percent) - paise
    amounts = amounts_of(rupees, str(rate), months, method)
    assert annual_percentage_rate(net, amounts) == nearest_hundredth(net, amounts)


def test_rate_of_the_longest_loan_takes_milliseconds():
    amounts = amounts_of(500_000, "10.5", 600)
    annual_percentage_rate(49_410_000, amounts)
    seconds = []
    for _ in range(3):
        start = process_time()
        annual_percentage_rate(49_410_000, amounts)
        seconds.append(process_time() - start)
    assert min(seconds) < 0.02


def facts_of(file: str | None, method: InstallmentMethod = REDUCING) -> KeyFacts:
    emi = installment(method, 500_000_00, Decimal("10.5"), 60)
    loan = LoanFacts(500_000_00, Decimal("10.5"), 60, emi, method, date(2027, 1, 15), date(2027, 1, 31))
    return key_facts(loan, None if file is None else parse_terms(file.encode()))


def test_key_facts_of_a_loan_with_a_fee(terms_file):
    facts = facts_of(terms_file.replace('processing_percent = "0"', 'processing_percent = "1"'))
    assert (facts.fees.processing_fee, facts.fees.gst, facts.net_disbursed) == (5_000_00, 900_00, 494_100_00)
    assert (facts.total_interest, facts.total_to_pay) == (144_816_99, 644_816_99)
    assert facts.total_to_pay == 59 * 10_746_95 + 10_746_94
    assert facts.apr == Decimal("11.02")
    assert len(facts.installments) == 60
    # Instalments fall due by months from the disbursement.
    assert [facts.due_date(each) for each in facts.installments[:2]] == [date(2027, 2, 28), date(2027, 3, 31)]


def test_key_facts_of_a_loan_without_terms_have_no_fee():
    facts = facts_of(None)
    assert (facts.fees.total, facts.net_disbursed, facts.apr) == (0, 500_000_00, Decimal("10.50"))


def test_total_of_a_loan_by_annual_compound_is_that_of_its_schedule():
    facts = facts_of(None, ANNUAL)
    assert facts.total_to_pay == 500_000_00 + facts.total_interest == 60 * facts.loan.monthly_installment
