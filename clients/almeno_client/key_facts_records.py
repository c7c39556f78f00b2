"""Records of key facts and of the lender's terms, by the rules of `records`."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class LateChargeTerms:
    """How late payment of an instalment is charged; shares in per cent."""

    charge_percent_a_year: Decimal
    """Of what is unpaid."""
    grace_days: int
    """Days after the due date on which the instalment can be paid without a charge."""
    charge_max_percent_of_installment: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """A version of the lender's terms."""

    version: str
    effective_date: date
    """Date from which loans are booked under them, until newer ones take effect."""
    sha256: str
    in_effect: bool
    """Whether loans are booked under them on the business date."""
    toml: str
    """Content of the terms file."""
    valid_days: int
    cooling_off_days: int
    processing_percent: Decimal
    processing_min: Decimal
    processing_max: Decimal
    gst_percent: Decimal
    refunded_on_exit: bool
    late: LateChargeTerms


@dataclass(frozen=True, slots=True)
class ScheduledInstallment:
    """One row of the schedule of a loan as it was approved."""

    number: int
    due_date: date
    amount: Decimal
    principal: Decimal
    interest: Decimal
    balance_after: Decimal


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The key facts of a loan as it was approved."""

    loan_id: int | None
    """None where a decision was asked for."""
    decision_id: str
    """Empty for imported loans."""
    loan_amount: Decimal
    tenure_months: int
    monthly_installment: Decimal
    interest_rate: Decimal
    processing_fee: Decimal
    gst: Decimal
    net_disbursed: Decimal
    total_interest: Decimal
    total_to_pay: Decimal
    apr: Decimal
    """Per cent a year, two decimal places."""
    terms_version: str
    """Empty where the loan has no terms; then the four fields below are None or 0 too."""
    late: LateChargeTerms | None
    cooling_off_days: int
    valid_days: int
    valid_until: date | None
    installments: tuple[ScheduledInstallment, ...]
