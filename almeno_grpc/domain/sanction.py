"""From the sanction of a loan to its disbursement, or to its end without one."""

from dataclasses import replace
from datetime import date

from almeno_grpc.domain.errors import LoanCancelled, LoanDisbursed, LoanNotDisbursed, SanctionExpired
from almeno_grpc.domain.loan import Loan, LoanState


def disbursed(loan: Loan, disbursement_date: date, today: date) -> Loan:
    """A sanctioned loan once it is disbursed.

    Args:
        loan: As it stands.
        disbursement_date: From the approval to the business date.
        today: The business date.

    Raises:
        LoanDisbursed: It was disbursed before.
        LoanCancelled: It was cancelled.
        SanctionExpired: Its sanction is not valid any more.
    """
    _raise_if_not_sanctioned(loan, today)
    return replace(loan, disbursed_on=disbursement_date)


def cancelled(loan: Loan, today: date) -> Loan:
    """A sanctioned loan once it is cancelled.

    Raises:
        LoanDisbursed, LoanCancelled, SanctionExpired: As of `disbursed`.
    """
    _raise_if_not_sanctioned(loan, today)
    return replace(loan, ended_as=LoanState.CANCELLED, outstanding_principal=0)


def raise_if_not_disbursed(loan: Loan, today: date) -> None:
    """Refuses what is done to disbursed loans alone: also where the sanction was cancelled or has expired.

    Raises:
        LoanNotDisbursed: The loan is sanctioned, and may still be disbursed.
        LoanCancelled, SanctionExpired: It never will be.
    """
    if loan.state_on(today) is LoanState.SANCTIONED:
        raise LoanNotDisbursed(loan.loan_id)
    _raise_if_over(loan, today)


def _raise_if_not_sanctioned(loan: Loan, today: date) -> None:
    _raise_if_over(loan, today)
    if loan.state is not LoanState.SANCTIONED:
        raise LoanDisbursed(loan.loan_id)


def _raise_if_over(loan: Loan, today: date) -> None:
    if loan.state is LoanState.CANCELLED:
        raise LoanCancelled(loan.loan_id)
    if loan.valid_until is not None and loan.state_on(today) is LoanState.EXPIRED:
        raise SanctionExpired(loan.loan_id, loan.valid_until)
