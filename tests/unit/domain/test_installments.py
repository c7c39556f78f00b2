"""Instalments and schedules against the exact annuity formula, in arithmetic of the tests' own."""

import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from python_calamine import load_workbook

from almeno_grpc.domain.errors import TermsDoNotAmortize
from almeno_grpc.domain.installments import (
    InstallmentMethod,
    _schedule_repays,
    _surely_amortizes,
    amortizes,
    annual_compound_installment,
    installment,
    installment_amount,
    outstanding_after,
    reducing_balance_installment,
    schedule,
)
from almeno_grpc.domain.money import Rounding

REDUCING, COMPOUND = InstallmentMethod.REDUCING_BALANCE, InstallmentMethod.ANNUAL_COMPOUND

AMOUNTS = st.integers(100_000, 100_000_000_000) | st.integers(100_000, 10_000_000)
RATES = st.decimals(0, 100, places=4) | st.integers(0, 100).map(Decimal)
TENURES = st.integers(1, 600)


def nearest(value: Fraction) -> int:
    """Halves up, by the schoolbook."""
    return math.floor(value + Fraction(1, 2))


def exact_annuity(principal: int, rate: Decimal, months: int) -> Fraction:
    i = Fraction(rate) / 1200
    return principal * i * (1 + i) ** months / ((1 + i) ** months - 1) if i else Fraction(principal, months)


def walked(principal: int, rate: Decimal, months: int, emi: int) -> list[tuple[int, int, int]] | None:
    """Principal, interest and balance row by row; None where a row repays nothing or too much too early."""
    balance, rows, scaled = principal, [], int(Fraction(rate) * 10_000)
    for number in range(1, months + 1):
        # The floor of balance times rate over 1200, and a half.
        interest = (balance * scaled + 6_000_000) // 12_000_000
        part = balance if number == months else emi - interest
        if part <= 0 or (part == balance and number < months) or part > balance:
            return None
        balance -= part
        rows.append((part, interest, balance))
    return rows


