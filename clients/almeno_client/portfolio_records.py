"""What PortfolioService answers, as plain frozen records: imports, policies, simulations, the book in figures.

Amounts are rupees as `Decimal` with two decimal places, rates per cent a year as `Decimal`, dates `datetime.date`,
instants `datetime.datetime` in UTC. The fields have the names and the meaning of the messages in `protos/`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from almeno_client.records import DecisionReason, LoanState


class ImportKind(StrEnum):
    """What the rows of an imported file are."""

    UNSPECIFIED = "UNSPECIFIED"
    CUSTOMERS = "CUSTOMERS"
    LOANS = "LOANS"


class ImportState(StrEnum):
    """How far an import has come."""

    UNSPECIFIED = "UNSPECIFIED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_end(self) -> bool:
        """Whether the import will not move on any more."""
        return self in (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED)


class ImportIssueOutcome(StrEnum):
    """What became of a row that was not taken as it stood."""

    UNSPECIFIED = "UNSPECIFIED"
    REJECTED = "REJECTED"
    ADJUSTED = "ADJUSTED"


@dataclass(frozen=True, slots=True)
class Import:
    """One uploaded file on its way into the book."""

    import_id: str
    kind: ImportKind
    file_name: str
    sha256: str
    book_date: date | None
    state: ImportState
    rows_total: int
    rows_inserted: int
    rows_updated: int
    rows_unchanged: int
    rows_rejected: int
    rows_adjusted: int
    error: str
    create_time: datetime
    start_time: datetime | None
    end_time: datetime | None

    @property
    def rows_done(self) -> int:
        """Rows that were looked at so far."""
        return self.rows_inserted + self.rows_updated + self.rows_unchanged + self.rows_rejected


@dataclass(frozen=True, slots=True)
class ImportIssue:
    """Why a row was rejected or adjusted."""

    row_number: int
    outcome: ImportIssueOutcome
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A version of the credit policy."""

    version: str
    effective_date: date
    """The day from which it decides, until a newer one takes effect."""
    sha256: str
    in_effect: bool
    """Whether it decides on the business date."""
    toml: str
    """The file itself."""


@dataclass(frozen=True, slots=True)
class BookProgress:
    """How far a walk over the whole book has come."""

    customers_done: int
    customers_total: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often a loan was declined for a reason. A decline counts under each of its reasons."""

    reason: DecisionReason
    declines: int


@dataclass(frozen=True, slots=True)
class ScoreCount:
    """How many customers have a score."""

    credit_score: int
    customers: int


@dataclass(frozen=True, slots=True)
class RateCount:
    """How many loans are approved at a corrected rate."""

    interest_rate: Decimal
    approvals: int


@dataclass(frozen=True, slots=True)
class BandCount:
    """How many customers fall into a band of scores, and are approved."""

    above: int | None
    """The band takes the scores above this number, up to the next band; None for the scores below every band."""
    least_rate: Decimal | None
    """The least rate of the band; None for the scores below every band."""
    customers: int
    approvals: int


@dataclass(frozen=True, slots=True)
class SimulatedPolicy:
    """What one policy comes to over the whole book."""

    policy_version: str
    approvals: int
    declines: int
    not_amortizing: int
    """Customers without a decision, for whom the corrected rate gives no schedule that repays the loan."""
    declines_by_reason: tuple[ReasonCount, ...]
    scores: tuple[ScoreCount, ...]
    """Lowest first."""
    rates: tuple[RateCount, ...]
    """Lowest first."""
    bands: tuple[BandCount, ...]
    """Best first; last the scores below every band."""


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """What the two policies of a simulation come to."""

    business_date: date
    customers: int
    before: SimulatedPolicy
    """The policy that the other is compared with."""
    after: SimulatedPolicy
    """The policy that is tried."""
    newly_approved: int
    newly_declined: int


@dataclass(frozen=True, slots=True)
class SimulatedDecision:
    """How one customer is decided by one policy."""

    approved: bool
    credit_score: int
    corrected_interest_rate: Decimal
    reasons: tuple[DecisionReason, ...]


@dataclass(frozen=True, slots=True)
class SimulationFlip:
    """A customer whom one policy approves and the other does not; None where a policy gives no decision."""

    customer_id: int
    before: SimulatedDecision | None
    after: SimulatedDecision | None


@dataclass(frozen=True, slots=True)
class LoanBucket:
    """Loans of a state that are as far behind."""

    state: LoanState
    days_past_due_from: int
    days_past_due_to: int | None
    """Inclusive; None for the last bucket."""
    loans: int
    outstanding_principal: Decimal


@dataclass(frozen=True, slots=True)
class Vintage:
    """Loans approved in one month."""

    year: int
    month: int
    loans: int
    loan_amount: Decimal
    outstanding_principal: Decimal


@dataclass(frozen=True, slots=True)
class BurdenBucket:
    """Customers whose instalments take a like share of their income."""

    percent_above: int
    """Exclusive; -1 for the bucket that holds just 0."""
    percent_to: int | None
    """Inclusive; None for the last bucket."""
    customers: int


@dataclass(frozen=True, slots=True)
class MonthOfDecisions:
    """Decisions stored in one month."""

    year: int
    month: int
    approvals: int
    declines: int
    declines_by_reason: tuple[ReasonCount, ...]


@dataclass(frozen=True, slots=True)
class PortfolioSummary:
    """The book in figures, on the business date."""

    business_date: date
    customers: int
    loans: int
    outstanding_principal: Decimal
    loan_buckets: tuple[LoanBucket, ...]
    vintages: tuple[Vintage, ...]
    """By the month of approval, the oldest first."""
    scores: tuple[ScoreCount, ...]
    """Lowest first, under the policy in effect."""
    emi_burden: tuple[BurdenBucket, ...]
    """By the share of the monthly income that instalments take, lowest first."""
    decisions: tuple[MonthOfDecisions, ...]
    """Stored decisions, the oldest month first."""
    policy_version: str
    """The policy that gave the scores."""
