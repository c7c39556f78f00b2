"""A loan, its state and its days past due on a business date."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from almeno_grpc.domain.asset_class import AssetClass, class_on, non_performing_since_on
from almeno_grpc.domain.installments import InstallmentMethod, ScheduledInstallment, schedule
from almeno_grpc.domain.months import due_date, emis_due


class LoanState(StrEnum):
    """Where a loan is between its sanction and its end."""

    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"
    SANCTIONED = "SANCTIONED"
    """Approved, and not disbursed yet."""
    CANCELLED = "CANCELLED"
    """Sanctioned, and withdrawn before it was disbursed."""
    EXPIRED = "EXPIRED"
    """Sanctioned, and not disbursed while that was possible. Never stored: it follows from the date."""
    EXITED = "EXITED"
    """Given back by the borrower in the cooling-off period."""


class InstallmentState(StrEnum):
    """Whether and when an instalment was paid."""

    DUE_LATER = "DUE_LATER"
    DUE = "DUE"
    PAID = "PAID"
    PAID_LATE = "PAID_LATE"
    OVERDUE = "OVERDUE"


@dataclass(frozen=True, slots=True)
class SanctionEnd:
    """That a sanctioned loan was disbursed or cancelled. Never changed."""

    customer_id: int
    loan_id: int
    state: LoanState
    """ACTIVE or CANCELLED."""
    end_date: date
    reason: str
    """Of a cancellation: WITHDRAWN or LENDER; else empty."""
    external_reference: str
    """Of a disbursement, or empty."""
    create_time: int
    """Microseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a loan's schedule: instalments that follow from one balance, rate and number of instalments."""

    first_installment: int
    opening_principal: int
    """In paise, before the first instalment."""
    interest_rate: Decimal
    """In per cent a year."""
    installments: int
    monthly_installment: int
    """In paise; the last instalment pays what is left."""


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
    """Repayments recorded here, those that were reversed too."""
    latest_repayment: int = 0
    """The number of the latest repayment that stands; 0 for none."""
    valid_until: date | None = None
    """The last day to disburse it; None for a loan that was disbursed on its approval."""
    disbursed_on: date | None = None
    """When it was disbursed, if that was not on its approval."""
    ended_as: LoanState | None = None
    """CANCELLED or EXITED."""
    terms_version: str | None = None
    """The version of the terms it was booked under; None where it has none, as imported loans."""
    segments: tuple[Segment, ...] = ()
    """Of a schedule that has changed since the booking, the first as booked; else empty."""
    charge_count: int = 0
    """Charges and waivers that were recorded."""
    open_charges: int = 0
    """Charges that are open though every instalment is paid, in paise."""
    non_performing_since: date | None = None
    """Since when it has been non-performing, as its latest repayment has left it; see `arrears`."""

    @property
    def repayments_left(self) -> int:
        """Instalments not wholly paid, of a loan that has not been cancelled or exited."""
        return 0 if self.ended_as else self.tenure_months - self.emis_paid

    @property
    def state(self) -> LoanState:
        """The state as it is stored; see `state_on`."""
        if self.ended_as:
            return self.ended_as
        if self.disbursement_date is None:
            return LoanState.SANCTIONED
        return LoanState.ACTIVE if self.repayments_left > 0 or self.open_charges > 0 else LoanState.CLOSED

    def state_on(self, on: date) -> LoanState:
        """The state on a business date."""
        is_late = self.valid_until is not None and on > self.valid_until
        return LoanState.EXPIRED if is_late and self.state is LoanState.SANCTIONED else self.state

    @property
    def disbursement_date(self) -> date | None:
        """The day from which due dates and interest count; None until it is disbursed."""
        return self.approval_date if self.valid_until is None else self.disbursed_on

    @property
    def schedule_begin(self) -> date:
        """The day of disbursement or, as long as there is none, that of the approval."""
        return self.disbursement_date or self.approval_date

    @property
    def booked_terms(self) -> Segment:
        """The schedule as it was booked."""
        if self.segments:
            return self.segments[0]
        return Segment(1, self.loan_amount, self.interest_rate, self.tenure_months, self.monthly_installment)

    @property
    def end_date(self) -> date:
        """The due date of the last instalment."""
        return due_date(self.schedule_begin, self.tenure_months)

    def rows(self) -> list[ScheduledInstallment]:
        """Every instalment of the schedule, first to last: of each segment those before the next one begins."""
        segments = self.segments or (self.booked_terms,)
        rows: list[ScheduledInstallment] = []
        for segment in segments:
            del rows[segment.first_installment - 1 :]
            rows += (
                row if segment.first_installment == 1 else row.moved(segment.first_installment - 1)
                for row in schedule(
                    self.installment_method,
                    segment.opening_principal,
                    segment.interest_rate,
                    segment.installments,
                    segment.monthly_installment,
                )
            )
        return rows

    def emis_due(self, on: date) -> int:
        """Instalments with a due date on or before the day."""
        return 0 if self.disbursement_date is None else emis_due(self.disbursement_date, self.tenure_months, on)

    @property
    def next_due(self) -> date | None:
        """The due date of the oldest instalment not wholly paid; None where none is left or ever begun."""
        if self.disbursement_date is None or self.repayments_left == 0:
            return None
        return due_date(self.disbursement_date, self.emis_paid + 1)

    def days_past_due(self, on: date) -> int:
        """Days since the due date of the oldest unpaid instalment that fell due before the day; 0 if none did."""
        return 0 if self.next_due is None else max(0, (on - self.next_due).days)

    def asset_class(self, on: date) -> AssetClass:
        """The class on a business date, by all repayments so far."""
        return class_on(self.next_due, self.non_performing_since, on)

    def non_performing_on(self, on: date) -> date | None:
        """Since when the loan has been non-performing on a business date; None where it is not."""
        return non_performing_since_on(self.next_due, self.non_performing_since, on)


@dataclass(frozen=True, slots=True)
class Installment:
    """One row of a loan's schedule with its due date and payment. Amounts in paise."""

    scheduled: ScheduledInstallment
    due_date: date
    paid_amount: int
    state: InstallmentState
