"""Prepayments: money beyond the instalments due lowers the balance, and the rest of the schedule follows from that."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from almeno_grpc.domain.account import Account, Payoff, after_change, owed_on, payoff
from almeno_grpc.domain.errors import (
    InstallmentsOverdue,
    LoanClosed,
    NotReducingBalance,
    PaidAhead,
    RepaymentExceedsPayoff,
)
from almeno_grpc.domain.installments import MONTHLY, InstallmentMethod, installment
from almeno_grpc.domain.loan import LoanState, Segment
from almeno_grpc.domain.money import round_half_up, scaled_rate
from almeno_grpc.domain.repayment import PrepaymentEffect


@dataclass(frozen=True, slots=True)
class Prepayment:
    """What a prepayment does. Amounts in paise."""

    principal: int
    """By which the balance falls."""
    accrued_interest: int
    """Interest of that principal since the last due date; below zero where the running instalment is paid already."""
    installments_left: int
    monthly_installment: int
    last_installment: int
    interest_left: int
    """Of all instalments left."""

    @classmethod
    def of(cls, before: Account, after: Account, amount: int) -> "Prepayment":
        """What a prepayment of the amount has done to an account."""
        principal = before.loan.outstanding_principal - after.loan.outstanding_principal
        left = after.rows[after.loan.emis_paid :]
        return cls(
            principal=principal,
            accrued_interest=amount + before.loan.paid_toward_next - principal,
            installments_left=len(left),
            monthly_installment=after.loan.monthly_installment,
            last_installment=left[-1].amount,
            interest_left=sum(row.interest for row in left),
        )


def prepay(account: Account, amount: int, paid_on: date, effect: PrepaymentEffect) -> Account:
    """The account after a prepayment.

    Args:
        account: As it stands.
        amount: In paise, above zero. What was paid toward the next instalment joins it.
        paid_on: Not before the disbursement or the latest repayment.
        effect: What becomes of the rest of the schedule.

    Raises:
        LoanClosed: Nothing is owed.
        NotReducingBalance: The instalments are not by the reducing balance.
        InstallmentsOverdue: Instalments due, or charges, are unpaid.
        PaidAhead: More is paid ahead than the running instalment.
        RepaymentExceedsPayoff: It would close the loan; that is a repayment of the payoff.
        TermsDoNotAmortize: The lower instalment would not repay the balance.
    """
    loan = account.loan
    owed = _payoff_of_prepayable(account, paid_on)
    balance = loan.outstanding_principal - _principal(account, amount + loan.paid_toward_next, paid_on)
    if balance <= 0:
        raise RepaymentExceedsPayoff(amount, owed.amount, paid_on)
    segment = _segment(account, balance, effect)
    segments = loan.segments or (loan.booked_terms,)
    changed = replace(
        loan,
        tenure_months=loan.emis_paid + segment.installments,
        monthly_installment=segment.monthly_installment,
        paid_toward_next=0,
        outstanding_principal=balance,
        segments=(*segments, segment),
    )
    # Dated back, it may do away with instalments whose late charge was waived in part: they have none any more.
    charges = tuple(charge for charge in account.charges if charge.installment_number <= changed.tenure_months)
    after = replace(account, loan=changed, rows=changed.rows(), charges=charges, paise_days=0)
    # Where the running instalment is paid, less than the balance is owed: its interest to come is left out.
    if owed_on(after, paid_on).amount <= 0:
        raise RepaymentExceedsPayoff(amount, owed.amount, paid_on)
    return after_change(account, after, paid_on)


def _payoff_of_prepayable(account: Account, paid_on: date) -> Payoff:
    """The payoff of a loan that may be prepaid on the day; raises as `prepay`."""
    loan = account.loan
    if loan.state is not LoanState.ACTIVE:
        raise LoanClosed(loan.loan_id)
    if loan.installment_method is not InstallmentMethod.REDUCING_BALANCE:
        raise NotReducingBalance(loan.loan_id)
    owed = payoff(account, paid_on)
    if owed.overdue_amount or owed.charges:
        raise InstallmentsOverdue(loan.loan_id, owed.overdue_amount, owed.charges)
    # Charges are open that were recorded later.
    if loan.repayments_left == 0:
        raise LoanClosed(loan.loan_id)
    if owed.advance > sum(row.amount for row in account.rows[loan.emis_due(paid_on) :][:1]):
        raise PaidAhead(loan.loan_id)
    return owed


def _principal(account: Account, joined: int, paid_on: date) -> int:
    """The principal X with X + its own interest since the last due date = the amount, rounded once, halves up.

    X = A · 12,000,000·D / (12,000,000·D + k·d), where 12,000,000 is the denominator of the monthly rate, k the rate in
    ten-thousandths of a per cent, D the days of the running period and d those since the due date of the last
    instalment that was paid: below zero where the running one is.
    """
    loan = account.loan
    due = loan.emis_due(paid_on)
    days_of_period = (account.due(due + 1) - account.due(due)).days
    days = (paid_on - account.due(loan.emis_paid)).days
    whole = MONTHLY * days_of_period
    return round_half_up(joined * whole, whole + scaled_rate(loan.interest_rate) * days)


def _segment(account: Account, balance: int, effect: PrepaymentEffect) -> Segment:
    """The rest of the schedule for a balance."""
    loan = account.loan
    rate, first, left = loan.interest_rate, loan.emis_paid + 1, loan.repayments_left
    if effect is PrepaymentEffect.LOWER_INSTALLMENT:
        return Segment(first, balance, rate, left, installment(loan.installment_method, balance, rate, left))
    emi = loan.monthly_installment
    return Segment(first, balance, rate, _rows_needed(balance, rate, emi, left), emi)


def _rows_needed(balance: int, rate: Decimal, emi: int, at_most: int) -> int:
    """How many rows of the instalment repay a balance: the last one pays what is left, which is no more than others."""
    scaled = scaled_rate(rate)
    for number in range(1, at_most):
        interest = round_half_up(balance * scaled, MONTHLY)
        if balance + interest <= emi:
            return number
        balance -= emi - interest
    return at_most
