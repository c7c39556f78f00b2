"""Messages of the service to records, and enums both ways."""

from enum import StrEnum
from typing import TypeVar

from almeno_client.records import (
    CreditPosition,
    Customer,
    Decision,
    DecisionReason,
    EligibilityRequest,
    Import,
    ImportIssue,
    ImportIssueOutcome,
    ImportKind,
    ImportState,
    Installment,
    InstallmentMethod,
    InstallmentState,
    Loan,
    LoanState,
    ScoreComponent,
)
from almeno_client.values import date_of, instant_of, money_message, rate_message, rate_of, rupees_of
from almeno_grpc.api import credit_service_pb2, customer_pb2, decision_pb2, import_pb2, loan_pb2

_Enum = TypeVar("_Enum", bound=StrEnum)


def _names(values: dict[str, int], kind: type[_Enum], prefix: str) -> dict[int, _Enum]:
    """The enum's members by their numbers on the wire; a value that is newer than this client is left out."""
    members = {member.value: member for member in kind}
    return {
        number: members[name.removeprefix(prefix)]
        for name, number in values.items()
        if name.removeprefix(prefix) in members
    }


_REASONS = _names(dict(decision_pb2.DecisionReason.items()), DecisionReason, "DECISION_REASON_")
_LOAN_STATES = _names(dict(loan_pb2.LoanState.items()), LoanState, "LOAN_STATE_")
_METHODS = _names(dict(loan_pb2.InstallmentMethod.items()), InstallmentMethod, "INSTALLMENT_METHOD_")
_INSTALLMENT_STATES = _names(dict(loan_pb2.InstallmentState.items()), InstallmentState, "INSTALLMENT_STATE_")
_KINDS = _names(dict(import_pb2.ImportKind.items()), ImportKind, "IMPORT_KIND_")
_IMPORT_STATES = _names(dict(import_pb2.ImportState.items()), ImportState, "IMPORT_STATE_")
_OUTCOMES = _names(dict(import_pb2.ImportIssueOutcome.items()), ImportIssueOutcome, "IMPORT_ISSUE_OUTCOME_")


def kind_name(kind: ImportKind) -> str:
    """The name of an import's kind on the wire."""
    return f"IMPORT_KIND_{kind}"


def loan_state_name(state: LoanState) -> str:
    """The name of a loan's state on the wire."""
    return f"LOAN_STATE_{state}"


def eligibility_message(request: EligibilityRequest) -> credit_service_pb2.CheckEligibilityRequest:
    """Puts a question for a loan on the wire.

    Raises:
        TypeError: The amount or the rate is a float.
        ValueError: The amount or the rate cannot be sent.
    """
    return credit_service_pb2.CheckEligibilityRequest(
        customer_id=request.customer_id,
        loan_amount=money_message(request.loan_amount),
        interest_rate=rate_message(request.interest_rate),
        tenure_months=request.tenure_months,
    )


def customer_of(message: customer_pb2.Customer) -> Customer:
    """Reads a customer off the wire."""
    return Customer(
        customer_id=message.customer_id,
        first_name=message.first_name,
        last_name=message.last_name,
        age=message.age,
        phone_number=message.phone_number,
        monthly_income=rupees_of(message.monthly_income),
        approved_limit=rupees_of(message.approved_limit),
        create_time=instant_of(message.create_time),
    )


def position_of(message: customer_pb2.CreditPosition) -> CreditPosition:
    """Reads a credit position off the wire."""
    return CreditPosition(
        loan_count=message.loan_count,
        active_loan_count=message.active_loan_count,
        loans_this_year=message.loans_this_year,
        approved_volume=rupees_of(message.approved_volume),
        current_debt=rupees_of(message.current_debt),
        monthly_obligation=rupees_of(message.monthly_obligation),
        emis_due=message.emis_due,
        emis_paid_on_time=message.emis_paid_on_time,
        available_limit=rupees_of(message.available_limit),
    )


