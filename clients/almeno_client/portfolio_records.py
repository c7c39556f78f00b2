"""Records of PortfolioService: imports, policies, simulations, the portfolio summary; frozen dataclasses.

Amounts are rupees as `Decimal` with two decimal places, rates per cent a year as `Decimal`, dates `datetime.date`,
instants `datetime.datetime` in UTC. The fields have the names and the meaning of the messages in `protos/`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from almeno_client.decision_records import AssetClass, DecisionReason
from almeno_client.records import LoanState


class ImportKind(StrEnum):
    """Content of the rows of an imported file."""

    UNSPECIFIED = "UNSPECIFIED"
    CUSTOMERS = "CUSTOMERS"
    LOANS = "LOANS"


class ImportState(StrEnum):
    """State of an import."""

    UNSPECIFIED = "UNSPECIFIED"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_end(self) -> bool:
        """Whether this is an end state."""
        return self in (ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED)


class ImportIssueOutcome(StrEnum):
    """Outcome of a row that was not imported as it stands in the file."""

    UNSPECIFIED = "UNSPECIFIED"
    REJECTED = "REJECTED"
    ADJUSTED = "ADJUSTED"


@dataclass(frozen=True, slots=True)
class Import:
    """The import of one uploaded file."""

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
    issues_total: int
    """Number of issues of its rows, of which the server keeps the first 10,000, for 90 days."""

    @property
    def rows_done(self) -> int:
        """Number of rows processed so far."""
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
    """Date from which it is in effect, until a newer version is."""
    sha256: str
    in_effect: bool
    """Whether it is in effect on the business date."""
    toml: str
    """Content of the policy file."""


@dataclass(frozen=True, slots=True)
class BookProgress:
    """Progress of a scan over the whole book."""

    customers_done: int
    customers_total: int


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Number of declines with a reason. A decline counts under each of its reasons."""

    reason: DecisionReason
    declines: int


@dataclass(frozen=True, slots=True)
class ScoreCount:
    """Number of customers with a credit score."""

    credit_score: int
    customers: int


@dataclass(frozen=True, slots=True)
class RateCount:
    """Number of approvals at a corrected rate."""

    interest_rate: Decimal
    approvals: int


@dataclass(frozen=True, slots=True)
class BandCount:
    """Number of customers, and of approvals, in a band of credit scores."""

    above: int | None
    """Lower bound, exclusive: the band reaches up to the next; None for the scores below every band."""
    least_rate: Decimal | None
    """Minimum interest rate of the band; None for the scores below every band."""
    customers: int
    approvals: int


@dataclass(frozen=True, slots=True)
class SimulatedPolicy:
    """Result of one policy over the whole book."""

    policy_version: str
    approvals: int
    declines: int
    not_amortizing: int
    """Customers without a decision, because at the corrected rate the terms do not amortize."""
    declines_by_reason: tuple[ReasonCount, ...]
    scores: tuple[ScoreCount, ...]
    """Lowest first."""
    rates: tuple[RateCount, ...]
    """Lowest first."""
    bands: tuple[BandCount, ...]
    """Best first; last the scores below every band."""
    approved_amount: Decimal
    expected_interest: Decimal
    """Interest of the approved loans at the corrected rates, each paid as scheduled."""
    policy_sha256: str
    """Of the policy file, or of the draft; empty from a service older than this."""


@dataclass(frozen=True, slots=True)
class SimulationSummary:
    """Result of a simulation: two policies side by side."""

    business_date: date
    customers: int
    before: SimulatedPolicy
    """Result of the baseline policy."""
    after: SimulatedPolicy
    """Result of the candidate policy."""
    newly_approved: int
    newly_declined: int
    server_version: str
    """Empty from a service older than this."""


@dataclass(frozen=True, slots=True)
class SimulatedDecision:
    """Decision on one customer under one policy."""

    approved: bool
    credit_score: int
    corrected_interest_rate: Decimal
    reasons: tuple[DecisionReason, ...]


@dataclass(frozen=True, slots=True)
class SimulationFlip:
    """A customer whom exactly one of two policies approves; None where the terms do not amortize."""

    customer_id: int
    before: SimulatedDecision | None
    after: SimulatedDecision | None


@dataclass(frozen=True, slots=True)
class LoansOfClass:
    """Active loans of one asset class."""

    asset_class: AssetClass
    loans: int
    outstanding_principal: Decimal
    provision: Decimal


@dataclass(frozen=True, slots=True)
class LoansOfState:
    """Loans of one state."""

    state: LoanState
    loans: int
    outstanding_principal: Decimal


@dataclass(frozen=True, slots=True)
class LateLoan:
    """A loan with an instalment that fell due before the business date and is not wholly paid."""

    loan_id: int
    customer_id: int
    days_past_due: int
    asset_class: AssetClass
    outstanding_principal: Decimal
    overdue_amount: Decimal
    """Unpaid parts of the instalments that fell due before the business date."""


@dataclass(frozen=True, slots=True)
class Vintage:
    """Loans approved in one month."""

    year: int
    month: int
    loans: int
    loan_amount: Decimal
    outstanding_principal: Decimal
    loans_by_class: tuple[LoansOfClass, ...]
    """The active ones, the best class first."""


@dataclass(frozen=True, slots=True)
class MonthOfCash:
    """What was lent and paid back in one month. A loan that was imported counts as disbursed on its approval."""

    year: int
    month: int
    disbursements: int
    disbursed_amount: Decimal
    repayments: int
    """Recorded here, by payment date, without those that are reversed."""
    collected_amount: Decimal


@dataclass(frozen=True, slots=True)
class BurdenBucket:
    """Customers by the share of the monthly income that their instalments take."""

    percent_above: int
    """Exclusive; -1 for the bucket that holds just 0."""
    percent_to: int | None
    """Inclusive; None for the last bucket."""
    customers: int


@dataclass(frozen=True, slots=True)
class MonthOfDecisions:
    """Stored decisions of one month."""

    year: int
    month: int
    approvals: int
    declines: int
    declines_by_reason: tuple[ReasonCount, ...]


@dataclass(frozen=True, slots=True)
class PortfolioSummary:
    """Aggregates of the whole book on the business date."""

    business_date: date
    customers: int
    loans: int
    outstanding_principal: Decimal
    loans_by_class: tuple[LoansOfClass, ...]
    """Active loans, the best class first."""
    loans_by_state: tuple[LoansOfState, ...]
    provision: Decimal
    gross_non_performing_ratio: Decimal | None
    """Outstanding principal of non-performing loans in per cent of that of active loans; None where there is none."""
    overdue_amount: Decimal
    """Unpaid parts of all instalments that fell due before the business date."""
    late_loan_count: int
    late_loans: tuple[LateLoan, ...]
    """Those with the most days past due, these first; 1000 at most."""
    vintages: tuple[Vintage, ...]
    """By the month of approval, the oldest first."""
    scores: tuple[ScoreCount, ...]
    """Lowest first, under the policy in effect."""
    emi_burden: tuple[BurdenBucket, ...]
    """By the share of the monthly income that instalments take, lowest first."""
    decisions: tuple[MonthOfDecisions, ...]
    """Stored decisions, the oldest month first."""
    policy_version: str
    """Version of the policy that the scores are computed under."""
    norms_version: str
    """Version of the provisioning norms."""
    cash: tuple[MonthOfCash, ...]
    """Disbursements and repayments by month, the oldest first; months without any are left out."""
    policy_sha256: str
    norms_sha256: str
    server_version: str
    """These three are empty from a service older than this."""
