"""Simulations and the book in figures over the wire, held against a plain recount through the other RPCs."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from google.type import decimal_pb2, money_pb2

from almeno_grpc.api import credit_service_pb2, decision_pb2, import_pb2, loan_pb2
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.clock import Clock
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.policy_file import parse_policy
from almeno_grpc.rpc.answers import DECISION_REASONS
from almeno_grpc.service import book_walk
from almeno_grpc.service.lending import LendingService

ROOT = Path(__file__).parents[2]
POLICY = (ROOT / "almeno_grpc" / "policies" / "2026-01.toml").read_text(encoding="utf-8")


def changed(text, *changes):
    """A policy file with texts replaced, each of which has to be there."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


DRAFT = changed(
    POLICY,
    ('version = "2026-01"', 'version = "draft"'),
    ('most_emi_share_of_income = "0.50"', 'most_emi_share_of_income = "0.80"'),
    ("above = 50\nup_to = 100", "above = 45\nup_to = 100"),
    ('above = 30\nup_to = 50\nleast_rate = "12"', 'above = 35\nup_to = 45\nleast_rate = "13.5"'),
    ('[[bands]]\nabove = 10\nup_to = 30\nleast_rate = "16"\n', ""),
)
SECONDS = 120
LAKH = 100_000 * 100
INDIA = ZoneInfo("Asia/Kolkata")
ACTIVE, CLOSED = loan_pb2.LOAN_STATE_ACTIVE, loan_pb2.LOAN_STATE_CLOSED


@pytest.fixture(scope="module")
def sample(shared_stubs):
    """A server with the sample book, and a few customers who registered here and asked for loans."""
    for kind, name in ((import_pb2.IMPORT_KIND_CUSTOMERS, "customers"), (import_pb2.IMPORT_KIND_LOANS, "loans")):
        shared_stubs.upload((ROOT / "data" / f"{name}.xlsx").read_bytes(), kind, f"{name}.xlsx")
    book = shared_stubs.book
    book.work()
    for day, amounts in (
        (date(2025, 12, 31), (1, 2)),
        (date(2026, 3, 10), (1, 200, 200)),
        (book.clock.today(), (1, 200)),
        # Comes after the business date, and is not in its figures.
        (date(2026, 5, 1), (1, 200)),
    ):
        on_the_day = replace(book, clock=Clock(day, INDIA))
        for amount in amounts:
            on_the_day.lend(on_the_day.register().customer_id, amount * LAKH)
    return shared_stubs


class Told(NamedTuple):
    """A decision, as a check or a simulation tells it."""

    approved: bool
    credit_score: int
    rate: str
    reasons: tuple[int, ...]

    @classmethod
    def of(cls, decision):
        rate = decision.corrected_interest_rate.value
        return cls(decision.approved, decision.credit_score, rate, tuple(decision.reasons))


ASKED = {"loan_amount": 200_000, "interest_rate": "11", "tenure_months": 36}


def terms(loan_amount, interest_rate, tenure_months):
    return {
        "loan_amount": money_pb2.Money(units=loan_amount),
        "interest_rate": decimal_pb2.Decimal(value=interest_rate),
        "tenure_months": tenure_months,
    }


def request(**changes):
    asked = {field: changes.pop(field, value) for field, value in ASKED.items()}
    return pb.SimulatePolicyRequest(**terms(**asked), **changes)


def simulate(stubs, **changes):
    """The progress, the summary and the flips of a simulation."""
    answers = list(stubs.portfolio.SimulatePolicy(request(**changes), timeout=SECONDS))
    kinds = [answer.WhichOneof("update") for answer in answers]
    progress, flips = kinds.count("progress"), kinds.count("flip")
    assert kinds == ["progress"] * progress + ["summary"] + ["flip"] * flips
    return (
        [(answer.progress.customers_done, answer.progress.customers_total) for answer in answers[:progress]],
        answers[progress].summary,
        [answer.flip for answer in answers[progress + 1 :]],
    )


def summarize(stubs):
    """The progress and the figures of a summary."""
    *progress, last = stubs.portfolio.SummarizePortfolio(pb.SummarizePortfolioRequest(), timeout=SECONDS)
    assert last.WhichOneof("update") == "summary"
    return [(answer.progress.customers_done, answer.progress.customers_total) for answer in progress], last.summary


def pages(call, listed, rows) -> Iterator:
    """Every row of a list."""
    while True:
        answer = call(listed, timeout=SECONDS)
        yield from getattr(answer, rows)
        if not answer.next_page_token:
            return
        listed.page_token = answer.next_page_token


