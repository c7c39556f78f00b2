"""Repayments of a loan and their reversals, as they are recorded."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from almeno_grpc.domain.loan import Loan


@dataclass(frozen=True, slots=True)
class Standing:
    """The repayment state of a loan. Amounts in paise."""

    emis_paid: int
    emis_paid_on_time: int
    paid_toward_next: int
    outstanding_principal: int

    @classmethod
    def of(cls, loan: Loan) -> "Standing":
        """The standing of a loan."""
        return cls(loan.emis_paid, loan.emis_paid_on_time, loan.paid_toward_next, loan.outstanding_principal)


class RepaymentKind(StrEnum):
    """What a payment does to its loan."""

    REPAYMENT = "REPAYMENT"
    PREPAYMENT = "PREPAYMENT"
    """Lowers the balance, and so the rest of the schedule."""
    EXIT = "EXIT"
    """Gives the loan back in the cooling-off period."""


class PrepaymentEffect(StrEnum):
    """What a prepayment does to the rest of the schedule."""

    SHORTER_TENURE = "SHORTER_TENURE"
    LOWER_INSTALLMENT = "LOWER_INSTALLMENT"


class RepaymentChannel(StrEnum):
    """How a payment came in."""

    NACH = "NACH"
    UPI = "UPI"
    TRANSFER = "TRANSFER"
    CASH = "CASH"
    OTHER = "OTHER"


class ReversalReason(StrEnum):
    """Why a repayment was taken back."""

    RETURNED = "RETURNED"
    DUPLICATE = "DUPLICATE"
    MISTAKE = "MISTAKE"


@dataclass(frozen=True, slots=True)
class Reversal:
    """That a repayment was taken back. Never changed."""

    reversal_date: date
    reason: ReversalReason
    return_code: str
    """The bank's, or empty."""
    create_time: int
    """Microseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Repayment:
    """A payment recorded on a loan. Never changed."""

    repayment_id: str
    loan_id: int
    customer_id: int
    number: int
    """Of the loan's repayments: 1 is the first."""
    amount: int
    """In paise."""
    payment_date: date
    before: Standing
    after: Standing
    closes_loan: bool
    create_time: int
    """Microseconds since the epoch."""
    kind: RepaymentKind = RepaymentKind.REPAYMENT
    effect: PrepaymentEffect | None = None
    """Of a prepayment."""
    charges_paid: int = 0
    """What of the amount went to charges, in paise."""
    channel: RepaymentChannel | None = None
    external_reference: str = ""
    """The caller's reference; unique among the loan's repayments that stand."""
    reversal: Reversal | None = None
    """None as long as it stands."""

    @property
    def emis_completed(self) -> int:
        """Instalments that it paid off wholly."""
        return self.after.emis_paid - self.before.emis_paid
