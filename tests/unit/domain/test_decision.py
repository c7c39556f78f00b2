import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from almeno_grpc.domain.decision import Borrower, Decision, DecisionReason, LoanRequest, decide
from almeno_grpc.domain.errors import TermsDoNotAmortize
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.money import Rounding
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition

TODAY = date(2026, 6, 30)
LAKH = 10_000_000
REASONS_BY_AMOUNT = {DecisionReason.LOAN_EXCEEDS_LIMIT, DecisionReason.EMI_BURDEN_TOO_HIGH}

# A position of each score that matters.
SCORES = {
    55: CreditPosition(),
    51: CreditPosition(loan_count=1, approved_volume=LAKH, emis_due=1_000, emis_paid_on_time=607),
    50: CreditPosition(loan_count=1, approved_volume=LAKH, emis_due=10, emis_paid_on_time=6),
    31: CreditPosition(loan_count=7, approved_volume=50 * LAKH, emis_due=1_000, emis_paid_on_time=607),
    30: CreditPosition(loan_count=7, approved_volume=50 * LAKH, emis_due=10, emis_paid_on_time=6),
    11: CreditPosition(
        loan_count=7, loans_this_year=3, approved_volume=75 * LAKH, emis_due=1_000, emis_paid_on_time=607
    ),
    10: CreditPosition(loan_count=7, loans_this_year=3, approved_volume=75 * LAKH, emis_due=10, emis_paid_on_time=6),
    0: CreditPosition(loan_count=7, loans_this_year=3, approved_volume=101 * LAKH, emis_due=10, emis_paid_on_time=6),
}


def borrower(position: CreditPosition = SCORES[55], *, income: int = 100 * LAKH, limit: int = 100 * LAKH) -> Borrower:
    return Borrower(monthly_income=income, approved_limit=limit, position=position)


def request(amount: int = LAKH, rate: str = "10.5", months: int = 12, max_rate: str | None = None) -> LoanRequest:
    return LoanRequest(7, amount, Decimal(rate), months, None if max_rate is None else Decimal(max_rate))


def decided(policy: Policy, asked: LoanRequest, who: Borrower) -> Decision | None:
    """The decision; None where the terms do not amortize."""
    try:
        return decide(asked, who, policy, TODAY)
    except TermsDoNotAmortize:
        return None


@pytest.mark.parametrize(
    ("score", "asked", "corrected"),
    [
        (55, "8", "8"),
        (51, "0", "0"),
        (51, "30", "30"),
        (50, "8", "12"),
        (50, "11.9999", "12"),
        (50, "12", "12"),
        (50, "12.0001", "12.0001"),
        (31, "8", "12"),
        (31, "30", "30"),
        (30, "8", "16"),
        (30, "16", "16"),
        (30, "16.5", "16.5"),
        (11, "15.9999", "16"),
        (11, "20", "20"),
        (10, "8", "8"),
        (0, "8", "8"),
    ],
)
def test_rate_is_raised_to_the_floor_of_the_band_and_never_lowered(
    policy: Policy, score: int, asked: str, corrected: str
) -> None:
    decision = decide(request(rate=asked), borrower(SCORES[score]), policy, TODAY)
    assert decision.credit_score == score
    assert decision.corrected_interest_rate == Decimal(corrected)
    assert decision.approved is (score > 10)
    assert decision.reasons == (() if score > 10 else (DecisionReason.CREDIT_SCORE_TOO_LOW,))


def test_installment_is_that_of_the_corrected_rate(policy: Policy) -> None:
    assert decide(request(LAKH, "8"), borrower(SCORES[50]), policy, TODAY).monthly_installment == 888_488
    assert decide(request(LAKH, "12"), borrower(SCORES[55]), policy, TODAY).monthly_installment == 888_488


