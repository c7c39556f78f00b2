"""Loans, their schedules and what is paid on them as messages."""

from datetime import date

from almeno_grpc.api import loan_pb2, repayment_pb2
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Installment, InstallmentState, Loan, LoanState
from almeno_grpc.domain.repayment import Payoff, Repayment
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.values import fill_date, fill_decimal, fill_money, fill_timestamp

LOAN_STATES = enum_values(LoanState, loan_pb2.LoanState)
INSTALLMENT_METHODS = enum_values(InstallmentMethod, loan_pb2.InstallmentMethod)
INSTALLMENT_STATES = enum_values(InstallmentState, loan_pb2.InstallmentState)


def fill_loan(message: loan_pb2.Loan, loan: Loan, business_date: date) -> None:
    """Fills a loan as it stands on the business date."""
    message.loan_id = loan.loan_id
    message.customer_id = loan.customer_id
    fill_money(message.loan_amount, loan.loan_amount)
    fill_decimal(message.interest_rate, loan.interest_rate)
    message.tenure_months = loan.tenure_months
    fill_money(message.monthly_installment, loan.monthly_installment)
    message.emis_paid = loan.emis_paid
    message.emis_paid_on_time = loan.emis_paid_on_time
    message.repayments_left = loan.repayments_left
    fill_money(message.outstanding_principal, loan.outstanding_principal)
    fill_date(message.approval_date, loan.approval_date)
    fill_date(message.end_date, loan.end_date)
    message.state = LOAN_STATES[loan.state_on(business_date)]
    message.days_past_due = loan.days_past_due(business_date)
    message.installment_method = INSTALLMENT_METHODS[loan.installment_method]
    if loan.source_loan_id is not None:
        message.source_loan_id = loan.source_loan_id
    message.decision_id = loan.decision_id or ""
    fill_money(message.paid_toward_next, loan.paid_toward_next)


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


def fill_repayment(message: repayment_pb2.Repayment, repayment: Repayment) -> None:
    """Fills a repayment."""
    message.repayment_id = repayment.repayment_id
    message.loan_id = repayment.loan_id
    fill_money(message.amount, repayment.amount)
    fill_date(message.payment_date, repayment.payment_date)
    message.emis_completed = repayment.emis_completed
    message.closes_loan = repayment.closes_loan
    fill_money(message.outstanding_principal, repayment.after.outstanding_principal)
    fill_timestamp(message.create_time, repayment.create_time)


def fill_payoff(message: repayment_pb2.Payoff, payoff: Payoff) -> None:
    """Fills what closes a loan on a day."""
    fill_date(message.payoff_date, payoff.payoff_date)
    fill_money(message.amount, payoff.amount)
    fill_money(message.overdue_amount, payoff.overdue_amount)
    fill_money(message.principal, payoff.principal)
    fill_money(message.accrued_interest, payoff.accrued_interest)
    fill_money(message.advance, payoff.advance)
