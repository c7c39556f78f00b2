"""What was recorded on a loan, day by day."""

from dataclasses import replace
from datetime import date

from support.accounts import Ledger, loan_of_2027

from almeno_grpc.domain.account import payoff
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.postings import account_on, before_cancellation, postings
from almeno_grpc.domain.replay import History

EMI = 10_746_95


def days_of(ledger: Ledger) -> list[date]:
    return [posting.day for posting in postings(ledger.loan, ledger.history, ledger.late_terms)]


def test_payment_dated_back_behind_a_reversal_is_posted_with_the_reversal():
    ledger = Ledger(loan_of_2027())
    ledger.pay(EMI, date(2027, 2, 15))
    ledger.pay(EMI, date(2027, 3, 15))
    ledger.reverse(2, date(2027, 3, 20))
    ledger.pay(EMI, date(2027, 3, 17))
    assert days_of(ledger) == [date(2027, 2, 15), date(2027, 3, 15), date(2027, 3, 20), date(2027, 3, 20)]
    paid = {day: account_on(ledger.loan, ledger.history, None, day).loan.emis_paid for day in days_of(ledger)}
    assert paid == {date(2027, 2, 15): 1, date(2027, 3, 15): 2, date(2027, 3, 20): 2}
    assert account_on(ledger.loan, ledger.history, None, date(2027, 3, 19)).loan.emis_paid_on_time == 2
    assert account_on(ledger.loan, ledger.history, None, date(2027, 3, 20)).loan.emis_paid_on_time == 1


def test_payment_dated_back_behind_a_charge_is_posted_on_its_own_day():
    ledger = Ledger(loan_of_2027())
    ledger.charge(590_00, date(2027, 3, 1))
    ledger.pay(EMI, date(2027, 2, 10))
    assert days_of(ledger) == [date(2027, 2, 10), date(2027, 3, 1)]
    for day in (date(2027, 2, 10), date(2027, 2, 28), date(2027, 3, 1)):
        account = account_on(ledger.loan, ledger.history, None, day)
        assert payoff(account, day) == ledger.payoff(day)


def test_reversal_is_posted_on_its_own_day_though_a_later_payment_was_recorded_before_it():
    ledger = Ledger(loan_of_2027())
    ledger.pay(EMI, date(2027, 2, 15))
    ledger.pay(EMI, date(2027, 3, 15))
    ledger.pay(EMI, date(2027, 4, 15))
    ledger.reverse(2, date(2027, 3, 18))
    assert days_of(ledger) == [date(2027, month, day) for month, day in ((2, 15), (3, 15), (3, 18), (4, 15))]
    paid = {day: account_on(ledger.loan, ledger.history, None, day).loan.emis_paid for day in days_of(ledger)}
    assert list(paid.values()) == [1, 2, 1, 2]


def test_account_is_as_booked_before_anything_is_posted():
    ledger = Ledger(loan_of_2027())
    ledger.pay(EMI, date(2027, 2, 15))
    assert account_on(ledger.loan, ledger.history, None, date(2027, 2, 14)).loan == loan_of_2027(repayment_count=1)


def test_loan_is_sanctioned_until_the_day_of_its_disbursement():
    loan = loan_of_2027(valid_until=date(2027, 2, 14), disbursed_on=date(2027, 1, 20))
    assert account_on(loan, History(), None, date(2027, 1, 19)).loan.state is LoanState.SANCTIONED
    assert account_on(loan, History(), None, date(2027, 1, 20)).loan.state is LoanState.ACTIVE


def test_cancelled_loan_was_sanctioned_before():
    cancelled = loan_of_2027(valid_until=date(2027, 2, 14), ended_as=LoanState.CANCELLED, outstanding_principal=0)
    assert before_cancellation(cancelled) == loan_of_2027(valid_until=date(2027, 2, 14))


def test_payment_that_only_a_reversal_made_room_for_is_posted_with_it_though_clocks_differ():
    """The server that recorded the second payment was some time behind the one that recorded the reversal."""
    ledger = Ledger(loan_of_2027())
    payoff = ledger.payoff(date(2027, 1, 20)).amount
    ledger.pay(payoff, date(2027, 1, 20))
    ledger.reverse(1, date(2027, 1, 21))
    ledger.pay(EMI, date(2027, 1, 21))
    first, second = ledger.history.repayments
    early = replace(second, create_time=first.reversal.create_time - 1)
    skewed = replace(ledger, history=History([first, early]))
    *_, last = postings(skewed.loan, skewed.history)
    assert last.after == ledger.account
    assert days_of(skewed) == [date(2027, 1, 20), date(2027, 1, 21)]
