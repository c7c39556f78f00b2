"""Reversals: a loan stands as if what was taken back had never been paid."""

from datetime import date

import pytest
from support.accounts import Ledger, loan_of_2027

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.errors import AlreadyReversed
from almeno_grpc.domain.loan import InstallmentState, LoanState
from almeno_grpc.domain.repayment_schedule import installments
from almeno_grpc.domain.replay import replay

EMI = 10_746_95


def test_returned_debit_makes_its_instalment_unpaid_again() -> None:
    life = Ledger(loan_of_2027())
    for month in (2, 3, 4):
        life.pay(EMI, date(2027, month, 15))
    assert (life.loan.emis_paid, life.loan.emis_paid_on_time) == (3, 3)
    today = date(2027, 4, 20)
    life.reverse(2, today)
    assert (life.loan.emis_paid, life.loan.emis_paid_on_time, life.loan.days_past_due(today)) == (2, 1, 5)
    today = date(2027, 4, 21)
    life.pay(EMI, today)
    assert (life.loan.emis_paid, life.loan.emis_paid_on_time, life.loan.days_past_due(today)) == (3, 1, 0)
    replayed = replay(life.loan, life.history)
    states = [row.state for row in installments(replayed.account, replayed.repayments, today)[:4]]
    late, paid = InstallmentState.PAID_LATE, InstallmentState.PAID
    assert states == [paid, late, late, InstallmentState.DUE_LATER]
    with pytest.raises(AlreadyReversed):
        life.reverse(2, today)


def test_payoff_rises_by_what_is_reversed_on_every_later_day() -> None:
    life = Ledger(loan_of_2027())
    for amount, on in ((EMI, date(2027, 2, 15)), (25_000_00, date(2027, 3, 20)), (1, date(2027, 3, 21))):
        life.pay(amount, on)
    days = [date.fromordinal(date(2027, 3, 21).toordinal() + n) for n in range(0, 2_000, 13)]
    before = [life.payoff(day).amount for day in days]
    life.reverse(2, date(2027, 3, 22))
    assert [life.payoff(day).amount for day in days] == [amount + 25_000_00 for amount in before]


def test_closed_loan_is_active_again_once_the_closing_payment_is_returned() -> None:
    life = Ledger(loan_of_2027())
    on = date(2027, 3, 1)
    life.pay(1_000_00, on)
    closing = life.pay(life.payoff(on).amount, on)
    assert closing.closes_loan
    life.reverse(2, on)
    assert (life.loan.state, life.loan.paid_toward_next) == (LoanState.ACTIVE, 1_000_00)
    assert life.loan.latest_repayment == 1


def test_last_repayment_becomes_an_advance_once_an_earlier_one_is_returned() -> None:
    life = Ledger(loan_of_2027())
    on = date(2027, 3, 1)
    life.pay(EMI, date(2027, 2, 15))
    closing = life.pay(life.payoff(on).amount, on)
    life.reverse(1, on)
    assert life.loan.state is LoanState.ACTIVE
    assert life.payoff(on).amount == EMI
    assert life.loan.latest_repayment == closing.number
    replayed = replay(life.loan, life.history)
    assert [repayment.closes_loan for repayment in replayed.repayments] == [False]


def test_returned_payments_of_one_moment_leave_the_other_one_alone() -> None:
    life = Ledger(loan_of_2027())
    on = date(2027, 2, 15)
    life.pay(EMI, on)
    life.pay(EMI, on)
    life.reverse(1, on)
    assert (life.loan.emis_paid, life.loan.latest_repayment) == (1, 2)
    life.reverse(2, on)
    assert (life.loan.emis_paid, life.loan.latest_repayment, life.loan.paid_toward_next) == (0, 0, 0)


def test_reversal_can_make_the_loan_non_performing_since_the_past() -> None:
    life = Ledger(loan_of_2027())
    life.pay(2 * EMI, date(2027, 3, 15))
    life.pay(EMI, date(2027, 6, 1))
    assert life.loan.asset_class(date(2027, 6, 1)) is AssetClass.SMA_0
    life.reverse(1, date(2027, 6, 2))
    # 15 February is the oldest due date until 1 June, when one instalment is paid: past the 90th day.
    assert life.loan.non_performing_on(date(2027, 6, 2)) == date(2027, 5, 16)


@pytest.mark.parametrize(
    ("payments", "on", "expected"),
    [
        ([], date(2027, 5, 15), AssetClass.SMA_2),
        ([], date(2027, 5, 16), AssetClass.NON_PERFORMING),
        ([(2, date(2027, 5, 20))], date(2027, 5, 20), AssetClass.NON_PERFORMING),
        ([(2, date(2027, 5, 20)), (2, date(2027, 6, 10))], date(2027, 6, 10), AssetClass.STANDARD),
        ([(2, date(2027, 5, 20)), (2, date(2027, 6, 16))], date(2027, 6, 16), AssetClass.NON_PERFORMING),
        ([(2, date(2027, 5, 15))], date(2027, 5, 20), AssetClass.SMA_1),
    ],
)
def test_class_follows_from_the_payments_by_their_dates(
    payments: list[tuple[int, date]], on: date, expected: AssetClass
) -> None:
    life = Ledger(loan_of_2027())
    for installments_paid, paid_on in payments:
        life.pay(installments_paid * EMI, paid_on)
    assert life.loan.asset_class(on) is expected
    since = date(2027, 5, 16) if expected is AssetClass.NON_PERFORMING else None
    assert life.loan.non_performing_on(on) == since
