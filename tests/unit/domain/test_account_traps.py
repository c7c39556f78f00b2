"""Where other systems go wrong: each of these is told to the domain and to the model, step by step."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from support.account_agreement import Twins
from support.accounts import Ledger
from support.lending_model import Late, Refused
from support.repayment_model import month_later

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.errors import LaterChange, RepaymentExceedsPayoff
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.repayment import PrepaymentEffect

EMI = 10_746_95
SHORTER, LOWER = PrepaymentEffect.SHORTER_TENURE, PrepaymentEffect.LOWER_INSTALLMENT
EXAMPLE, HARSH = Late(Fraction(24), 3, Fraction(10)), Late(Fraction(36), 0, Fraction(100))


@pytest.mark.parametrize("begin", [date(2027, 1, 31), date(2027, 10, 31), date(2028, 1, 29), date(2028, 2, 29)])
@pytest.mark.parametrize("effect", PrepaymentEffect)
def test_months_of_any_length_are_paid_and_prepaid_alike(begin: date, effect: PrepaymentEffect) -> None:
    twins = Twins(months=18, begin=begin, late=EXAMPLE)
    for month in range(1, 7):
        twins.pay(twins.model.walk().installment, month_later(begin, month))
        assert twins.ledger.loan.emis_paid_on_time == month
    prepaid_on = month_later(begin, 6) + timedelta(days=15)
    twins.prepay(50_000_00, prepaid_on, effect)
    last = twins.ledger.loan.end_date
    twins.pay(twins.owed(last), last)
    assert twins.ledger.loan.state is LoanState.CLOSED


def test_interest_runs_through_29_february() -> None:
    twins = Twins(begin=date(2028, 1, 31))
    twins.pay(twins.model.walk().installment, date(2028, 2, 29))
    assert twins.ledger.loan.emis_paid_on_time == 1
    # 31 days from 29 February to 31 March.
    interest = twins.ledger.account.rows[1].interest
    assert twins.ledger.payoff(date(2028, 3, 30)).accrued_interest == (interest * 30 * 2 + 31) // 62


@pytest.mark.parametrize("first", PrepaymentEffect)
@pytest.mark.parametrize("second", PrepaymentEffect)
def test_two_prepayments_of_a_day_are_one_after_the_other(first: PrepaymentEffect, second: PrepaymentEffect) -> None:
    twins = Twins()
    on = date(2027, 2, 20)
    twins.pay(EMI, date(2027, 2, 15))
    twins.prepay(1_00_000_00, on, first)
    once = twins.ledger.account
    twins.prepay(50_000_00, on, second)
    with pytest.raises(LaterChange) as error:
        twins.ledger.reverse(2, on)
    assert error.value.metadata["repayment_id"] == "r3"
    with pytest.raises(Refused):
        twins.model.reverse(2)
    twins.reverse(3, on)
    assert (twins.ledger.account.rows, twins.ledger.loan.segments) == (once.rows, once.loan.segments)
    twins.reverse(2, on)
    assert (twins.ledger.loan.segments, twins.ledger.loan.tenure_months) == ((), 60)


@pytest.mark.parametrize("effect", PrepaymentEffect)
def test_whole_instalments_prepaid_without_interest_leave_as_many_less(effect: PrepaymentEffect) -> None:
    twins = Twins(amount=1_000_00, rate="0", months=4)
    twins.prepay(250_00, date(2027, 1, 15), effect)
    assert len(twins.ledger.account.rows) == (3 if effect is SHORTER else 4)
    twins.pay(250_00, date(2027, 2, 15))
    twins.prepay(125_00, date(2027, 2, 15), effect)
    twins.pay(twins.owed(date(2027, 3, 15)), date(2027, 3, 15))
    assert twins.ledger.loan.state is LoanState.CLOSED


def test_prepayment_behind_a_paid_running_instalment_gives_its_interest_back() -> None:
    twins = Twins()
    for month in range(1, 14):
        twins.pay(EMI, month_later(date(2027, 1, 15), min(month, 12)))
    on = month_later(date(2027, 1, 15), 13) - timedelta(days=3)
    assert twins.ledger.preview(1_00_000_00, on, SHORTER).accrued_interest == -84_75
    twins.prepay(1_00_000_00, on, SHORTER)
    assert twins.ledger.loan.outstanding_principal == 3_12_588_42
    twins.prepay(1, on, LOWER)


def test_payment_of_the_oldest_instalment_alone_on_the_ninetieth_day_keeps_it_performing() -> None:
    for days, expected in ((90, AssetClass.SMA_2), (91, AssetClass.NON_PERFORMING)):
        twins = Twins()
        twins.pay(EMI, date(2027, 2, 15) + timedelta(days=days))
        assert twins.ledger.loan.asset_class(date(2027, 2, 15) + timedelta(days=days)) is expected


def test_payment_before_a_prepayment_is_returned_after_it_is() -> None:
    twins = Twins()
    on = date(2027, 3, 20)
    twins.pay(EMI, date(2027, 2, 15))
    twins.pay(EMI, date(2027, 3, 15))
    twins.prepay(1_00_000_00, on, SHORTER)
    for number in (1, 2):
        with pytest.raises(LaterChange):
            twins.ledger.reverse(number, on)
    twins.reverse(3, on)
    twins.reverse(2, on)
    assert (twins.ledger.loan.emis_paid, twins.ledger.loan.days_past_due(on)) == (1, 5)


def test_prepaid_loan_goes_back_to_its_instalments_though_later_ones_were_paid() -> None:
    twins = Twins()
    twins.pay(EMI, date(2027, 2, 15))
    twins.prepay(1_00_000_00, date(2027, 2, 15), LOWER)
    lower = twins.ledger.loan.monthly_installment
    twins.pay(lower, date(2027, 3, 15))
    twins.pay(lower, date(2027, 4, 15))
    twins.reverse(2, date(2027, 4, 16))
    loan = twins.ledger.loan
    assert (loan.emis_paid, loan.paid_toward_next) == (2, 2 * lower - EMI)
    assert loan.days_past_due(date(2027, 4, 16)) == 1


@pytest.mark.parametrize("effect", PrepaymentEffect)
def test_payment_that_closed_a_prepaid_loan_is_returned(effect: PrepaymentEffect) -> None:
    twins = Twins()
    twins.prepay(4_00_000_00, date(2027, 1, 20), effect)
    on = date(2027, 2, 10)
    before, owed = twins.ledger.account, twins.owed(on)
    twins.pay(owed, on)
    assert twins.ledger.loan.state is LoanState.CLOSED
    twins.reverse(2, on)
    assert twins.owed(on) == owed
    assert twins.ledger.account.rows == before.rows


def test_two_payments_of_one_moment_are_returned_one_at_a_time() -> None:
    twins = Twins(late=EXAMPLE)
    on = date(2027, 2, 15)
    twins.pay(EMI, on)
    twins.pay(EMI, on)
    one = twins.ledger.payoff(on).amount + EMI
    twins.reverse(2, on)
    assert twins.owed(on) == one
    twins.reverse(1, on)
    assert twins.owed(on) == one + EMI


@pytest.mark.parametrize("late", [None, EXAMPLE, HARSH])
@pytest.mark.parametrize("days", [0, 1, 3, 4, 400])
def test_payoff_after_maturity_is_what_is_unpaid_and_its_charges(late: Late | None, days: int) -> None:
    twins = Twins(months=3, begin=date(2027, 11, 30), late=late)
    on = twins.ledger.loan.end_date + timedelta(days=days)
    owed = twins.ledger.payoff(on)
    assert (owed.principal, owed.accrued_interest, owed.advance) == (0, 0, 0)
    assert owed.overdue_amount == sum(row.amount for row in twins.ledger.account.rows)
    twins.pay(1, on)
    if late is not None:
        # What is due comes first, so that charges alone keep the loan active.
        twins.pay(owed.overdue_amount - 1, on)
        assert (twins.ledger.loan.state, twins.ledger.loan.repayments_left) == (LoanState.ACTIVE, 0)
        assert twins.owed(on + timedelta(days=100)) == owed.charges
        twins.waive(1, on)
    twins.pay(twins.owed(on), on)
    assert twins.ledger.loan.state is LoanState.CLOSED


def test_charge_makes_no_instalment_late() -> None:
    twins = Twins(late=EXAMPLE)
    twins.charge(590_00, date(2027, 2, 15))
    twins.pay(EMI, date(2027, 2, 15))
    loan = twins.ledger.loan
    assert (loan.emis_paid, loan.emis_paid_on_time, loan.days_past_due(date(2027, 3, 1))) == (1, 1, 0)
    assert loan.asset_class(date(2027, 3, 1)) is AssetClass.STANDARD
    assert [charge.open for charge in twins.ledger.account.charges_on(date(2030, 1, 1))[:1]] == [590_00]
    # The charge is never charged for being late itself, and comes after the instalment due.
    twins.pay(EMI, date(2027, 3, 15))
    assert twins.ledger.loan.emis_paid_on_time == 2
    twins.pay(600_00, date(2027, 3, 16))
    assert twins.ledger.loan.paid_toward_next == 10_00


@pytest.mark.parametrize("late", [None, EXAMPLE, HARSH])
def test_one_paisa_does_what_any_amount_does(late: Late | None) -> None:
    twins = Twins(amount=1_000_00, months=2, rate="24", late=late)
    twins.pay(1, date(2027, 1, 15))
    twins.prepay(1, date(2027, 1, 15), SHORTER)
    twins.prepay(1, date(2027, 1, 31), LOWER)
    twins.charge(1, date(2027, 1, 31))
    twins.pay(1, date(2027, 1, 31))
    assert twins.ledger.loan.paid_toward_next == 0
    twins.charge(1, date(2027, 2, 1))
    twins.waive(1, date(2027, 2, 1))
    twins.pay(twins.owed(date(2027, 2, 20)) - 1, date(2027, 2, 20))
    with pytest.raises(RepaymentExceedsPayoff):
        twins.ledger.pay(2, date(2027, 2, 20))
    twins.pay(1, date(2027, 2, 20))
    assert twins.ledger.loan.state is LoanState.CLOSED
    twins.reverse(6, date(2027, 2, 20))
    assert twins.owed(date(2027, 2, 20)) == 1


@pytest.mark.parametrize("paid", [0, 1])
def test_part_payment_leaves_the_balance_that_a_prepayment_has_lowered(paid: int) -> None:
    twins = Twins()
    on = month_later(date(2027, 1, 15), paid)
    for _ in range(paid):
        twins.pay(EMI, on)
    twins.prepay(1_00_000_00, on, LOWER)
    balance = twins.ledger.loan.outstanding_principal
    twins.pay(1, on)
    assert twins.ledger.loan.outstanding_principal == balance


def test_charge_stays_listed_though_the_loan_is_exited_as_of_a_day_before_it() -> None:
    twins = Twins()
    twins.charge(590_00, date(2027, 1, 18))
    twins.exit(date(2027, 1, 17))
    assert [charge.amount for charge in twins.ledger.account.charges_on(date(2027, 1, 18))] == [590_00]


def test_late_charge_that_an_exit_has_paid_stays_listed() -> None:
    twins = Twins(amount=1_000_00, months=2, rate="0", late=EXAMPLE)
    twins.model.cooling_off_days = 45
    # The first instalment has been due for ten days.
    twins.exit(date(2027, 2, 25))
    [charge] = twins.ledger.account.charges_on(date(2028, 1, 1))
    assert (charge.installment_number, charge.amount, charge.paid) == (1, 3_29, 3_29)


def test_exited_loan_is_charged_nothing_for_instalments_that_never_fell_due() -> None:
    twins = Twins(late=EXAMPLE)
    twins.exit(date(2027, 1, 18))
    assert twins.ledger.account.charges_on(date(2028, 1, 1)) == []


def test_prepayment_of_more_than_the_payoff_is_refused_where_the_running_instalment_is_paid() -> None:
    twins = Twins(amount=1_00_000_00, rate="100", months=3)
    on = date(2027, 1, 16)
    twins.pay(twins.ledger.loan.monthly_installment, on)
    owed = twins.owed(on)
    # Its interest that has not accrued is given back by the payoff: a balance below that would owe less than nothing.
    assert owed < twins.ledger.loan.outstanding_principal
    for amount in (owed, owed + 1):
        with pytest.raises(RepaymentExceedsPayoff):
            twins.ledger.preview(amount, on, SHORTER)
    for amount in range(owed - 2_000_00, owed, 9_73):
        life = Ledger(twins.ledger.loan, None, twins.ledger.history)
        try:
            life.pay(amount, on, SHORTER)
        except RepaymentExceedsPayoff:
            continue
        assert life.payoff(on).amount > 0


def test_prepayment_is_returned_though_the_late_charge_that_it_caused_was_waived() -> None:
    twins = Twins(late=EXAMPLE)
    twins.pay(5_000_00, date(2027, 1, 20))
    twins.prepay(1, date(2027, 1, 21), LOWER)
    on = date(2027, 3, 10)
    twins.waive(160_91, on)
    twins.reverse(2, on)
    # 5,000 of the instalment are paid again, so that less of the charge was ever open.
    charge = twins.ledger.account.charges_on(on)[0]
    assert (charge.amount, charge.waived, charge.open) == (86_91, 86_91, 0)


def test_money_goes_to_no_late_charge_of_an_instalment_that_a_prepayment_dated_back_has_done_away_with() -> None:
    """₹1,000 in two instalments of 500, due on 15 February and 15 March, of which nothing is paid by 25 June."""
    twins = Twins(amount=1_000_00, months=2, rate="0", late=EXAMPLE)
    on = date(2027, 6, 25)
    assert [charge.amount for charge in twins.ledger.account.charges_on(on)] == [42_74, 33_53]
    # The first is waived wholly, and 0.20 of the second.
    twins.waive(42_94, on)
    twins.charge(500_00, on)
    # As of the first day a prepayment leaves one instalment: there is no second one to be late.
    twins.prepay(500_00, date(2027, 1, 15), SHORTER, today=on)
    owed = twins.ledger.payoff(on)
    assert (owed.overdue_amount, owed.charges) == (500_00, 500_00)
    twins.pay(500_00, on)
    assert twins.ledger.loan.open_charges == 500_00
    twins.pay(499_99, on)
    late, bounce = twins.ledger.account.charges_on(on)
    assert (late.waived, late.open, bounce.paid, bounce.open) == (42_74, 0, 499_99, 1)
    twins.pay(1, on)
    assert twins.ledger.loan.state is LoanState.CLOSED


def test_prepayment_whose_roundings_a_later_payoff_holds_is_returned_after_that() -> None:
    """A paisa prepaid lowers each instalment by a whole paisa, which the closing payment of the loan makes up for."""
    twins = Twins(amount=48_280_52, rate="100", months=12)
    begin, on = date(2027, 1, 15), date(2027, 9, 15)
    twins.prepay(1, begin, LOWER)
    twins.pay(8 * twins.ledger.loan.monthly_installment, on)
    twins.pay(twins.owed(on), on)
    assert_newest_is_returned_first(twins, 1, on)


def test_prepayment_with_an_advance_whose_roundings_the_payoff_holds_is_returned_after_that() -> None:
    twins = Twins(amount=4_33_215_36, months=24)
    on = date(2027, 2, 6)
    twins.pay(14_462_78, on)
    twins.prepay(1, on, SHORTER)
    twins.pay(twins.owed(on), on)
    assert_newest_is_returned_first(twins, 2, on)


def assert_newest_is_returned_first(twins: Twins, number: int, on: date) -> None:
    """The last payment would be some paise too large without the prepayment, so that it has to go first."""
    before = twins.ledger.account
    with pytest.raises(LaterChange) as error:
        twins.ledger.reverse(number, on)
    assert error.value.metadata["repayment_id"] == f"r{len(twins.ledger.history.repayments)}"
    with pytest.raises(Refused):
        twins.model.reverse(number)
    assert twins.ledger.account == before
    twins.reverse(len(twins.ledger.history.repayments), on)
    twins.reverse(number, on)
    assert twins.ledger.loan.state is LoanState.ACTIVE
