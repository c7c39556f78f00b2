"""Portfolio statistics: loans by days past due and by vintage, customers by score and by EMI burden, decisions."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from almeno_grpc.domain.decision import Borrower, DecisionReason
from almeno_grpc.domain.loan import LoanState, days_past_due
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.scoring import credit_score

DAYS_PAST_DUE = ((0, 0), (1, 30), (31, 60), (61, 90), (91, None))
"""The minimum and maximum days past due of each bucket of active loans; the last has no maximum."""

BURDENS = ((-1, 0), *((percent, percent + 10) for percent in range(0, 100, 10)), (100, None))
"""EMI burdens in per cent of the monthly income, above the first bound and up to the second; the first is 0 alone."""


class LoanGroup(NamedTuple):
    """Loans of one approval date and one count of EMIs paid, so of the same days past due. Amounts in paise."""

    approval_date: date
    state: LoanState
    emis_paid: int
    loans: int
    loan_amount: int
    outstanding_principal: int


class DecisionGroup(NamedTuple):
    """Stored decisions of one business date with the same reasons; none on an approval."""

    business_date: date
    reasons: tuple[DecisionReason, ...]
    decisions: int


class Month(NamedTuple):
    """A month of a year, 1 to 12."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month of the date."""
        return cls(day.year, day.month)


@dataclass(slots=True)
class LoanStatistics:
    """Loans added up. Amounts in paise."""

    loans: int = 0
    loan_amount: int = 0
    outstanding_principal: int = 0

    def add(self, group: LoanGroup) -> None:
        """Adds a group of loans."""
        self.loans += group.loans
        self.loan_amount += group.loan_amount
        self.outstanding_principal += group.outstanding_principal


@dataclass(slots=True)
class DecisionStatistics:
    """Stored decisions added up."""

    approvals: int = 0
    declines: int = 0
    declines_by_reason: Counter[DecisionReason] = field(default_factory=Counter)
    """A decline counts under each of its reasons."""


class LoanBucket(NamedTuple):
    """Active loans with days past due within two bounds, of which the second may be open; or all closed loans."""

    state: LoanState
    days_past_due_from: int
    days_past_due_to: int | None


LOAN_BUCKETS = (
    *(LoanBucket(LoanState.ACTIVE, *days) for days in DAYS_PAST_DUE),
    LoanBucket(LoanState.CLOSED, 0, 0),
)


class Portfolio:
    """The statistics of a portfolio on a business date; customers, loans and decisions are added to it.

    Attributes:
        customers: The number of customers.
        loans: All loans.
        loan_buckets: Loans by state and days past due; every bucket of `LOAN_BUCKETS`, in its order.
        vintages: Loans by the month of their approval.
        scores: Customers by credit score.
        emi_burden: Customers by EMI burden; one count for each of `BURDENS`, in its order.
        decisions: Stored decisions by month of their business date.
    """

    def __init__(self, policy: Policy, business_date: date) -> None:
        """Begins with an empty book.

        Args:
            policy: The policy that scores customers.
            business_date: The date that days past due are counted to.
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
        """Adds a customer."""
        self.customers += 1
        self.scores[credit_score(borrower.position, borrower.approved_limit, self.policy).score] += 1
        self.emi_burden[_burden(borrower.position.monthly_obligation, borrower.monthly_income)] += 1

    def add_loans(self, group: LoanGroup) -> None:
        """Adds a group of loans."""
        bucket = _bucket(group, self.business_date)
        for statistics in (self.loans, self.loan_buckets[bucket], self.vintages[Month.of(group.approval_date)]):
            statistics.add(group)

    def add_decisions(self, group: DecisionGroup) -> None:
        """Adds a group of stored decisions."""
        statistics = self.decisions[Month.of(group.business_date)]
        if group.reasons:
            statistics.declines += group.decisions
        else:
            statistics.approvals += group.decisions
        for reason in group.reasons:
            statistics.declines_by_reason[reason] += group.decisions


def _bucket(group: LoanGroup, on: date) -> LoanBucket:
    if group.state is LoanState.CLOSED:
        return LOAN_BUCKETS[-1]
    days = days_past_due(group.approval_date, group.emis_paid, on)
    return next(bucket for bucket in LOAN_BUCKETS if bucket.days_past_due_to is None or days <= bucket.days_past_due_to)


def _burden(obligation: int, income: int) -> int:
    """The index in `BURDENS` of obligation/income, both in paise."""
    tenths_begun = -(-10 * obligation // income)
    return min(tenths_begun, len(BURDENS) - 1)
