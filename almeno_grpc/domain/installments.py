"""Instalments and schedules, by both methods, in exact integer arithmetic.

A rate of R per cent a year with at most four decimals is k = 10,000·R, a whole number; the monthly rate R/1200 is then
k/12,000,000 exactly, and every amount below a quotient of whole numbers, rounded once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import gcd
from typing import NamedTuple

from almeno_grpc.domain.errors import TermsDoNotAmortize
from almeno_grpc.domain.money import RATE_SCALE, Rounding, round_half_up, rounded, scaled_rate

MONTHLY = 1200 * RATE_SCALE
"""Denominator of the monthly rate: per cent (100) times months (12) times the scale of the rate."""

_NEAREST_ROUNDINGS = (Rounding.HALF_UP, Rounding.HALF_EVEN)
"""Roundings whose error is half a paisa at most."""


class InstallmentMethod(StrEnum):
    """How the monthly instalment follows from amount, rate and tenure."""

    REDUCING_BALANCE = "REDUCING_BALANCE"
    ANNUAL_COMPOUND = "ANNUAL_COMPOUND"


@dataclass(frozen=True, slots=True)
class ScheduledInstallment:
    """One row of a schedule; amounts in paise."""

    number: int
    principal: int
    interest: int
    balance_after: int

    @property
    def amount(self) -> int:
        """The amount due: principal and interest."""
        return self.principal + self.interest

    @property
    def opening_balance(self) -> int:
        """Principal owed before it is paid."""
        return self.principal + self.balance_after

    def moved(self, rows: int) -> "ScheduledInstallment":
        """The same row so many places later."""
        return ScheduledInstallment(self.number + rows, self.principal, self.interest, self.balance_after)


class _Annuity(NamedTuple):
    """The annuity factor of a rate and a tenure; i is the monthly rate."""

    numerator: int
    """With the denominator i(1+i)ⁿ / ((1+i)ⁿ − 1), the instalment of a principal of 1; 1/n at 0 %."""
    denominator: int
    rate: int
    """The rate in ten-thousandths of a per cent."""
    drift: int
    """The whole paise of B·(1+i), where B = ((1+i)ⁿ − 1)/i; see `_surely_amortizes`. 0 at 0 %."""


@lru_cache(maxsize=4096)
def _annuity(rate: Decimal, months: int) -> _Annuity:
    """The annuity factor, cached: it depends on its arguments alone."""
    scaled = scaled_rate(rate)
    if scaled == 0:
        return _Annuity(1, months, 0, 0)
    # i in its lowest terms: the powers then have fewer digits.
    shared = gcd(scaled, MONTHLY)
    part, unit = scaled // shared, MONTHLY // shared
    grown, whole = (unit + part) ** months, unit**months
    return _Annuity(part * grown, unit * (grown - whole), scaled, (grown - whole) * (unit + part) // (whole * part))


def reducing_balance_installment(
    principal: int, rate: Decimal, months: int, rounding: Rounding = Rounding.HALF_UP
) -> int:
    """The equal monthly instalment on the reducing balance, in paise.

    EMI = P·i(1+i)ⁿ / ((1+i)ⁿ − 1) with i = rate/1200, the annuity formula; P/n at 0 %. Rounded once.

    Args:
        principal: Amount lent, in paise.
        rate: Per cent a year, at most four decimals.
        months: Number of instalments, 1 or more.
        rounding: To the paisa.
    """
    annuity = _annuity(rate, months)
    return rounded(principal * annuity.numerator, annuity.denominator, rounding)


def annual_compound_installment(
    principal: int, rate: Decimal, months: int, rounding: Rounding = Rounding.HALF_UP
) -> int:
    """The monthly instalment of the imported book, in paise: P(1+R/100)^⌊n/12⌋ / n, rounded once."""
    unit = 100 * RATE_SCALE
    years = months // 12
    return rounded(principal * (unit + scaled_rate(rate)) ** years, unit**years * months, rounding)


def installment(
    method: InstallmentMethod, principal: int, rate: Decimal, months: int, rounding: Rounding = Rounding.HALF_UP
) -> int:
    """The monthly instalment by the method named, in paise, of terms that repay the principal.

    Raises:
        TermsDoNotAmortize: No schedule of exactly `months` rows repays the principal with these terms.
    """
    return _installment(method, principal, rate, months, rounding)


# Many customers ask for the same terms.
@lru_cache(maxsize=4096)
def _installment(method: InstallmentMethod, principal: int, rate: Decimal, months: int, rounding: Rounding) -> int:
    emi = installment_amount(method, principal, rate, months, rounding)
    if not _repays(method, principal, rate, months, emi, rounding):
        raise TermsDoNotAmortize(
            "with this amount, rate and tenure some instalments would repay no principal; ask for a larger amount, a "
            "lower rate or a shorter tenure"
        )
    return emi


def installment_amount(
    method: InstallmentMethod, principal: int, rate: Decimal, months: int, rounding: Rounding = Rounding.HALF_UP
) -> int:
    """The monthly instalment by the method named, in paise, whether or not the terms amortize."""
    if method is InstallmentMethod.ANNUAL_COMPOUND:
        return annual_compound_installment(principal, rate, months, rounding)
    return reducing_balance_installment(principal, rate, months, rounding)


def amortizes(
    method: InstallmentMethod, principal: int, rate: Decimal, months: int, rounding: Rounding = Rounding.HALF_UP
) -> bool:
    """Whether a schedule of exactly `months` rows, each repaying principal, repays the loan."""
    emi = installment_amount(method, principal, rate, months, rounding)
    return _repays(method, principal, rate, months, emi, rounding)


def _repays(
    method: InstallmentMethod, principal: int, rate: Decimal, months: int, emi: int, rounding: Rounding
) -> bool:
    if method is InstallmentMethod.ANNUAL_COMPOUND:
        return principal >= months
    if rounding in _NEAREST_ROUNDINGS and _surely_amortizes(principal, rate, months, emi):
        return True
    return _schedule_repays(principal, rate, months, emi)


def schedule(
    method: InstallmentMethod, principal: int, rate: Decimal, months: int, emi: int
) -> list[ScheduledInstallment]:
    """Every instalment of a loan, first to last; the principal parts add up to the principal exactly.

    On the reducing balance interest_k = round(balance_{k−1}·i), and the last instalment pays what is left. By annual
    compound the principal is repaid in equal parts, to the paisa; what the instalment exceeds its part by is interest.
    """
    if method is InstallmentMethod.ANNUAL_COMPOUND:
        return list(_equal_parts(principal, months, emi))
    return list(_reducing_balance(principal, rate, months, emi))


def outstanding_after(
    method: InstallmentMethod, principal: int, rate: Decimal, months: int, emi: int, paid: int
) -> int:
    """Principal owed, in paise, once `paid` instalments (0 to `months`) have been paid."""
    if method is InstallmentMethod.ANNUAL_COMPOUND:
        return outstanding_in_equal_parts(principal, months, paid)
    if paid == months:
        return 0
    balance, scaled = principal, scaled_rate(rate)
    for _ in range(paid):
        balance -= emi - round_half_up(balance * scaled, MONTHLY)
    return balance


def outstanding_in_equal_parts(principal: int, months: int, paid: int) -> int:
    """Principal owed, in paise, of a loan of an imported book, which repays it in equal parts."""
    return round_half_up(principal * (months - paid), months)


def _reducing_balance(principal: int, rate: Decimal, months: int, emi: int) -> Iterator[ScheduledInstallment]:
    balance, scaled = principal, scaled_rate(rate)
    for number in range(1, months + 1):
        interest = round_half_up(balance * scaled, MONTHLY)
        part = balance if number == months else emi - interest
        balance -= part
        yield ScheduledInstallment(number, part, interest, balance)


def _equal_parts(principal: int, months: int, emi: int) -> Iterator[ScheduledInstallment]:
    before = principal
    for number in range(1, months + 1):
        balance = round_half_up(principal * (months - number), months)
        part = before - balance
        # A payment written in whole rupees can fall short of its part by some paise; interest never goes below zero.
        yield ScheduledInstallment(number, part, max(0, emi - part), balance)
        before = balance


def _schedule_repays(principal: int, rate: Decimal, months: int, emi: int) -> bool:
    """Whether every row of the schedule repays principal, the last one included."""
    balance, scaled = principal, scaled_rate(rate)
    for _ in range(months - 1):
        part = emi - round_half_up(balance * scaled, MONTHLY)
        if part <= 0 or part >= balance:
            return False
        balance -= part
    return balance > 0


def _surely_amortizes(principal: int, rate: Decimal, months: int, emi: int) -> bool:
    """A quick yes for ordinary terms, so that a decision need not compute the schedule; a no means: compute it.

    The instalment, rounded to the nearest paisa, and each interest are off by half a paisa at most, so after n−1
    instalments the balance is off by at most B = ((1+i)ⁿ − 1)/i paise from the exact one, which is the exact instalment
    discounted by a month, more than (emi − 1)/(1+i). If that is above B the last row repays principal. The first row
    repays the least of all, for the balance falls from row to row; that it repays at least a paisa is checked
    directly.
    """
    annuity = _annuity(rate, months)
    if annuity.rate == 0:
        return emi > 0 and emi * (months - 1) < principal
    first_part = emi - round_half_up(principal * annuity.rate, MONTHLY)
    return first_part > 0 and emi - 1 > annuity.drift
