"""The figures of a loan on a day, as the book is exported."""

from dataclasses import dataclass
from datetime import date

from almeno_grpc.domain.account import Account, owed_on
from almeno_grpc.domain.loan import Loan, LoanState


@dataclass(frozen=True, slots=True)
class LoanFigures:
    """A loan and what is owed on it on a day. Amounts in paise; nothing is owed on a loan that is not active."""

    loan: Loan
    as_of: date
    overdue_amount: int = 0
    """Unpaid parts of the instalments that have fallen due by the day."""
    accrued_interest: int = 0
    """Of the running instalment, for the days since the last due date."""
    open_charges: int = 0
    payoff_amount: int = 0


def figures_on(account: Account, on: date) -> LoanFigures:
    """The figures of a loan that is active on a day.

    Args:
        account: As it stood on the day.
        on: Not before the disbursement, the latest repayment or the latest charge.
    """
    loan = account.loan
    if loan.state_on(on) is not LoanState.ACTIVE:
        return LoanFigures(loan, on)
    owed = owed_on(account, on)
    return LoanFigures(loan, on, owed.overdue_amount, owed.accrued_interest, owed.charges, owed.amount)
