"""Charges on a loan besides its instalments: late charges, which follow from terms and payments, and recorded ones."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from almeno_grpc.domain.money import RATE_SCALE, round_half_up, scaled_rate

_DAYS = 365
_PERCENT_OF_YEAR = 100 * RATE_SCALE * _DAYS


class ChargeKind(StrEnum):
    """What a charge is for, or that one was waived."""

    LATE_PAYMENT = "LATE_PAYMENT"
    """Never stored: it follows from the terms and the payments."""
    BOUNCE = "BOUNCE"
    OTHER = "OTHER"
    WAIVER = "WAIVER"
    """Lowers the charges that are open."""


@dataclass(frozen=True, slots=True)
class ChargeEntry:
    """A charge or a waiver as it was recorded. Never changed."""

    customer_id: int
    loan_id: int
    number: int
    """Of the loan's charges and waivers: 1 is the first."""
    kind: ChargeKind
    amount: int
    """In paise, above zero."""
    reason: str
    entry_date: date
    """The business date."""
    repayment_count: int
    """How many repayments had been recorded on the loan before it."""
    create_time: int
    """Microseconds since the epoch."""


class Charge(NamedTuple):
    """A charge as it stands on a day. Amounts in paise."""

    kind: ChargeKind
    installment_number: int
    """The instalment that is, or was, late; 0 for other kinds."""
    charge_date: date
    """The day it is counted from: of a late charge the due date, of others the day it was recorded."""
    amount: int
    paid: int = 0
    waived: int = 0
    reason: str = ""

    @property
    def open(self) -> int:
        """What is left of it. A payment dated back may leave less of a charge than was waived."""
        return max(0, self.amount - self.paid - self.waived)


class LateTerms(NamedTuple):
    """How a loan is charged for instalments that are paid late."""

    charge_percent_a_year: Decimal
    """Of what is unpaid; at most four decimals."""
    grace_days: int
    """An instalment paid within so many days after its due date is charged nothing."""
    max_percent_of_installment: Decimal
    """The highest charge of an instalment; at most four decimals."""

    def charge(self, installment: int, paise_days: int, days: int) -> int:
        """The late charge of an instalment, in paise, rounded once, halves up.

        unpaid × days × percent / 36,500, summed up over the stretches in which so much of it was unpaid, and at most
        the share of the instalment; a charge, never a rate.

        Args:
            installment: Its amount in paise.
            paise_days: The sum over all stretches of what was unpaid times the days, from the due date on.
            days: From its due date to the day it was wholly paid, or to the day in question.
        """
        if days <= self.grace_days:
            return 0
        exact = paise_days * scaled_rate(self.charge_percent_a_year)
        highest = installment * scaled_rate(self.max_percent_of_installment) * _DAYS
        return round_half_up(min(exact, highest), _PERCENT_OF_YEAR)
