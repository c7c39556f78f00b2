"""The credit position, on which decisions are based: a customer's loans, debt and payments on a business date."""

from typing import NamedTuple

from almeno_grpc.domain.asset_class import AssetClass


class CreditPosition(NamedTuple):
    """The sums and counts of a customer's loans. Amounts in paise."""

    loan_count: int = 0
    active_loan_count: int = 0
    loans_this_year: int = 0
    approved_volume: int = 0
    current_debt: int = 0
    monthly_obligation: int = 0
    emis_due: int = 0
    emis_paid_on_time: int = 0
    days_past_due: int = 0
    """The largest over the active loans."""
    asset_class: AssetClass = AssetClass.STANDARD
    """The customer's: that of the worst loan, and non-performing until no loan has arrears."""

    def available_limit(self, approved_limit: int) -> int:
        """What is left of the limit, in paise; zero when the debt exceeds it."""
        return max(0, approved_limit - self.current_debt)
