"""What has to hold of every statement of an account, and that the model comes to the same balances."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from almeno_grpc.domain.charge import ChargeKind
from almeno_grpc.domain.statement import Statement, statement
from almeno_grpc.domain.statement_line import LineKind
from support.accounts import Ledger
from support.lending_model import LendingModel

ONE_DAY = timedelta(days=1)


def statement_of(ledger: Ledger, begin: date, end: date, **terms) -> Statement:
    return statement(ledger.loan, ledger.history, begin, end, late_terms=ledger.late_terms, **terms)


def assert_lines_add_up(of: Statement) -> None:
    """Each line moves the balance by what it debits and credits, from the opening balance to the closing one."""
    balance, day = of.opening_balance, of.begin
    for line in of.lines:
        balance += line.debit - line.credit
        assert line.balance == balance
        assert min(line.debit, line.credit) == 0 <= max(line.debit, line.credit)
        assert day <= line.value_date <= of.end
        day = line.value_date
    assert of.closing_balance == balance


def in_flight(ledger: Ledger, on: date) -> int:
    """What was paid by the day, and is reversed after it."""
    reversed_ones = ((each, each.reversal) for each in ledger.history.repayments if each.reversal)
    return sum(each.amount for each, reversal in reversed_ones if each.payment_date <= on < reversal.reversal_date)


def by_value_date(model: LendingModel) -> bool:
    """Whether nothing that stands is dated before what was recorded before it."""
    days = [entry.on for entry in model.entries if entry.stands]
    return days == sorted(days)


def owed_by_model(model: LendingModel, on: date) -> int:
    """What closes the loan on a day by what is dated on or before it; of one given back the charges behind that day."""
    walk = replace(model, entries=[entry for entry in model.entries if entry.on <= on]).walk()
    return walk.open_charges(on) if walk.end else walk.payoff(on)["amount"]


def assert_owed(ledger: Ledger, model: LendingModel, of: Statement) -> None:
    """The closing balance is what closes the loan, but for what is not billed yet and what is reversed later."""
    accrued = of.accrued_interest + of.accrued_charges
    assert of.closing_balance == owed_by_model(model, of.end) - accrued - in_flight(ledger, of.end)


def assert_statement(ledger: Ledger, model: LendingModel, today: date, days: Iterable[date]) -> None:
    """The statement up to today, and those of its parts before and after some days."""
    begin = ledger.loan.schedule_begin
    whole = statement_of(ledger, begin, today)
    assert whole.opening_balance == 0
    assert_lines_add_up(whole)
    assert_owed(ledger, model, whole)
    due = [line.installment.number for line in whole.lines if line.kind is LineKind.INSTALLMENT_DUE]
    assert due == list(range(1, len(due) + 1))
    if by_value_date(model):
        assert all(line.debit for line in whole.lines if line.charge_kind is ChargeKind.LATE_PAYMENT)
    for day in (day for day in days if begin <= day < today):
        before, after = statement_of(ledger, begin, day), statement_of(ledger, day + ONE_DAY, today)
        assert_lines_add_up(before)
        assert_lines_add_up(after)
        if by_value_date(model):
            assert_owed(ledger, model, before)
        assert after.opening_balance == before.closing_balance
        assert [*before.lines, *after.lines] == whole.lines
