"""Values of the domain as messages, each given by its fields; decisions and loans have modules of their own.

Fields rather than messages, for protobuf builds a nested message in its place from a mapping, and copies one that is
handed to it, which takes twice as long.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from almeno_grpc.api import decision_pb2, import_pb2, loan_pb2
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.decision import DecisionReason
from almeno_grpc.domain.imports import ImportFile, ImportKind, ImportState, IssueOutcome, RowIssue
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Installment, InstallmentState, LoanState
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.repayment import Payoff, Repayment

Fields = dict[str, Any]
"""A message by its fields."""

CURRENCY = "INR"

LOAN_STATES: Mapping[LoanState, loan_pb2.LoanState] = {
    LoanState.ACTIVE: loan_pb2.LOAN_STATE_ACTIVE,
    LoanState.CLOSED: loan_pb2.LOAN_STATE_CLOSED,
}
INSTALLMENT_METHODS: Mapping[InstallmentMethod, loan_pb2.InstallmentMethod] = {
    InstallmentMethod.REDUCING_BALANCE: loan_pb2.INSTALLMENT_METHOD_REDUCING_BALANCE,
    InstallmentMethod.ANNUAL_COMPOUND: loan_pb2.INSTALLMENT_METHOD_ANNUAL_COMPOUND,
}
INSTALLMENT_STATES: Mapping[InstallmentState, loan_pb2.InstallmentState] = {
    InstallmentState.DUE_LATER: loan_pb2.INSTALLMENT_STATE_DUE_LATER,
    InstallmentState.DUE: loan_pb2.INSTALLMENT_STATE_DUE,
    InstallmentState.PAID: loan_pb2.INSTALLMENT_STATE_PAID,
    InstallmentState.PAID_LATE: loan_pb2.INSTALLMENT_STATE_PAID_LATE,
    InstallmentState.OVERDUE: loan_pb2.INSTALLMENT_STATE_OVERDUE,
}
DECISION_REASONS: Mapping[DecisionReason, decision_pb2.DecisionReason] = {
    DecisionReason.DEBT_EXCEEDS_LIMIT: decision_pb2.DECISION_REASON_DEBT_EXCEEDS_LIMIT,
    DecisionReason.CREDIT_SCORE_TOO_LOW: decision_pb2.DECISION_REASON_CREDIT_SCORE_TOO_LOW,
    DecisionReason.LOAN_EXCEEDS_LIMIT: decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT,
    DecisionReason.EMI_BURDEN_TOO_HIGH: decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH,
    DecisionReason.RATE_ABOVE_MAXIMUM: decision_pb2.DECISION_REASON_RATE_ABOVE_MAXIMUM,
}
IMPORT_KINDS: Mapping[ImportKind, import_pb2.ImportKind] = {
    ImportKind.CUSTOMERS: import_pb2.IMPORT_KIND_CUSTOMERS,
    ImportKind.LOANS: import_pb2.IMPORT_KIND_LOANS,
}
IMPORT_STATES: Mapping[ImportState, import_pb2.ImportState] = {
    ImportState.QUEUED: import_pb2.IMPORT_STATE_QUEUED,
    ImportState.RUNNING: import_pb2.IMPORT_STATE_RUNNING,
    ImportState.SUCCEEDED: import_pb2.IMPORT_STATE_SUCCEEDED,
    ImportState.FAILED: import_pb2.IMPORT_STATE_FAILED,
    ImportState.CANCELLED: import_pb2.IMPORT_STATE_CANCELLED,
}
ISSUE_OUTCOMES: Mapping[IssueOutcome, import_pb2.ImportIssueOutcome] = {
    IssueOutcome.REJECTED: import_pb2.IMPORT_ISSUE_OUTCOME_REJECTED,
    IssueOutcome.ADJUSTED: import_pb2.IMPORT_ISSUE_OUTCOME_ADJUSTED,
}


def money(paise: int) -> Fields:
    """An amount of paise, zero or more, as rupees and billionths of a rupee."""
    rupees, rest = divmod(paise, 100)
    return {"currency_code": CURRENCY, "units": rupees, "nanos": rest * 10_000_000}


def decimal(number: Decimal) -> Fields:
    """A rate, written without an exponent."""
    return {"value": f"{number:f}"}


def day(value: date) -> Fields:
    """A date with all three parts."""
    return {"year": value.year, "month": value.month, "day": value.day}


def instant(microseconds: int) -> Fields:
    """An instant from microseconds since the epoch."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return {"seconds": seconds, "nanos": rest * 1000}


def customer_fields(customer: Customer) -> Fields:
    """A customer."""
    return {
        "customer_id": customer.customer_id,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "age": customer.age,
        "phone_number": customer.phone_number,
        "monthly_income": money(customer.monthly_income),
        "approved_limit": money(customer.approved_limit),
        "create_time": instant(customer.create_time),
    }


def installment_fields(installment: Installment) -> Fields:
    """One row of a schedule."""
    scheduled = installment.scheduled
    return {
        "number": scheduled.number,
        "due_date": day(installment.due_date),
        "amount": money(scheduled.amount),
        "principal": money(scheduled.principal),
        "interest": money(scheduled.interest),
        "balance_after": money(scheduled.balance_after),
        "paid_amount": money(installment.paid_amount),
        "state": INSTALLMENT_STATES[installment.state],
    }


def repayment_fields(repayment: Repayment) -> Fields:
    """A repayment."""
    return {
        "repayment_id": repayment.repayment_id,
        "loan_id": repayment.loan_id,
        "amount": money(repayment.amount),
        "payment_date": day(repayment.payment_date),
        "emis_completed": repayment.emis_completed,
        "closes_loan": repayment.closes_loan,
        "outstanding_principal": money(repayment.after.outstanding_principal),
        "create_time": instant(repayment.create_time),
    }


def payoff_fields(payoff: Payoff) -> Fields:
    """What closes a loan on a day."""
    return {
        "payoff_date": day(payoff.payoff_date),
        "amount": money(payoff.amount),
        "overdue_amount": money(payoff.overdue_amount),
        "principal": money(payoff.principal),
        "accrued_interest": money(payoff.accrued_interest),
        "advance": money(payoff.advance),
    }


def import_fields(file: ImportFile) -> Fields:
    """An import."""
    return {
        "import_id": file.import_id,
        "kind": IMPORT_KINDS[file.kind],
        "file_name": file.file_name,
        "sha256": file.sha256,
        "book_date": day(file.book_date),
        "state": IMPORT_STATES[file.state],
        "rows_total": file.rows_total,
        "rows_inserted": file.rows.inserted,
        "rows_updated": file.rows.updated,
        "rows_unchanged": file.rows.unchanged,
        "rows_rejected": file.rows.rejected,
        "rows_adjusted": file.rows.adjusted,
        "error": file.error,
        "create_time": instant(file.create_time),
        "start_time": None if file.start_time is None else instant(file.start_time),
        "end_time": None if file.end_time is None else instant(file.end_time),
    }


def issue_fields(issue: RowIssue) -> Fields:
    """Why a row was rejected or adjusted."""
    return {
        "row_number": issue.row_number,
        "outcome": ISSUE_OUTCOMES[issue.outcome],
        "column": issue.column,
        "message": issue.message,
    }


def policy_fields(policy: Policy, *, in_effect: bool) -> Fields:
    """A policy, and whether it decides on the business date."""
    return {
        "version": policy.version,
        "effective_date": day(policy.effective_date),
        "sha256": policy.sha256,
        "in_effect": in_effect,
        "toml": policy.toml,
    }
