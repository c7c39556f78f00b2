"""Credit with other lenders: what an applicant owes elsewhere, and what a credit bureau reports."""

from datetime import date
from typing import NamedTuple


class OutsideCredit(NamedTuple):
    """What the caller states of an applicant's credit with other lenders."""

    monthly_obligations: int = 0
    """Instalments a month to other lenders, in paise."""
    bureau_score: int | None = None
    report_date: date | None = None
    """Day of the credit bureau's report."""

    @property
    def has_report(self) -> bool:
        """Whether there is a report of a credit bureau: a score or a date of one is stated."""
        return self.bureau_score is not None or self.report_date is not None


NO_OUTSIDE_CREDIT = OutsideCredit()
"""What a request states that states nothing."""