def customers_of(stubs):
    listed = credit_service_pb2.ListCustomersRequest(page_size=1000)
    return list(pages(stubs.credit.ListCustomers, listed, "customers"))


def loans_of(stubs):
    return [
        loan
        for customer in customers_of(stubs)
        for loan in pages(
            stubs.credit.ListLoans,
            credit_service_pb2.ListLoansRequest(customer_id=customer.customer_id, page_size=1000),
            "loans",
        )
        if as_date(loan.approval_date) <= stubs.book.clock.today()
    ]


def checks(stubs, **changes):
    """What a check answers for each customer, by number; None where it gives no decision."""
    customers = customers_of(stubs)
    check, asked = credit_service_pb2.CheckEligibilityRequest, terms(**ASKED | changes)
    requests = [check(customer_id=customer.customer_id, **asked) for customer in customers]
    batch = credit_service_pb2.BatchCheckEligibilityRequest(requests=requests)
    results = stubs.credit.BatchCheckEligibility(batch, timeout=SECONDS).results
    return {
        customer.customer_id: Told.of(result.decision) if result.HasField("decision") else None
        for customer, result in zip(customers, results, strict=True)
    }


def checks_of_a_service_that_has_published(policy, stubs):
    """What checks would answer if the policy were the one in effect."""
    book = stubs.book
    lending = LendingService(book.store, [parse_policy(policy.encode())], book.clock)
    customers = customers_of(stubs)
    amount, rate, months = ASKED["loan_amount"] * 100, Decimal(ASKED["interest_rate"]), ASKED["tenure_months"]
    decisions = lending.check_all([LoanRequest(each.customer_id, amount, rate, months) for each in customers])
    return {
        each.customer_id: Told(
            decision.approved,
            decision.credit_score,
            f"{decision.corrected_interest_rate:f}",
            tuple(DECISION_REASONS[reason] for reason in decision.reasons),
        )
        for each, decision in zip(customers, decisions, strict=True)
    }


def paise(amount):
    assert amount.currency_code == "INR"
    return amount.units * 100 + amount.nanos // 10_000_000


def as_date(value):
    return date(value.year, value.month, value.day)


def assert_counts(figures, decisions, bands):
    """Holds the figures of a policy against the decisions, by customer."""
    decided = [decision for decision in decisions.values() if decision is not None]
    approved = [decision for decision in decided if decision.approved]
    assert (figures.approvals, figures.declines) == (len(approved), len(decided) - len(approved))
    assert figures.not_amortizing == len(decisions) - len(decided)
    by_reason = Counter(reason for decision in decided for reason in decision.reasons)
    assert [(count.reason, count.declines) for count in figures.declines_by_reason] == sorted(by_reason.items())
    by_score = Counter(decision.credit_score for decision in decided)
    assert [(count.credit_score, count.customers) for count in figures.scores] == sorted(by_score.items())
    rates = [(count.interest_rate.value, count.approvals) for count in figures.rates]
    assert dict(rates) == Counter(decision.rate for decision in approved)
    assert rates == sorted(rates, key=lambda count: Fraction(count[0]))

    def band(decision):
        return next((above for above in bands if above is not None and decision.credit_score > above), None)

    in_band, approved_in_band = Counter(map(band, decided)), Counter(map(band, approved))
    assert [
        (count.above if count.HasField("above") else None, count.customers, count.approvals) for count in figures.bands
    ] == [(above, in_band[above], approved_in_band[above]) for above in bands]
    assert [count.HasField("least_rate") for count in figures.bands] == [True] * (len(bands) - 1) + [False]


def test_published_policy_over_the_book_is_the_count_of_the_checks(sample):
    decisions = checks(sample)
    progress, summary, flips = simulate(sample, version="2026-01")
    assert progress == [(0, len(decisions)), (len(decisions), len(decisions))]
    assert (summary.customers, as_date(summary.business_date)) == (len(decisions), sample.book.clock.today())
    assert summary.before == summary.after
    assert (flips, summary.newly_approved, summary.newly_declined) == ([], 0, 0)
    assert summary.after.policy_version == "2026-01"
    assert_counts(summary.after, decisions, bands=(50, 30, 10, None))
    assert summary.after.approvals > 20
    assert summary.after.declines > 20


