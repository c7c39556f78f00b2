from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.months import due_date
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.service.store import Changes

TODAY = date(2026, 6, 30)
LOAN = Loan(
    loan_id=1,
    customer_id=1,
    loan_amount=10_000_000,
    interest_rate=Decimal(12),
    tenure_months=12,
    monthly_installment=888_488,
    installment_method=InstallmentMethod.REDUCING_BALANCE,
    emis_paid=3,
    emis_paid_on_time=2,
    outstanding_principal=7_000_000,
    approval_date=date(2026, 1, 31),
    source_loan_id=1,
)


@st.composite
def loans(draw: st.DrawFn) -> Loan:
    tenure = draw(st.integers(1, 60))
    paid = draw(st.integers(0, tenure))
    return replace(
        LOAN,
        tenure_months=tenure,
        emis_paid=paid,
        emis_paid_on_time=draw(st.integers(0, paid)),
        loan_amount=(amount := draw(st.integers(100_000, 10**11))),
        outstanding_principal=draw(st.integers(1, amount)) if paid < tenure else 0,
        monthly_installment=draw(st.integers(1, 10**9)),
        approval_date=draw(st.dates(date(2022, 1, 1), date(2027, 1, 1))),
    )


class UndoError(Exception):
    """Raised to undo what a test has written."""


@pytest.fixture
def position_of(book, rows_of):
    """Aggregates loans: they are written for a customer, read in the same transaction, and rolled back."""
    book.upsert([rows_of.customer(1), rows_of.customer(2)])

    def position_of(loans: Iterable[Loan], on: date) -> CreditPosition:
        found = []

        def look(tx) -> None:
            others = replace(LOAN, loan_id=99, customer_id=2, source_loan_id=99)
            numbered = [replace(loan, loan_id=number, source_loan_id=number) for number, loan in enumerate(loans, 1)]
            tx.write(Changes(loans=[*numbered, others]))
            found.append(tx.borrowers.get(1, on).position)
            raise UndoError

        with pytest.raises(UndoError):
            book.store.write(look)
        return found[0]

    return position_of


def test_customer_without_loans_has_a_position_of_zeros(position_of) -> None:
    assert position_of([], TODAY) == CreditPosition(0, 0, 0, 0, 0, 0, 0, 0)


def test_position_of_one_running_loan(position_of) -> None:
    assert position_of([LOAN], TODAY) == CreditPosition(
        loan_count=1,
        active_loan_count=1,
        loans_this_year=1,
        approved_volume=10_000_000,
        current_debt=7_000_000,
        monthly_obligation=888_488,
        emis_due=5,
        emis_paid_on_time=2,
        days_past_due=30,
        asset_class=AssetClass.SMA_1,
    )


def test_closed_loan_counts_as_history_but_owes_nothing(position_of) -> None:
    closed = replace(
        LOAN, emis_paid=12, emis_paid_on_time=12, outstanding_principal=0, approval_date=date(2024, 12, 31)
    )
    assert position_of([closed], TODAY) == CreditPosition(
        loan_count=1, approved_volume=10_000_000, emis_due=12, emis_paid_on_time=12
    )


def test_emis_paid_ahead_count_only_as_far_as_they_are_due(position_of) -> None:
    ahead = replace(LOAN, emis_paid=9, emis_paid_on_time=9)
    behind = replace(LOAN, emis_paid=1, emis_paid_on_time=1)
    position = position_of([ahead, behind], TODAY)
    assert (position.emis_paid_on_time, position.emis_due) == (5 + 1, 5 + 5)


@pytest.mark.parametrize(
    ("approved", "loan_count", "this_year"),
    [
        (date(2026, 6, 30), 1, 1),
        (date(2026, 7, 1), 1, 1),
        (date(2027, 1, 1), 1, 0),
        (date(2026, 1, 1), 1, 1),
        (date(2025, 12, 31), 1, 0),
        (date(2025, 7, 1), 1, 0),
    ],
)
def test_position_takes_every_loan_there_is_and_those_of_the_calendar_year(
    position_of, approved: date, loan_count: int, this_year: int
) -> None:
    position = position_of([replace(LOAN, approval_date=approved)], TODAY)
    assert (position.loan_count, position.loans_this_year) == (loan_count, this_year)


def test_loan_dated_after_the_business_date_is_owed_and_has_no_instalment_due(position_of) -> None:
    ahead = replace(LOAN, approval_date=date(2026, 8, 15))
    assert position_of([ahead, replace(LOAN, approval_date=date(2027, 1, 31))], TODAY) == CreditPosition(
        loan_count=2,
        active_loan_count=2,
        loans_this_year=1,
        approved_volume=20_000_000,
        current_debt=14_000_000,
        monthly_obligation=1_776_976,
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(loans(), max_size=8), st.dates(date(2022, 1, 1), date(2030, 1, 1)))
def test_position_is_the_sum_over_the_loans(position_of, drawn: list[Loan], on: date) -> None:
    running = [loan for loan in drawn if loan.emis_paid < loan.tenure_months]
    due = {
        id(loan): sum(due_date(loan.approval_date, k) <= on for k in range(1, loan.tenure_months + 1)) for loan in drawn
    }
    position = position_of(iter(drawn), on)
    assert position.loan_count == len(drawn)
    assert position.active_loan_count == len(running)
    assert position.loans_this_year == sum(loan.approval_date.year == on.year for loan in drawn)
    assert position.approved_volume == sum(loan.loan_amount for loan in drawn)
    assert position.current_debt == sum(loan.outstanding_principal for loan in running)
    assert position.monthly_obligation == sum(loan.monthly_installment for loan in running)
    assert position.emis_due == sum(due.values())
    assert position.emis_paid_on_time == sum(min(due[id(loan)], loan.emis_paid_on_time) for loan in drawn)
