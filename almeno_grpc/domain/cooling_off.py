"""The cooling-off period: for some days after the disbursement the borrower may give the loan back."""

from dataclasses import replace
from datetime import date, timedelta

from almeno_grpc.domain.account import Account, after_change, payoff
from almeno_grpc.domain.charge import Charge
from almeno_grpc.domain.errors import CoolingOffOver, LoanClosed
from almeno_grpc.domain.loan import Loan, LoanState


def last_day_to_exit(loan: Loan, cooling_off_days: int | None) -> date | None:
    """The last day of the period; None for a loan that has none, or is not disbursed."""
    disbursement_date = loan.disbursement_date
    if cooling_off_days is None or disbursement_date is None:
        return None
    return disbursement_date + timedelta(days=cooling_off_days)


def exit_amount(account: Account, on: date, *, refunded_fee: int) -> int:
    """What is due from a borrower who gives the loan back on a day, in paise: the payoff less the fee that is refunded.

    Args:
        account: As it stands.
        on: The day; not before the disbursement or the latest repayment.
        refunded_fee: The fee with its tax, in paise, where the terms refund it; else 0.

    Raises:
        LoanClosed: Nothing is owed.
    """
    return max(0, payoff(account, on).amount - refunded_fee)


def raise_if_over(loan: Loan, on: date, cooling_off_days: int | None) -> None:
    """Refuses an exit on a day behind the period.

    Raises:
        LoanClosed: The loan has ended.
        CoolingOffOver: The period is over, or the loan has none.
    """
    if loan.state is not LoanState.ACTIVE:
        raise LoanClosed(loan.loan_id)
    last_day = last_day_to_exit(loan, cooling_off_days)
    if last_day is None or on > last_day:
        raise CoolingOffOver(loan.loan_id, last_day)


def exited(account: Account, on: date) -> Account:
    """The account once the amount due is paid: the loan counts nowhere any more."""

    def paid(charge: Charge) -> Charge:
        return charge if charge.charge_date > on else charge._replace(paid=charge.paid + charge.open)

    loan = replace(account.loan, ended_as=LoanState.EXITED, outstanding_principal=0, paid_toward_next=0)
    charges = tuple(map(paid, account.all_charges(on)))
    return after_change(account, replace(account, loan=loan, charges=charges, paise_days=0), on)
