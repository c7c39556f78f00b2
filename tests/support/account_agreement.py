"""A loan for the domain and for the model at once, and what both have to say alike."""

from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from almeno_grpc.domain.account import Account, payoff, repay
from almeno_grpc.domain.arrears import Payment, Timeline, customer_non_performing_since
from almeno_grpc.domain.charge import LateTerms
from almeno_grpc.domain.errors import RepaymentExceedsPayoff
from almeno_grpc.domain.installments import InstallmentMethod, installment
from almeno_grpc.domain.loan import InstallmentState, LoanState
from almeno_grpc.domain.repayment import PrepaymentEffect
from almeno_grpc.domain.repayment_schedule import installments
from almeno_grpc.domain.replay import Replay, replay
from support.accounts import Ledger, loan_of_2027
from support.lending_model import CHARGE, PAYMENT, PREPAYMENT, Entry, Late, LendingModel, Walk


def life(amount: int, rate: Decimal, months: int, begin: date, late: Late | None = None) -> tuple[Ledger, LendingModel]:
    """A loan without a history, for the domain and for the model."""
    emi = installment(InstallmentMethod.REDUCING_BALANCE, amount, rate, months)
    loan = loan_of_2027(
        loan_amount=amount,
        outstanding_principal=amount,
        interest_rate=rate,
        tenure_months=months,
        monthly_installment=emi,
        approval_date=begin,
    )
    terms = late and LateTerms(Decimal(int(late.percent_a_year)), late.grace_days, Decimal(int(late.max_percent)))
    return Ledger(loan, terms), LendingModel(amount, Fraction(rate), months, begin, late)


def assert_alike(account: Account, walk: Walk, on: date) -> None:
    """Both say the same of a day that no payment comes after."""
    loan = account.loan
    assert loan.state_on(on) == walk.state(on)
    assert loan.days_past_due(on) == walk.days_past_due(on)
    assert (loan.asset_class(on), loan.non_performing_on(on)) == walk.class_on(on)
    charges = [
        (
            charge.kind,
            charge.installment_number or None,
            charge.charge_date,
            *(charge.amount, charge.paid, charge.waived, charge.open),
        )
        for charge in account.charges_on(on)
    ]
    assert charges == [(c.kind, c.number, c.on, c.amount, c.paid, c.waived, c.open) for c in walk.charges_on(on)]
    if loan.state is LoanState.ACTIVE:
        owed = payoff(account, on)
        parts = asdict(owed) | {"amount": owed.amount}
        del parts["payoff_date"]
        assert parts == walk.payoff(on)


def assert_same_schedule(replayed: Replay, walk: Walk, on: date) -> None:
    """Both have the same rows, and the same payments to them."""
    account, loan = replayed.account, replayed.account.loan
    assert [(row.principal, row.interest) for row in account.rows] == [(r.principal, r.interest) for r in walk.rows]
    assert [account.due(row.number) for row in account.rows] == [row.due for row in walk.rows]
    # Of a loan whose instalments are paid, those recorded later too.
    assert loan.open_charges == (0 if walk.end or walk.rows_left else walk.open_charges(date.max))
    standing = (loan.emis_paid, loan.emis_paid_on_time, loan.paid_toward_next, loan.outstanding_principal)
    assert standing == (walk.emis_paid, walk.emis_paid_on_time, walk.paid_toward_next, walk.outstanding)
    assert (loan.tenure_months, loan.monthly_installment) == (len(walk.rows), walk.installment)
    assert [repayment.charges_paid for repayment in replayed.repayments] == walk.to_charges
    if walk.end:
        return
    shown = installments(account, replayed.repayments, on)
    for row, expected in zip(shown, walk.rows, strict=True):
        if expected.paid_on is not None:
            is_late = expected.paid_on > expected.due
            assert row.state is (InstallmentState.PAID_LATE if is_late else InstallmentState.PAID)
        else:
            assert row.paid_amount == expected.paid_amount
    allocated = sum(row.paid_amount for row in shown) + sum(walk.to_charges) + walk.joined
    assert allocated == sum(repayment.amount for repayment in replayed.repayments) == walk.received
    kept = sum(row.principal for row in account.rows[: loan.emis_paid])
    assert kept + walk.prepaid_principal + loan.outstanding_principal == loan.loan_amount


