"""The key facts of a loan, with its annual percentage rate in exact integer arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from almeno_grpc.domain.installments import InstallmentMethod, ScheduledInstallment, schedule
from almeno_grpc.domain.months import due_date
from almeno_grpc.domain.terms import Fees, Terms, fees_of, net_disbursed

_HALF_STEPS = 2 * 12 * 100 * 100
"""Of a monthly rate: two halves of a hundredth of a per cent a year, and a twelfth of that a month."""


class LoanFacts(NamedTuple):
    """What the key facts of a loan follow from, as it was approved."""

    loan_amount: int
    """In paise."""
    interest_rate: Decimal
    """Per cent a year."""
    tenure_months: int
    monthly_installment: int
    """In paise."""
    method: InstallmentMethod
    approval_date: date
    first_date: date
    """The day from which due dates count: the disbursement, or the approval where it is disbursed then."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What a borrower is to know of a loan. Amounts in paise."""

    loan: LoanFacts
    terms: Terms | None
    """Those it is or was booked under; None where it has none, and so no fee and no late charge."""
    fees: Fees
    net_disbursed: int
    apr: Decimal
    """Per cent a year, two decimals."""
    installments: Sequence[ScheduledInstallment]

    @property
    def total_interest(self) -> int:
        """The interest of all instalments."""
        return sum(each.interest for each in self.installments)

    @property
    def total_to_pay(self) -> int:
        """All instalments; the fees are kept back at the disbursement, and are not paid again."""
        return sum(each.amount for each in self.installments)

    def due_date(self, installment: ScheduledInstallment) -> date:
        """The day an instalment falls due."""
        return due_date(self.loan.first_date, installment.number)


def key_facts(loan: LoanFacts, terms: Terms | None) -> KeyFacts:
    """The key facts of a loan by the terms.

    Raises:
        FeesExceedAmount: The fees leave nothing of it to disburse.
    """
    fees = fees_of(terms, loan.loan_amount)
    net = net_disbursed(loan.loan_amount, fees)
    installments = schedule(
        loan.method, loan.loan_amount, loan.interest_rate, loan.tenure_months, loan.monthly_installment
    )
    apr = annual_percentage_rate(net, [each.amount for each in installments])
    return KeyFacts(loan, terms, fees, net, apr, installments)


def annual_percentage_rate(net: int, amounts: Sequence[int]) -> Decimal:
    """The annual percentage rate, in per cent with two decimals.

    Twelve times the monthly internal rate of return on what is disbursed, to the nearest hundredth, halves up: the
    largest whole a, in hundredths of a per cent, with Σ A_j (1 + (2a−1)/240,000)^−j ≥ net. Multiplied by (240,000 +
    2a − 1)^n both sides are whole numbers, so nothing is rounded on the way.

    Args:
        net: What is disbursed, in paise, above zero.
        amounts: A_j, the instalment of month j, in paise; together `net` or more.
    """
    unit, scaled_amounts = 1, list[int]()
    for amount in amounts:
        unit *= _HALF_STEPS
        scaled_amounts.append(amount * unit)

    def present_value_reaches_net(hundredths: int) -> bool:
        growth, value = _HALF_STEPS + 2 * hundredths - 1, 0
        for amount in scaled_amounts:
            value = value * growth + amount
        compounded: int = growth ** len(scaled_amounts)
        return value >= net * compounded

    reached, too_large = 0, 1
    while present_value_reaches_net(too_large):
        reached, too_large = too_large, too_large * 4
    while too_large - reached > 1:
        middle = (reached + too_large) // 2
        if present_value_reaches_net(middle):
            reached = middle
        else:
            too_large = middle
    return Decimal(reached).scaleb(-2)