def test_draft_over_the_book_is_the_count_of_the_checks_it_would_take(sample):
    before, after = checks(sample), checks_of_a_service_that_has_published(DRAFT, sample)
    _, summary, flips = simulate(sample, policy=DRAFT)
    assert (summary.before.policy_version, summary.after.policy_version) == ("2026-01", "draft")
    assert_counts(summary.before, before, bands=(50, 30, 10, None))
    assert_counts(summary.after, after, bands=(45, 35, None))
    flipped = [number for number in sorted(before) if before[number].approved != after[number].approved]
    assert [flip.customer_id for flip in flips] == flipped
    assert [Told.of(flip.before) for flip in flips] == [before[number] for number in flipped]
    assert [Told.of(flip.after) for flip in flips] == [after[number] for number in flipped]
    newly_approved = sum(after[number].approved for number in flipped)
    assert (summary.newly_approved, summary.newly_declined) == (newly_approved, len(flipped) - newly_approved)
    assert summary.newly_approved
    assert summary.newly_declined


def test_terms_that_do_not_amortize_give_no_decision_whatever_the_customer(sample):
    hopeless = {"loan_amount": 1_000, "interest_rate": "100", "tenure_months": 600}
    assert set(checks(sample, **hopeless).values()) == {None}
    _, summary, flips = simulate(sample, version="2026-01", **hopeless)
    figures = summary.after
    assert (figures.approvals, figures.declines, figures.not_amortizing) == (0, 0, summary.customers)
    assert sum(count.customers for count in figures.scores) == summary.customers
    assert flips == []


def test_a_flip_to_terms_that_do_not_amortize_has_no_decision_after(sample):
    dear = re.sub(r'least_rate = "\d+"', 'least_rate = "100"', POLICY)
    asked = {"loan_amount": 1_200, "interest_rate": "0", "tenure_months": 600}
    _, summary, flips = simulate(sample, policy=dear, **asked)
    assert len(flips) == summary.newly_declined > 20
    assert all(flip.before.approved and not flip.HasField("after") for flip in flips)


def test_book_in_figures_is_the_count_of_its_customers_loans_and_decisions(sample):
    customers, loans = customers_of(sample), loans_of(sample)
    progress, figures = summarize(sample)
    assert progress == [(0, len(customers)), (len(customers), len(customers))]
    assert (as_date(figures.business_date), figures.policy_version) == (sample.book.clock.today(), "2026-01")
    assert (figures.customers, figures.loans) == (len(customers), len(loans))
    assert paise(figures.outstanding_principal) == sum(paise(loan.outstanding_principal) for loan in loans)
    scores = Counter(decision.credit_score for decision in checks(sample).values())
    assert [(count.credit_score, count.customers) for count in figures.scores] == sorted(scores.items())


