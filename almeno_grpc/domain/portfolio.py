"""Portfolio statistics: loans by asset class, state and vintage, customers by score and by EMI burden, decisions."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from almeno_grpc.domain.asset_class import AssetClass, arrears_days, class_on, non_performing_since_on
from almeno_grpc.domain.decision import Borrower, DecisionReason
from almeno_grpc.domain.late_loans import LateLoans
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.money import round_half_up
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.scoring import credit_score

CAME_TO_NOTHING = {LoanState.CANCELLED, LoanState.EXPIRED, LoanState.EXITED}
"""States of loans that count nowhere."""

DAYS_PAST_DUE = ((0, 0), (1, 30), (31, 60), (61, 90), (91, None))
"""The minimum and maximum days past due of each bucket of active loans; the last has no maximum."""

BURDENS = ((-1, 0), *((percent, percent + 10) for percent in range(0, 100, 10)), (100, None))
"""EMI burdens in per cent of the monthly income, above the first bound and up to the second; the first is 0 alone."""


class LoanGroup(NamedTuple):
    """Loans approved in one month that are of one state and have been in arrears alike. Amounts in paise."""

    approved: "Month"
    state: LoanState
    next_due: date | None
    """Due date of the oldest instalment not wholly paid, of active loans."""
    non_performing_since: date | None
    """As of the latest payment; see `arrears`."""
    loans: int
    loan_amount: int
    outstanding_principal: int
    provisions: tuple[int, ...]
    """Sums of each loan's provision, for each category of the norms if that is the loans'."""


class DecisionGroup(NamedTuple):
    """Stored decisions of one business date with the same reasons; none on an approval."""

    business_date: date
    reasons: tuple[DecisionReason, ...]
    decisions: int


class DisbursementGroup(NamedTuple):
    """Loans disbursed in one month. The amount in paise."""

    disbursed: "Month"
    loans: int
    loan_amount: int


class RepaymentGroup(NamedTuple):
    """Repayments of one payment date that stand. The amount in paise."""

    payment_date: date
    repayments: int
    amount: int


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
class ClassStatistics:
    """Active loans of an asset class added up. Amounts in paise."""

    loans: int = 0
    outstanding_principal: int = 0
    provision: int = 0


@dataclass(slots=True)
class CashStatistics:
    """Disbursements and repayments added up. Amounts in paise."""

    disbursements: int = 0
    disbursed_amount: int = 0
    repayments: int = 0
    collected_amount: int = 0


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
        loans: All loans but those that came to nothing.
        loans_by_class: Active loans by their own asset class, not their customer's; every class, the best first.
        loans_by_state: Loans by state; every state, also those of loans that count nowhere else.
        loan_buckets: Loans by state and days past due; every bucket of `LOAN_BUCKETS`, in its order.
        late_loans: Loans with an instalment that fell due before the business date and is not wholly paid.
        vintages: Loans by the month of their approval.
        vintage_classes: Of the active ones of a month, those of each class; classes without a loan are left out.
        cash: Disbursements by month of their date, and repayments by month of the payment date.
        scores: Customers by credit score.
        emi_burden: Customers by EMI burden; one count for each of `BURDENS`, in its order.
        decisions: Stored decisions by month of their business date.
    """

    def __init__(self, policy: Policy, norms: Norms, business_date: date) -> None:
        """Begins with an empty book.

        Args:
            policy: The policy that scores customers.
            norms: The provisioning norms.
            business_date: The date that days past due are counted to.
        """
        self.policy = policy
        self.norms = norms
        self.business_date = business_date
        self.customers = 0
        self.loans = LoanStatistics()
        self.loans_by_class = {asset_class: ClassStatistics() for asset_class in AssetClass}
        self.loans_by_state = {state: LoanStatistics() for state in LoanState}
        self.late_loans = LateLoans(business_date)
        self.loan_buckets = {bucket: LoanStatistics() for bucket in LOAN_BUCKETS}
        self.vintages: defaultdict[Month, LoanStatistics] = defaultdict(LoanStatistics)
        self.vintage_classes: defaultdict[Month, defaultdict[AssetClass, ClassStatistics]] = defaultdict(
            lambda: defaultdict(ClassStatistics)
        )
        self.cash: defaultdict[Month, CashStatistics] = defaultdict(CashStatistics)
        self.scores: Counter[int] = Counter()
        self.emi_burden = [0] * len(BURDENS)
        self.decisions: defaultdict[Month, DecisionStatistics] = defaultdict(DecisionStatistics)

    def add_customer(self, borrower: Borrower) -> None:
        """Adds a customer."""
        self.customers += 1
        self.scores[credit_score(borrower.position, borrower.approved_limit, self.policy).score] += 1
        self.emi_burden[_burden(borrower.position.monthly_obligation, borrower.monthly_income)] += 1

    def add_loans(self, group: LoanGroup) -> None:
        """Adds a group of loans; those that came to nothing stand among the states only."""
        if group.state in CAME_TO_NOTHING:
            self.loans_by_state[group.state].add(group._replace(outstanding_principal=0))
            return
        is_lent = group.state is not LoanState.SANCTIONED
        if not is_lent:
            group = group._replace(outstanding_principal=0)
        for statistics in (self.loans, self.loans_by_state[group.state], self.vintages[group.approved]):
            statistics.add(group)
        if is_lent:
            self.loan_buckets[_bucket(group, self.business_date)].add(group)
        if group.state is LoanState.ACTIVE:
            self._classify(group)

    def _classify(self, group: LoanGroup) -> None:
        asset_class = class_on(group.next_due, group.non_performing_since, self.business_date)
        since = non_performing_since_on(group.next_due, group.non_performing_since, self.business_date)
        category = self.norms.category(asset_class, since, self.business_date)
        for statistics in (self.loans_by_class[asset_class], self.vintage_classes[group.approved][asset_class]):
            statistics.loans += group.loans
            statistics.outstanding_principal += group.outstanding_principal
            statistics.provision += group.provisions[category]

    @property
    def provision(self) -> int:
        """The provision of the whole book, in paise."""
        return sum(statistics.provision for statistics in self.loans_by_class.values())

    @property
    def gross_non_performing_ratio(self) -> Decimal | None:
        """Outstanding principal of non-performing loans in per cent of that of active loans.

        To two decimal places, halves up; None where there is none outstanding.
        """
        outstanding = sum(statistics.outstanding_principal for statistics in self.loans_by_class.values())
        if not outstanding:
            return None
        non_performing = self.loans_by_class[AssetClass.NON_PERFORMING].outstanding_principal
        return Decimal(round_half_up(100 * 100 * non_performing, outstanding)).scaleb(-2)

    def add_disbursements(self, group: DisbursementGroup) -> None:
        """Adds a group of disbursements."""
        statistics = self.cash[group.disbursed]
        statistics.disbursements += group.loans
        statistics.disbursed_amount += group.loan_amount

    def add_repayments(self, group: RepaymentGroup) -> None:
        """Adds a group of repayments."""
        statistics = self.cash[Month.of(group.payment_date)]
        statistics.repayments += group.repayments
        statistics.collected_amount += group.amount

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
    days = arrears_days(group.next_due, on) or 0
    return next(bucket for bucket in LOAN_BUCKETS if bucket.days_past_due_to is None or days <= bucket.days_past_due_to)


def _burden(obligation: int, income: int) -> int:
    """The index in `BURDENS` of obligation/income, both in paise."""
    tenths_begun = -(-10 * obligation // income)
    return min(tenths_begun, len(BURDENS) - 1)
