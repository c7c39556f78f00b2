from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Loan, LoanState
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

    def position_of(loans: Iterable[Loan], on: date, since: date | None = None) -> CreditPosition:
        found = []

        def look(tx) -> None:
            others = replace(LOAN, loan_id=99, customer_id=2, source_loan_id=99)
            numbered = [replace(loan, loan_id=number, source_loan_id=number) for number, loan in enumerate(loans, 1)]
            tx.write(Changes(loans=[*numbered, others], non_performing_customers={1: since}))
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


LATER = replace(LOAN, valid_until=date(2026, 7, 10), approval_date=date(2026, 6, 10), emis_paid=0, emis_paid_on_time=0)
SANCTIONED = replace(LATER, outstanding_principal=LOAN.loan_amount)
DISBURSED_ON_TIME = replace(LATER, disbursed_on=date(2026, 6, 15), outstanding_principal=LOAN.loan_amount)


def test_sanctioned_loan_takes_its_part_of_the_limit_and_nothing_is_due(position_of) -> None:
    expected = CreditPosition(
        loan_count=1,
        active_loan_count=0,
        loans_this_year=1,
        approved_volume=10_000_000,
        current_debt=10_000_000,
        monthly_obligation=888_488,
    )
    assert position_of([SANCTIONED], TODAY) == expected
    assert position_of([SANCTIONED], date(2026, 7, 10)) == expected


@pytest.mark.parametrize(
    ("loan", "on"),
    [
        (SANCTIONED, date(2026, 7, 11)),
        (replace(SANCTIONED, ended_as=LoanState.CANCELLED, outstanding_principal=0), TODAY),
        (replace(DISBURSED_ON_TIME, ended_as=LoanState.EXITED, outstanding_principal=0), TODAY),
    ],
    ids=["expired that very day", "cancelled", "exited"],
)
def test_loan_that_came_to_nothing_counts_nowhere(position_of, loan: Loan, on: date) -> None:
    assert position_of([loan], on) == CreditPosition()
    assert position_of([loan, LOAN], on) == position_of([LOAN], on)


def test_due_dates_count_from_the_disbursement(position_of) -> None:
    before, after = (position_of([DISBURSED_ON_TIME], date(2026, 7, day)) for day in (14, 15))
    assert (before.emis_due, after.emis_due) == (0, 1)
    assert (before.asset_class, after.asset_class) == (AssetClass.STANDARD, AssetClass.SMA_0)
    assert position_of([DISBURSED_ON_TIME], date(2026, 8, 20)).days_past_due == 36


def test_loan_with_nothing_but_charges_left_owes_no_instalment(position_of) -> None:
    charged = replace(
        LOAN, emis_paid=12, emis_paid_on_time=9, outstanding_principal=0, charge_count=1, open_charges=50_000
    )
    assert charged.state is LoanState.ACTIVE
    assert position_of([charged], TODAY) == CreditPosition(
        loan_count=1, loans_this_year=1, approved_volume=10_000_000, emis_due=5, emis_paid_on_time=5
    )


def test_longest_arrears_of_all_loans_make_the_class(position_of) -> None:
    # Of 31 January with three paid the fourth fell due on 31 May, of 5 January on 5 May.
    older = replace(LOAN, approval_date=date(2026, 1, 5))
    assert position_of([LOAN, older], TODAY)[-2:] == (56, AssetClass.SMA_1)
    assert position_of([LOAN], date(2026, 5, 31))[-2:] == (0, AssetClass.SMA_0)
    assert position_of([LOAN], date(2026, 5, 30))[-2:] == (0, AssetClass.STANDARD)
    assert position_of([LOAN], date(2026, 8, 29))[-2:] == (90, AssetClass.NON_PERFORMING)


@pytest.mark.parametrize(
    ("emis_paid", "expected"), [(3, (30, AssetClass.NON_PERFORMING)), (5, (0, AssetClass.STANDARD))]
)
def test_customer_who_was_non_performing_is_until_no_loan_has_arrears(
    position_of, emis_paid: int, expected: tuple[int, AssetClass]
) -> None:
    loan = replace(LOAN, emis_paid=emis_paid)
    assert position_of([loan], TODAY, since=date(2026, 5, 1))[-2:] == expected


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(loans(), max_size=8), st.dates(date(2022, 1, 1), date(2030, 1, 1)))
def test_position_is_the_sum_over_the_loans(position_of, drawn: list[Loan], on: date) -> None:
    running = [loan for loan in drawn if loan.emis_paid < loan.tenure_months]
    due = {
        id(loan): sum(due_date(loan.approval_date, k) <= on for k in range(1, loan.tenure_months + 1)) for loan in drawn
    }
    arrears = max((loan.days_past_due(on) for loan in drawn), default=0)
    position = position_of(iter(drawn), on)
    assert position.days_past_due == arrears
    assert position.asset_class == max(
        (loan.asset_class(on) for loan in drawn), key=[*AssetClass].index, default="STANDARD"
    )
    assert position.loan_count == len(drawn)
    assert position.active_loan_count == len(running)
    assert position.loans_this_year == sum(loan.approval_date.year == on.year for loan in drawn)
    assert position.approved_volume == sum(loan.loan_amount for loan in drawn)
    assert position.current_debt == sum(loan.outstanding_principal for loan in running)
    assert position.monthly_obligation == sum(loan.monthly_installment for loan in running)
    assert position.emis_due == sum(due.values())
    assert position.emis_paid_on_time == sum(min(due[id(loan)], loan.emis_paid_on_time) for loan in drawn)