@pytest.mark.parametrize(
    ("rounding", "installment"), [("HALF_UP", 888_488), ("HALF_EVEN", 888_488), ("UP", 888_488), ("DOWN", 888_487)]
)
def test_installment_is_rounded_as_the_policy_says(policy: Policy, rounding: str, installment: int) -> None:
    """₹1,00,000 at 12 % over 12 months: 8,884.8788 rupees a month."""
    rounding_so = replace(policy, rounding=replace(policy.rounding, installment=Rounding(rounding)))
    assert decide(request(LAKH, "12"), borrower(SCORES[55]), rounding_so, TODAY).monthly_installment == installment


def test_decision_carries_everything_it_was_based_on(policy: Policy) -> None:
    asked, who = request(), borrower(SCORES[51])
    decision = decide(asked, who, policy, TODAY)
    assert (decision.request, decision.borrower, decision.business_date) == (asked, who, TODAY)
    assert (decision.policy_version, decision.policy_sha256) == ("2026-01", policy.sha256)
    assert [part.name for part in decision.score_components] == [
        "on_time_payments",
        "past_loans",
        "current_year_activity",
        "approved_volume",
    ]


# The EMI of ₹1,00,000 at 12 % over 12 months is ₹8,884.88.
@pytest.mark.parametrize(
    ("obligation", "income", "approved"),
    [
        (0, 2 * 888_488, True),
        (0, 2 * 888_488 - 1, False),
        (111_512, 2_000_000, True),
        (111_513, 2_000_000, False),
        (111_512, 2_000_001, True),
        (111_511, 1_999_998, True),
        (111_511, 1_999_997, False),
    ],
)
def test_loan_that_takes_emis_to_exactly_half_of_income_passes(
    policy: Policy, obligation: int, income: int, *, approved: bool
) -> None:
    who = borrower(CreditPosition(monthly_obligation=obligation), income=income)
    decision = decide(request(LAKH, "12"), who, policy, TODAY)
    assert decision.reasons == (() if approved else (DecisionReason.EMI_BURDEN_TOO_HIGH,))


@pytest.mark.parametrize(
    ("debt", "amount", "approved"),
    [
        (0, 100 * LAKH, True),
        (0, 100 * LAKH + 1, False),
        (99 * LAKH, LAKH, True),
        (99 * LAKH + 1, LAKH, False),
        (99 * LAKH, LAKH + 1, False),
    ],
)
def test_loan_that_takes_debt_to_exactly_the_limit_passes(
    policy: Policy, debt: int, amount: int, *, approved: bool
) -> None:
    who = borrower(CreditPosition(current_debt=debt))
    decision = decide(request(amount, "12"), who, policy, TODAY)
    assert decision.reasons == (() if approved else (DecisionReason.LOAN_EXCEEDS_LIMIT,))


@pytest.mark.parametrize(
    ("score", "asked", "max_rate", "approved"),
    [
        (55, "10.5", "10.5", True),
        (55, "10.5", "10.4999", False),
        (50, "8", "12", True),
        (50, "8", "11.9999", False),
        (50, "13", "12", False),
        (50, "8", None, True),
    ],
)
def test_rate_above_the_highest_accepted_declines_and_exactly_that_passes(
    policy: Policy, score: int, asked: str, max_rate: str | None, *, approved: bool
) -> None:
    decision = decide(request(rate=asked, max_rate=max_rate), borrower(SCORES[score]), policy, TODAY)
    assert decision.reasons == (() if approved else (DecisionReason.RATE_ABOVE_MAXIMUM,))
    assert decision.counter_offer is None


@pytest.mark.parametrize(("debt", "declines"), [(100 * LAKH - 1, False), (100 * LAKH, False), (100 * LAKH + 1, True)])
def test_debt_above_the_limit_declines_and_exactly_at_it_does_not(policy: Policy, debt: int, *, declines: bool) -> None:
    decision = decide(request(), borrower(CreditPosition(current_debt=debt)), policy, TODAY)
    assert (DecisionReason.DEBT_EXCEEDS_LIMIT in decision.reasons) is declines
    assert (DecisionReason.CREDIT_SCORE_TOO_LOW in decision.reasons) is declines
    assert (decision.credit_score == 0) is declines
    assert DecisionReason.LOAN_EXCEEDS_LIMIT in decision.reasons


