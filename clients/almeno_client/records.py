"""Records of CreditService, but for decisions and repayments: what it answers; frozen dataclasses.

Amounts are rupees as `Decimal` with two decimal places, rates per cent a year as `Decimal`, dates `datetime.date`,
instants `datetime.datetime` in UTC. The fields have the names and the meaning of the messages in `protos/`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from almeno_client.decision_records import AssetClass, CreditPosition, Decision, DecisionReason


class LoanState(StrEnum):
    """State of a loan."""

    UNSPECIFIED = "UNSPECIFIED"
    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"
    SANCTIONED = "SANCTIONED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    EXITED = "EXITED"


class InstallmentMethod(StrEnum):
    """Method by which the monthly instalment is computed."""

    UNSPECIFIED = "UNSPECIFIED"
    REDUCING_BALANCE = "REDUCING_BALANCE"
    ANNUAL_COMPOUND = "ANNUAL_COMPOUND"


class InstallmentState(StrEnum):
    """State of an instalment: whether and when it was paid."""

    UNSPECIFIED = "UNSPECIFIED"
    DUE_LATER = "DUE_LATER"
    DUE = "DUE"
    PAID = "PAID"
    PAID_LATE = "PAID_LATE"
    OVERDUE = "OVERDUE"


class ReplayOutcome(StrEnum):
    """Result of recomputing a stored decision."""

    UNSPECIFIED = "UNSPECIFIED"
    MATCH = "MATCH"
    DRIFT = "DRIFT"


@dataclass(frozen=True, slots=True)
class CustomerChange:
    """A change of one field, of a customer or of one of the customer's loans."""

    number: int
    change_time: datetime
    customer_id: int
    loan_id: int | None
    """The loan whose field has changed; None where it is the customer's."""
    field: str
    old_value: str
    """As text: amounts in rupees with two decimal places, rates in per cent a year, dates as YYYY-MM-DD."""
    new_value: str
    import_id: str
    """The import whose file said so; empty where it was no import."""
    row_number: int
    principal: str
    redacted: bool = False
    """Whether the values are left out, of a name or a phone number, for a caller without the scope `customers:pii`."""
    reason: str = ""
    """Why the approved limit was set; empty for other changes."""
    customer_request_date: date | None = None
    """The day on which the customer asked for the approved limit."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A borrower with an approved credit limit."""

    customer_id: int
    first_name: str
    last_name: str
    age: int
    phone_number: str
    monthly_income: Decimal
    approved_limit: Decimal
    create_time: datetime
    redacted: bool = False
    """Whether names and phone number are left out, for a caller without the scope `customers:pii`."""
    phone_hint: str = ""
    """Last four digits of the phone number, where that is left out."""


@dataclass(frozen=True, slots=True)
class CustomerAccount:
    """A customer and the credit position: the answer of `get_customer`."""

    customer: Customer
    position: CreditPosition


@dataclass(frozen=True, slots=True)
class DamagedDecision:
    """The readable columns of a stored decision whose inputs can no longer be read."""

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
    """One field in which the stored and the recomputed decision differ; empty where there is no value."""

    field: str
    stored: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A stored decision recomputed: the answer of `replay_decision`."""

    outcome: ReplayOutcome
    decision: Decision | None
    """The recomputed decision; None where the stored inputs cannot be read."""
    differences: tuple[ReplayDifference, ...]


@dataclass(frozen=True, slots=True)
class BookedTerms:
    """Tenure and instalment of a loan as it was booked."""

    tenure_months: int
    monthly_installment: Decimal


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
    """Loan ID in the imported file; imported loans only."""
    decision_id: str
    """Empty for imported loans."""
    paid_toward_next: Decimal
    """Part payment kept toward the oldest unpaid instalment."""
    disbursement_date: date | None
    """Day of the disbursement; None as long as there is none."""
    valid_until: date | None
    """Last day for the disbursement; None for a loan that was disbursed on its approval."""
    booked_terms: BookedTerms | None
    """Tenure and instalment as booked, which prepayments change; None from a service that does not tell."""
    terms_version: str
    """Version of the lender's terms; empty for loans without terms."""
    asset_class: AssetClass
    """The loan's own, whatever that of the customer."""
    non_performing_since: date | None
    """Day on which it became non-performing; None where it is not."""


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