def test_loans_in_figures_are_counted_by_state_and_days_past_due_and_by_vintage(sample):
    loans = loans_of(sample)
    _, figures = summarize(sample)

    def added_up(chosen):
        return len(chosen), sum(paise(loan.outstanding_principal) for loan in chosen)

    buckets = [(ACTIVE, 0, 0), (ACTIVE, 1, 30), (ACTIVE, 31, 60), (ACTIVE, 61, 90), (ACTIVE, 91, None), (CLOSED, 0, 0)]
    found = {
        (
            bucket.state,
            bucket.days_past_due_from,
            bucket.days_past_due_to if bucket.HasField("days_past_due_to") else None,
        ): (
            bucket.loans,
            paise(bucket.outstanding_principal),
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
        assert (vintage.loans, paise(vintage.outstanding_principal)) == added_up(lent)
        assert paise(vintage.loan_amount) == sum(paise(loan.loan_amount) for loan in lent)


def test_customers_in_figures_are_counted_by_the_share_of_income_that_instalments_take(sample):
    shares = []
    for customer in customers_of(sample):
        asked = credit_service_pb2.GetCustomerRequest(customer_id=customer.customer_id)
        obligation = sample.credit.GetCustomer(asked, timeout=SECONDS).position.monthly_obligation
        shares.append(Fraction(100 * paise(obligation), paise(customer.monthly_income)))
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
    assert (figures.customers, figures.loans, paise(figures.outstanding_principal)) == (0, 0, 0)
    assert [bucket.loans for bucket in figures.loan_buckets] == [0] * 6
    assert [burden.customers for burden in figures.emi_burden] == [0] * 12
    assert not figures.vintages
    assert not figures.scores
    assert not figures.decisions
    progress, summary, flips = simulate(stubs, policy=DRAFT)
    assert (progress, flips, summary.customers) == ([(0, 0)], [], 0)
    assert not summary.after.rates


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({}, "INVALID_FIELD", "policy"),
        ({"policy": ""}, "INVALID_FIELD", "policy"),
        ({"policy": "version = "}, "INVALID_FIELD", "policy"),
        ({"policy": "x" * 65_537}, "INVALID_FIELD", "policy"),
        ({"policy": changed(DRAFT, ("max_points = 50", "max_points = 49"))}, "INVALID_FIELD", "policy"),
        ({"policy": "[" * 60_000}, "INVALID_FIELD", "policy"),
        ({"version": ""}, "INVALID_FIELD", "version"),
        ({"version": "a\nb"}, "INVALID_FIELD", "version"),
        ({"version": "2026-01", "against_version": "1" * 65}, "INVALID_FIELD", "against_version"),
        ({"version": "2025-01"}, "POLICY_NOT_FOUND", None),
        ({"version": "2026-01", "against_version": "2025-01"}, "POLICY_NOT_FOUND", None),
        ({"version": "2026-01", "loan_amount": 999}, "INVALID_FIELD", "loan_amount"),
        ({"version": "2026-01", "interest_rate": "100.1"}, "INVALID_FIELD", "interest_rate"),
        ({"version": "2026-01", "tenure_months": 601}, "INVALID_FIELD", "tenure_months"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused_at_once(shared_stubs, changes, reason, field):
    refusal = shared_stubs.refusal(lambda: list(shared_stubs.portfolio.SimulatePolicy(request(**changes), timeout=30)))
    assert refusal.reason == reason
    assert refusal.code == ("NOT_FOUND" if reason == "POLICY_NOT_FOUND" else "INVALID_ARGUMENT")
    assert refusal.fields == ([field] if field else [])


def test_what_is_wrong_with_a_draft_is_told_by_the_name_of_the_key(shared_stubs):
    draft = changed(DRAFT, ("new_emi_counts = true", 'new_emi_counts = "yes"'))
    refusal = shared_stubs.refusal(
        lambda: list(shared_stubs.portfolio.SimulatePolicy(request(policy=draft), timeout=30))
    )
    assert refusal.message == "policy: gates.new_emi_counts must be true or false"


def test_the_figures_do_not_depend_on_how_the_book_is_paged(sample, monkeypatch):
    whole = simulate(sample, policy=DRAFT), summarize(sample)
    monkeypatch.setattr(book_walk, "PAGE_CUSTOMERS", 7)
    customers = len(customers_of(sample))
    paged = simulate(sample, policy=DRAFT), summarize(sample)
    for (progress, *figures), (_, *figures_of_whole) in zip(paged, whole, strict=True):
        assert progress == [(min(done, customers), customers) for done in range(0, customers + 7, 7)]
        assert figures == figures_of_whole


@pytest.fixture
def slow_pages(monkeypatch):
    """Makes a walk take ten milliseconds a customer; gives the pages read so far."""
    visit, pages_read = book_walk._visit_in_turns, []

    def visit_slowly(page, visitor):
        pages_read.append(page)
        time.sleep(0.01)
        visit(page, visitor)

    monkeypatch.setattr(book_walk, "PAGE_CUSTOMERS", 1)
    monkeypatch.setattr(book_walk, "_visit_in_turns", visit_slowly)
    return pages_read


@pytest.mark.parametrize("rpc", ["SimulatePolicy", "SummarizePortfolio"])
def test_a_walk_ends_when_its_caller_leaves(sample, slow_pages, rpc):
    asked = request(policy=DRAFT) if rpc == "SimulatePolicy" else pb.SummarizePortfolioRequest()
    call = getattr(sample.portfolio, rpc)(asked, timeout=SECONDS)
    while next(call).progress.customers_done < 5:
        pass
    call.cancel()
    time.sleep(0.5)
    pages_read = len(slow_pages)
    assert 5 <= pages_read < 40
    time.sleep(0.2)
    assert len(slow_pages) == pages_read


def test_a_walk_ends_with_its_server(stubs, slow_pages):
    for _ in range(100):
        stubs.book.register()
    call = stubs.portfolio.SimulatePolicy(request(policy=DRAFT), timeout=SECONDS)
    while next(call).progress.customers_done < 5:
        pass
    stubs.application.drain()
    refusal = stubs.refusal(lambda: list(call))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SERVER_STOPPING")
    assert len(slow_pages) < 100


def test_checks_and_bookings_go_on_beside_walks(sample, slow_pages):
    calls = [sample.portfolio.SimulatePolicy(request(policy=DRAFT), timeout=SECONDS) for _ in range(3)]
    for call in calls:
        next(call)
    pages_before = len(slow_pages)
    customer = sample.book.register()
    check = credit_service_pb2.CheckEligibilityRequest(customer_id=customer.customer_id, **terms(**ASKED))
    for _ in range(20):
        assert sample.credit.CheckEligibility(check, timeout=SECONDS).decision.approved
    assert len(slow_pages) < pages_before + 200
    for call in calls:
        call.cancel()
