"""Loans and their schedules as messages."""

from datetime import date

from almeno_grpc.api import loan_pb2
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Installment, InstallmentState, Loan, LoanState
from almeno_grpc.rpc.conversion.customers import ASSET_CLASSES
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.values import fill_date, fill_decimal, fill_money

LOAN_STATES = enum_values(LoanState, loan_pb2.LoanState)
INSTALLMENT_METHODS = enum_values(InstallmentMethod, loan_pb2.InstallmentMethod)
INSTALLMENT_STATES = enum_values(InstallmentState, loan_pb2.InstallmentState)


def fill_loan(message: loan_pb2.Loan, loan: Loan, business_date: date) -> None:
    """Fills a loan as it stands on the business date. An expired one owes nothing, though its row is as it was."""
    state = loan.state_on(business_date)
    is_expired = state is LoanState.EXPIRED
    message.loan_id = loan.loan_id
    message.customer_id = loan.customer_id
    fill_money(message.loan_amount, loan.loan_amount)
    fill_decimal(message.interest_rate, loan.interest_rate)
    message.tenure_months = loan.tenure_months
    fill_money(message.monthly_installment, loan.monthly_installment)
    message.emis_paid = loan.emis_paid
    message.emis_paid_on_time = loan.emis_paid_on_time
    message.repayments_left = 0 if is_expired else loan.repayments_left
    fill_money(message.outstanding_principal, 0 if is_expired else loan.outstanding_principal)
    fill_date(message.approval_date, loan.approval_date)
    fill_date(message.end_date, loan.end_date)
    message.state = LOAN_STATES[state]
    message.days_past_due = loan.days_past_due(business_date)
    message.installment_method = INSTALLMENT_METHODS[loan.installment_method]
    if loan.source_loan_id is not None:
        message.source_loan_id = loan.source_loan_id
    message.decision_id = loan.decision_id or ""
    fill_money(message.paid_toward_next, loan.paid_toward_next)
    booked = loan.booked_terms
    message.booked_terms.tenure_months = booked.installments
    fill_money(message.booked_terms.monthly_installment, booked.monthly_installment)
    message.terms_version = loan.terms_version or ""
    message.asset_class = ASSET_CLASSES[loan.asset_class(business_date)]
    for field, day in (
        (message.disbursement_date, loan.disbursement_date),
        (message.valid_until, loan.valid_until),
        (message.non_performing_since, loan.non_performing_on(business_date)),
    ):
        if day is not None:
            fill_date(field, day)


def fill_installment(message: loan_pb2.Installment, installment: Installment) -> None:
    """Fills a row of a schedule."""
    scheduled = installment.scheduled
    message.number = scheduled.number
    fill_date(message.due_date, installment.due_date)
    fill_money(message.amount, scheduled.amount)
    fill_money(message.principal, scheduled.principal)
    fill_money(message.interest, scheduled.interest)
    fill_money(message.balance_after, scheduled.balance_after)
    fill_money(message.paid_amount, installment.paid_amount)
    message.state = INSTALLMENT_STATES[installment.state]
