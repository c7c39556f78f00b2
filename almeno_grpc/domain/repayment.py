"""Repayments of a loan: their allocation to instalments, the payoff, and the schedule after them.

Repayments go to the oldest unpaid instalment first, so three values of the loan are its whole state: the instalments
wholly paid, those of them paid on time, and the amount paid toward the next.

The payoff is never more than all unpaid instalments together, for those that fall due later are asked for without their
interest; so what is below the payoff leaves something unpaid. From day to day it does not fall: interest only accrues,
and by its due date an instalment is asked for in full, or was paid ahead in full. Each repayment but the closing one
leaves some of it, so that it is above zero for as long as the loan is active.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from almeno_grpc.domain.errors import LoanClosed, RepaymentExceedsPayoff
from almeno_grpc.domain.installments import ScheduledInstallment, schedule
from almeno_grpc.domain.loan import Installment, InstallmentState, Loan, LoanState
from almeno_grpc.domain.money import round_half_up
from almeno_grpc.domain.months import due_date


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


@dataclass(frozen=True, slots=True)
class Payoff:
    """The payoff amount of a loan on a date, by its parts. Amounts in paise."""

    payoff_date: date
    overdue_amount: int
    """Unpaid parts of the instalments that have fallen due by the day."""
    principal: int
    """Of the instalments that fall due later."""
    accrued_interest: int
    """Of the running instalment, for the days since the last due date."""
    advance: int
    """What has been paid toward the instalments that fall due later."""

    @property
    def amount(self) -> int:
        """The repayment that closes the loan on that date."""
        return self.overdue_amount + self.principal + self.accrued_interest - self.advance


def payoff(loan: Loan, on: date, *, settled: int) -> Payoff:
    """The payoff of an active loan on a date.

    Args:
        loan: As it stands.
        on: The day; not before the approval or the latest repayment.
        settled: Instalments that had been paid before the first repayment recorded here, as an imported book says.
            They are neither owed nor an advance.

    Raises:
        LoanClosed: Every instalment is paid.
    """
    return _payoff(loan, _rows(loan), on, settled)


def _payoff(loan: Loan, rows: Sequence[ScheduledInstallment], on: date, settled: int) -> Payoff:
    if loan.state is LoanState.CLOSED:
        raise LoanClosed(loan.loan_id)
    due = loan.emis_due(on)
    unpaid_due = sum(row.amount for row in rows[loan.emis_paid : due])
    prepaid = sum(row.amount for row in rows[max(due, settled) : loan.emis_paid])
    next_is_due = loan.emis_paid < due
    owed = Payoff(
        payoff_date=on,
        overdue_amount=unpaid_due - (loan.paid_toward_next if next_is_due else 0),
        principal=sum(row.principal for row in rows[max(due, settled) :]),
        accrued_interest=_accrued_interest(loan, rows, due, on) if due >= settled else 0,
        advance=prepaid + (0 if next_is_due else loan.paid_toward_next),
    )
    if owed.amount <= 0:
        raise ValueError(f"loan {loan.loan_id} is active, and nothing is owed on it: its amounts contradict each other")
    return owed


def repay(loan: Loan, amount: int, paid_on: date, *, settled: int) -> Loan:
    """The loan after a repayment.

    Args:
        loan: As it stands.
        amount: In paise, above zero.
        paid_on: Not before the approval or the latest repayment.
        settled: See `payoff`.

    Raises:
        LoanClosed: Every instalment is paid.
        RepaymentExceedsPayoff: It is more than closes the loan on that day.
    """
    rows = _rows(loan)
    closing = _payoff(loan, rows, paid_on, settled).amount
    if amount > closing:
        raise RepaymentExceedsPayoff(amount, closing, paid_on)
    recorded = replace(loan, repayment_count=loan.repayment_count + 1)
    if amount == closing:
        return _closed(recorded, paid_on)
    paid, on_time, rest = loan.emis_paid, loan.emis_paid_on_time, loan.paid_toward_next + amount
    while rest >= rows[paid].amount:
        rest -= rows[paid].amount
        paid += 1
        on_time += paid_on <= due_date(loan.approval_date, paid)
    return replace(
        recorded,
        emis_paid=paid,
        emis_paid_on_time=on_time,
        paid_toward_next=rest,
        outstanding_principal=rows[paid - 1].balance_after if paid else loan.loan_amount,
    )


def installments(loan: Loan, repayments: Sequence[Repayment], on: date) -> list[Installment]:
    """The loan's whole schedule as it stands on the day.

    An imported book counts the instalments that were paid on time without naming them: the earliest are taken to be
    the ones. What closed a loan early is shown where it was owed: later instalments come without the interest that
    never accrued.

    Args:
        loan: As it stands.
        repayments: The loan's, in order; all of them, or at least those that paid off an instalment wholly.
        on: The business date.
    """
    baseline = repayments[0].before if repayments else Standing.of(loan)
    rows = _rows(loan)
    amounts = [row.amount for row in rows]
    if repayments and repayments[-1].closes_loan:
        amounts = _settled_amounts(loan, rows, baseline.emis_paid, repayments[-1].payment_date)
    paid_on: list[date | None] = [None] * baseline.emis_paid
    for repayment in repayments:
        paid_on += [repayment.payment_date] * repayment.emis_completed
    result = []
    for row, amount in zip(rows, amounts, strict=True):
        due = due_date(loan.approval_date, row.number)
        if row.number <= loan.emis_paid:
            day = paid_on[row.number - 1]
            on_time = row.number <= baseline.emis_paid_on_time if day is None else day <= due
            state, paid = (InstallmentState.PAID if on_time else InstallmentState.PAID_LATE), amount
        else:
            state = _unpaid_state(due, on)
            paid = loan.paid_toward_next if row.number == loan.emis_paid + 1 else 0
        result.append(Installment(row, due, paid, state))
    return result


def _rows(loan: Loan) -> list[ScheduledInstallment]:
    return schedule(
        loan.installment_method, loan.loan_amount, loan.interest_rate, loan.tenure_months, loan.monthly_installment
    )


def _accrued_interest(loan: Loan, rows: Sequence[ScheduledInstallment], due: int, on: date) -> int:
    """The running instalment's interest up to the day; none once all have fallen due."""
    if due == len(rows):
        return 0
    begin = due_date(loan.approval_date, due) if due else loan.approval_date
    end = due_date(loan.approval_date, due + 1)
    return round_half_up(rows[due].interest * (on - begin).days, (end - begin).days)


def _closed(loan: Loan, paid_on: date) -> Loan:
    """The loan with everything paid: on time is what had not fallen due before the day."""
    unpaid = range(loan.emis_paid + 1, loan.tenure_months + 1)
    on_time = sum(paid_on <= due_date(loan.approval_date, number) for number in unpaid)
    return replace(
        loan,
        emis_paid=loan.tenure_months,
        emis_paid_on_time=loan.emis_paid_on_time + on_time,
        paid_toward_next=0,
        outstanding_principal=0,
    )


def _settled_amounts(loan: Loan, rows: Sequence[ScheduledInstallment], settled: int, paid_on: date) -> list[int]:
    """The amount paid for each instalment of a loan that was closed on a date."""
    due = loan.emis_due(paid_on)
    amounts = [row.amount if row.number <= max(due, settled) else row.principal for row in rows]
    if settled <= due < len(rows):
        amounts[due] += _accrued_interest(loan, rows, due, paid_on)
    return amounts


def _unpaid_state(due: date, on: date) -> InstallmentState:
    if due > on:
        return InstallmentState.DUE_LATER
    return InstallmentState.DUE if due == on else InstallmentState.OVERDUE