def test_debt_above_the_limit_can_be_the_only_reason_under_a_policy_that_says_so(policy: Policy) -> None:
    gates = replace(policy.gates, new_loan_within_limit=False)
    lenient = replace(policy, debt_above_limit_scores_zero=False, gates=gates)
    who = borrower(CreditPosition(current_debt=100 * LAKH + 1))
    assert decide(request(), who, lenient, TODAY).reasons == (DecisionReason.DEBT_EXCEEDS_LIMIT,)
    no_gate = replace(lenient, gates=replace(gates, debt_within_limit=False))
    assert decide(request(), who, no_gate, TODAY).approved


def test_every_reason_that_applies_is_given_in_order(policy: Policy) -> None:
    who = borrower(CreditPosition(current_debt=2 * LAKH, monthly_obligation=LAKH), income=LAKH, limit=LAKH)
    decision = decide(request(max_rate="10"), who, policy, TODAY)
    assert decision.reasons == tuple(DecisionReason)[:5]
    assert not decision.approved
    assert decision.counter_offer is None
    assert decision.message == (
        "Declined: the current debt exceeds the approved limit; the credit score is too low; current debt and the new "
        "loan together exceed the approved limit; the instalments would take too large a share of the monthly income; "
        "the rate for this score is above the highest accepted."
    )


@pytest.mark.parametrize(
    ("asked", "score", "message"),
    [
        (
            request(LAKH, "8"),
            50,
            "Approved: ₹1,00,000 over 12 months at 12 % a year, corrected from 8 %, ₹8,884.88 a month.",
        ),
        (request(LAKH, "12"), 50, "Approved: ₹1,00,000 over 12 months at 12 % a year, ₹8,884.88 a month."),
        (request(LAKH, "12", 1), 55, "Approved: ₹1,00,000 over 1 month at 12 % a year, ₹1,01,000 a month."),
        (
            request(101 * LAKH, "12"),
            55,
            (
                "Declined: current debt and the new loan together exceed the approved limit. "
                "₹1,00,00,000 would be approved."
            ),
        ),
        (request(LAKH), 10, "Declined: the credit score is too low."),
    ],
)
def test_message_says_the_outcome_to_a_person(policy: Policy, asked: LoanRequest, score: int, message: str) -> None:
    assert decide(asked, borrower(SCORES[score]), policy, TODAY).message == message


def test_terms_that_do_not_amortize_get_no_decision(policy: Policy) -> None:
    with pytest.raises(TermsDoNotAmortize):
        decide(request(LAKH, "100", 600), borrower(), policy, TODAY)


def test_terms_that_do_not_amortize_at_the_corrected_rate_get_no_decision(policy: Policy) -> None:
    """₹1,100 over 600 months can be repaid at 8 % and not at 16 %."""
    asked = request(110_000, "8", 600)
    assert decide(asked, borrower(SCORES[55]), policy, TODAY).approved
    with pytest.raises(TermsDoNotAmortize):
        decide(asked, borrower(SCORES[30]), policy, TODAY)


@pytest.mark.parametrize(
    ("asked", "who", "offer"),
    [
        pytest.param(request(101 * LAKH), borrower(), 100 * LAKH, id="what is left of the limit"),
        pytest.param(request(LAKH), borrower(limit=LAKH - 1), LAKH - 100, id="in whole rupees"),
        pytest.param(request(LAKH + 50), borrower(limit=LAKH + 49), LAKH, id="the rupees of what was asked"),
        pytest.param(request(LAKH), borrower(limit=100_000), 100_000, id="the smallest loan"),
        pytest.param(request(LAKH), borrower(limit=99_999), None, id="less than the smallest loan"),
        pytest.param(request(LAKH, "12"), borrower(income=2 * 888_488), None, id="approved"),
        pytest.param(request(LAKH, "12"), borrower(income=2 * 888_487), 9_999_900, id="what half the income carries"),
        pytest.param(
            request(LAKH, "12"),
            borrower(CreditPosition(monthly_obligation=LAKH), income=2 * LAKH - 1),
            None,
            id="nothing where the income is used up",
        ),
        pytest.param(
            request(LAKH), borrower(SCORES[10]._replace(current_debt=99 * LAKH + 1)), None, id="nothing at a low score"
        ),
        pytest.param(request(101 * LAKH, max_rate="10"), borrower(), None, id="nothing where the rate is not taken"),
        pytest.param(
            request(100_000_000, "12", 600), borrower(limit=150_000), 136_700, id="amounts that do not amortize skipped"
        ),
        pytest.param(request(100_000_000, "16", 600), borrower(limit=110_000), None, id="none that amortizes"),
        pytest.param(
            request(100_000_000, "8", 600),
            borrower(SCORES[30]._replace(current_debt=100 * LAKH - 110_000)),
            None,
            id="none that amortizes at the corrected rate",
        ),
    ],
)
def test_counter_offer_of_a_decline(policy: Policy, asked: LoanRequest, who: Borrower, offer: int | None) -> None:
    assert decide(asked, who, policy, TODAY).counter_offer == offer


