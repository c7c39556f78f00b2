"""Charges: late ones by the terms, recorded ones, waivers, and where money goes."""

from datetime import date
from decimal import Decimal

import pytest
from support.accounts import Ledger, loan_of_2027

from almeno_grpc.domain.charge import Charge, ChargeKind, LateTerms
from almeno_grpc.domain.errors import RepaymentExceedsPayoff, WaiverExceedsCharges
from almeno_grpc.domain.loan import LoanState

EMI = 10_746_95
TERMS = LateTerms(Decimal(24), 3, Decimal(10))
FIRST_DUE = date(2027, 2, 15)


def ledger(terms: LateTerms | None = TERMS) -> Ledger:
    return Ledger(loan_of_2027(), terms)


def charges_on(life: Ledger, on: date) -> list[tuple[str, int, int, int, int]]:
    return [
        (charge.kind, charge.installment_number, charge.amount, charge.paid, charge.waived)
        for charge in life.account.charges_on(on)
    ]


@pytest.mark.parametrize(
    ("payments", "expected"),
    [
        ([(5_000_00, date(2027, 2, 20)), (5_746_95, date(2027, 3, 10))], 103_35),
        ([(EMI, date(2027, 2, 18))], 0),
        ([(EMI, date(2027, 2, 19))], 28_27),
        ([(EMI, date(2027, 3, 10))], 162_53),
        ([(5_000_00, date(2027, 2, 10)), (5_746_95, date(2027, 3, 10))], 86_91),
        ([(EMI, date(2028, 2, 14))], 1_074_70),
    ],
)
def test_late_charge_counts_what_was_unpaid_from_the_due_date_on(
    payments: list[tuple[int, date]], expected: int
) -> None:
    life = ledger()
    for amount, on in payments:
        life.pay(amount, on)
    first = [charge.amount for charge in life.account.charges_on(payments[-1][1]) if charge.installment_number == 1]
    assert first == ([expected] if expected else [])


def test_late_charge_of_an_unpaid_instalment_is_counted_up_to_the_day() -> None:
    life = ledger()
    assert life.payoff(date(2027, 2, 18)).charges == 0
    assert life.payoff(date(2027, 2, 19)).charges == 28_27
    life.pay(5_000_00, date(2027, 2, 20))
    assert life.payoff(date(2027, 3, 10)).charges == 103_35
    assert ledger(None).payoff(date(2027, 3, 10)).charges == 0


def test_money_goes_to_instalments_due_then_to_charges_then_to_the_advance() -> None:
    life, on = ledger(), date(2027, 3, 10)
    first = life.pay(EMI - 1, on)
    assert (life.loan.emis_paid, life.loan.paid_toward_next, first.charges_paid) == (0, EMI - 1, 0)
    second = life.pay(1 + 100_00, on)
    assert (life.loan.emis_paid, life.loan.paid_toward_next, second.charges_paid) == (1, 0, 100_00)
    third = life.pay(62_53 + 5, on)
    assert (life.loan.paid_toward_next, third.charges_paid) == (5, 62_53)
    assert charges_on(life, on) == [("LATE_PAYMENT", 1, 162_53, 162_53, 0)]


def test_charge_makes_no_instalment_late_and_is_never_charged_itself() -> None:
    life = ledger()
    life.charge(500_00, date(2027, 2, 1))
    life.pay(EMI, FIRST_DUE)
    assert (life.loan.emis_paid, life.loan.emis_paid_on_time, life.loan.days_past_due(FIRST_DUE)) == (1, 1, 0)
    assert life.payoff(date(2027, 3, 1)).charges == 500_00


