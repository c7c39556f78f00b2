"""Records of what happens to a booked loan: repayments, prepayments, reversals, charges, disbursement, payoff.

Amounts, dates and names are as in `records`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from almeno_client.records import Loan


class RepaymentKind(StrEnum):
    """What a payment does to its loan."""

    UNSPECIFIED = "UNSPECIFIED"
    REPAYMENT = "REPAYMENT"
    PREPAYMENT = "PREPAYMENT"
    EXIT = "EXIT"


class RepaymentChannel(StrEnum):
    """How a payment came in; `UNSPECIFIED` where that is not known."""

    UNSPECIFIED = "UNSPECIFIED"
    NACH = "NACH"
    UPI = "UPI"
    TRANSFER = "TRANSFER"
    CASH = "CASH"
    OTHER = "OTHER"


class RepaymentState(StrEnum):
    """Whether a repayment stands."""

    UNSPECIFIED = "UNSPECIFIED"
    RECORDED = "RECORDED"
    REVERSED = "REVERSED"


class ReversalReason(StrEnum):
    """Why a repayment is reversed."""

    UNSPECIFIED = "UNSPECIFIED"
    RETURNED = "RETURNED"
    DUPLICATE = "DUPLICATE"
    MISTAKE = "MISTAKE"


class PrepaymentEffect(StrEnum):
    """What a prepayment does to the rest of the schedule; `UNSPECIFIED` of a repayment that is none."""

    UNSPECIFIED = "UNSPECIFIED"
    SHORTER_TENURE = "SHORTER_TENURE"
    LOWER_INSTALLMENT = "LOWER_INSTALLMENT"


class CancelReason(StrEnum):
    """Why a sanctioned loan is cancelled."""

    UNSPECIFIED = "UNSPECIFIED"
    WITHDRAWN = "WITHDRAWN"
    LENDER = "LENDER"


class ChargeKind(StrEnum):
    """What a charge is for."""

    UNSPECIFIED = "UNSPECIFIED"
    LATE_PAYMENT = "LATE_PAYMENT"
    BOUNCE = "BOUNCE"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Reversal:
    """That a repayment was reversed."""

    reversal_date: date
    reason: ReversalReason
    return_code: str
    """The bank's; may be empty."""
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Repayment:
    """A payment that was made on a loan. But for its reversal it never changes."""

    repayment_id: str
    loan_id: int
    amount: Decimal
    payment_date: date
    emis_completed: int
    """Number of instalments that it completed."""
    closes_loan: bool
    """Whether it closed or exited the loan."""
    outstanding_principal: Decimal
    """Outstanding principal after it."""
    create_time: datetime
    kind: RepaymentKind
    effect: PrepaymentEffect
    channel: RepaymentChannel
    external_reference: str
    """The caller's; may be empty."""
    charges_paid: Decimal
    """What of the amount went to charges."""
    state: RepaymentState
    reversal: Reversal | None
    """None as long as it stands."""


@dataclass(frozen=True, slots=True)
class RepaymentReceipt:
    """A repayment and the loan after it: the answer of `record_repayment` and `reverse_repayment`."""

    repayment: Repayment
    loan: Loan


@dataclass(frozen=True, slots=True)
class ExitReceipt:
    """A loan that was given back, and the repayment that did it: the answer of `exit_loan`."""

    repayment: Repayment
    loan: Loan
    refund_due: Decimal | None
    """Amount that the lender owes the borrower; None where nothing is due back."""


@dataclass(frozen=True, slots=True)
class Prepayment:
    """What a prepayment does."""

    principal: Decimal
    """Principal by which the balance falls."""
    accrued_interest: Decimal
    """Interest of that principal since the last due date; below zero where the running instalment is paid already."""
    installments_left: int
    monthly_installment: Decimal
    """From now on."""
    last_installment: Decimal
    interest_left: Decimal
    """Interest of all instalments left."""


@dataclass(frozen=True, slots=True)
class PrepaymentPreview:
    """What a prepayment would do, and the loan as it would be after it: the answer of `preview_prepayment`."""

    prepayment: Prepayment
    loan: Loan


@dataclass(frozen=True, slots=True)
class PrepaymentReceipt:
    """What a prepayment did, the loan after it, and the repayment as recorded: the answer of `prepay_loan`."""

    prepayment: Prepayment
    loan: Loan
    repayment: Repayment


@dataclass(frozen=True, slots=True)
class Disbursement:
    """A loan that was disbursed, and what was kept back: the answer of `disburse_loan`."""

    loan: Loan
    processing_fee: Decimal
    gst: Decimal
    """Goods and services tax on the fee."""
    net_disbursed: Decimal
    """What the borrower gets: the loan amount less the fee and its tax."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge on a loan besides its instalments, as it stands on the business date."""

    kind: ChargeKind
    installment_number: int
    """The instalment that was paid late, or is; 0 for other kinds."""
    charge_date: date
    amount: Decimal
    paid: Decimal
    waived: Decimal
    open: Decimal
    reason: str
    """Why it was added; empty for late charges."""


@dataclass(frozen=True, slots=True)
class ChargedLoan:
    """A loan and its charges, of more than 100 the latest: the answer of `add_charge` and `waive_charges`."""

    loan: Loan
    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True)
class Payoff:
    """Payoff on a day: `amount` = `overdue_amount` + `principal` + `accrued_interest` − `advance` + `charges`."""

    payoff_date: date
    amount: Decimal
    overdue_amount: Decimal
    """Unpaid parts of the instalments due by the day."""
    principal: Decimal
    """Principal of the later instalments."""
    accrued_interest: Decimal
    """Interest of the running instalment since the last due date."""
    advance: Decimal
    """Amount paid in advance toward the later instalments."""
    charges: Decimal
    """Charges that are open on the day."""
    exit_amount: Decimal | None
    """Amount that gives the loan back on the day; None once the cooling-off period is over."""
    exit_refund: Decimal | None
    """Amount that the lender owes the borrower then; None where nothing is due back."""