@st.composite
def terms_at_the_edge(draw: st.DrawFn) -> tuple[int, Decimal, int]:
    """Amounts around the smallest that surely amortizes: about (1+i)ⁿ/i² paise."""
    rate = draw(st.decimals(0, 100, places=4) | st.sampled_from([Decimal(n) for n in range(0, 101, 4)]))
    months = draw(TENURES)
    i = Fraction(rate) / 1200
    edge = math.floor((1 + i) ** months / i**2) if i else months * months
    assume(edge < 10**12)
    return max(1, edge * draw(st.integers(1, 300)) // 100 + draw(st.integers(-3, 3))), rate, months


@pytest.mark.parametrize(
    ("rupees", "rate", "months", "emi", "last"),
    [
        (100_000, "12", 12, 888_488, 888_485),
        (20_000, "15", 24, 96_973, 96_979),
        (500_000, "10.5", 60, 1_074_695, 1_074_694),
        (1_000_000, "9", 240, 899_726, 899_698),
        (10_000, "0", 7, 142_857, 142_858),
        (10_000, "12", 1, 1_010_000, 1_010_000),
    ],
)
def test_reducing_balance_installment_and_last_row(rupees: int, rate: str, months: int, emi: int, last: int) -> None:
    principal = rupees * 100
    assert installment(REDUCING, principal, Decimal(rate), months) == emi
    rows = schedule(REDUCING, principal, Decimal(rate), months, emi)
    assert [row.number for row in rows] == list(range(1, months + 1))
    assert {row.amount for row in rows[:-1]} <= {emi}
    assert rows[-1].amount == last
    assert sum(row.principal for row in rows) == principal


def test_first_and_last_row_of_a_loan_by_hand() -> None:
    rows = schedule(REDUCING, 10_000_000, Decimal(12), 12, 888_488)
    first, last = rows[0], rows[-1]
    assert (first.interest, first.principal, first.balance_after) == (100_000, 788_488, 9_211_512)
    assert (last.interest, last.principal, last.balance_after) == (8_797, 879_688, 0)


@given(AMOUNTS, RATES, TENURES)
def test_installment_is_the_exact_annuity_rounded_half_up(principal: int, rate: Decimal, months: int) -> None:
    assert reducing_balance_installment(principal, rate, months) == nearest(exact_annuity(principal, rate, months))


@given(AMOUNTS, RATES, TENURES)
def test_payments_discounted_to_today_are_worth_the_loan(principal: int, rate: Decimal, months: int) -> None:
    """The annuity by its meaning, not by its closed form: n payments, each discounted month by month."""
    with localcontext(Context(prec=60)):
        discount = 1 / (1 + rate / 1200)
        factor, worth = Decimal(1), Decimal(0)
        for _ in range(months):
            factor *= discount
            worth += factor
        exact = principal / worth
        emi = reducing_balance_installment(principal, rate, months)
        tiny = Decimal(10) ** -40
        # In this context too: in the usual one of 28 digits nothing would be left of the tiny part.
        assert emi - Decimal("0.5") - tiny <= exact <= emi + Decimal("0.5") + tiny


@given(AMOUNTS, RATES, TENURES)
def test_schedule_repays_the_principal_in_exactly_as_many_rows_as_agreed(
    principal: int, rate: Decimal, months: int
) -> None:
    assume(amortizes(REDUCING, principal, rate, months))
    emi = installment(REDUCING, principal, rate, months)
    rows = schedule(REDUCING, principal, rate, months, emi)
    assert sum(row.principal for row in rows) == principal
    assert all(row.principal > 0 for row in rows)
    assert all(row.interest >= 0 for row in rows)
    assert all(row.amount == emi for row in rows[:-1])
    assert [(row.principal, row.interest, row.balance_after) for row in rows] == walked(principal, rate, months, emi)
    assert rows[-1].balance_after == 0


@given(AMOUNTS, RATES, TENURES, st.data())
def test_outstanding_principal_is_the_balance_of_the_schedule(
    principal: int, rate: Decimal, months: int, data: st.DataObject
) -> None:
    method = data.draw(st.sampled_from(InstallmentMethod))
    assume(amortizes(method, principal, rate, months))
    emi = installment(method, principal, rate, months)
    balances = [principal, *(row.balance_after for row in schedule(method, principal, rate, months, emi))]
    paid = data.draw(st.integers(0, months))
    for number in {0, paid, months - 1, months}:
        assert outstanding_after(method, principal, rate, months, emi, number) == balances[number]


@settings(max_examples=250)
@given(terms_at_the_edge())
def test_the_quick_yes_is_never_given_to_terms_that_do_not_repay(terms: tuple[int, Decimal, int]) -> None:
    principal, rate, months = terms
    emi = reducing_balance_installment(principal, rate, months)
    repays = walked(principal, rate, months, emi) is not None
    assert _schedule_repays(principal, rate, months, emi) == repays
    assert repays or not _surely_amortizes(principal, rate, months, emi)
    assert amortizes(REDUCING, principal, rate, months) == repays


@settings(max_examples=250)
@given(terms_at_the_edge(), st.sampled_from(Rounding))
def test_terms_amortize_where_the_walk_says_so_however_the_installment_is_rounded(
    terms: tuple[int, Decimal, int], rounding: Rounding
) -> None:
    principal, rate, months = terms
    emi = reducing_balance_installment(principal, rate, months, rounding)
    assert amortizes(REDUCING, principal, rate, months, rounding) == (walked(principal, rate, months, emi) is not None)


def test_installments_rounded_up_can_repay_a_loan_too_early_where_the_nearest_paisa_does_not() -> None:
    """₹3,604.78 at 0.0014 % over 600 months: 601.007 paise a month, and 602 paise repay it before the 600th."""
    terms = REDUCING, 360_478, Decimal("0.0014"), 600
    assert installment_amount(*terms, Rounding.UP) == 602
    assert amortizes(*terms)
    assert not amortizes(*terms, Rounding.UP)


@given(AMOUNTS, RATES, TENURES, st.sampled_from(InstallmentMethod))
def test_installment_is_rounded_as_asked(principal: int, rate: Decimal, months: int, method: InstallmentMethod) -> None:
    down, half_even, half_up, up = (
        installment_amount(method, principal, rate, months, rounding)
        for rounding in (Rounding.DOWN, Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.UP)
    )
    if method is REDUCING:
        exact = exact_annuity(principal, rate, months)
    else:
        exact = Fraction(principal) * (1 + Fraction(rate) / 100) ** (months // 12) / months
    assert (down, half_even, half_up, up) == (math.floor(exact), round(exact), nearest(exact), math.ceil(exact))


@given(st.integers(1, 2_000), st.sampled_from([Decimal(0), Decimal("0.0001"), Decimal(1), Decimal(100)]), TENURES)
def test_amounts_of_a_few_paise_amortize_only_where_the_walk_says_so(
    principal: int, rate: Decimal, months: int
) -> None:
    emi = reducing_balance_installment(principal, rate, months)
    assert amortizes(REDUCING, principal, rate, months) == (walked(principal, rate, months, emi) is not None)


@given(st.integers(10_000_000, 100_000_000_000), st.decimals(0, 24, places=2), st.integers(1, 240))
def test_ordinary_terms_are_known_to_repay_without_a_walk(principal: int, rate: Decimal, months: int) -> None:
    assert _surely_amortizes(principal, rate, months, reducing_balance_installment(principal, rate, months))


@pytest.mark.parametrize(
    ("paise", "rate", "months"),
    [
        pytest.param(100_000, "0", 600, id="599 rounded instalments repay more than the loan"),
        pytest.param(100_000, "100", 600, id="the first instalment is all interest"),
        pytest.param(10_000_000_000, "100", 600, id="a large loan is all interest too"),
        pytest.param(110_000, "16", 600, id="paise of rounding grow with interest beyond the loan"),
        pytest.param(1, "0", 3, id="an instalment of nothing"),
        pytest.param(2, "0", 3, id="paid off a month early"),
    ],
)
def test_terms_that_cannot_keep_the_schedule_are_refused(paise: int, rate: str, months: int) -> None:
    assert not amortizes(REDUCING, paise, Decimal(rate), months)
    with pytest.raises(TermsDoNotAmortize, match="larger amount"):
        installment(REDUCING, paise, Decimal(rate), months)
    assert installment_amount(REDUCING, paise, Decimal(rate), months) >= 0


@pytest.mark.parametrize(
    ("rupees", "rate", "months", "payment"),
    [
        (900_000, "8.2", 129, "15344"),
        (300_000, "13.46", 3, "100000"),
        (100_000, "12", 11, "9090.91"),
        (100_000, "12", 12, "9333.33"),
        (100_000, "12", 24, "5226.67"),
        (100_000, "0", 24, "4166.67"),
    ],
)
def test_annual_compound_counts_whole_years_only(rupees: int, rate: str, months: int, payment: str) -> None:
    paise = annual_compound_installment(rupees * 100, Decimal(rate), months)
    assert paise == installment(COMPOUND, rupees * 100, Decimal(rate), months)
    expected = Decimal(payment) * 100
    assert paise == expected if "." in payment else nearest(Fraction(paise, 100)) * 100 == expected


@given(AMOUNTS, RATES, TENURES)
def test_annual_compound_agrees_with_interest_added_year_by_year(principal: int, rate: Decimal, months: int) -> None:
    grown = Fraction(principal)
    for _ in range(months // 12):
        grown += grown * Fraction(rate) / 100
    assert annual_compound_installment(principal, rate, months) == nearest(grown / months)


def test_every_payment_of_the_real_book_follows_from_annual_compound(real_book: Path) -> None:
    """Rounded once: handed whole rupees, the function rounds to whole rupees, as the sheet does."""
    heading, *rows = load_workbook(str(real_book / "loan_data.xlsx")).get_sheet_by_index(0).to_python()
    loans = [dict(zip(heading, row, strict=True)) for row in rows]
    payments = [
        annual_compound_installment(int(loan["Loan Amount"]), Decimal(repr(loan["Interest Rate"])), int(loan["Tenure"]))
        for loan in loans
    ]
    assert len(loans) == 782
    assert payments == [loan["Monthly payment"] for loan in loans]


@settings(max_examples=50)
@given(AMOUNTS, RATES, st.integers(1, 60) | TENURES)
def test_annual_compound_repays_principal_in_equal_parts(principal: int, rate: Decimal, months: int) -> None:
    emi = annual_compound_installment(principal, rate, months)
    rows = schedule(COMPOUND, principal, rate, months, emi)
    assert len(rows) == months
    assert sum(row.principal for row in rows) == principal
    part = Fraction(principal, months)
    for row in rows:
        assert abs(row.principal - part) <= 1
        assert row.balance_after == nearest(principal - part * row.number)
        assert row.interest == max(0, emi - row.principal)


@pytest.mark.parametrize(("paid", "outstanding"), [(0, 90_000_000), (114, 10_465_116), (128, 697_674), (129, 0)])
def test_imported_loan_owes_its_principal_in_proportion_to_the_instalments_left(paid: int, outstanding: int) -> None:
    """₹9,00,000 over 129 months, as in the book."""
    assert outstanding_after(COMPOUND, 90_000_000, Decimal("8.2"), 129, 1_534_400, paid) == outstanding


def test_loan_booked_here_owes_the_balance_of_its_schedule() -> None:
    owed = [outstanding_after(REDUCING, 10_000_000, Decimal(12), 12, 888_488, paid) for paid in (0, 1, 11, 12)]
    assert owed == [10_000_000, 9_211_512, 879_688, 0]


def test_a_sheet_payment_below_its_part_carries_no_negative_interest() -> None:
    rows = schedule(COMPOUND, 100_001, Decimal(0), 2, 50_000)
    assert [(row.principal, row.interest, row.balance_after) for row in rows] == [(50_000, 0, 50_001), (50_001, 0, 0)]


@pytest.mark.parametrize(("principal", "months", "repays"), [(600, 600, True), (599, 600, False), (1, 1, True)])
def test_equal_parts_need_a_paisa_a_month(principal: int, months: int, *, repays: bool) -> None:
    assert amortizes(COMPOUND, principal, Decimal(5), months) is repays
