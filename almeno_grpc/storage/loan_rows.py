"""Loans as rows of their table."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, and_, bindparam, literal_column, or_

from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Loan, LoanState, Segment
from almeno_grpc.domain.money import rate_from_scaled, scaled_rate
from almeno_grpc.storage.tables import loan as table

COLUMNS = tuple(table.c)
_ENDED = (LoanState.CANCELLED, LoanState.EXITED)


def is_in(state: LoanState) -> ColumnElement[bool]:
    """The condition that a loan is in a state; SANCTIONED and EXPIRED are told apart by the parameter `today`."""
    today = bindparam("today", type_=Integer)
    if state is LoanState.SANCTIONED:
        return and_(_is_stored_as(state), table.c.valid_until_day >= today)
    if state is LoanState.EXPIRED:
        return and_(_is_stored_as(LoanState.SANCTIONED), table.c.valid_until_day < today)
    return _is_stored_as(state)


def counts() -> ColumnElement[bool]:
    """The condition that a loan counts among its customer's, by the parameter `today`."""
    return or_(*map(is_in, (LoanState.ACTIVE, LoanState.CLOSED, LoanState.SANCTIONED)))


def _is_stored_as(state: LoanState) -> ColumnElement[bool]:
    return table.c.state == literal_column(f"'{state.value}'", String)


def loan_of(row: Any, segments: tuple[Segment, ...] = ()) -> Loan:
    """The loan of a row and its segments."""
    (
        loan_id,
        customer_id,
        amount,
        rate,
        tenure,
        emi,
        method,
        paid,
        on_time,
        outstanding,
        year,
        month,
        day,
        source,
        decision,
        toward_next,
        repayments,
        state,
        disbursement_year,
        disbursement_month,
        disbursement_day,
        valid_until,
        latest_repayment,
        terms_version,
        _,
        charges,
        open_charges,
        _,
        non_performing_since,
    ) = row
    disbursed_later = valid_until is not None and disbursement_year is not None
    return Loan(
        loan_id,
        customer_id,
        amount,
        rate_from_scaled(rate),
        tenure,
        emi,
        InstallmentMethod(method),
        paid,
        on_time,
        outstanding,
        date(year, month, day),
        source,
        decision,
        toward_next,
        repayments,
        latest_repayment,
        date_of(valid_until),
        date(disbursement_year, disbursement_month, disbursement_day) if disbursed_later else None,
        LoanState(state) if state in _ENDED else None,
        terms_version,
        segments,
        charges,
        open_charges,
        date_of(non_performing_since),
    )


def values_of(loan: Loan) -> dict[str, Any]:
    """The columns, in order."""
    return dict(zip((column.name for column in COLUMNS), row_of(loan), strict=True))


def row_of(loan: Loan) -> tuple[Any, ...]:
    """All columns, in order."""
    approval, disbursement = loan.approval_date, loan.disbursement_date
    disbursed = (disbursement.year, disbursement.month, disbursement.day) if disbursement else (None, None, None)
    return (
        loan.loan_id,
        loan.customer_id,
        loan.loan_amount,
        scaled_rate(loan.interest_rate),
        loan.tenure_months,
        loan.monthly_installment,
        loan.installment_method.value,
        loan.emis_paid,
        loan.emis_paid_on_time,
        loan.outstanding_principal,
        approval.year,
        approval.month,
        approval.day,
        loan.source_loan_id,
        loan.decision_id,
        loan.paid_toward_next,
        loan.repayment_count,
        loan.state.value,
        *disbursed,
        day_of(loan.valid_until),
        loan.latest_repayment,
        loan.terms_version,
        len(loan.segments),
        loan.charge_count,
        loan.open_charges,
        day_of(loan.next_due),
        day_of(loan.non_performing_since),
    )


def day_of(day: date | None) -> int | None:
    """A day as the tables number it."""
    return None if day is None else day.toordinal()


def date_of(number: int | None) -> date | None:
    """The inverse of `day_of`."""
    return None if number is None else date.fromordinal(number)