def assert_payoff_closes(account: Account, on: date) -> None:
    """A paisa more is refused, the payoff closes the loan, and a paisa less leaves a paisa."""
    owed = payoff(account, on).amount
    with pytest.raises(RepaymentExceedsPayoff):
        repay(account, owed + 1, on)
    closed = repay(account, owed, on).loan
    assert (closed.state, closed.outstanding_principal, closed.repayments_left) == (LoanState.CLOSED, 0, 0)
    assert (closed.paid_toward_next, closed.open_charges, closed.non_performing_since) == (0, 0, None)
    if owed > 1:
        nearly = repay(account, owed - 1, on)
        assert (nearly.loan.state, payoff(nearly, on).amount) == (LoanState.ACTIVE, 1)
        assert repay(nearly, 1, on).loan.state is LoanState.CLOSED


def assert_same_class_in_the_past(replayed: Replay, walk: Walk, today: date) -> None:
    """Since when the customer of this one loan was non-performing, on days before today too."""
    if walk.end:
        return
    account = replayed.account
    payments = [
        Payment(
            each.payment_date,
            None if each.after.outstanding_principal == 0 else account.due(each.after.emis_paid + 1),
        )
        for each in replayed.repayments
    ]
    timeline = Timeline(account.due(1), payments)
    for back in (0, 1, 30, 100):
        on = today - timedelta(days=back)
        assert customer_non_performing_since([timeline], on) == walk.class_on(on)[1]


def assert_agreement(ledger: Ledger, model: LendingModel, today: date) -> Replay:
    """Both say the same of today and of later days on which something turns; answers the account as replayed."""
    walk = model.walk()
    replayed = replay(ledger.loan, ledger.history, ledger.late_terms)
    account, loan = replayed.account, replayed.account.loan
    assert loan == ledger.loan
    assert_same_schedule(replayed, walk, today)
    grace = model.late.grace_days if model.late else 0
    oldest = next((row.due for row in walk.rows if not row.paid_on), today)
    next_due = next((row.due for row in walk.rows if row.due > today), today)
    days = {today, today + timedelta(days=1), today + timedelta(days=17), next_due - timedelta(days=1), next_due}
    days |= {oldest + timedelta(days=n) for n in (grace, grace + 1, 89, 90, 200)}
    days |= {walk.rows[-1].due, walk.rows[-1].due + timedelta(days=7)}
    later = sorted(day for day in days if day >= today)
    for day in later:
        assert_alike(account, walk, day)
    if loan.state is LoanState.ACTIVE:
        for day in (later[0], later[-1], next_due):
            assert_payoff_closes(account, day)
    assert_same_class_in_the_past(replayed, walk, today)
    return replayed


class Twins:
    """What happens to a loan, told to the domain and to the model, which then have to agree."""

    def __init__(
        self,
        amount: int = 500_000_00,
        rate: str = "10.5",
        months: int = 60,
        begin: date = date(2027, 1, 15),
        late: Late | None = None,
    ) -> None:
        self.ledger, self.model = life(amount, Decimal(rate), months, begin, late)

    def owed(self, on: date) -> int:
        return self.ledger.payoff(on).amount

    def pay(self, amount: int, on: date) -> None:
        self.model.record(Entry(PAYMENT, amount, on))
        self.ledger.pay(amount, on)
        assert_agreement(self.ledger, self.model, on)

    def prepay(self, amount: int, on: date, effect: PrepaymentEffect, today: date | None = None) -> None:
        """Dated back where today is another day."""
        self.model.record(Entry(PREPAYMENT, amount, on, effect))
        self.ledger.pay(amount, on, effect)
        assert_agreement(self.ledger, self.model, today or on)

    def charge(self, amount: int, on: date) -> None:
        self.model.record(Entry(CHARGE, amount, on, charge_kind="BOUNCE"))
        self.ledger.charge(amount, on)
        assert_agreement(self.ledger, self.model, on)

    def waive(self, amount: int, on: date) -> None:
        self.model.waive(amount, on)
        self.ledger.waive(amount, on)
        assert_agreement(self.ledger, self.model, on)

    def exit(self, on: date) -> None:
        self.model.exit(on)
        self.ledger.exit(on, self.model.cooling_off_days)
        assert_agreement(self.ledger, self.model, on)

    def reverse(self, number: int, on: date) -> None:
        self.model.reverse(number)
        self.ledger.reverse(number, on)
        assert_agreement(self.ledger, self.model, on)
