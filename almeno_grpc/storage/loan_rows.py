"""Loans as rows of their table."""

from datetime import date
from typing import Any

from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.money import rate_from_scaled, scaled_rate
from almeno_grpc.storage.tables import loan as table

COLUMNS = (
    table.c.loan_id,
    table.c.customer_id,
    table.c.loan_amount_paise,
    table.c.interest_rate_e4,
    table.c.tenure_months,
    table.c.monthly_installment_paise,
    table.c.installment_method,
    table.c.emis_paid,
    table.c.emis_paid_on_time,
    table.c.outstanding_principal_paise,
    table.c.approval_year,
    table.c.approval_month,
    table.c.approval_day,
    table.c.source_loan_id,
    table.c.decision_id,
    table.c.paid_toward_next_paise,
    table.c.repayment_count,
)


def loan_of(row: Any) -> Loan:
    """The loan of a row."""
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
    ) = row
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
    )


def values_of(loan: Loan) -> dict[str, Any]:
    """The columns behind the loan_id, in order."""
    return dict(zip((column.name for column in COLUMNS[1:]), row_of(loan)[1:], strict=True))


def row_of(loan: Loan) -> tuple[Any, ...]:
    """All columns, in order."""
    approval = loan.approval_date
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
    )
