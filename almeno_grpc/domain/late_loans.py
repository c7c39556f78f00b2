"""Late loans: those with an instalment that fell due before the business date and is not wholly paid."""

import heapq
from dataclasses import dataclass
from datetime import date, timedelta

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.loan import Loan

MAX_LISTED = 1000
"""Late loans that are listed; the rest is counted."""


@dataclass(frozen=True, slots=True)
class LateLoan:
    """A late loan on the business date. Amounts in paise."""

    loan_id: int
    customer_id: int
    days_past_due: int
    asset_class: AssetClass
    outstanding_principal: int
    overdue_amount: int
    """Unpaid parts of the instalments that fell due before the day."""


class LateLoans:
    """The late loans of a book; they are added one by one.

    Attributes:
        count: The number of late loans.
        overdue_amount: Of all of them, in paise.
    """

    def __init__(self, on: date) -> None:
        """Begins with none.

        Args:
            on: The business date.
        """
        self.count = 0
        self.overdue_amount = 0
        self._on = on
        self._heap: list[tuple[int, int, LateLoan]] = []
        """The loans listed, the one that is the first to make room on top."""

    def add(self, loan: Loan) -> None:
        """Adds a late loan."""
        late = _late_loan(loan, self._on)
        self.count += 1
        self.overdue_amount += late.overdue_amount
        place = (late.days_past_due, -late.loan_id, late)
        if len(self._heap) < MAX_LISTED:
            heapq.heappush(self._heap, place)
        else:
            heapq.heappushpop(self._heap, place)

    def listed(self) -> list[LateLoan]:
        """The `MAX_LISTED` loans with the most days past due, these first; of one day the smaller loan_id first."""
        return [late for *_, late in sorted(self._heap, reverse=True)]


def _late_loan(loan: Loan, on: date) -> LateLoan:
    return LateLoan(
        loan.loan_id,
        loan.customer_id,
        loan.days_past_due(on),
        loan.asset_class(on),
        loan.outstanding_principal,
        overdue_amount(loan, on),
    )


def overdue_amount(loan: Loan, on: date) -> int:
    """The unpaid parts, in paise, of the instalments of a late loan that fell due before the day."""
    due = loan.emis_due(on - timedelta(days=1))
    if due <= loan.emis_paid:
        return 0
    return sum(row.amount for row in loan.rows()[loan.emis_paid : due]) - loan.paid_toward_next
