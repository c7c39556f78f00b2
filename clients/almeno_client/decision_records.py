"""Records of decisions on loan requests, and what they are computed from; frozen dataclasses.

Units and types are those of `almeno_client.records`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from almeno_client.values import Rate, Rupees


class DecisionReason(StrEnum):
    """Why a loan was declined. `UNSPECIFIED` is a reason that is newer than this client."""

    UNSPECIFIED = "UNSPECIFIED"
    DEBT_EXCEEDS_LIMIT = "DEBT_EXCEEDS_LIMIT"
    CREDIT_SCORE_TOO_LOW = "CREDIT_SCORE_TOO_LOW"
    LOAN_EXCEEDS_LIMIT = "LOAN_EXCEEDS_LIMIT"
    EMI_BURDEN_TOO_HIGH = "EMI_BURDEN_TOO_HIGH"
    RATE_ABOVE_MAXIMUM = "RATE_ABOVE_MAXIMUM"
    CUSTOMER_PAST_DUE = "CUSTOMER_PAST_DUE"
    CUSTOMER_NON_PERFORMING = "CUSTOMER_NON_PERFORMING"
    BUREAU_SCORE_TOO_LOW = "BUREAU_SCORE_TOO_LOW"
    BUREAU_REPORT_MISSING = "BUREAU_REPORT_MISSING"
    BUREAU_REPORT_TOO_OLD = "BUREAU_REPORT_TOO_OLD"


class AssetClass(StrEnum):
    """How long the oldest unpaid instalment of a loan or a customer has been due, the best class first."""

    UNSPECIFIED = "UNSPECIFIED"
    STANDARD = "STANDARD"
    SMA_0 = "SMA_0"
    SMA_1 = "SMA_1"
    SMA_2 = "SMA_2"
    NON_PERFORMING = "NON_PERFORMING"


@dataclass(frozen=True, slots=True)
class CreditPosition:
    """A customer's borrowing, debt and repayment record on one business date."""

    loan_count: int
    active_loan_count: int
    loans_this_year: int
    approved_volume: Decimal
    current_debt: Decimal
    monthly_obligation: Decimal
    emis_due: int
    emis_paid_on_time: int
    available_limit: Decimal
    days_past_due: int
    """The largest over the active loans."""
    asset_class: AssetClass
    """The customer's; UNSPECIFIED from a service that has none."""


@dataclass(frozen=True, slots=True)
class OutsideCredit:
    """An applicant's credit with other lenders: an argument of requests, and what a decision was computed from."""

    monthly_obligations: Rupees = 0
    """Instalments a month to other lenders; a `Decimal` in a decision."""
    bureau_score: int | None = None
    """Score of a credit bureau, 300 to 900."""
    report_date: date | None = None
    """Day of the credit bureau's report, not after the business date."""


@dataclass(frozen=True, slots=True)
class EligibilityRequest:
    """One request of `check_eligibility_batch`, with the arguments of `check_eligibility`."""

    customer_id: int
    loan_amount: Rupees
    interest_rate: Rate
    tenure_months: int
    outside: OutsideCredit | None = None


@dataclass(frozen=True, slots=True)
class ScoreComponent:
    """One component of the credit score."""

    name: str
    points: float
    """Points, no amount: the nearest double of an exact fraction."""
    max_points: int
    observed: str


@dataclass(frozen=True, slots=True)
class DecisionGate:
    """One rule that a loan has to pass, with the two values that it compares as text."""

    reason: DecisionReason
    """The reason to decline that the rule gives."""
    passed: bool
    observed: str
    allowed: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on a loan request, with the inputs it was computed from."""

    decision_id: str
    """Empty on a check, which stores nothing."""
    customer_id: int
    approved: bool
    credit_score: int
    score_components: tuple[ScoreComponent, ...]
    loan_amount: Decimal
    interest_rate: Decimal
    """Requested interest rate."""
    corrected_interest_rate: Decimal
    tenure_months: int
    monthly_installment: Decimal
    """At the corrected rate."""
    reasons: tuple[DecisionReason, ...]
    """Every reason to decline; empty when approved."""
    message: str
    position: CreditPosition
    policy_version: str
    business_date: date
    counter_offer: Decimal | None
    """On a decline: the largest amount that would be approved, if any."""
    outside: OutsideCredit | None
    """Credit with other lenders that the decision was computed from; None when the request had none."""
    max_interest_rate: Decimal | None
    """Maximum rate that the applicant accepts, if any. This field and the following: stored decisions only."""
    gates: tuple[DecisionGate, ...]
    """Every rule that the loan has to pass."""
    policy_sha256: str
    monthly_income: Decimal | None
    """Monthly income that the decision was computed from."""
    approved_limit: Decimal | None
    """Approved limit that the decision was computed from."""
    create_time: datetime | None
