"""Exits in the cooling-off period, and sanctions before the disbursement."""

from datetime import date

import pytest
from support.accounts import Ledger, loan_of_2027, terms_of_2027

from almeno_grpc.domain.cooling_off import exit_amount, last_day_to_exit, raise_if_over
from almeno_grpc.domain.errors import (
    CoolingOffOver,
    LoanCancelled,
    LoanClosed,
    LoanDisbursed,
    LoanNotDisbursed,
    SanctionExpired,
)
from almeno_grpc.domain.loan import InstallmentState, LoanState
from almeno_grpc.domain.repayment import RepaymentKind
from almeno_grpc.domain.repayment_schedule import installments
from almeno_grpc.domain.sanction import cancelled, disbursed, raise_if_not_disbursed

APPROVED, VALID_UNTIL = date(2027, 1, 15), date(2027, 2, 14)
EXIT = date(2027, 1, 18)
TERMS = terms_of_2027()
REFUNDING = terms_of_2027(refunded_on_exit=True)


def sanctioned(**changes):
    return loan_of_2027(valid_until=VALID_UNTIL, **changes)


def test_exit_costs_principal_and_the_interest_of_the_days() -> None:
    life = Ledger(loan_of_2027())
    for terms in (TERMS, None):
        assert exit_amount(life.account, EXIT, terms) == (500_423_39, 0)
    assert exit_amount(life.account, EXIT, REFUNDING) == (494_523_39, 0)
    life.pay(500_000_00, EXIT)
    assert exit_amount(life.account, EXIT, TERMS) == (423_39, 0)


@pytest.mark.parametrize(
    ("repaid", "due", "refund_due"),
    [(0, 494_100_00, 0), (494_100_00, 0, 0), (494_100_01, 0, 1), (497_000_00, 0, 2_900_00)],
)
def test_what_the_refunded_fee_is_more_than_the_payoff_is_due_to_the_borrower(
    repaid: int, due: int, refund_due: int
) -> None:
    life = Ledger(loan_of_2027())
    if repaid:
        life.pay(repaid, APPROVED)
    assert exit_amount(life.account, APPROVED, REFUNDING) == (due, refund_due)


def test_exited_loan_owes_nothing_and_is_active_again_once_the_exit_is_reversed() -> None:
    life = Ledger(loan_of_2027())
    life.charge(10_00, EXIT)
    exit_repayment = life.pay(500_433_39, EXIT, kind=RepaymentKind.EXIT)
    loan = life.loan
    assert (loan.state, loan.repayments_left, loan.outstanding_principal) == (LoanState.EXITED, 0, 0)
    assert (loan.next_due, loan.days_past_due(date(2029, 1, 1))) == (None, 0)
    assert (exit_repayment.closes_loan, exit_repayment.charges_paid) == (True, 10_00)
    assert {row.state for row in installments(life.account, [], date(2029, 1, 1))} == {InstallmentState.DUE_LATER}
    with pytest.raises(LoanClosed):
        life.payoff(EXIT)
    with pytest.raises(LoanClosed):
        raise_if_over(loan, EXIT, TERMS)
    life.reverse(1, EXIT)
    assert life.loan.state is LoanState.ACTIVE
    assert life.payoff(EXIT).amount == 500_433_39


def test_loan_is_exited_within_its_cooling_off_days() -> None:
    loan = loan_of_2027()
    raise_if_over(loan, EXIT, TERMS)
    with pytest.raises(CoolingOffOver) as late:
        raise_if_over(loan, date(2027, 1, 19), TERMS)
    assert late.value.metadata == {"loan_id": "1", "last_day": "2027-01-18"}
    with pytest.raises(CoolingOffOver) as without:
        raise_if_over(loan, EXIT, None)
    assert without.value.metadata == {"loan_id": "1"}
    assert last_day_to_exit(sanctioned(), TERMS) is None


def test_sanctioned_loan_is_disbursed_once_and_counts_from_that_day() -> None:
    loan = sanctioned()
    assert (loan.state, loan.disbursement_date, loan.next_due) == (LoanState.SANCTIONED, None, None)
    assert (loan.emis_due(date(2030, 1, 1)), loan.days_past_due(date(2030, 1, 1))) == (0, 0)
    with pytest.raises(LoanNotDisbursed):
        raise_if_not_disbursed(loan, VALID_UNTIL)
    active = disbursed(loan, date(2027, 1, 31), VALID_UNTIL)
    raise_if_not_disbursed(active, date(2030, 1, 1))
    assert (active.state, active.disbursement_date) == (LoanState.ACTIVE, date(2027, 1, 31))
    assert (active.next_due, active.end_date) == (date(2027, 2, 28), date(2032, 1, 31))
    assert active.monthly_installment == loan.monthly_installment
    for again in (disbursed, lambda loan, _on, today: cancelled(loan, today)):
        with pytest.raises(LoanDisbursed):
            again(active, date(2027, 1, 31), VALID_UNTIL)
    with pytest.raises(LoanDisbursed):
        cancelled(loan_of_2027(), APPROVED)


def test_sanction_expires_the_day_after_it_was_valid() -> None:
    loan, late = sanctioned(), date(2027, 2, 15)
    assert (loan.state_on(VALID_UNTIL), loan.state_on(late)) == (LoanState.SANCTIONED, LoanState.EXPIRED)
    for refused in (
        lambda: disbursed(loan, VALID_UNTIL, late),
        lambda: cancelled(loan, late),
        lambda: raise_if_not_disbursed(loan, late),
    ):
        with pytest.raises(SanctionExpired):
            refused()


def test_cancelled_loan_owes_nothing() -> None:
    loan = cancelled(sanctioned(), VALID_UNTIL)
    assert (loan.state, loan.repayments_left, loan.outstanding_principal) == (LoanState.CANCELLED, 0, 0)
    assert loan.state_on(date(2030, 1, 1)) is LoanState.CANCELLED
    for refused in (
        lambda: disbursed(loan, VALID_UNTIL, VALID_UNTIL),
        lambda: cancelled(loan, VALID_UNTIL),
        lambda: raise_if_not_disbursed(loan, VALID_UNTIL),
    ):
        with pytest.raises(LoanCancelled):
            refused()
