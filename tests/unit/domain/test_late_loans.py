"""Late loans: which are listed, and what is overdue on them."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain import late_loans
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.installments import InstallmentMethod, schedule
from almeno_grpc.domain.late_loans import LateLoan, LateLoans, overdue_amount
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.months import due_date

REDUCING, COMPOUND = InstallmentMethod.REDUCING_BALANCE, InstallmentMethod.ANNUAL_COMPOUND
# ₹5,00,000 at 10.5 % over 60 months, from 15 January 2027; 10,746.95 a month, and 10,746.94 at the end.
LOAN = Loan(1, 7, 50_000_000, Decimal("10.5"), 60, 1_074_695, REDUCING, 0, 0, 50_000_000, date(2027, 1, 15))


@pytest.mark.parametrize(
    ("emis_paid", "toward_next", "on", "overdue"),
    [
        (0, 0, date(2027, 2, 15), 0),
        (0, 0, date(2027, 2, 16), 1_074_695),
        (0, 5, date(2027, 2, 16), 1_074_690),
        (0, 0, date(2027, 4, 15), 2 * 1_074_695),
        (1, 500_000, date(2027, 4, 16), 2 * 1_074_695 - 500_000),
        (3, 500_000, date(2027, 4, 16), 0),
        (58, 0, date(2032, 1, 15), 1_074_695),
        (58, 0, date(2032, 1, 16), 1_074_695 + 1_074_694),
        (59, 1_074_693, date(2040, 1, 1), 1),
    ],
)
def test_overdue_is_what_is_unpaid_of_the_instalments_due_before_the_day(
    emis_paid: int, toward_next: int, on: date, overdue: int
) -> None:
    assert overdue_amount(replace(LOAN, emis_paid=emis_paid, paid_toward_next=toward_next), on) == overdue


@given(
    method=st.sampled_from(InstallmentMethod),
    months=st.integers(1, 24),
    paid=st.integers(0, 24),
    toward_next=st.integers(0, 40_000),
    days=st.integers(0, 900),
)
def test_overdue_is_the_sum_of_the_rows_of_the_schedule_that_a_calendar_puts_before_the_day(
    method: InstallmentMethod, months: int, paid: int, toward_next: int, days: int
) -> None:
    # The payment of a sheet, in whole rupees, may be below its part of the principal.
    principal, emi = 1_000_001, -(-1_000_001 // months) // 100 * 100
    if method is REDUCING:
        emi = -(-1_000_001 // months)
    paid = min(paid, months - 1)
    loan = Loan(1, 1, principal, Decimal(0), months, emi, method, paid, 0, 1, date(2027, 8, 31))
    rows = schedule(method, principal, Decimal(0), months, emi)
    toward_next = min(toward_next, rows[paid].amount - 1)
    on = loan.approval_date + timedelta(days=days)
    due = [row.amount for row in rows[paid:] if due_date(loan.approval_date, row.number) < on]
    expected = sum(due) - toward_next if due else 0
    assert overdue_amount(replace(loan, paid_toward_next=toward_next), on) == expected


def test_late_loan_is_told_with_its_days_class_and_amounts() -> None:
    late = LateLoans(date(2027, 5, 16))
    late.add(LOAN)
    late.add(replace(LOAN, loan_id=2, customer_id=8, emis_paid=2, outstanding_principal=48_720_193))
    assert late.listed() == [
        LateLoan(1, 7, 90, AssetClass.NON_PERFORMING, 50_000_000, 4 * 1_074_695),
        LateLoan(2, 8, 31, AssetClass.SMA_1, 48_720_193, 2 * 1_074_695),
    ]
    assert (late.count, late.overdue_amount) == (2, 6 * 1_074_695)


def test_those_with_the_most_days_past_due_are_listed_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_loans, "MAX_LISTED", 5)
    late = LateLoans(date(2027, 6, 30))
    for number in range(1, 13):
        # Each day stands for two loans.
        approved = date(2027, 1, 1) + timedelta(days=(number * 5 % 12) // 2)
        late.add(replace(LOAN, loan_id=number, approval_date=approved))
    places = [(-each.days_past_due, each.loan_id) for each in late.listed()]
    assert len(places) == 5
    assert all(earlier < later for earlier, later in pairwise(places))
    assert [each.days_past_due for each in late.listed()] == [149, 149, 148, 148, 147]
    assert (late.count, late.overdue_amount) == (12, 12 * 5 * 1_074_695)
