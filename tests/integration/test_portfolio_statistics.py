"""The book in figures over the wire, held against a plain recount through the other RPCs."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

from support.calls import paise_of
from support.recount import (
    DRAFT,
    SECONDS,
    as_date,
    checks,
    customers_of,
    loans_of,
    simulate,
    summarize,
)

from almeno_grpc.api import credit_service_pb2, decision_pb2, loan_pb2

ACTIVE, CLOSED = loan_pb2.LOAN_STATE_ACTIVE, loan_pb2.LOAN_STATE_CLOSED


def test_book_in_figures_is_the_count_of_its_customers_loans_and_decisions(sample):
    customers, loans = customers_of(sample), loans_of(sample)
    progress, figures = summarize(sample)
    assert progress == [(0, len(customers)), (len(customers), len(customers))]
    assert (as_date(figures.business_date), figures.policy_version) == (sample.book.clock.today(), "2026-01")
    assert (figures.customers, figures.loans) == (len(customers), len(loans))
    assert paise_of(figures.outstanding_principal) == sum(paise_of(loan.outstanding_principal) for loan in loans)
    scores = Counter(decision.credit_score for decision in checks(sample).values())
    assert [(count.credit_score, count.customers) for count in figures.scores] == sorted(scores.items())


def test_loans_in_figures_are_counted_by_state_and_days_past_due_and_by_vintage(sample):
    loans = loans_of(sample)
    _, figures = summarize(sample)

    def added_up(chosen):
        return len(chosen), sum(paise_of(loan.outstanding_principal) for loan in chosen)

    buckets = [(ACTIVE, 0, 0), (ACTIVE, 1, 30), (ACTIVE, 31, 60), (ACTIVE, 61, 90), (ACTIVE, 91, None), (CLOSED, 0, 0)]
    found = {
        (
            bucket.state,
            bucket.days_past_due_from,
            bucket.days_past_due_to if bucket.HasField("days_past_due_to") else None,
        ): (
            bucket.loans,
            paise_of(bucket.outstanding_principal),
        )
        for bucket in figures.loan_buckets
    }
    assert list(found) == buckets
    for state, least, most in buckets:
        behind = [
            loan for loan in loans if loan.state == state and least <= loan.days_past_due <= (most or 10**6 * least)
        ]
        assert found[state, least, most] == added_up(behind)
    assert found[ACTIVE, 0, 0][0]
    assert found[CLOSED, 0, 0][0]
    assert sum(count for count, _ in found.values()) == len(loans)

    months = sorted({(loan.approval_date.year, loan.approval_date.month) for loan in loans})
    assert [(vintage.year, vintage.month) for vintage in figures.vintages] == months
    for vintage in figures.vintages:
        lent = [
            loan
            for loan in loans
            if (loan.approval_date.year, loan.approval_date.month) == (vintage.year, vintage.month)
        ]
        assert (vintage.loans, paise_of(vintage.outstanding_principal)) == added_up(lent)
        assert paise_of(vintage.loan_amount) == sum(paise_of(loan.loan_amount) for loan in lent)


def test_customers_in_figures_are_counted_by_the_share_of_income_that_instalments_take(sample):
    shares = []
    for customer in customers_of(sample):
        asked = credit_service_pb2.GetCustomerRequest(customer_id=customer.customer_id)
        obligation = sample.credit.GetCustomer(asked, timeout=SECONDS).position.monthly_obligation
        shares.append(Fraction(100 * paise_of(obligation), paise_of(customer.monthly_income)))
    _, figures = summarize(sample)
    ends = [-1, 0, *range(10, 101, 10), None]
    assert [
        (burden.percent_above, burden.percent_to if burden.HasField("percent_to") else None)
        for burden in figures.emi_burden
    ] == list(pairwise(ends))
    for burden in figures.emi_burden:
        most = burden.percent_to if burden.HasField("percent_to") else 10**12
        assert burden.customers == sum(burden.percent_above < share <= most for share in shares)
    assert figures.emi_burden[0].customers
    assert sum(burden.customers for burden in figures.emi_burden[1:])


def test_decisions_in_figures_are_counted_by_month(sample):
    _, figures = summarize(sample)
    found = [
        (
            (month.year, month.month),
            month.approvals,
            month.declines,
            {(count.reason, count.declines) for count in month.declines_by_reason},
        )
        for month in figures.decisions
    ]
    limit = decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT
    burden = decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH
    assert found == [
        ((2025, 12), 2, 0, set()),
        ((2026, 3), 1, 2, {(limit, 2), (burden, 2)}),
        ((2026, 4), 1, 1, {(limit, 1), (burden, 1)}),
    ]


def test_empty_book_has_figures_of_zero(stubs):
    progress, figures = summarize(stubs)
    assert progress == [(0, 0)]
    assert (figures.customers, figures.loans, paise_of(figures.outstanding_principal)) == (0, 0, 0)
    assert [bucket.loans for bucket in figures.loan_buckets] == [0] * 6
    assert [burden.customers for burden in figures.emi_burden] == [0] * 12
    assert not figures.vintages
    assert not figures.scores
    assert not figures.decisions
    progress, summary, flips = simulate(stubs, policy=DRAFT)
    assert (progress, flips, summary.customers) == ([(0, 0)], [], 0)
    assert not summary.after.rates