def decision_of(message: decision_pb2.Decision) -> Decision:
    """Reads a decision off the wire."""
    return Decision(
        decision_id=message.decision_id,
        customer_id=message.customer_id,
        approved=message.approved,
        credit_score=message.credit_score,
        score_components=tuple(
            ScoreComponent(part.name, part.points, part.max_points, part.observed) for part in message.score_components
        ),
        loan_amount=rupees_of(message.loan_amount),
        interest_rate=rate_of(message.interest_rate),
        corrected_interest_rate=rate_of(message.corrected_interest_rate),
        tenure_months=message.tenure_months,
        monthly_installment=rupees_of(message.monthly_installment),
        reasons=tuple(_REASONS.get(reason, DecisionReason.UNSPECIFIED) for reason in message.reasons),
        message=message.message,
        position=position_of(message.position),
        policy_version=message.policy_version,
        business_date=date_of(message.business_date),
        counter_offer=rupees_of(message.counter_offer) if message.HasField("counter_offer") else None,
    )


def loan_of(message: loan_pb2.Loan) -> Loan:
    """Reads a loan off the wire."""
    return Loan(
        loan_id=message.loan_id,
        customer_id=message.customer_id,
        loan_amount=rupees_of(message.loan_amount),
        interest_rate=rate_of(message.interest_rate),
        tenure_months=message.tenure_months,
        monthly_installment=rupees_of(message.monthly_installment),
        emis_paid=message.emis_paid,
        emis_paid_on_time=message.emis_paid_on_time,
        repayments_left=message.repayments_left,
        outstanding_principal=rupees_of(message.outstanding_principal),
        approval_date=date_of(message.approval_date),
        end_date=date_of(message.end_date),
        state=_LOAN_STATES.get(message.state, LoanState.UNSPECIFIED),
        days_past_due=message.days_past_due,
        installment_method=_METHODS.get(message.installment_method, InstallmentMethod.UNSPECIFIED),
        source_loan_id=message.source_loan_id if message.HasField("source_loan_id") else None,
        decision_id=message.decision_id,
    )


def installment_of(message: loan_pb2.Installment) -> Installment:
    """Reads a row of a repayment schedule off the wire."""
    return Installment(
        number=message.number,
        due_date=date_of(message.due_date),
        amount=rupees_of(message.amount),
        principal=rupees_of(message.principal),
        interest=rupees_of(message.interest),
        balance_after=rupees_of(message.balance_after),
        paid_amount=rupees_of(message.paid_amount),
        state=_INSTALLMENT_STATES.get(message.state, InstallmentState.UNSPECIFIED),
    )


def import_of(message: import_pb2.Import) -> Import:
    """Reads an import off the wire."""
    return Import(
        import_id=message.import_id,
        kind=_KINDS.get(message.kind, ImportKind.UNSPECIFIED),
        file_name=message.file_name,
        sha256=message.sha256,
        book_date=date_of(message.book_date) if message.HasField("book_date") else None,
        state=_IMPORT_STATES.get(message.state, ImportState.UNSPECIFIED),
        rows_total=message.rows_total,
        rows_inserted=message.rows_inserted,
        rows_updated=message.rows_updated,
        rows_unchanged=message.rows_unchanged,
        rows_rejected=message.rows_rejected,
        rows_adjusted=message.rows_adjusted,
        error=message.error,
        create_time=instant_of(message.create_time),
        start_time=instant_of(message.start_time) if message.HasField("start_time") else None,
        end_time=instant_of(message.end_time) if message.HasField("end_time") else None,
    )


def issue_of(message: import_pb2.ImportIssue) -> ImportIssue:
    """Reads an issue of an import off the wire."""
    return ImportIssue(
        row_number=message.row_number,
        outcome=_OUTCOMES.get(message.outcome, ImportIssueOutcome.UNSPECIFIED),
        column=message.column,
        message=message.message,
    )
