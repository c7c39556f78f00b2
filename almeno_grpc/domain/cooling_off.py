"""The cooling-off period: for some days after the disbursement the borrower may give the loan back."""

from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

from almeno_grpc.domain.account import Account, after_change, payoff
from almeno_grpc.domain.charge import Charge
from almeno_grpc.domain.errors import CoolingOffOver, LoanClosed
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.terms import Terms, fees_of


class ExitAmount(NamedTuple):
    """What is due where a loan is given back, in paise. One of the two is zero."""

    due: int
    """From the borrower."""
    refund_due: int
    """To the borrower: what the refunded fee is more than the payoff."""


def last_day_to_exit(loan: Loan, terms: Terms | None) -> date | None:
    """The last day of the period; None for a loan that has none, for want of terms, or is not disbursed."""
    disbursement_date = loan.disbursement_date
    if terms is None or disbursement_date is None:
        return None
    return disbursement_date + timedelta(days=terms.cooling_off_days)


def exit_amount(account: Account, on: date, terms: Terms | None) -> ExitAmount:
    """What is due where the loan is given back on a day: the payoff, less the fee and its tax where terms refund them.

    Args:
        account: As it stands.
        on: The day; not before the disbursement or the latest repayment.
        terms: Those that the loan was booked under.

    Raises:
        LoanClosed: Nothing is owed.
    """
    refunded = fees_of(terms, account.loan.loan_amount).total if terms and terms.refunded_on_exit else 0
    owed = payoff(account, on).amount - refunded
    return ExitAmount(due=max(0, owed), refund_due=max(0, -owed))


def raise_if_over(loan: Loan, on: date, terms: Terms | None) -> None:
    """Refuses an exit on a day behind the period.

    Raises:
        LoanClosed: The loan has ended.
        CoolingOffOver: The period is over, or the loan has none.
    """
    if loan.state is not LoanState.ACTIVE:
        raise LoanClosed(loan.loan_id)
    last_day = last_day_to_exit(loan, terms)
    if last_day is None or on > last_day:
        raise CoolingOffOver(loan.loan_id, last_day)


def exited(account: Account, on: date) -> Account:
    """The account once the amount due is paid: the loan counts nowhere any more."""

    def paid(charge: Charge) -> Charge:
        return charge if charge.charge_date > on else charge._replace(paid=charge.paid + charge.open)

    loan = replace(account.loan, ended_as=LoanState.EXITED, outstanding_principal=0, paid_toward_next=0)
    charges = tuple(map(paid, account.all_charges(on)))
    return after_change(account, replace(account, loan=loan, charges=charges, paise_days=0), on)
