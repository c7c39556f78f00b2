"""Statements of accounts: which lines there are, what they debit and credit, and to what balances they come."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from support.accounts import Ledger, loan_of_2027
from support.repayment_model import month_later
from support.statement_agreement import assert_lines_add_up, statement_of

from almeno_grpc.domain.account import owed_on
from almeno_grpc.domain.charge import LateTerms
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.repayment import PrepaymentEffect, RepaymentKind
from almeno_grpc.domain.statement import Statement
from almeno_grpc.domain.statement_line import LineKind
from almeno_grpc.domain.terms import Fees

BEGIN = date(2027, 1, 15)
EMI = 10_746_95
LATE = LateTerms(Decimal(24), 3, Decimal(10))
FEES = Fees(5_000_00, 900_00)


def ledger_of_2027(late_terms: LateTerms | None = None, **changes) -> Ledger:
    return Ledger(loan_of_2027(**changes), late_terms)


def due(number: int) -> date:
    return month_later(BEGIN, number)


def lines(of: Statement) -> list[tuple[date, str, int, int]]:
    """Day, kind, what is debited or, below zero, credited, and the balance."""
    assert_lines_add_up(of)
    return [(line.value_date, line.kind, line.debit - line.credit, line.balance) for line in of.lines]


def whole(ledger: Ledger, until: date, **terms) -> list[tuple[date, str, int, int]]:
    return lines(statement_of(ledger, BEGIN, until, **terms))


def test_loan_amount_is_owed_from_the_disbursement_and_the_interest_of_each_instalment_from_its_due_date() -> None:
    ledger = ledger_of_2027()
    ledger.pay(EMI, due(1))
    assert whole(ledger, date(2027, 3, 20)) == [
        (BEGIN, "DISBURSEMENT", 500_000_00, 500_000_00),
        (due(1), "INSTALLMENT_DUE", 4_375_00, 504_375_00),
        (due(1), "REPAYMENT", -EMI, 493_628_05),
        (due(2), "INSTALLMENT_DUE", 4_319_25, 497_947_30),
    ]


def test_fee_and_tax_that_were_kept_back_are_owed_as_a_part_of_the_loan_amount() -> None:
    assert whole(ledger_of_2027(), BEGIN, fees=FEES) == [
        (BEGIN, "DISBURSEMENT", 494_100_00, 494_100_00),
        (BEGIN, "FEE", 5_000_00, 499_100_00),
        (BEGIN, "GST", 900_00, 500_000_00),
    ]


def test_returned_debit_is_a_credit_on_its_day_and_a_debit_on_that_of_its_return() -> None:
    ledger = ledger_of_2027()
    for month in (1, 2, 3):
        ledger.pay(EMI, due(month))
    kept = whole(ledger, due(3))
    ledger.reverse(2, date(2027, 4, 20))
    ledger.pay(EMI, date(2027, 4, 21))
    assert whole(ledger, date(2027, 4, 21)) == [
        *kept,
        (date(2027, 4, 20), "REVERSAL", EMI, 491_463_35),
        (date(2027, 4, 21), "REPAYMENT", -EMI, 480_716_40),
    ]
    reversal = statement_of(ledger, date(2027, 4, 20), date(2027, 4, 20)).lines[0]
    assert reversal.repayment == ledger.history.repayments[1]


def test_reversal_that_opens_a_loan_again_has_its_instalments_fall_due_as_if_it_had_never_been_closed() -> None:
    ledger, fresh = ledger_of_2027(), ledger_of_2027()
    ledger.pay(ledger.payoff(date(2027, 2, 20)).amount, date(2027, 2, 20))
    ledger.reverse(1, date(2027, 4, 20))
    until = date(2027, 5, 1)
    of = statement_of(ledger, BEGIN, until)
    assert [line for line in lines(of) if line[1] == "INSTALLMENT_DUE"] != []
    assert of.closing_balance == statement_of(fresh, BEGIN, until).closing_balance


@pytest.mark.parametrize(
    ("paid", "days", "interest", "balance"),
    [
        (12, 0, 0, 319_747_33),
        (12, 15, 421_60, 320_168_93),
        # The running instalment is paid: its own interest, 3,672.79, is billed when it falls due.
        (13, 28, -84_75, 312_588_42 - 3_672_79),
    ],
)
def test_prepayment_is_credited_and_its_interest_since_the_last_due_date_billed(paid, days, interest, balance) -> None:
    ledger = ledger_of_2027()
    for month in range(1, paid + 1):
        ledger.pay(EMI, min(due(month), due(12)))
    on = due(12) + timedelta(days=days)
    ledger.pay(1_00_000_00, on, PrepaymentEffect.LOWER_INSTALLMENT)
    of = statement_of(ledger, on, on)
    assert of.closing_balance == balance
    moved = {line.kind: line.debit - line.credit for line in of.lines}
    assert moved.pop(LineKind.PREPAYMENT) == -1_00_000_00
    assert moved.get(LineKind.INTEREST, 0) == interest
    # The rest of the schedule repays what is owed then.
    assert statement_of(ledger, BEGIN, due(13)).closing_balance - ledger.account.rows[12].interest == (
        ledger.loan.outstanding_principal if paid == 12 else balance
    )


def test_loan_that_is_paid_off_early_ends_at_zero_with_the_interest_of_the_days() -> None:
    ledger = ledger_of_2027()
    ledger.pay(EMI, due(1))
    on = date(2027, 3, 1)
    owed = ledger.payoff(on)
    ledger.pay(owed.amount, on)
    assert whole(ledger, date(2027, 12, 31))[-2:] == [
        (on, "INTEREST", owed.accrued_interest, owed.amount),
        (on, "REPAYMENT", -owed.amount, 0),
    ]


def test_loan_of_the_full_term_ends_at_zero() -> None:
    ledger = ledger_of_2027()
    for row in ledger.account.rows:
        ledger.pay(row.amount, due(row.number))
    of = statement_of(ledger, BEGIN, date(2033, 1, 1))
    assert ledger.loan.state is LoanState.CLOSED
    assert (of.closing_balance, of.accrued_interest, of.accrued_charges) == (0, 0, 0)
    assert sum(line.debit for line in of.lines) == 500_000_00 + sum(row.interest for row in ledger.account.rows)


def test_instalment_without_interest_has_a_line_that_moves_nothing() -> None:
    ledger = ledger_of_2027(interest_rate=Decimal(0), monthly_installment=8_333_33)
    assert whole(ledger, due(1))[-1] == (due(1), "INSTALLMENT_DUE", 0, 500_000_00)


def test_loan_that_is_given_back_ends_at_zero_with_the_interest_of_the_days() -> None:
    ledger = ledger_of_2027()
    ledger.exit(date(2027, 1, 18), 3)
    assert whole(ledger, date(2027, 6, 1)) == [
        (BEGIN, "DISBURSEMENT", 500_000_00, 500_000_00),
        (date(2027, 1, 18), "INTEREST", 423_39, 500_423_39),
        (date(2027, 1, 18), "REPAYMENT", -500_423_39, 0),
    ]


@pytest.mark.parametrize(("paid_before", "due_at_exit", "balance"), [(0, 494_523_39, 0), (499_000_00, 0, -4_476_61)])
def test_exit_that_refunds_the_fee_ends_at_zero_or_at_what_the_lender_owes(paid_before, due_at_exit, balance) -> None:
    ledger = ledger_of_2027()
    on = date(2027, 1, 18)
    if paid_before:
        ledger.pay(paid_before, on)
    ledger.pay(due_at_exit, on, kind=RepaymentKind.EXIT)
    given_back = whole(ledger, on, fees=FEES, refunded=FEES)[-4:]
    assert [(kind, moved) for _, kind, moved, _ in given_back] == [
        ("INTEREST", 423_39),
        ("FEE", -5_000_00),
        ("GST", -900_00),
        ("REPAYMENT", -due_at_exit),
    ]
    assert given_back[-1][3] == balance


def test_late_charge_is_billed_on_days_with_a_line_and_monthly_after_the_last_due_date() -> None:
    ledger = ledger_of_2027(LATE)
    ledger.pay(5_000_00, date(2027, 2, 20))
    ledger.pay(5_746_95, date(2027, 3, 10))
    billed = [line for line in whole(ledger, date(2027, 3, 14)) if line[1] == "CHARGE"]
    assert [(on, moved) for on, _, moved, _ in billed] == [(date(2027, 2, 20), 35_33), (date(2027, 3, 10), 68_02)]

    short = ledger_of_2027(LATE, tenure_months=1, monthly_installment=504_375_00)
    days = [on for on, kind, _, _ in whole(short, date(2027, 5, 20)) if kind == "CHARGE"]
    assert days == [date(2027, 3, 15), date(2027, 4, 15), date(2027, 5, 15)]
    of = statement_of(short, BEGIN, date(2027, 5, 20))
    assert of.accrued_charges > 0
    assert of.closing_balance + of.accrued_charges == short.payoff(date(2027, 5, 20)).amount


def test_charges_are_owed_and_waivers_are_not_owed_any_more() -> None:
    ledger = ledger_of_2027()
    ledger.charge(590_00, date(2027, 2, 1))
    ledger.waive(90_00, date(2027, 2, 2))
    assert whole(ledger, date(2027, 2, 2))[1:] == [
        (date(2027, 2, 1), "CHARGE", 590_00, 500_590_00),
        (date(2027, 2, 2), "WAIVER", -90_00, 500_500_00),
    ]


@pytest.mark.parametrize("paid_on", [date(2027, 2, 17), date(2027, 3, 1)])
@pytest.mark.parametrize("paid", [1_000_00, EMI, EMI + 10_00])
def test_waived_late_charge_that_a_payment_dated_back_undoes_leaves_what_is_owed(paid_on: date, paid: int) -> None:
    ledger, waived_on = ledger_of_2027(LATE), date(2027, 3, 20)
    ledger.waive(owed_on(ledger.account, waived_on).charges, waived_on)
    ledger.pay(paid, paid_on)
    for days in (0, 1, 30, 90):
        on = waived_on + timedelta(days=days)
        of = statement_of(ledger, BEGIN, on)
        assert_lines_add_up(of)
        assert of.closing_balance + of.accrued_interest + of.accrued_charges == ledger.payoff(on).amount


def test_of_one_day_what_was_recorded_stands_in_the_order_in_which_it_was() -> None:
    ledger = ledger_of_2027()
    ledger.pay(500_00, BEGIN)
    ledger.reverse(1, BEGIN)
    ledger.pay(800_00, BEGIN)
    assert [(kind, balance) for _, kind, _, balance in whole(ledger, BEGIN)] == [
        ("DISBURSEMENT", 500_000_00),
        ("REPAYMENT", 499_500_00),
        ("REVERSAL", 500_000_00),
        ("REPAYMENT", 499_200_00),
    ]


def test_waiver_that_is_dated_after_a_payment_recorded_later_moves_no_late_charge() -> None:
    ledger = ledger_of_2027(LATE)
    ledger.charge(500_00, date(2027, 2, 1))
    ledger.waive(200_00, date(2027, 2, 10))
    ledger.pay(300_00, date(2027, 2, 5))
    assert [(kind, moved) for _, kind, moved, _ in whole(ledger, date(2027, 2, 10))[1:]] == [
        ("CHARGE", 500_00),
        ("REPAYMENT", -300_00),
        ("WAIVER", -200_00),
    ]


def test_instalments_that_an_imported_book_counts_as_paid_are_one_credit_on_no_day_of_theirs() -> None:
    loan = loan_of_2027(
        loan_amount=1_00_000_00,
        tenure_months=24,
        monthly_installment=4_600_00,
        installment_method=InstallmentMethod.ANNUAL_COMPOUND,
        emis_paid=3,
        outstanding_principal=87_500_00,
        decision_id=None,
    )
    ledger = Ledger(loan)
    assert whole(ledger, due(4)) == [
        (BEGIN, "DISBURSEMENT", 1_00_000_00, 1_00_000_00),
        (BEGIN, "PAID_BEFORE", -12_500_00, 87_500_00),
        (due(4), "INSTALLMENT_DUE", 433_33, 87_933_33),
    ]
    assert [line.installment.number for line in statement_of(ledger, BEGIN, due(4)).lines[1:]] == [3, 4]
    ledger.pay(4_600_00, due(4))
    for on in (due(4), due(5) - timedelta(days=7), due(5), due(24), due(30)):
        of = statement_of(ledger, BEGIN, on)
        assert of.closing_balance + of.accrued_interest == ledger.payoff(on).amount
    ledger.pay(ledger.payoff(due(9)).amount, due(9))
    assert statement_of(ledger, BEGIN, due(30)).closing_balance == 0
    assert statement_of(Ledger(replace(loan, emis_paid=24)), BEGIN, due(30)).closing_balance == 0


@pytest.mark.parametrize("ended_as", [None, LoanState.CANCELLED])
def test_loan_that_is_not_disbursed_has_no_lines(ended_as: LoanState | None) -> None:
    ledger = ledger_of_2027(valid_until=date(2027, 2, 14), ended_as=ended_as)
    of = statement_of(ledger, BEGIN, date(2027, 6, 1), fees=FEES)
    assert (of.lines, of.opening_balance, of.closing_balance) == ((), 0, 0)


def test_lines_count_from_the_disbursement() -> None:
    ledger = ledger_of_2027(valid_until=date(2027, 2, 14), disbursed_on=date(2027, 2, 1))
    assert whole(ledger, date(2027, 1, 31)) == []
    assert [on for on, *_ in whole(ledger, date(2027, 3, 1))] == [date(2027, 2, 1), date(2027, 3, 1)]


def test_interest_of_the_days_is_no_part_of_the_balance_before_it_is_billed() -> None:
    ledger = ledger_of_2027()
    of = statement_of(ledger, BEGIN, date(2027, 1, 31))
    assert (of.closing_balance, of.accrued_interest) == (500_000_00, 2_258_06)
    assert ledger.payoff(date(2027, 1, 31)).amount == 502_258_06