@pytest.mark.parametrize(
    ("new_emi_counts", "obligation", "offer", "approved"), [(False, 50, None, True), (False, 51, None, False)]
)
def test_policy_may_leave_the_new_installment_out_of_the_burden(
    policy: Policy, obligation: int, offer: int | None, *, new_emi_counts: bool, approved: bool
) -> None:
    lenient = replace(policy, gates=replace(policy.gates, new_emi_counts=new_emi_counts))
    who = borrower(CreditPosition(monthly_obligation=obligation), income=100)
    decision = decide(request(), who, lenient, TODAY)
    assert (decision.approved, decision.counter_offer) == (approved, offer)


def test_policy_may_book_by_annual_compound(policy: Policy) -> None:
    compound = replace(policy, installment_method=InstallmentMethod.ANNUAL_COMPOUND)
    decision = decide(request(2 * LAKH, "12"), borrower(limit=LAKH + 50), compound, TODAY)
    assert decision.monthly_installment == 1_866_667
    assert decision.counter_offer == LAKH


@st.composite
def borrowers(draw: st.DrawFn) -> Borrower:
    position = draw(st.sampled_from(list(SCORES.values())))
    limit = draw(st.integers(0, 10**9) | st.integers(0, 10**12))
    debt = draw(st.integers(0, limit) | st.integers(0, 2 * limit))
    obligation = draw(st.integers(0, 10**6) | st.integers(0, 10**9))
    income = draw(st.integers(1, 10**7) | st.integers(1, 10**10))
    return borrower(position._replace(current_debt=debt, monthly_obligation=obligation), income=income, limit=limit)


@st.composite
def requests(draw: st.DrawFn) -> LoanRequest:
    rate = draw(st.decimals(0, 100, places=4) | st.decimals(0, 30, places=1))
    return LoanRequest(
        7,
        draw(st.integers(100_000, 10**9) | st.integers(100_000, 10**11)),
        rate,
        draw(st.integers(1, 60) | st.integers(1, 120) | st.integers(1, 600)),
        draw(st.none() | st.decimals(0, 100, places=4)),
    )


@given(requests(), borrowers())
def test_decision_is_the_same_every_time(policy: Policy, asked: LoanRequest, who: Borrower) -> None:
    assert decided(policy, asked, who) == decided(policy, asked, who)


@given(requests(), borrowers())
def test_corrected_rate_is_never_below_the_rate_asked(policy: Policy, asked: LoanRequest, who: Borrower) -> None:
    decision = decided(policy, asked, who)
    assume(decision is not None)
    assert decision.corrected_interest_rate >= asked.interest_rate
    assert decision.approved is not bool(decision.reasons)
    assert len(set(decision.reasons)) == len(decision.reasons)


@given(requests(), borrowers(), st.integers(1, 10**10))
def test_asking_for_more_never_removes_a_reason(policy: Policy, asked: LoanRequest, who: Borrower, more: int) -> None:
    less = decided(policy, asked, who)
    larger = decided(policy, asked._replace(loan_amount=asked.loan_amount + more), who)
    assume(less is not None and larger is not None)
    assert set(less.reasons) <= set(larger.reasons)


