"""The book in figures: loans by how far they are behind, vintages, scores, the burden of instalments, decisions."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from almeno_grpc.domain.decision import Borrower, DecisionReason
from almeno_grpc.domain.loan import LoanState, days_past_due
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.scoring import credit_score

DAYS_PAST_DUE = ((0, 0), (1, 30), (31, 60), (61, 90), (91, None))
"""The least and the most days past due of each bucket of active loans; the last has no end."""

BURDENS = ((-1, 0), *((percent, percent + 10) for percent in range(0, 100, 10)), (100, None))
"""Shares of the monthly income in per cent, above the first up to and including the second; the first is just 0."""


class LoanGroup(NamedTuple):
    """Loans of one approval date with as many instalments paid: all are as far behind. Amounts in paise."""

    approval_date: date
    state: LoanState
    emis_paid: int
    loans: int
    loan_amount: int
    outstanding_principal: int


class DecisionGroup(NamedTuple):
    """Stored decisions of one business date with the same answer; no reasons where they approved."""

    business_date: date
    reasons: tuple[DecisionReason, ...]
    decisions: int


class Month(NamedTuple):
    """A month of a year, 1 to 12."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month that the day lies in."""
        return cls(day.year, day.month)


@dataclass(slots=True)
class LoanStatistics:
    """Loans added up. Amounts in paise."""

    loans: int = 0
    loan_amount: int = 0
    outstanding_principal: int = 0

    def add(self, alike: LoanGroup) -> None:
        """Takes in loans."""
        self.loans += alike.loans
        self.loan_amount += alike.loan_amount
        self.outstanding_principal += alike.outstanding_principal


@dataclass(slots=True)
class DecisionStatistics:
    """Stored decisions added up."""

    approvals: int = 0
    declines: int = 0
    declines_by_reason: Counter[DecisionReason] = field(default_factory=Counter)
    """A decline counts under each of its reasons."""


class LoanBucket(NamedTuple):
    """Active loans that are behind by days within two bounds, the last of which may be open; or all closed ones."""

    state: LoanState
    days_past_due_from: int
    days_past_due_to: int | None


LOAN_BUCKETS = (
    *(LoanBucket(LoanState.ACTIVE, *days) for days in DAYS_PAST_DUE),
    LoanBucket(LoanState.CLOSED, 0, 0),
)


class Portfolio:
    """The figures of a book on a business date; takes in customers, loans and decisions.

    Attributes:
        customers: How many were taken in.
        loans: All loans.
        loan_buckets: Loans by state and days past due; every bucket of `LOAN_BUCKETS`, in its order.
        vintages: Loans by the month of their approval.
        scores: Customers by credit score.
        emi_burden: Customers by the place in `BURDENS` of the share of income that their instalments take.
        decisions: Stored decisions by month of their business date.
    """

    def __init__(self, policy: Policy, business_date: date) -> None:
        """Begins with an empty book.

        Args:
            policy: The policy that scores customers.
            business_date: The day the figures stand for.
        """
        self.policy = policy
        self.business_date = business_date
        self.customers = 0
        self.loans = LoanStatistics()
        self.loan_buckets = {bucket: LoanStatistics() for bucket in LOAN_BUCKETS}
        self.vintages: defaultdict[Month, LoanStatistics] = defaultdict(LoanStatistics)
        self.scores: Counter[int] = Counter()
        self.emi_burden = [0] * len(BURDENS)
        self.decisions: defaultdict[Month, DecisionStatistics] = defaultdict(DecisionStatistics)

    def add_customer(self, borrower: Borrower) -> None:
        """Takes in a customer."""
        self.customers += 1
        self.scores[credit_score(borrower.position, borrower.approved_limit, self.policy).score] += 1
        self.emi_burden[_burden(borrower.position.monthly_obligation, borrower.monthly_income)] += 1

    def add_loans(self, alike: LoanGroup) -> None:
        """Takes in loans that are alike."""
        bucket = _bucket(alike, self.business_date)
        for figures in (self.loans, self.loan_buckets[bucket], self.vintages[Month.of(alike.approval_date)]):
            figures.add(alike)

    def add_decisions(self, alike: DecisionGroup) -> None:
        """Takes in stored decisions that are alike."""
        figures = self.decisions[Month.of(alike.business_date)]
        if alike.reasons:
            figures.declines += alike.decisions
        else:
            figures.approvals += alike.decisions
        for reason in alike.reasons:
            figures.declines_by_reason[reason] += alike.decisions


def _bucket(alike: LoanGroup, on: date) -> LoanBucket:
    if alike.state is LoanState.CLOSED:
        return LOAN_BUCKETS[-1]
    days = days_past_due(alike.approval_date, alike.emis_paid, on)
    return next(bucket for bucket in LOAN_BUCKETS if bucket.days_past_due_to is None or days <= bucket.days_past_due_to)


def _burden(obligation: int, income: int) -> int:
    """The place in `BURDENS` of the share that the obligation is of the income, both in paise."""
    tenths_begun = -(-10 * obligation // income)
    return min(tenths_begun, len(BURDENS) - 1)
