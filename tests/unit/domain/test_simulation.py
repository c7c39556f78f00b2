from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.decision import Borrower, DecisionReason, LoanRequest, decide
from almeno_grpc.domain.errors import TermsDoNotAmortize
from almeno_grpc.domain.outside_credit import OutsideCredit
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.domain.simulation import Flip, LoanTerms, Outcome, Simulation

TODAY = date(2026, 6, 30)
LAKH = 10_000_000
TERMS = LoanTerms(LAKH, Decimal("10.5"), 24)
TWELVE = Decimal(12)

GOOD = Borrower(LAKH, 36 * LAKH, CreditPosition())
"""Scores 55: approved at the rate asked for."""
FAIR = Borrower(
    LAKH, 100 * LAKH, CreditPosition(loan_count=7, approved_volume=50 * LAKH, emis_due=10, emis_paid_on_time=8)
)
"""Scores 28.57 + 0 + 15 + 15 = 59."""
SLOW = Borrower(
    LAKH, 100 * LAKH, CreditPosition(loan_count=7, approved_volume=50 * LAKH, emis_due=10, emis_paid_on_time=6)
)
"""Scores 30: approved at 16 % at least."""
POOR = Borrower(LAKH // 20, 36 * LAKH, CreditPosition())
"""Scores 55, but has too small an income."""
DEEP = Borrower(LAKH // 20, LAKH, CreditPosition(loan_count=1, active_loan_count=1, current_debt=2 * LAKH))
"""Owes more than the limit: scores 0, and fails every gate."""


def test_every_customer_is_taken_to_owe_elsewhere_what_the_request_states(
    policy: Policy, policy_2026_12: Policy
) -> None:
    """The instalment of ₹1,00,000 at 10.5 % over 24 months is ₹4,637.60; half of GOOD's income is ₹50,000."""
    for elsewhere, flips in ((45_362_40, 0), (45_362_41, 1)):
        terms = TERMS._replace(outside=OutsideCredit(elsewhere))
        found = simulated(policy, policy_2026_12, GOOD, terms=terms)
        assert [flip.after.reasons for flip in found.flips()] == [(DecisionReason.EMI_BURDEN_TOO_HIGH,)] * flips


def test_late_customers_flip_under_2026_12(policy: Policy, policy_2026_12: Policy) -> None:
    late = GOOD._replace(position=CreditPosition(days_past_due=30))
    found = simulated(policy, policy_2026_12, GOOD, late)
    assert [(flip.customer_id, flip.after.reasons) for flip in found.flips()] == [
        (2, (DecisionReason.CUSTOMER_PAST_DUE,))
    ]
    assert found.summary().after.declines_by_reason == {DecisionReason.CUSTOMER_PAST_DUE: 1}


@pytest.fixture
def stricter(policy: Policy) -> Policy:
    """Half as much of the income may go into instalments, and scores up to 30 are declined."""
    gates = replace(policy.gates, max_emi_share_of_income=Fraction(1, 25))
    return replace(policy, version="draft", bands=policy.bands[:2], gates=gates)


def simulated(before: Policy, after: Policy, *borrowers: Borrower, terms: LoanTerms = TERMS) -> Simulation:
    simulation = Simulation(terms, before, after, TODAY)
    for customer_id, borrower in enumerate(borrowers, start=1):
        simulation.add(customer_id, borrower)
    return simulation


def test_one_policy_comes_to_approvals_and_declines_by_reason_score_rate_and_band(policy: Policy) -> None:
    statistics = simulated(policy, policy, GOOD, GOOD, FAIR, SLOW, POOR, DEEP).summary().before
    assert (statistics.policy_version, statistics.approvals, statistics.declines) == ("2026-01", 4, 2)
    assert statistics.not_amortizing == 0
    assert statistics.scores == {55: 3, 59: 1, 30: 1, 0: 1}
    assert statistics.rates == {Decimal("10.5"): 3, Decimal(16): 1}
    assert statistics.declines_by_reason == {
        DecisionReason.DEBT_EXCEEDS_LIMIT: 1,
        DecisionReason.CREDIT_SCORE_TOO_LOW: 1,
        DecisionReason.LOAN_EXCEEDS_LIMIT: 1,
        DecisionReason.EMI_BURDEN_TOO_HIGH: 2,
    }
    bands = [(count.band and count.band.above, count.customers, count.approvals) for count in statistics.bands]
    assert bands == [(50, 4, 3), (30, 0, 0), (10, 1, 1), (None, 1, 0)]


def test_money_of_a_simulation_is_what_is_lent_and_the_interest_of_the_schedules(policy: Policy) -> None:
    """₹5,00,000 at 10.5 % over 60 months: 59 instalments of 10,746.95 and a last one of 10,746.94."""
    terms = LoanTerms(5 * LAKH, Decimal("10.5"), 60)
    statistics = simulated(policy, policy, GOOD, GOOD, POOR, terms=terms).summary().after
    assert statistics.approvals == 2
    assert statistics.approved_amount == 2 * 5 * LAKH
    assert statistics.expected_interest == 2 * (59 * 10_746_95 + 10_746_94 - 5 * LAKH)
    assert statistics.policy_sha256 == policy.sha256
    nobody = simulated(policy, policy, POOR, terms=terms).summary().after
    assert (nobody.approved_amount, nobody.expected_interest) == (0, 0)


def test_customers_approved_by_one_policy_alone_are_flips(policy: Policy, stricter: Policy) -> None:
    simulation = simulated(policy, stricter, GOOD, SLOW, POOR, DEEP)
    summary = simulation.summary()
    assert (summary.business_date, summary.customers) == (TODAY, 4)
    assert (summary.before.policy_version, summary.after.policy_version) == ("2026-01", "draft")
    assert (summary.newly_approved, summary.newly_declined) == (0, 2)
    assert list(simulation.flips()) == [
        Flip(
            1,
            Outcome(55, Decimal("10.5"), ()),
            Outcome(55, Decimal("10.5"), (DecisionReason.EMI_BURDEN_TOO_HIGH,)),
        ),
        Flip(
            2,
            Outcome(30, Decimal(16), ()),
            Outcome(30, Decimal("10.5"), (DecisionReason.CREDIT_SCORE_TOO_LOW, DecisionReason.EMI_BURDEN_TOO_HIGH)),
        ),
    ]
    backwards = simulated(stricter, policy, GOOD, SLOW, POOR, DEEP)
    assert (backwards.summary().newly_approved, backwards.summary().newly_declined) == (2, 0)
    assert [(flip.customer_id, flip.before, flip.after) for flip in backwards.flips()] == [
        (flip.customer_id, flip.after, flip.before) for flip in simulation.flips()
    ]


def test_a_customer_whose_rate_alone_changes_is_no_flip(policy: Policy) -> None:
    dearer = replace(policy, bands=(replace(policy.bands[0], min_rate=TWELVE), *policy.bands[1:]))
    simulation = simulated(policy, dearer, GOOD)
    assert simulation.summary().after.rates == {TWELVE: 1}
    assert list(simulation.flips()) == []


def test_terms_that_do_not_amortize_are_no_decision_and_no_approval(policy: Policy) -> None:
    # At 0 % an instalment of ₹2 repays ₹1,200 in 50 years; at 100 % it is the month's interest to the paisa.
    terms = LoanTerms(120_000, Decimal(0), 600)
    hundred = tuple(replace(band, min_rate=Decimal(100)) for band in policy.bands)
    simulation = simulated(policy, replace(policy, version="dear", bands=hundred), GOOD, DEEP, terms=terms)
    summary = simulation.summary()
    assert (summary.before.approvals, summary.before.declines, summary.before.not_amortizing) == (1, 1, 0)
    assert (summary.after.approvals, summary.after.declines, summary.after.not_amortizing) == (0, 1, 1)
    assert summary.after.scores == summary.before.scores == {55: 1, 0: 1}
    assert (summary.newly_approved, summary.newly_declined) == (0, 1)
    assert list(simulation.flips()) == [Flip(1, Outcome(55, Decimal(0), ()), Outcome(55, None, ()))]


def test_empty_book_comes_to_nothing(policy: Policy, stricter: Policy) -> None:
    simulation = simulated(policy, stricter)
    summary = simulation.summary()
    assert (summary.customers, summary.newly_approved, summary.newly_declined) == (0, 0, 0)
    assert (summary.after.approvals, summary.after.declines, summary.after.not_amortizing) == (0, 0, 0)
    assert not summary.after.scores
    assert not summary.after.rates
    assert [(count.band, count.customers) for count in summary.after.bands] == [
        (stricter.bands[0], 0),
        (stricter.bands[1], 0),
        (None, 0),
    ]
    assert list(simulation.flips()) == []


borrowers = st.builds(
    Borrower,
    st.integers(1, 3 * LAKH),
    st.integers(0, 50).map(lambda lakhs: lakhs * LAKH),
    st.builds(
        lambda loans, due, late, volume, debt: CreditPosition(
            loan_count=loans,
            loans_this_year=min(loans, 2),
            approved_volume=volume * LAKH if loans else 0,
            current_debt=debt * LAKH if loans else 0,
            monthly_obligation=debt * LAKH // 20 if loans else 0,
            emis_due=due,
            emis_paid_on_time=max(0, due - late),
        ),
        st.integers(0, 8),
        st.integers(0, 40),
        st.integers(0, 40),
        st.integers(0, 60),
        st.integers(0, 20),
    ),
)


@given(book=st.lists(borrowers, max_size=30), rate=st.integers(0, 100), months=st.sampled_from([1, 12, 60, 600]))
def test_a_simulation_is_the_count_of_the_decisions(
    policy: Policy, book: list[Borrower], rate: int, months: int
) -> None:
    terms = LoanTerms(LAKH, Decimal(rate), months)
    gates = replace(policy.gates, max_emi_share_of_income=Fraction(1, 10), new_loan_within_limit=False)
    tried = replace(policy, version="draft", gates=gates)
    simulation = simulated(policy, tried, *book, terms=terms)
    summary = simulation.summary()

    def approves(customer_id: int, borrower: Borrower, by: Policy) -> bool | None:
        try:
            return decide(LoanRequest(customer_id, *terms), borrower, by, TODAY).approved
        except TermsDoNotAmortize:
            return None

    pairs = {
        customer_id: (approves(customer_id, borrower, policy), approves(customer_id, borrower, tried))
        for customer_id, borrower in enumerate(book, start=1)
    }
    for statistics, answers in zip((summary.before, summary.after), zip(*pairs.values(), strict=True), strict=False):
        assert Counter(answers) == Counter(
            {True: statistics.approvals, False: statistics.declines, None: statistics.not_amortizing}
        )
        assert statistics.scores.total() == sum(count.customers for count in statistics.bands) == len(book)
        assert statistics.rates.total() == sum(count.approvals for count in statistics.bands) == statistics.approvals
    flipped = [customer_id for customer_id, (before, after) in pairs.items() if bool(before) != bool(after)]
    assert [flip.customer_id for flip in simulation.flips()] == flipped
    assert summary.newly_approved + summary.newly_declined == len(flipped)