def test_oldest_charges_are_paid_and_waived_first() -> None:
    life, on = ledger(), date(2027, 3, 10)
    life.charge(50_00, date(2027, 3, 1))
    life.charge(20_00, on, ChargeKind.OTHER)
    life.waive(160_00, on)
    assert charges_on(life, on) == [
        ("LATE_PAYMENT", 1, 162_53, 0, 160_00),
        ("BOUNCE", 0, 50_00, 0, 0),
        ("OTHER", 0, 20_00, 0, 0),
    ]
    life.pay(EMI + 12_53, on)
    assert charges_on(life, on) == [
        ("LATE_PAYMENT", 1, 162_53, 2_53, 160_00),
        ("BOUNCE", 0, 50_00, 10_00, 0),
        ("OTHER", 0, 20_00, 0, 0),
    ]
    with pytest.raises(WaiverExceedsCharges):
        life.waive(60_01, on)
    life.waive(60_00, on)
    assert life.payoff(on).charges == 0


def test_waiver_of_a_running_late_charge_stays_while_that_grows() -> None:
    life = ledger()
    life.waive(28_27, date(2027, 2, 19))
    assert life.payoff(date(2027, 2, 19)).charges == 0
    assert life.payoff(date(2027, 3, 10)).charges == 162_53 - 28_27
    # Dated back it was paid within the days of grace: there was nothing to waive.
    life.pay(EMI, date(2027, 2, 18))
    assert life.payoff(date(2027, 3, 10)).charges == 0
    assert life.account.charges == ()


def test_loan_stays_active_until_its_charges_are_paid_or_waived() -> None:
    life, on = ledger(None), date(2027, 3, 1)
    owed = life.payoff(on).amount
    life.pay(owed - 5_000_00, on)
    life.charge(100_00, date(2027, 3, 2))
    life.pay(5_000_00, on)
    assert (life.loan.state, life.loan.repayments_left, life.loan.open_charges) == (LoanState.ACTIVE, 0, 100_00)
    later = date(2027, 3, 3)
    assert life.payoff(later).amount == 100_00
    with pytest.raises(RepaymentExceedsPayoff):
        life.pay(100_01, later)
    part = life.pay(40_00, later)
    assert (part.charges_paid, part.closes_loan, life.loan.state) == (40_00, False, LoanState.ACTIVE)
    paid, waived = Ledger(life.loan, None, life.history), Ledger(life.loan, None, life.history)
    assert paid.pay(60_00, later).closes_loan
    waived.waive(60_00, later)
    assert paid.loan.state is waived.loan.state is LoanState.CLOSED


def test_payoff_with_charges_closes_the_loan() -> None:
    life, on = ledger(), date(2027, 4, 1)
    owed = life.payoff(on)
    assert owed.charges == life.account.charges_on(on)[0].amount + life.account.charges_on(on)[1].amount
    closing = life.pay(owed.amount, on)
    assert (closing.closes_loan, closing.charges_paid) == (True, owed.charges)
    assert all(charge.open == 0 for charge in life.account.charges)


def test_charge_of_later_is_not_paid_by_a_payment_that_is_dated_before_it() -> None:
    life = ledger(None)
    life.charge(100_00, date(2027, 2, 10))
    paid = life.pay(1_000_00, date(2027, 2, 9))
    assert (paid.charges_paid, life.loan.paid_toward_next) == (0, 1_000_00)
    assert life.payoff(date(2027, 2, 10)).charges == 100_00


def test_reversal_leaves_the_charges_that_would_have_been() -> None:
    life = ledger()
    life.pay(EMI, FIRST_DUE)
    life.pay(EMI, date(2027, 3, 15))
    life.reverse(1, date(2027, 3, 20))
    # The payment of March has paid the instalment of February, 28 days late; that of March is unpaid for 5.
    assert charges_on(life, date(2027, 3, 20)) == [
        ("LATE_PAYMENT", 1, 197_86, 0, 0),
        ("LATE_PAYMENT", 2, 35_33, 0, 0),
    ]


def test_open_part_of_a_charge_is_never_below_zero() -> None:
    assert Charge(ChargeKind.LATE_PAYMENT, 1, FIRST_DUE, 10, paid=4, waived=3).open == 3
    assert Charge(ChargeKind.LATE_PAYMENT, 1, FIRST_DUE, 10, waived=11).open == 0
