from datetime import date
from decimal import Decimal

import pytest

from almeno_grpc.domain.account import Account
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import InstallmentState, Loan, LoanState
from almeno_grpc.domain.repayment_schedule import installments


def loan(
    *,
    tenure: int = 12,
    paid: int = 0,
    on_time: int = 0,
    approved: date = date(2026, 1, 31),
    method: InstallmentMethod = InstallmentMethod.REDUCING_BALANCE,
) -> Loan:
    return Loan(
        loan_id=1,
        customer_id=7,
        loan_amount=10_000_000,
        interest_rate=Decimal(12),
        tenure_months=tenure,
        monthly_installment=888_488,
        installment_method=method,
        emis_paid=paid,
        emis_paid_on_time=on_time,
        outstanding_principal=10_000_000,
        approval_date=approved,
    )


@pytest.mark.parametrize(
    ("paid", "left", "state"),
    [(0, 12, LoanState.ACTIVE), (11, 1, LoanState.ACTIVE), (12, 0, LoanState.CLOSED)],
)
def test_loan_is_active_while_repayments_are_left(paid: int, left: int, state: LoanState) -> None:
    assert (loan(paid=paid).repayments_left, loan(paid=paid).state) == (left, state)


@pytest.mark.parametrize(
    ("approved", "tenure", "end"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 12, date(2027, 1, 31)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
    ],
)
def test_loan_ends_with_its_last_due_date(approved: date, tenure: int, end: date) -> None:
    assert loan(approved=approved, tenure=tenure).end_date == end


@pytest.mark.parametrize(
    ("paid", "on", "days"),
    [
        (0, date(2026, 1, 31), 0),
        (0, date(2026, 2, 28), 0),
        (0, date(2026, 3, 1), 1),
        (0, date(2026, 4, 1), 32),
        (1, date(2026, 3, 31), 0),
        (1, date(2026, 4, 1), 1),
        (5, date(2026, 4, 1), 0),
        (11, date(2027, 2, 1), 1),
        (12, date(2030, 1, 1), 0),
    ],
)
def test_days_past_due_count_from_the_oldest_unpaid_instalment(paid: int, on: date, days: int) -> None:
    assert loan(paid=paid).days_past_due(on) == days


def test_emis_due_of_a_loan_end_with_its_tenure() -> None:
    assert loan(tenure=3).emis_due(date(2026, 3, 31)) == 2
    assert loan(tenure=3).emis_due(date(2036, 3, 31)) == 3


def test_schedule_has_the_state_of_each_instalment() -> None:
    rows = installments(Account.of(loan(paid=2, on_time=1), settled=2), [], date(2026, 5, 31))
    assert [row.state for row in rows[:6]] == [
        InstallmentState.PAID,
        InstallmentState.PAID_LATE,
        InstallmentState.OVERDUE,
        InstallmentState.DUE,
        InstallmentState.DUE_LATER,
        InstallmentState.DUE_LATER,
    ]
    assert [row.paid_amount for row in rows[:4]] == [888_488, 888_488, 0, 0]
    assert [row.due_date for row in rows[:4]] == [
        date(2026, 2, 28),
        date(2026, 3, 31),
        date(2026, 4, 30),
        date(2026, 5, 31),
    ]
    assert len(rows) == 12
    assert sum(row.scheduled.principal for row in rows) == 10_000_000


def test_every_instalment_of_a_closed_loan_is_paid() -> None:
    rows = installments(Account.of(loan(paid=12, on_time=12), settled=12), [], date(2026, 2, 1))
    assert {row.state for row in rows} == {InstallmentState.PAID}
    assert sum(row.paid_amount for row in rows) == 12 * 888_488 - 3


def test_imported_loan_shows_equal_parts_of_principal() -> None:
    rows = installments(
        Account.of(loan(tenure=4, method=InstallmentMethod.ANNUAL_COMPOUND), settled=0), [], date(2026, 1, 31)
    )
    assert [row.scheduled.principal for row in rows] == [2_500_000] * 4
    assert [row.scheduled.balance_after for row in rows] == [7_500_000, 5_000_000, 2_500_000, 0]
