"""What CreditService answers, and what it is asked many times in one call, as plain frozen records.

Amounts are rupees as `Decimal` with two decimal places, rates per cent a year as `Decimal`, dates `datetime.date`,
instants `datetime.datetime` in UTC. The fields have the names and the meaning of the messages in `protos/`.
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


class LoanState(StrEnum):
    """Whether a loan is still being repaid."""

    UNSPECIFIED = "UNSPECIFIED"
    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"


class InstallmentMethod(StrEnum):
    """How the monthly instalment follows from amount, rate and tenure."""

    UNSPECIFIED = "UNSPECIFIED"
    REDUCING_BALANCE = "REDUCING_BALANCE"
    ANNUAL_COMPOUND = "ANNUAL_COMPOUND"


class InstallmentState(StrEnum):
    """Whether and when one instalment was paid."""

    UNSPECIFIED = "UNSPECIFIED"
    DUE_LATER = "DUE_LATER"
    DUE = "DUE"
    PAID = "PAID"
    PAID_LATE = "PAID_LATE"
    OVERDUE = "OVERDUE"


class ReplayOutcome(StrEnum):
    """What taking a stored decision again came to."""

    UNSPECIFIED = "UNSPECIFIED"
    MATCH = "MATCH"
    DRIFT = "DRIFT"


@dataclass(frozen=True, slots=True)
class Customer:
    """A person who may borrow."""

    customer_id: int
    first_name: str
    last_name: str
    age: int
    phone_number: str
    monthly_income: Decimal
    approved_limit: Decimal
    create_time: datetime


@dataclass(frozen=True, slots=True)
class CreditPosition:
    """What a customer has borrowed, owes and has paid, on one business date."""

    loan_count: int
    active_loan_count: int
    loans_this_year: int
    approved_volume: Decimal
    current_debt: Decimal
    monthly_obligation: Decimal
    emis_due: int
    emis_paid_on_time: int
    available_limit: Decimal


@dataclass(frozen=True, slots=True)
class CustomerAccount:
    """A customer and how the customer stands: the answer of `get_customer`."""

    customer: Customer
    position: CreditPosition


@dataclass(frozen=True, slots=True)
class EligibilityRequest:
    """One question of `check_eligibility_batch`, as `check_eligibility` takes it."""

    customer_id: int
    loan_amount: Rupees
    interest_rate: Rate
    tenure_months: int


@dataclass(frozen=True, slots=True)
class ScoreComponent:
    """One part of the credit score."""

    name: str
    points: float
    """Points, no amount: the nearest double of an exact fraction."""
    max_points: int
    observed: str


@dataclass(frozen=True, slots=True)
class DecisionGate:
    """One rule that a loan had to pass, with the figures it compared, in words."""

    reason: DecisionReason
    """The reason to decline that the rule gives."""
    passed: bool
    observed: str
    allowed: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a loan request, with everything it was based on."""

    decision_id: str
    """Empty on a check, which stores nothing."""
    customer_id: int
    approved: bool
    credit_score: int
    score_components: tuple[ScoreComponent, ...]
    loan_amount: Decimal
    interest_rate: Decimal
    """The rate asked for."""
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
    """On a decline, the largest amount that would be approved, if any."""
    max_interest_rate: Decimal | None
    """The highest rate the caller would take, if any. This and what follows only on a stored decision."""
    gates: tuple[DecisionGate, ...]
    """Every rule that the loan had to pass."""
    policy_sha256: str
    monthly_income: Decimal | None
    """The income that the decision was taken from."""
    approved_limit: Decimal | None
    """The limit that the decision was taken from."""
    create_time: datetime | None


@dataclass(frozen=True, slots=True)
class DamagedDecision:
    """What can be told of a stored decision that can no longer be read."""

    decision_id: str
    customer_id: int
    approved: bool
    credit_score: int
    reasons: tuple[DecisionReason, ...]
    message: str
    """What is wrong with it, in a sentence."""
    policy_version: str
    policy_sha256: str


@dataclass(frozen=True, slots=True)
class ReplayDifference:
    """A part of a decision that is stored otherwise than the replay gives it; empty where there is none."""

    field: str
    stored: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A stored decision taken again: the answer of `replay_decision`."""

    outcome: ReplayOutcome
    decision: Decision | None
    """As the replay takes it; None where what is stored is too damaged."""
    differences: tuple[ReplayDifference, ...]


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan, as it stands on the business date."""

    loan_id: int
    customer_id: int
    loan_amount: Decimal
    interest_rate: Decimal
    tenure_months: int
    monthly_installment: Decimal
    emis_paid: int
    emis_paid_on_time: int
    repayments_left: int
    outstanding_principal: Decimal
    approval_date: date
    end_date: date
    state: LoanState
    days_past_due: int
    installment_method: InstallmentMethod
    source_loan_id: int | None
    """The Loan ID in the imported sheet; only for imported loans."""
    decision_id: str
    """Empty for imported loans."""
    paid_toward_next: Decimal
    """What has been paid toward the oldest instalment that is not wholly paid."""


@dataclass(frozen=True, slots=True)
class LoanApplication:
    """A decision and, when it is approved, the booked loan: the answer of `create_loan`."""

    decision: Decision
    loan: Loan | None


@dataclass(frozen=True, slots=True)
class LoanAccount:
    """A loan and the customer who owes it: the answer of `get_loan`."""

    loan: Loan
    customer: Customer


@dataclass(frozen=True, slots=True)
class Installment:
    """One row of a repayment schedule."""

    number: int
    due_date: date
    amount: Decimal
    principal: Decimal
    interest: Decimal
    balance_after: Decimal
    paid_amount: Decimal
    state: InstallmentState


@dataclass(frozen=True, slots=True)
class Repayment:
    """A payment that was made on a loan."""

    repayment_id: str
    loan_id: int
    amount: Decimal
    payment_date: date
    emis_completed: int
    """Number of instalments that it paid off wholly."""
    closes_loan: bool
    outstanding_principal: Decimal
    """Principal owed after it."""
    create_time: datetime


@dataclass(frozen=True, slots=True)
class RepaymentReceipt:
    """A repayment and the loan after it: the answer of `record_repayment`."""

    repayment: Repayment
    loan: Loan


@dataclass(frozen=True, slots=True)
class Payoff:
    """What closes a loan on a day: `overdue_amount`, `principal` and `accrued_interest` less `advance`."""

    payoff_date: date
    amount: Decimal
    overdue_amount: Decimal
    """Unpaid parts of the instalments due by the day."""
    principal: Decimal
    """Principal of the later instalments."""
    accrued_interest: Decimal
    """Interest of the running instalment since the last due date."""
    advance: Decimal
    """What has been paid toward the later instalments."""
