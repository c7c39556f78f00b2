"""A loan, its state and its days past due on a business date."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from almeno_grpc.domain.installments import InstallmentMethod, ScheduledInstallment
from almeno_grpc.domain.months import due_date, emis_due


class LoanState(StrEnum):
    """Whether a loan is still being repaid."""

    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"


class InstallmentState(StrEnum):
    """Whether and when an instalment was paid."""

    DUE_LATER = "DUE_LATER"
    DUE = "DUE"
    PAID = "PAID"
    PAID_LATE = "PAID_LATE"
    OVERDUE = "OVERDUE"


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan. Amounts in paise, the rate in per cent a year."""

    loan_id: int
    customer_id: int
    loan_amount: int
    interest_rate: Decimal
    tenure_months: int
    monthly_installment: int
    installment_method: InstallmentMethod
    emis_paid: int
    emis_paid_on_time: int
    outstanding_principal: int
    approval_date: date
    source_loan_id: int | None = None
    """The sheet's Loan ID; only for imported loans."""
    decision_id: str | None = None
    """The decision that approved it; only for loans booked here."""
    paid_toward_next: int = 0
    """Paid toward the oldest instalment that is not wholly paid; less than that."""
    repayment_count: int = 0
    """Repayments recorded here."""

    @property
    def repayments_left(self) -> int:
        """Instalments not wholly paid."""
        return self.tenure_months - self.emis_paid

    @property
    def state(self) -> LoanState:
        """Active while instalments are left."""
        return LoanState.ACTIVE if self.repayments_left > 0 else LoanState.CLOSED

    @property
    def end_date(self) -> date:
        """The due date of the last instalment."""
        return due_date(self.approval_date, self.tenure_months)

    def emis_due(self, on: date) -> int:
        """Instalments with a due date on or before the day."""
        return emis_due(self.approval_date, self.tenure_months, on)

    def days_past_due(self, on: date) -> int:
        """Days since the due date of the oldest unpaid instalment that fell due before the day; 0 if none did."""
        return 0 if self.state is LoanState.CLOSED else days_past_due(self.approval_date, self.emis_paid, on)


def days_past_due(approval_date: date, emis_paid: int, on: date) -> int:
    """The days past due of an active loan; see `Loan.days_past_due`."""
    return max(0, (on - due_date(approval_date, emis_paid + 1)).days)


@dataclass(frozen=True, slots=True)
class Installment:
    """One row of a loan's schedule with its due date and payment. Amounts in paise."""

    scheduled: ScheduledInstallment
    due_date: date
    paid_amount: int
    state: InstallmentState
