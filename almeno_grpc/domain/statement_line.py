"""Lines of a loan's statement, each from what it follows from; see `statement`."""

from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from almeno_grpc.domain.account import Account, owed_on
from almeno_grpc.domain.charge import ChargeEntry, ChargeKind
from almeno_grpc.domain.installments import ScheduledInstallment
from almeno_grpc.domain.prepayment import Prepayment
from almeno_grpc.domain.repayment import Repayment, RepaymentKind, Reversal
from almeno_grpc.domain.replay import Step
from almeno_grpc.domain.terms import Fees

_DERIVED, _RECORDED = range(2)


class LineKind(StrEnum):
    """What a line of a statement is."""

    DISBURSEMENT = "DISBURSEMENT"
    """What the borrower got."""
    FEE = "FEE"
    """Processing fee, kept back at the disbursement; a credit where an exit refunds it."""
    GST = "GST"
    """Tax on the fee, likewise."""
    PAID_BEFORE = "PAID_BEFORE"
    """Principal of the instalments that an imported book counts as paid; it does not say when they were."""
    INSTALLMENT_DUE = "INSTALLMENT_DUE"
    """Debits the interest of the instalment."""
    CHARGE = "CHARGE"
    INTEREST = "INTEREST"
    """For the days since the last due date, billed with a prepayment, a payoff or an exit; a credit where interest is
    given back."""
    REPAYMENT = "REPAYMENT"
    """Of an exit too."""
    PREPAYMENT = "PREPAYMENT"
    WAIVER = "WAIVER"
    REVERSAL = "REVERSAL"


_AFTER_PAYMENT = 9
_PLACES = {kind: place for place, kind in enumerate(LineKind)}


class StatementLine(NamedTuple):
    """A line of a statement. Amounts in paise, zero or above; at most one of debit and credit is above zero."""

    value_date: date
    kind: LineKind
    debit: int
    credit: int
    balance: int = 0
    """Owed after the line; below zero where more was paid than has been billed."""
    installment: ScheduledInstallment | None = None
    """The one that fell due; of PAID_BEFORE the last one that was paid."""
    charge_kind: ChargeKind | None = None
    """Of a charge."""
    repayment: Repayment | None = None
    """The one that was paid or reversed."""


class Entry(NamedTuple):
    """A line with its place in the account."""

    order: tuple[date, int, int, int, int, int]
    """Its day; of one day first what follows from the loan, then what was recorded, in the order in which it was."""
    line: StatementLine
    charges: int = 0
    """By how much it changes the charges that are billed and open, in paise."""


def booked(first: Account, fees: Fees) -> Iterator[Entry]:
    """The disbursement, and what was paid before anything was recorded here.

    Args:
        first: The account before that.
        fees: What was kept back.
    """
    loan, on = first.loan, first.due(0)
    yield _derived(line(on, LineKind.DISBURSEMENT, loan.loan_amount - fees.total))
    yield from (_derived(each) for each in _fees(on, fees.processing_fee, fees.gst))
    if first.settled:
        last = first.rows[first.settled - 1]
        paid = last.balance_after - loan.loan_amount
        yield _derived(line(on, LineKind.PAID_BEFORE, paid)._replace(installment=last))


def installments_due(account: Account, until: date) -> Iterator[Entry]:
    """The instalments that fall due by a day, but for those that were paid before anything was recorded here.

    Args:
        account: After everything that was recorded. A prepayment leaves the rows before it as they were, and none of
            those behind it falls due before it.
        until: The day; not after the one on which the loan was paid off or given back.
    """
    for row in account.rows[account.settled : account.loan.emis_due(until)]:
        yield _derived(line(account.due(row.number), LineKind.INSTALLMENT_DUE, row.interest)._replace(installment=row))


def late_charge(on: date, amount: int) -> Entry:
    """Late charges of any instalments, as far as they were not billed before."""
    return _derived(line(on, LineKind.CHARGE, amount)._replace(charge_kind=ChargeKind.LATE_PAYMENT), amount)


def charge_or_waiver(entry: ChargeEntry, waived: int) -> Entry:
    """A charge or a waiver that was recorded.

    Args:
        entry: As it was recorded.
        waived: What the waiver took off the charges.
    """
    order = (entry.entry_date, _RECORDED, entry.create_time, entry.repayment_count, entry.number, 0)
    if entry.kind is ChargeKind.WAIVER:
        return Entry(order, line(entry.entry_date, LineKind.WAIVER, -waived), -waived)
    charge = line(entry.entry_date, LineKind.CHARGE, entry.amount)._replace(charge_kind=entry.kind)
    return Entry(order, charge, entry.amount)


def repaid(step: Step, repayment: Repayment, refunded: Fees) -> Iterator[Entry]:
    """A repayment that stands, with the interest that is billed for it and the fees that it refunds.

    Args:
        step: The account before and after it.
        repayment: With what it has done to the account.
        refunded: What an exit refunds.
    """
    on = repayment.payment_date
    beside = [line(on, LineKind.INTEREST, _interest(step, repayment))]
    if repayment.kind is RepaymentKind.EXIT:
        beside += _fees(on, -refunded.processing_fee, -refunded.gst)
    lines = [*filter(_moves, beside), _payment(repayment)]
    for place, each in enumerate(lines):
        charges = -repayment.charges_paid if each.repayment else 0
        yield Entry(_place(on, repayment, repayment.create_time, place), each, charges)


def reversed_repayment(repayment: Repayment, reversal: Reversal) -> Iterator[Entry]:
    """A repayment that was taken back, and that it was."""
    yield Entry(_place(repayment.payment_date, repayment, repayment.create_time), _payment(repayment))
    back = line(reversal.reversal_date, LineKind.REVERSAL, repayment.amount)._replace(repayment=repayment)
    yield Entry(_place(reversal.reversal_date, repayment, reversal.create_time, _AFTER_PAYMENT), back)


def settles(step: Step) -> bool:
    """Whether the loan is paid off or given back by it: no instalment falls due after that."""
    return step.before.loan.repayments_left > 0 and step.after.loan.repayments_left == 0


def line(on: date, kind: LineKind, amount: int) -> StatementLine:
    """A line that debits an amount in paise, or credits it where it is below zero."""
    return StatementLine(on, kind, max(0, amount), max(0, -amount))


def _derived(each: StatementLine, charges: int = 0) -> Entry:
    number = each.installment.number if each.installment else 0
    return Entry((each.value_date, _DERIVED, _PLACES[each.kind], number, 0, 0), each, charges)


def _place(on: date, repayment: Repayment, create_time: int, place: int = 0) -> tuple[date, int, int, int, int, int]:
    return on, _RECORDED, create_time, repayment.number, 0, place


def _moves(each: StatementLine) -> bool:
    return each.debit != each.credit


def _fees(on: date, fee: int, gst: int) -> Iterable[StatementLine]:
    return filter(_moves, (line(on, LineKind.FEE, fee), line(on, LineKind.GST, gst)))


def _payment(repayment: Repayment) -> StatementLine:
    is_prepayment = repayment.kind is RepaymentKind.PREPAYMENT
    kind = LineKind.PREPAYMENT if is_prepayment else LineKind.REPAYMENT
    return line(repayment.payment_date, kind, -repayment.amount)._replace(repayment=repayment)


def _interest(step: Step, repayment: Repayment) -> int:
    """What is billed of the running instalment's interest; below zero where interest is given back."""
    if repayment.kind is RepaymentKind.PREPAYMENT:
        return Prepayment.of(step.before, step.after, repayment.amount).accrued_interest
    return owed_on(step.before, repayment.payment_date).accrued_interest if settles(step) else 0
