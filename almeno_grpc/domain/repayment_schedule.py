"""The repayment schedule of a loan as it stands on a day: every instalment with what was paid on it."""

from collections.abc import Sequence
from datetime import date

from almeno_grpc.domain.account import Account, accrued_interest
from almeno_grpc.domain.loan import Installment, InstallmentState
from almeno_grpc.domain.repayment import Repayment, Standing


def installments(account: Account, repayments: Sequence[Repayment], on: date) -> list[Installment]:
    """The loan's whole schedule as it stands on the day.

    An imported book counts the instalments that were paid on time without naming them: the earliest are taken to be
    the ones. What closed a loan early is shown where it was owed: later instalments come without the interest that
    never accrued. Nothing falls due of a loan that is not disbursed, was cancelled or was exited; the due dates of a
    sanctioned one are as if it had been disbursed on its approval.

    Args:
        account: As it stands.
        repayments: The loan's that stand, in order; all of them, or at least those that paid off an instalment wholly.
        on: The business date.
    """
    loan, rows = account.loan, account.rows
    baseline = repayments[0].before if repayments else Standing.of(loan)
    amounts = [row.amount for row in rows]
    for repayment in repayments:
        if repayment.after.emis_paid == len(rows) and repayment.before.emis_paid < len(rows):
            amounts = _settled_amounts(account, repayment.payment_date)
    paid_on: list[date | None] = [None] * baseline.emis_paid
    for repayment in repayments:
        paid_on += [repayment.payment_date] * repayment.emis_completed
    result = []
    for row, amount in zip(rows, amounts, strict=True):
        due = account.due(row.number)
        if row.number <= loan.emis_paid:
            day = paid_on[row.number - 1]
            on_time = row.number <= baseline.emis_paid_on_time if day is None else day <= due
            state, paid = (InstallmentState.PAID if on_time else InstallmentState.PAID_LATE), amount
        else:
            state = InstallmentState.DUE_LATER if loan.next_due is None else _unpaid_state(due, on)
            paid = loan.paid_toward_next if row.number == loan.emis_paid + 1 else 0
        result.append(Installment(row, due, paid, state))
    return result


def _settled_amounts(account: Account, paid_on: date) -> list[int]:
    """The amount paid for each instalment of a loan whose payoff was paid on a date."""
    rows, settled = account.rows, account.settled
    due = account.loan.emis_due(paid_on)
    amounts = [row.amount if row.number <= max(due, settled) else row.principal for row in rows]
    if settled <= due < len(rows):
        amounts[due] += accrued_interest(account, due, paid_on)
    return amounts


def _unpaid_state(due: date, on: date) -> InstallmentState:
    if due > on:
        return InstallmentState.DUE_LATER
    return InstallmentState.DUE if due == on else InstallmentState.OVERDUE
