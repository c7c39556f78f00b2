"""The statement of a loan's account: what was debited and credited, line by line, by value date.

The balance is what the borrower owes as it has been billed. What is disbursed is a debit, and so is the fee that is
kept back: together they are the loan amount. An instalment that falls due debits its interest alone, for its principal
is in the balance since the disbursement. What is paid is a credit, whatever it goes to. So after each line

    balance = balance before + debit − credit
            = principal owed + interest and charges billed and unpaid − what was paid in advance,

and on every day, by what is dated on or before it,

    closing balance + interest and late charges accrued and not billed yet = payoff.

Interest is billed on due dates, and for the days since the last one where a loan is prepaid, paid off or given back.
Late charges rise from day to day: they are billed on each day that has another line, and monthly after the last due
date. So no line depends on the period that is asked for: the statements of two periods in a row are that of both.

A repayment that was reversed is a credit on its day and a debit on that of the reversal; on the days between, the
balance is lower by it. Else lines follow from the repayments that stand, as everything does: a reversal, or a payment
dated back, may change interest and late charges of the past.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from operator import attrgetter

from almeno_grpc.domain.account import Account, owed_on
from almeno_grpc.domain.charge import ChargeEntry, ChargeKind, LateTerms
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.months import due_date, emis_due
from almeno_grpc.domain.replay import History, Step, opening_account, steps
from almeno_grpc.domain.statement_line import (
    Entry,
    StatementLine,
    booked,
    charge_or_waiver,
    installments_due,
    late_charge,
    repaid,
    reversed_repayment,
    settles,
)
from almeno_grpc.domain.terms import Fees

_MONTHS_UNTIL_9999 = 12 * 10_000
NO_FEES = Fees()


@dataclass(frozen=True, slots=True)
class Statement:
    """The lines of a period, and what was owed before and after it. Amounts in paise."""

    begin: date
    end: date
    opening_balance: int
    """At the end of the day before."""
    lines: Sequence[StatementLine]
    closing_balance: int
    accrued_interest: int
    """By the end, and not billed yet."""
    accrued_charges: int
    """Late charges, likewise."""


def statement(
    loan: Loan,
    history: History,
    begin: date,
    end: date,
    *,
    late_terms: LateTerms | None = None,
    fees: Fees = NO_FEES,
    refunded: Fees = NO_FEES,
) -> Statement:
    """The statement of a loan's account for a period.

    Args:
        loan: As it stands. One that is not disbursed has no lines.
        history: Everything recorded on it.
        begin: The first day.
        end: The last day, itself a part of it; not before the first, not after the business date.
        late_terms: Those the loan was booked under.
        fees: What was kept back at the disbursement.
        refunded: What of it is refunded by an exit.
    """
    if loan.disbursement_date is None or end < loan.disbursement_date:
        return Statement(begin, end, 0, (), 0, 0, 0)
    first = opening_account(loan, history, late_terms)
    course = _Course(first, list(steps(first, history)))
    entries = [*booked(first, fees), *installments_due(course.last, min(end, course.settled_on))]
    entries += _recorded(history, course, refunded)
    entries = [entry for entry in entries if entry.line.value_date <= end]
    if late_terms is not None:
        entries += _late_charges(course, entries, end)
    entries.sort(key=attrgetter("order"))
    balances = accumulate(entry.line.debit - entry.line.credit for entry in entries)
    lines = [entry.line._replace(balance=balance) for entry, balance in zip(entries, balances, strict=True)]
    before = bisect_left(lines, begin, key=attrgetter("value_date"))
    [(account, charges)] = course.on([end])
    return Statement(
        begin,
        end,
        lines[before - 1].balance if before else 0,
        lines[before:],
        lines[-1].balance,
        owed_on(account, end).accrued_interest,
        charges - sum(entry.charges for entry in entries),
    )


class _Course:
    """A loan's account before anything was recorded, and after each entry that stands."""

    def __init__(self, first: Account, taken: Sequence[Step]) -> None:
        self._first, self.steps = first, taken
        self._by_date = sorted(range(len(taken)), key=lambda number: taken[number].value_date)
        self.waived = [_waived(step) for step in taken]
        """By each step, in paise."""

    @property
    def last(self) -> Account:
        """The account after everything."""
        return self.steps[-1].after if self.steps else self._first

    @property
    def settled_on(self) -> date:
        """The day on which the loan was paid off or given back; the last of the calendar where it was not."""
        return next((step.value_date for step in self.steps if settles(step)), date.max)

    def on(self, days: Iterable[date]) -> Iterator[tuple[Account, int]]:
        """The account after what is dated on or before each of the days, and the charges that are open then, in paise.

        A payment may be dated before an entry that was recorded before it. So the account is that after the entry
        recorded last of those in question; what others before it waive later, is open still.
        """
        place, last, waived_to_last, waived_by_day = 0, -1, 0, 0
        for day in days:
            while place < len(self._by_date) and self.steps[self._by_date[place]].value_date <= day:
                number = self._by_date[place]
                waived_by_day += self.waived[number]
                waived_to_last += sum(self.waived[last + 1 : number + 1])
                last, place = max(last, number), place + 1
            account = self.steps[last].after if last >= 0 else self._first
            yield account, _open_charges(account, day) + waived_to_last - waived_by_day


def _recorded(history: History, course: _Course, refunded: Fees) -> Iterator[Entry]:
    """What was recorded, and what was billed for it."""
    for step, waived in zip(course.steps, course.waived, strict=True):
        if isinstance(step.entry, ChargeEntry):
            yield charge_or_waiver(step.entry, waived)
        else:
            yield from repaid(step, step.entry, refunded)
    for repayment in history.repayments:
        if repayment.reversal is not None:
            yield from reversed_repayment(repayment, repayment.reversal)


def _late_charges(course: _Course, entries: Sequence[Entry], end: date) -> Iterator[Entry]:
    """What late charges have risen by from one day with a line to the next: what the other lines leave unexplained."""
    begin = course.last.due(0)
    changes: dict[date, int] = {
        due_date(begin, number): 0 for number in range(1, emis_due(begin, _MONTHS_UNTIL_9999, end) + 1)
    }
    for entry in entries:
        changes[entry.line.value_date] = changes.get(entry.line.value_date, 0) + entry.charges
    billed, days = 0, sorted(changes)
    for day, (_, charges) in zip(days, course.on(days), strict=True):
        billed += changes[day]
        if charges != billed:
            yield late_charge(day, charges - billed)
            billed = charges


def _waived(step: Step) -> int:
    """What an entry took off the charges that were open, in paise; nothing unless it is a waiver."""
    if not isinstance(step.entry, ChargeEntry) or step.entry.kind is not ChargeKind.WAIVER:
        return 0
    return _open_charges(step.before, step.value_date) - _open_charges(step.after, step.value_date)


def _open_charges(account: Account, on: date) -> int:
    return sum(charge.open for charge in account.charges_on(on))
