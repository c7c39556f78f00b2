"""Simulation of a policy: one loan request, decided for every customer under two policies, and the differences."""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from almeno_grpc.domain.decision import Borrower, DecisionReason, LoanRequest, decide
from almeno_grpc.domain.errors import TermsDoNotAmortize
from almeno_grpc.domain.installments import installment, schedule
from almeno_grpc.domain.outside_credit import OutsideCredit
from almeno_grpc.domain.policy import Band, Policy
from almeno_grpc.domain.scoring import credit_score


class LoanTerms(NamedTuple):
    """The terms that every customer asks for. The amount in paise, the rate in per cent a year."""

    loan_amount: int
    interest_rate: Decimal
    tenure_months: int
    outside: OutsideCredit | None = None
    """The credit with other lenders that every customer is taken to have."""


class Outcome(NamedTuple):
    """The result of a decision on one customer under one policy."""

    credit_score: int
    corrected_interest_rate: Decimal | None
    """None where there is no decision, for the terms do not amortize."""
    reasons: tuple[DecisionReason, ...]

    @property
    def is_decided(self) -> bool:
        """Whether there is a decision."""
        return self.corrected_interest_rate is not None

    @property
    def approved(self) -> bool:
        """Whether the loan is approved."""
        return self.is_decided and not self.reasons


@dataclass(frozen=True, slots=True)
class Flip:
    """A customer whom one policy approves and the other does not."""

    customer_id: int
    before: Outcome
    after: Outcome


@dataclass(frozen=True, slots=True)
class BandCount:
    """Customers of a band of scores, and those of them who are approved."""

    band: Band | None
    """None for the scores below every band."""
    customers: int
    approvals: int


@dataclass(frozen=True, slots=True)
class PolicyStatistics:
    """The decisions under one policy, counted over the whole book. Counters have no zeros and no order."""

    policy_version: str
    policy_sha256: str
    approvals: int
    declines: int
    not_amortizing: int
    declines_by_reason: Counter[DecisionReason]
    """A decline counts under each of its reasons."""
    scores: Counter[int]
    rates: Counter[Decimal]
    """Approvals by corrected rate."""
    bands: tuple[BandCount, ...]
    """Every band of the policy, the best first; last the scores below every band."""
    approved_amount: int
    """Sum of the loan amounts approved, in paise."""
    expected_interest: int
    """Sum of the interest of the approved loans' schedules, in paise: what is earned if all is paid as scheduled."""


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """The statistics of the two policies of a simulation."""

    business_date: date
    customers: int
    before: PolicyStatistics
    after: PolicyStatistics
    newly_approved: int
    newly_declined: int


class Simulation:
    """Decides for customers one by one.

    Customers with the same outcomes are counted together, and a flip takes three integers, so that memory stays small
    for a large book.
    """

    def __init__(self, terms: LoanTerms, before: Policy, after: Policy, business_date: date) -> None:
        """Begins without customers.

        Args:
            terms: The terms that every customer asks for.
            before: The policy to compare with.
            after: The policy to try.
            business_date: The date of the decisions.
        """
        self._terms = terms
        self._before = before
        self._after = after
        self._business_date = business_date
        self._customers: Counter[tuple[Outcome, Outcome]] = Counter()
        self._flipped: array[int] = array("q")
        """For each flip the customer_id and the indexes of the outcomes before and after."""
        self._outcome_indexes: dict[Outcome, int] = {}

    def add(self, customer_id: int, borrower: Borrower) -> None:
        """Decides for a customer under both policies."""
        amount, rate, months, outside = self._terms
        request = LoanRequest(customer_id, amount, rate, months, outside=outside)
        before, after = self._outcome(request, borrower, self._before), self._outcome(request, borrower, self._after)
        self._customers[before, after] += 1
        if before.approved != after.approved:
            self._flipped.extend((customer_id, self._index(before), self._index(after)))

    def summary(self) -> SimulationSummary:
        """The statistics of both policies over the customers so far."""
        before: Counter[Outcome] = Counter()
        after: Counter[Outcome] = Counter()
        newly_approved = newly_declined = 0
        for (one, other), customers in self._customers.items():
            before[one] += customers
            after[other] += customers
            if other.approved and not one.approved:
                newly_approved += customers
            elif one.approved and not other.approved:
                newly_declined += customers
        return SimulationSummary(
            business_date=self._business_date,
            customers=self._customers.total(),
            before=_statistics(self._before, before, self._terms),
            after=_statistics(self._after, after, self._terms),
            newly_approved=newly_approved,
            newly_declined=newly_declined,
        )

    def flips(self) -> Iterator[Flip]:
        """Yields each flip, in the order in which the customers came."""
        outcomes = list(self._outcome_indexes)
        for start in range(0, len(self._flipped), 3):
            customer_id, before, after = self._flipped[start : start + 3]
            yield Flip(customer_id, outcomes[before], outcomes[after])

    def _outcome(self, request: LoanRequest, borrower: Borrower, policy: Policy) -> Outcome:
        try:
            decision = decide(request, borrower, policy, self._business_date, makes_offer=False)
        except TermsDoNotAmortize:
            return Outcome(credit_score(borrower.position, borrower.approved_limit, policy).score, None, ())
        return Outcome(decision.credit_score, decision.corrected_interest_rate, decision.reasons)

    def _index(self, outcome: Outcome) -> int:
        return self._outcome_indexes.setdefault(outcome, len(self._outcome_indexes))


def _statistics(policy: Policy, customers: Counter[Outcome], terms: LoanTerms) -> PolicyStatistics:
    approvals: Counter[Decimal] = Counter()
    reasons: Counter[DecisionReason] = Counter()
    scores: Counter[int] = Counter()
    not_amortizing = 0
    for outcome, count in customers.items():
        scores[outcome.credit_score] += count
        if outcome.corrected_interest_rate is None:
            not_amortizing += count
        elif outcome.approved:
            approvals[outcome.corrected_interest_rate] += count
        for reason in outcome.reasons:
            reasons[reason] += count
    return PolicyStatistics(
        policy_version=policy.version,
        policy_sha256=policy.sha256,
        approvals=approvals.total(),
        declines=customers.total() - approvals.total() - not_amortizing,
        not_amortizing=not_amortizing,
        declines_by_reason=reasons,
        scores=scores,
        rates=approvals,
        bands=tuple(_bands(policy, customers)),
        approved_amount=terms.loan_amount * approvals.total(),
        expected_interest=sum(count * _interest(terms, rate, policy) for rate, count in approvals.items()),
    )


def _interest(terms: LoanTerms, rate: Decimal, policy: Policy) -> int:
    """The interest of the schedule of one approved loan, in paise."""
    amount, months, method = terms.loan_amount, terms.tenure_months, policy.installment_method
    emi = installment(method, amount, rate, months, policy.rounding.installment)
    return sum(row.interest for row in schedule(method, amount, rate, months, emi))


def _bands(policy: Policy, customers: Counter[Outcome]) -> Iterator[BandCount]:
    in_band: Counter[Band | None] = Counter()
    approved: Counter[Band | None] = Counter()
    for outcome, count in customers.items():
        band = policy.band(outcome.credit_score)
        in_band[band] += count
        approved[band] += count if outcome.approved else 0
    for band in (*policy.bands, None):
        yield BandCount(band, in_band[band], approved[band])
