"""What a customer has borrowed, owes and has paid on one business date: the figures every decision is taken from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from almeno_grpc.domain.loan import Loan, LoanState


@dataclass(frozen=True, slots=True)
class CreditPosition:
    """A customer's loans in figures. Amounts in paise."""

    loan_count: int = 0
    active_loan_count: int = 0
    loans_this_year: int = 0
    approved_volume: int = 0
    current_debt: int = 0
    monthly_obligation: int = 0
    emis_due: int = 0
    emis_paid_on_time: int = 0

    def available_limit(self, approved_limit: int) -> int:
        """What is left of the limit, in paise; zero when the debt exceeds it."""
        return max(0, approved_limit - self.current_debt)


def position_of(loans: Iterable[Loan], on: date) -> CreditPosition:
    """Adds up a customer's loans on a business date; loans approved after it are left out."""
    count = active = this_year = volume = debt = obligation = due = on_time = 0
    for loan in loans:
        if loan.approval_date > on:
            continue
        count += 1
        volume += loan.loan_amount
        this_year += loan.approval_date.year == on.year
        due_here = loan.emis_due(on)
        due += due_here
        on_time += min(due_here, loan.emis_paid_on_time)
        if loan.state is LoanState.ACTIVE:
            active += 1
            debt += loan.outstanding_principal
            obligation += loan.monthly_installment
    return CreditPosition(count, active, this_year, volume, debt, obligation, due, on_time)