@st.composite
def requests_for_too_much(draw: st.DrawFn) -> tuple[LoanRequest, Borrower]:
    """More than the limit leaves, or than the income carries, of borrowers who could have something."""
    asked = draw(requests())._replace(max_interest_rate=None)
    position = SCORES[draw(st.sampled_from([55, 51, 50, 31, 30, 11]))]
    debt, room = draw(st.integers(0, 10**9)), draw(st.integers(100_000, asked.loan_amount))
    income = draw(st.integers(10_000, asked.loan_amount) | st.just(10**12))
    obligation = draw(st.just(0) | st.integers(0, income // 4))
    position = position._replace(current_debt=debt, monthly_obligation=obligation)
    return asked, borrower(position, income=income, limit=debt + room)


@settings(max_examples=300)
@given(requests_for_too_much(), st.sampled_from(Rounding))
def test_counter_offer_is_approved_and_a_rupee_more_is_not(
    policy: Policy, case: tuple[LoanRequest, Borrower], rounding: Rounding
) -> None:
    asked, who = case
    policy = replace(policy, rounding=replace(policy.rounding, installment=rounding))
    decision = decided(policy, asked, who)
    assume(decision is not None and decision.counter_offer is not None)
    offer = decision.counter_offer
    assert set(decision.reasons) <= REASONS_BY_AMOUNT
    assert offer % 100 == 0
    assert 100_000 <= offer < asked.loan_amount
    assert decide(asked._replace(loan_amount=offer), who, policy, TODAY).approved
    more = decided(policy, asked._replace(loan_amount=offer + 100), who)
    assert more is None or not more.approved


@given(requests_for_too_much())
def test_decision_without_its_counter_offer_is_the_same_otherwise(
    policy: Policy, case: tuple[LoanRequest, Borrower]
) -> None:
    asked, who = case
    decision = decided(policy, asked, who)
    assume(decision is not None)
    assert decide(asked, who, policy, TODAY, makes_offer=False) == decision._replace(counter_offer=None)


def approved_by_hand(amount: int, rate: Decimal, months: int, who: Borrower) -> bool:
    """Both gates and the walk of the schedule, in fractions; for scores that are not declined."""
    i = Fraction(rate) / 1200
    exact = amount * i * (1 + i) ** months / ((1 + i) ** months - 1) if i else Fraction(amount, months)
    emi = math.floor(exact + Fraction(1, 2))
    if who.position.current_debt + amount > who.approved_limit:
        return False
    if 2 * (who.position.monthly_obligation + emi) > who.monthly_income:
        return False
    balance = amount
    for _ in range(months - 1):
        part = emi - math.floor(balance * i + Fraction(1, 2))
        if part <= 0 or part >= balance:
            return False
        balance -= part
    return True


@settings(max_examples=100)
@given(
    rate=st.integers(0, 100).map(Decimal),
    months=st.integers(1, 240),
    rupees=st.integers(1_000, 1_040),
    paise=st.integers(0, 99),
    score=st.sampled_from([55, 50, 30]),
    data=st.data(),
)
def test_counter_offer_is_the_largest_of_all_amounts_tried_one_by_one(
    policy: Policy, rate: Decimal, months: int, rupees: int, paise: int, score: int, data: st.DataObject
) -> None:
    asked = LoanRequest(7, rupees * 100 + paise, rate, months)
    room = data.draw(st.integers(99_900, 104_000))
    income = data.draw(st.integers(1, 30_000) | st.just(10**9))
    position = SCORES[score]
    who = borrower(position._replace(current_debt=100 * LAKH - room), income=income)
    decision = decided(policy, asked, who)
    assume(decision is not None)
    corrected = max(rate, {55: Decimal(0), 50: Decimal(12), 30: Decimal(16)}[score])
    assert decision.approved is approved_by_hand(asked.loan_amount, corrected, months, who)
    by_hand = (r * 100 for r in range(rupees, 999, -1) if approved_by_hand(r * 100, corrected, months, who))
    assert decision.counter_offer == (None if decision.approved else next(by_hand, None))
