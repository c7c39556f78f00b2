"""Prepayments: the contract's table, and what may not be prepaid."""

from datetime import date
from decimal import Decimal

import pytest
from support.accounts import Ledger, loan_of_2027

from almeno_grpc.domain.errors import (
    InstallmentsOverdue,
    LaterChange,
    LoanClosed,
    NotReducingBalance,
    PaidAhead,
    RepaymentExceedsPayoff,
    TermsDoNotAmortize,
)
from almeno_grpc.domain.installments import InstallmentMethod, installment
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.months import due_date
from almeno_grpc.domain.prepayment import Prepayment
from almeno_grpc.domain.repayment import PrepaymentEffect

SHORTER, LOWER = PrepaymentEffect.SHORTER_TENURE, PrepaymentEffect.LOWER_INSTALLMENT
EMI = 10_746_95
TWELFTH_DUE = date(2028, 1, 15)


def ledger(paid: int = 12, begin: date = date(2027, 1, 15)) -> Ledger:
    """The loan with so many instalments paid, each on its due date."""
    life = Ledger(loan_of_2027(approval_date=begin))
    for number in range(1, paid + 1):
        life.pay(EMI, due_date(begin, number))
    return life


@pytest.mark.parametrize(
    ("paid", "on", "amount", "principal", "interest", "balance", "lower", "shorter"),
    [
        pytest.param(
            12,
            date(2028, 1, 15),
            100_000_00,
            100_000_00,
            0,
            319_747_33,
            (48, 8_186_61, 8_186_73, 73_210_07),
            (35, EMI, 6_610_32, 52_259_29),
            id="on the due date",
        ),
        pytest.param(
            12,
            date(2028, 1, 30),
            100_000_00,
            99_578_40,
            421_60,
            320_168_93,
            (48, 8_197_41, 8_197_21, 73_306_55),
            (35, EMI, 7_182_27, 52_409_64),
            id="15 days into the period",
        ),
        pytest.param(
            13,
            date(2028, 2, 12),
            100_000_00,
            100_084_75,
            -84_75,
            312_588_42,
            (47, 8_140_52, 8_140_23, 70_015_73),
            (34, EMI, 7_673_00, 49_733_93),
            id="3 days before the due date of an instalment paid ahead",
        ),
        pytest.param(
            12,
            date(2028, 1, 30),
            1,
            1,
            0,
            419_747_32,
            (48, EMI, 10_746_93, None),
            (48, EMI, 10_746_93, None),
            id="a paisa",
        ),
    ],
)
def test_prepayment_lowers_the_balance_and_the_rest_follows(
    paid: int,
    on: date,
    amount: int,
    principal: int,
    interest: int,
    balance: int,
    lower: tuple[int, int, int, int | None],
    shorter: tuple[int, int, int, int | None],
) -> None:
    for effect, (rows, emi, last, interest_left) in ((LOWER, lower), (SHORTER, shorter)):
        life = ledger(12)
        if paid == 13:
            life.pay(EMI, on)
        preview = life.preview(amount, on, effect)
        left = preview.interest_left if interest_left is None else interest_left
        assert preview == Prepayment(principal, interest, rows, emi, last, left)
        life.pay(amount, on, effect)
        loan = life.loan
        assert (loan.outstanding_principal, loan.monthly_installment) == (balance, emi)
        assert (loan.tenure_months, loan.end_date) == (paid + rows, due_date(date(2027, 1, 15), paid + rows))
        assert (loan.booked_terms.installments, loan.booked_terms.monthly_installment) == (60, EMI)
        rows_of_loan = loan.rows()
        assert [row.number for row in rows_of_loan] == list(range(1, paid + rows + 1))
        assert sum(row.principal for row in rows_of_loan[:paid]) + principal + balance == loan.loan_amount
        assert sum(row.principal for row in rows_of_loan[paid:]) == balance


def test_what_was_paid_toward_the_next_instalment_joins_the_prepayment() -> None:
    apart, joined = ledger(), ledger()
    apart.pay(40_000_00 + 60_000_00, TWELFTH_DUE, LOWER)
    joined.pay(4_000_00, TWELFTH_DUE)
    joined.pay(96_000_00, TWELFTH_DUE, LOWER)
    assert joined.loan.outstanding_principal == apart.loan.outstanding_principal
    assert joined.loan.paid_toward_next == 0


def test_two_prepayments_on_one_day_leave_what_one_of_both_leaves() -> None:
    once, twice = ledger(), ledger()
    on = date(2028, 1, 30)
    once.pay(100_000_00, on, LOWER)
    twice.pay(60_000_00, on, LOWER)
    twice.pay(40_000_00, on, LOWER)
    assert abs(once.loan.outstanding_principal - twice.loan.outstanding_principal) <= 1
    assert len(twice.loan.segments) == 3
    assert twice.loan.rows()[-1].balance_after == 0


def test_loan_is_prepaid_in_its_first_period_and_at_month_ends() -> None:
    life = ledger(0, date(2027, 1, 31))
    life.pay(100_000_00, date(2027, 2, 10), SHORTER)
    assert life.loan.emis_paid == 0
    life.pay(EMI, date(2027, 2, 28))
    assert (life.loan.emis_paid, life.loan.next_due) == (1, date(2027, 3, 31))


def test_payoff_after_a_prepayment_closes_the_loan_on_every_day() -> None:
    for effect in (LOWER, SHORTER):
        for paid_ahead in (0, 1):
            for days in range(0, 70, 7):
                life = ledger()
                on = date(2028, 1, 20)
                if paid_ahead:
                    life.pay(EMI, on)
                life.pay(100_000_00, on, effect)
                day = date.fromordinal(on.toordinal() + days)
                life.pay(life.payoff(day).amount, day)
                assert life.loan.state is LoanState.CLOSED


