"""The book in figures over the wire, held against a plain recount through the other RPCs."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import floor

import pytest
from support.calls import paise_of
from support.dated_history import DAY_US, ClockAt
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

from almeno_grpc.api import asset_class_pb2, credit_service_pb2, decision_pb2, loan_pb2
from almeno_grpc.domain.months import due_date
from almeno_grpc.service.daily_sums import DailySums

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


@pytest.fixture
def book_of_classes(stubs, rows_of):
    """A book with loans of every class, and of every day near the days on which it changes."""
    stubs.book.upsert([rows_of.customer(number) for number in range(1, 10)])
    today, number, rows = stubs.book.clock.today(), 0, []
    for days in (0, 1, 28, 29, 30, 31, 59, 60, 61, 88, 89, 90, 91, 120, 120 + 364, 120 + 367, 900):
        for paid, amount in ((0, 100_001_37), (2, 333_333_33)):
            number += 1
            approved = due_date(today - timedelta(days=days), -1 - paid)
            facts = {"emis_paid": paid, "emis_paid_on_time": paid, "loan_amount": amount, "approval_date": approved}
            rows.append(rows_of.loan(number % 9 + 1, number, **facts))
    rows.append(rows_of.loan(1, number + 1, approval_date=today))
    rows.append(rows_of.loan(1, number + 2, emis_paid=12, emis_paid_on_time=12))
    stubs.book.upsert(rows)
    return stubs


def classes_of(sample, loans):
    """The class of each loan of an imported book, by its schedule; without a history of payments."""
    today, classes = sample.book.clock.today(), {}
    for loan in loans:
        rows = schedule_of(sample, loan)
        unpaid = [as_date(row.due_date) for row in rows if row.paid_amount != row.amount]
        days = (today - unpaid[0]).days if unpaid else -1
        classes[loan.loan_id] = 1 + sum(days >= least for least in (0, 30, 60, 90))
    return classes


def schedule_of(sample, loan):
    asked = credit_service_pb2.GetRepaymentScheduleRequest(loan_id=loan.loan_id)
    return sample.credit.GetRepaymentSchedule(asked, timeout=SECONDS).installments


def rounded(exact):
    return floor(exact + Fraction(1, 2))


def test_loans_in_figures_are_counted_by_class_with_their_provisions(book_of_classes):
    sample = book_of_classes
    loans = [loan for loan in loans_of(sample) if loan.state == ACTIVE]
    classes = classes_of(sample, loans)
    _, figures = summarize(sample)
    assert [each.asset_class for each in figures.loans_by_class] == [1, 2, 3, 4, 5]
    today = sample.book.clock.today()
    for each in figures.loans_by_class:
        inside = [loan for loan in loans if classes[loan.loan_id] == each.asset_class]
        assert each.loans == len(inside)
        assert paise_of(each.outstanding_principal) == sum(paise_of(loan.outstanding_principal) for loan in inside)
        provisions = 0
        for loan in inside:
            percent = Fraction(2, 5)
            if each.asset_class == asset_class_pb2.ASSET_CLASS_NON_PERFORMING:
                since = today - timedelta(days=loan.days_past_due - 90)
                percent = Fraction(100 if due_date(since, 12) <= today else 10)
            provisions += rounded(percent * paise_of(loan.outstanding_principal) / 100)
        assert paise_of(each.provision) == provisions
    assert all(each.loans for each in figures.loans_by_class)
    assert paise_of(figures.provision) == sum(paise_of(each.provision) for each in figures.loans_by_class)
    outstanding = sum(paise_of(each.outstanding_principal) for each in figures.loans_by_class)
    ratio = Fraction(paise_of(figures.loans_by_class[4].outstanding_principal), outstanding)
    assert figures.gross_non_performing_ratio.value == f"{Decimal(rounded(ratio * 10_000)) / 100:.2f}"
    assert figures.norms_version == "2026-12"


def test_late_loans_in_figures_are_those_with_something_overdue(book_of_classes):
    sample = book_of_classes
    loans = loans_of(sample)
    late = sorted((loan for loan in loans if loan.days_past_due), key=lambda each: (-each.days_past_due, each.loan_id))
    classes, overdue = classes_of(sample, late), {}
    for loan in late:
        rows = [row for row in schedule_of(sample, loan) if row.state == loan_pb2.INSTALLMENT_STATE_OVERDUE]
        overdue[loan.loan_id] = sum(paise_of(row.amount) - paise_of(row.paid_amount) for row in rows)
    _, figures = summarize(sample)
    assert [
        (
            each.loan_id,
            each.customer_id,
            each.days_past_due,
            each.asset_class,
            paise_of(each.outstanding_principal),
            paise_of(each.overdue_amount),
        )
        for each in figures.late_loans
    ] == [
        (
            loan.loan_id,
            loan.customer_id,
            loan.days_past_due,
            classes[loan.loan_id],
            paise_of(loan.outstanding_principal),
            overdue[loan.loan_id],
        )
        for loan in late
    ]
    assert figures.late_loan_count == len(late) > 0
    assert paise_of(figures.overdue_amount) == sum(overdue.values()) > 0


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

    assert [(each.state, (each.loans, paise_of(each.outstanding_principal))) for each in figures.loans_by_state] == [
        (state, added_up([loan for loan in loans if loan.state == state])) for state in loan_pb2.LoanState.values()[1:]
    ]

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


def test_figures_are_the_same_once_history_has_been_added_up(book_of_classes):
    book, lent = book_of_classes.book, []
    for rupees in (100_000, 200_000, 9_000_000):
        loan = book.lend(book.register().customer_id, rupees * 100).loan
        lent += [loan] if loan else []
    for loan in lent:
        paid = [book.repay(loan.loan_id, amount * 100).repayment.repayment_id for amount in (3_000, 5_000)]
        book.reverse(paid[1])
    _, before = summarize(book_of_classes)
    assert [(month.repayments, paise_of(month.collected_amount)) for month in before.cash if month.repayments] == [
        (len(lent), 300_000 * len(lent))
    ]
    sums = DailySums(book.store, ClockAt(book.clock.now_microseconds() + 2 * DAY_US))
    while sums.add_some():
        pass
    assert len(book.rows("daily_sum")) > 1
    _, after = summarize(book_of_classes)
    assert after == before


def test_empty_book_has_figures_of_zero(stubs):
    progress, figures = summarize(stubs)
    assert progress == [(0, 0)]
    assert (figures.customers, figures.loans, paise_of(figures.outstanding_principal)) == (0, 0, 0)
    assert [bucket.loans for bucket in figures.loan_buckets] == [0] * 6
    assert [burden.customers for burden in figures.emi_burden] == [0] * 12
    assert [each.loans for each in figures.loans_by_class] == [0] * 5
    assert [each.loans for each in figures.loans_by_state] == [0] * 6
    assert not figures.HasField("gross_non_performing_ratio")
    assert (figures.late_loan_count, paise_of(figures.overdue_amount), paise_of(figures.provision)) == (0, 0, 0)
    assert not figures.vintages
    assert not figures.scores
    assert not figures.decisions
    progress, summary, flips = simulate(stubs, policy=DRAFT)
    assert (progress, flips, summary.customers) == ([(0, 0)], [], 0)
    assert not summary.after.rates
