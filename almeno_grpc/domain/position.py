"""What a customer has borrowed, owes and has paid on one business date: the figures every decision is taken from."""

from typing import NamedTuple


class CreditPosition(NamedTuple):
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