@pytest.mark.parametrize("effect", [LOWER, SHORTER])
def test_payoff_falls_by_what_is_prepaid_also_beside_an_instalment_paid_ahead(effect: PrepaymentEffect) -> None:
    life, on = ledger(), date(2028, 2, 12)
    life.pay(EMI, on)
    assert life.payoff(on).amount == 412_317_74
    life.pay(100_000_00, on, effect)
    assert life.payoff(on).amount == 312_317_74
    life.pay(50_000_00, on, effect)
    assert abs(life.payoff(on).amount - 262_317_74) <= 1
    # By the due date nothing is left to be given back: the balance is owed, no more and no less.
    due = date(2028, 2, 15)
    assert life.payoff(due).amount == life.loan.outstanding_principal
    life.reverse(15, on)
    assert life.payoff(on).amount == 312_317_74


def test_borrower_pays_back_what_was_lent_though_all_of_it_is_paid_on_the_first_day() -> None:
    amount, rate = 10_000_000_00, Decimal(24)
    emi = installment(InstallmentMethod.REDUCING_BALANCE, amount, rate, 60)
    begin = date(2027, 1, 15)
    loan = loan_of_2027(loan_amount=amount, outstanding_principal=amount, interest_rate=rate, monthly_installment=emi)
    life = Ledger(loan)
    life.pay(emi, begin)
    life.pay(9_500_000_00, begin, LOWER)
    life.pay(life.payoff(begin).amount, begin)
    assert life.loan.state is LoanState.CLOSED
    assert abs(sum(repayment.amount for repayment in life.history.repayments) - amount) <= 1


def test_prepayment_is_for_loans_without_arrears_and_charges() -> None:
    life = ledger(11)
    with pytest.raises(InstallmentsOverdue):
        life.preview(100_000_00, TWELFTH_DUE, LOWER)
    life.pay(EMI - 1, TWELFTH_DUE)
    with pytest.raises(InstallmentsOverdue):
        life.preview(100_000_00, TWELFTH_DUE, LOWER)
    life.pay(1, TWELFTH_DUE)
    life.charge(100_00, TWELFTH_DUE)
    with pytest.raises(InstallmentsOverdue) as refusal:
        life.preview(100_000_00, TWELFTH_DUE, LOWER)
    assert refusal.value.metadata["charges_paise"] == "10000"
    life.pay(100_00, TWELFTH_DUE)
    assert life.preview(100_000_00, TWELFTH_DUE, LOWER).principal == 100_000_00


def test_no_more_than_the_running_instalment_may_be_paid_ahead() -> None:
    life = ledger()
    on = date(2028, 1, 20)
    life.pay(EMI, on)
    assert life.preview(1_000_00, on, LOWER).installments_left == 47
    life.pay(1, on)
    with pytest.raises(PaidAhead):
        life.preview(1_000_00, on, LOWER)


def test_prepayment_that_would_close_the_loan_is_refused_and_one_below_is_taken() -> None:
    balance = ledger().loan.outstanding_principal
    with pytest.raises(RepaymentExceedsPayoff):
        ledger().preview(balance, TWELFTH_DUE, SHORTER)
    almost = ledger()
    almost.pay(balance - 1, TWELFTH_DUE, SHORTER)
    assert (almost.loan.outstanding_principal, almost.loan.repayments_left) == (1, 1)
    assert almost.payoff(TWELFTH_DUE).amount == 1
    with pytest.raises(TermsDoNotAmortize):
        ledger().preview(balance - 1, TWELFTH_DUE, LOWER)


def test_closed_loan_and_one_by_annual_compound_are_not_prepaid() -> None:
    life = ledger()
    life.pay(life.payoff(TWELFTH_DUE).amount, TWELFTH_DUE)
    with pytest.raises(LoanClosed):
        life.preview(1, TWELFTH_DUE, LOWER)
    compound = Ledger(loan_of_2027(installment_method=InstallmentMethod.ANNUAL_COMPOUND))
    with pytest.raises(NotReducingBalance):
        compound.preview(1, date(2027, 1, 20), LOWER)


def test_loan_whose_charges_alone_are_open_is_not_prepaid() -> None:
    life, on = ledger(), date(2028, 1, 20)
    life.charge(100_00, date(2028, 1, 21))
    life.pay(life.payoff(on).amount, on)
    assert (life.loan.state, life.loan.repayments_left) == (LoanState.ACTIVE, 0)
    with pytest.raises(LoanClosed):
        life.preview(1_000_00, on, LOWER)


def test_interest_free_loan_is_prepaid_too() -> None:
    emi = installment(InstallmentMethod.REDUCING_BALANCE, 500_000_00, Decimal(0), 60)
    life = Ledger(loan_of_2027(interest_rate=Decimal(0), monthly_installment=emi))
    life.pay(100_000_00, date(2027, 1, 20), SHORTER)
    assert (life.loan.outstanding_principal, life.loan.repayments_left) == (400_000_00, 49)


def test_repayment_before_a_prepayment_is_reversed_after_it_alone() -> None:
    life = ledger(2)
    on = date(2027, 3, 15)
    before = life.loan
    prepayment = life.pay(50_000_00, on, LOWER)
    with pytest.raises(LaterChange) as refusal:
        life.reverse(2, on)
    assert refusal.value.metadata == {"repayment_id": prepayment.repayment_id}
    life.reverse(3, on)
    assert (life.loan.segments, life.loan.tenure_months) == ((), 60)
    assert life.loan.outstanding_principal == before.outstanding_principal
    life.reverse(2, on)
    assert (life.loan.emis_paid, life.loan.latest_repayment, life.loan.repayment_count) == (1, 1, 3)
