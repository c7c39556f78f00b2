"""Repayments and payoff: examples worked out by hand, and whole lives of loans against a model of the tests' own."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.repayment_model import ModelLoan

from almeno_grpc.domain.account import Account, Payoff, payoff
from almeno_grpc.domain.errors import LoanClosed, RepaymentExceedsPayoff
from almeno_grpc.domain.installments import InstallmentMethod, amortizes, installment, outstanding_after
from almeno_grpc.domain.loan import InstallmentState, Loan, LoanState
from almeno_grpc.domain.repayment import Repayment, Standing
from almeno_grpc.domain.repayment_schedule import installments
from almeno_grpc.domain.replay import repaid

REDUCING, COMPOUND = InstallmentMethod.REDUCING_BALANCE, InstallmentMethod.ANNUAL_COMPOUND
DUE_LATER, DUE, OVERDUE = InstallmentState.DUE_LATER, InstallmentState.DUE, InstallmentState.OVERDUE
PAID, PAID_LATE = InstallmentState.PAID, InstallmentState.PAID_LATE
ONE_DAY = timedelta(days=1)


def booked(
    amount: int = 100_000_00, rate: str = "12", months: int = 12, approved: date = date(2026, 1, 31), **changes
) -> Loan:
    """A loan booked here: by default its instalments are ₹8,884.88, ₹1,000.00 and ₹921.15 of the first two interest."""
    emi = installment(REDUCING, amount, Decimal(rate), months)
    loan = Loan(1, 7, amount, Decimal(rate), months, emi, REDUCING, 0, 0, amount, approved, decision_id="d")
    return replace(loan, **changes)


def imported(
    amount: int = 120_000_00,
    emi: int = 11_000_00,
    months: int = 12,
    approved: date = date(2026, 1, 10),
    paid: int = 0,
    on_time: int = 0,
) -> Loan:
    """An imported loan: by default ₹10,000 of principal and ₹1,000 of interest a month."""
    left = outstanding_after(COMPOUND, amount, Decimal(10), months, emi, paid)
    return Loan(2, 7, amount, Decimal(10), months, emi, COMPOUND, paid, on_time, left, approved, source_loan_id=2)


@dataclass
class Life:
    """A loan and what has been paid on it."""

    loan: Loan
    repayments: list[Repayment] = field(default_factory=list)
    settled: int = field(init=False)

    def __post_init__(self) -> None:
        self.settled = self.loan.emis_paid

    @property
    def account(self) -> Account:
        return Account.of(self.loan, settled=self.settled)

    def payoff(self, on: date) -> int:
        return payoff(self.account, on).amount

    def after(self, amount: int, on: date) -> "Life":
        """The life with one more repayment."""
        number, standing = len(self.repayments) + 1, Standing.of(self.loan)
        after, new = repaid(self.account, Repayment("r", 1, 7, number, amount, on, standing, standing, False, 0))
        life = Life(after.loan, [*self.repayments, new])
        life.settled = self.settled
        return life

    def rows(self, on: date) -> list[tuple[InstallmentState, int]]:
        return [(row.state, row.paid_amount) for row in installments(self.account, self.repayments, on)]


def owed_on(loan: Loan, on: date, *, settled: int) -> Payoff:
    return payoff(Account.of(loan, settled=settled), on)


def lived(loan: Loan, *payments: tuple[int, date]) -> Life:
    life = Life(loan)
    for amount, on in payments:
        life = life.after(amount, on)
    return life


@pytest.mark.parametrize(
    ("payments", "paid", "on_time", "toward_next", "outstanding"),
    [
        pytest.param([(5_000_00, date(2026, 2, 10))], 0, 0, 5_000_00, 100_000_00, id="a part is kept"),
        pytest.param([(8_884_87, date(2026, 2, 28))], 0, 0, 8_884_87, 100_000_00, id="a paisa is missing"),
        pytest.param([(8_884_88, date(2026, 2, 28))], 1, 1, 0, 92_115_12, id="on its due date"),
        pytest.param([(8_884_88, date(2026, 3, 1))], 1, 0, 0, 92_115_12, id="a day late"),
        pytest.param([(8_884_89, date(2026, 2, 28))], 1, 1, 1, 92_115_12, id="a paisa in advance"),
        pytest.param([(26_654_64, date(2026, 1, 31))], 3, 3, 0, 76_108_02, id="three in advance"),
        pytest.param(
            [(5_000_00, date(2026, 2, 10)), (3_884_88, date(2026, 3, 2))], 1, 0, 0, 92_115_12, id="the rest comes late"
        ),
        pytest.param([(17_769_76, date(2026, 3, 31))], 2, 1, 0, 84_151_39, id="one late, one on time"),
        pytest.param([(20_000_00, date(2026, 4, 2))], 2, 0, 2_230_24, 84_151_39, id="two late and a part"),
    ],
)
def test_repayment_pays_the_oldest_instalment_first(
    payments: list[tuple[int, date]], paid: int, on_time: int, toward_next: int, outstanding: int
) -> None:
    loan = lived(booked(), *payments).loan
    assert Standing.of(loan) == Standing(paid, on_time, toward_next, outstanding)
    assert loan.repayments_left + loan.emis_paid == 12
    assert loan.repayment_count == len(payments)


@pytest.mark.parametrize(
    ("on", "overdue", "principal", "accrued"),
    [
        (date(2026, 1, 31), 0, 100_000_00, 0),
        (date(2026, 2, 1), 0, 100_000_00, 35_71),  # ₹1,000 × 1/28
        (date(2026, 2, 14), 0, 100_000_00, 500_00),  # 14 of 28 days
        (date(2026, 2, 27), 0, 100_000_00, 964_29),
        (date(2026, 2, 28), 8_884_88, 92_115_12, 0),
        (date(2026, 3, 1), 8_884_88, 92_115_12, 29_71),  # ₹921.15 × 1/31, for the next is due on the 31st
        (date(2026, 3, 30), 8_884_88, 92_115_12, 891_44),
        (date(2026, 3, 31), 17_769_76, 84_151_39, 0),
        (date(2027, 1, 31), 106_618_53, 0, 0),
        (date(2030, 1, 1), 106_618_53, 0, 0),
    ],
)
def test_payoff_is_what_is_due_the_later_principal_and_the_interest_of_the_days_gone(
    on: date, overdue: int, principal: int, accrued: int
) -> None:
    owed = owed_on(booked(), on, settled=0)
    assert (owed.payoff_date, owed.overdue_amount, owed.principal, owed.accrued_interest, owed.advance) == (
        on,
        overdue,
        principal,
        accrued,
        0,
    )
    assert owed.amount == overdue + principal + accrued


@pytest.mark.parametrize(
    ("payments", "on", "overdue", "principal", "accrued", "advance"),
    [
        pytest.param([(5_000_00, date(2026, 2, 1))], date(2026, 2, 14), 0, 100_000_00, 500_00, 5_000_00, id="a part"),
        pytest.param([(5_000_00, date(2026, 2, 1))], date(2026, 2, 28), 3_884_88, 92_115_12, 0, 0, id="has fallen due"),
        pytest.param(
            [(8_884_88, date(2026, 2, 1))], date(2026, 2, 14), 0, 100_000_00, 500_00, 8_884_88, id="one in advance"
        ),
        pytest.param([(8_884_88, date(2026, 2, 1))], date(2026, 2, 28), 0, 92_115_12, 0, 0, id="due and paid"),
        pytest.param(
            [(20_000_00, date(2026, 2, 1))], date(2026, 3, 1), 0, 92_115_12, 29_71, 11_115_12, id="one and a part"
        ),
        pytest.param(
            [(1_00, date(2026, 4, 1))], date(2026, 4, 30), 26_653_64, 76_108_02, 0, 0, id="part of what is overdue"
        ),
    ],
)
def test_advances_lower_the_payoff(
    payments: list[tuple[int, date]], on: date, overdue: int, principal: int, accrued: int, advance: int
) -> None:
    owed = owed_on(lived(booked(), *payments).loan, on, settled=0)
    assert (owed.overdue_amount, owed.principal, owed.accrued_interest, owed.advance) == (
        overdue,
        principal,
        accrued,
        advance,
    )


def test_loan_without_interest_costs_its_principal_on_every_day() -> None:
    loan = booked(10_000_00, "0", 7)
    assert {owed_on(loan, date(2026, 1, 31) + timedelta(days=n), settled=0).amount for n in range(300)} == {10_000_00}
    life = lived(loan, (1_428_57 * 3, date(2026, 2, 1)), (10_000_00 - 1_428_57 * 3, date(2026, 2, 1)))
    assert Standing.of(life.loan) == Standing(7, 7, 0, 0)


@pytest.mark.parametrize(
    ("paid", "on", "overdue", "principal", "accrued"),
    [
        pytest.param(3, date(2026, 4, 10), 0, 90_000_00, 0, id="as many paid as due"),
        pytest.param(3, date(2026, 4, 25), 0, 90_000_00, 500_00, id="half of the fourth month"),
        pytest.param(2, date(2026, 4, 25), 11_000_00, 90_000_00, 500_00, id="one behind"),
        # What the book counts as paid is neither owed nor an advance, and no interest runs while it lasts.
        pytest.param(5, date(2026, 4, 25), 0, 70_000_00, 0, id="two ahead"),
        pytest.param(5, date(2026, 6, 10), 0, 70_000_00, 0, id="the last one ahead falls due"),
        pytest.param(5, date(2026, 6, 25), 0, 70_000_00, 500_00, id="caught up"),
        pytest.param(11, date(2026, 1, 10), 0, 10_000_00, 0, id="all but one ahead"),
    ],
)
def test_what_an_imported_book_says_was_paid_is_settled(
    paid: int, on: date, overdue: int, principal: int, accrued: int
) -> None:
    owed = owed_on(imported(paid=paid), on, settled=paid)
    assert (owed.overdue_amount, owed.principal, owed.accrued_interest, owed.advance) == (
        overdue,
        principal,
        accrued,
        0,
    )


def test_advance_on_an_imported_loan_that_is_ahead_counts_from_where_the_book_ends() -> None:
    life = lived(imported(paid=5, on_time=3), (16_000_00, date(2026, 4, 25)))
    assert Standing.of(life.loan) == Standing(6, 4, 5_000_00, 60_000_00)
    owed = owed_on(life.loan, date(2026, 4, 25), settled=5)
    assert (owed.principal, owed.advance, owed.amount) == (70_000_00, 16_000_00, 54_000_00)


@pytest.mark.parametrize("on", [date(2026, 1, 31), date(2026, 2, 14), date(2026, 2, 28), date(2026, 7, 4)])
def test_payment_of_the_payoff_closes_the_loan_and_a_paisa_more_is_refused(on: date) -> None:
    life = Life(booked())
    amount = life.payoff(on)
    with pytest.raises(RepaymentExceedsPayoff) as refused:
        life.after(amount + 1, on)
    assert refused.value.metadata == {"payoff_paise": str(amount), "payoff_date": str(on)}
    assert life.after(amount - 1, on).loan.state is LoanState.ACTIVE
    closed = life.after(amount, on)
    assert (closed.loan.state, closed.loan.outstanding_principal, closed.loan.paid_toward_next) == (
        LoanState.CLOSED,
        0,
        0,
    )
    assert closed.loan.emis_paid == 12
    assert closed.loan.days_past_due(date(2030, 1, 1)) == 0
    with pytest.raises(LoanClosed, match="nothing is left to pay"):
        closed.payoff(on)
    with pytest.raises(LoanClosed):
        closed.after(1, on)


def test_payoff_pays_what_is_not_yet_overdue_on_time() -> None:
    life = Life(booked())
    due_today = date(2026, 4, 30)
    closed = life.after(life.payoff(due_today), due_today)
    assert closed.loan.emis_paid_on_time == 10
    states = [state for state, _ in closed.rows(due_today)]
    assert states == [PAID_LATE] * 2 + [PAID] * 10


def test_schedule_of_a_loan_paid_off_early_shows_what_was_owed_for_each_instalment() -> None:
    life = lived(booked(), (8_884_88, date(2026, 2, 28)))
    mid_march = date(2026, 3, 15)
    assert life.payoff(mid_march) == 92_115_12 + 445_72  # ₹921.15 × 15/31
    closed = life.after(life.payoff(mid_march), mid_march)
    paid = [amount for _, amount in closed.rows(mid_march)]
    # The running instalment comes with the interest of its days, those behind it without any.
    assert paid[:3] == [8_884_88, 7_963_73 + 445_72, 8_043_37]
    assert sum(paid) == 8_884_88 + 92_115_12 + 445_72


def test_part_of_an_instalment_shows_in_the_schedule() -> None:
    life = lived(booked(), (10_000_00, date(2026, 2, 28)))
    assert life.rows(date(2026, 3, 30))[:3] == [(PAID, 8_884_88), (DUE_LATER, 1_115_12), (DUE_LATER, 0)]
    assert life.rows(date(2026, 3, 31))[1] == (DUE, 1_115_12)
    assert life.rows(date(2026, 4, 1))[1] == (OVERDUE, 1_115_12)


def test_instalment_paid_in_two_parts_is_late_when_the_second_is() -> None:
    life = lived(booked(), (8_884_87, date(2026, 2, 28)), (1, date(2026, 3, 1)), (8_884_88, date(2026, 3, 31)))
    assert life.rows(date(2026, 4, 1))[:3] == [(PAID_LATE, 8_884_88), (PAID, 8_884_88), (DUE_LATER, 0)]
    assert life.loan.emis_paid_on_time == 1


def test_imported_instalments_keep_their_state_beside_those_paid_here() -> None:
    life = lived(imported(paid=3, on_time=2), (22_000_00, date(2026, 5, 11)))
    assert [state for state, _ in life.rows(date(2026, 7, 11))[:7]] == [
        PAID,
        PAID,
        PAID_LATE,
        PAID_LATE,
        PAID,
        OVERDUE,
        DUE_LATER,
    ]


# Whole lives: every day, a fresh copy of the loan is paid off and has to close at zero.


@st.composite
def loans(draw: st.DrawFn, max_months: int = 18) -> tuple[Loan, ModelLoan]:
    """A loan of either method, and its model."""
    months = draw(st.integers(1, max_months))
    approved = draw(st.dates(date(2023, 1, 1), date(2026, 12, 31)))
    amount = draw(st.integers(1_000_00, 5_000_000_00))
    if draw(st.booleans()):
        rate = draw(st.sampled_from(["0", "8.5", "10.25", "16", "36.1234", "100"]))
        if not amortizes(REDUCING, amount, Decimal(rate), months):
            rate = "0"
        return booked(amount, rate, months, approved), ModelLoan.on_reducing_balance(
            amount, Decimal(rate), months, approved
        )
    # A sheet's payment is in whole rupees: now and then a little less than the part of the principal.
    emi = max(1, amount // months // 100 + draw(st.integers(-1, 2000))) * 100
    paid = draw(st.integers(0, months - 1))
    on_time = draw(st.integers(0, paid))
    loan = imported(amount, emi, months, approved, paid, on_time)
    return loan, ModelLoan.of_the_book(amount, emi, months, approved, paid, on_time)


def assert_same(life: Life, model: ModelLoan, on: date) -> None:
    """The loan stands as the model says, and its schedule adds up to what was paid."""
    loan = life.loan
    assert Standing.of(loan) == Standing(
        model.emis_paid, model.emis_paid_on_time, model.paid_toward_next, model.outstanding
    )
    assert (loan.state is LoanState.CLOSED) == (model.closed_on is not None)
    assert loan.days_past_due(on) == model.days_past_due(on)
    rows = installments(life.account, life.repayments, on)
    baseline = sum(row.scheduled.amount for row in rows[: life.settled])
    assert sum(row.paid_amount for row in rows) == baseline + model.received
    assert all(0 <= row.paid_amount <= row.scheduled.amount for row in rows)
    expected = [row.is_on_time for row in model.installments[life.settled :] if row.is_paid]
    assert [row.state is PAID for row in rows[life.settled : loan.emis_paid]] == expected


def assert_pays_off(life: Life, model: ModelLoan, on: date) -> int:
    """Paying a fresh copy off on the day closes it at zero, to the paisa; gives the amount."""
    owed = owed_on(life.loan, on, settled=life.settled)
    assert min(owed.overdue_amount, owed.principal, owed.accrued_interest, owed.advance) >= 0
    assert owed.amount == model.payoff(on) > 0
    closed = life.after(owed.amount, on)
    assert (closed.loan.state, closed.loan.outstanding_principal) == (LoanState.CLOSED, 0)
    assert (closed.loan.emis_paid, closed.loan.paid_toward_next) == (closed.loan.tenure_months, 0)
    paid = sum(row.paid_amount for row in installments(closed.account, closed.repayments, on)[life.settled :])
    assert paid == model.received + owed.amount
    with pytest.raises(RepaymentExceedsPayoff):
        life.after(owed.amount + 1, on)
    if owed.amount > 1:
        assert life.after(owed.amount - 1, on).loan.state is LoanState.ACTIVE
    return owed.amount


LIVES = [
    pytest.param(booked(), ModelLoan.on_reducing_balance(100_000_00, Decimal(12), 12, date(2026, 1, 31)), id="booked"),
    pytest.param(
        booked(500_000_00, "10.5", 60, date(2023, 11, 30)),
        ModelLoan.on_reducing_balance(500_000_00, Decimal("10.5"), 60, date(2023, 11, 30)),
        id="booked for five years",
    ),
    pytest.param(
        booked(10_000_00, "0", 7, date(2024, 2, 29)),
        ModelLoan.on_reducing_balance(10_000_00, Decimal(0), 7, date(2024, 2, 29)),
        id="without interest",
    ),
    pytest.param(
        booked(1_000_00, "100", 1, date(2025, 12, 31)),
        ModelLoan.on_reducing_balance(1_000_00, Decimal(100), 1, date(2025, 12, 31)),
        id="a single instalment",
    ),
    pytest.param(
        imported(), ModelLoan.of_the_book(120_000_00, 11_000_00, 12, date(2026, 1, 10)), id="of the book, nothing paid"
    ),
    pytest.param(
        imported(900_001_00, 32_518_00, 36, date(2022, 8, 31), paid=20, on_time=17),
        ModelLoan.of_the_book(900_001_00, 32_518_00, 36, date(2022, 8, 31), settled=20, on_time=17),
        id="of the book, paid ahead",
    ),
]


@pytest.mark.parametrize(("loan", "model"), LIVES)
@pytest.mark.parametrize("is_repaid", [False, True], ids=["never paid", "paid now and then"])
def test_paying_the_payoff_closes_the_loan_on_every_day_of_its_life(
    loan: Loan, model: ModelLoan, is_repaid: bool
) -> None:
    model = ModelLoan(
        model.amount, model.approved, [replace(row) for row in model.installments], 0, model.emis_paid_on_time
    )
    life, chance = Life(loan), random.Random(loan.loan_amount)
    on, asked = loan.approval_date, 0
    while on <= loan.end_date + timedelta(days=40):
        before, asked = asked, assert_pays_off(life, model, on)
        assert asked >= before, "the payoff fell from one day to the next"
        if is_repaid and asked > 1 and chance.random() < 0.06:
            amount = min(asked - 1, chance.randint(1, 3 * loan.monthly_installment))
            life = life.after(amount, on)
            model.pay(amount, on)
            asked -= amount
            assert_same(life, model, on)
        on += ONE_DAY


@settings(max_examples=300)
@given(loans(), st.data())
def test_loan_stands_as_the_model_says_whatever_is_paid_and_when(
    pair: tuple[Loan, ModelLoan], data: st.DataObject
) -> None:
    loan, model = pair
    life, on = Life(loan), loan.approval_date
    for _ in range(data.draw(st.integers(1, 12))):
        on += timedelta(days=data.draw(st.integers(0, 70)))
        if model.closed_on:
            break
        assert_pays_off(life, model, on)
        amount = data.draw(amounts(model, on))
        life = life.after(amount, on)
        model.pay(amount, on)
        assert_same(life, model, on + timedelta(days=data.draw(st.integers(0, 40))))


def amounts(model: ModelLoan, on: date) -> st.SearchStrategy[int]:
    """A part, an instalment, several, nearly all or all of what is owed."""
    maximum = model.payoff(on)
    emi = model.installments[0].amount
    known: Sequence[int] = [
        amount for amount in (1, emi - 1, emi, emi + 1, 3 * emi, maximum - 1, maximum) if 0 < amount <= maximum
    ]
    return st.integers(1, maximum) | st.sampled_from(known)


def test_active_loan_on_which_nothing_is_owed_contradicts_itself():
    loan = booked(paid_toward_next=200_000_00)
    with pytest.raises(ValueError, match="loan 1 is active, and nothing is owed on it"):
        owed_on(loan, date(2026, 3, 1), settled=0)
