"""Conversion of messages of CreditService to records, and of enums both ways."""

from almeno_client.decision_conversion import asset_class_of, decision_of, reasons_of
from almeno_client.decision_records import Decision
from almeno_client.enums import enum_names
from almeno_client.records import (
    BookedTerms,
    Customer,
    CustomerChange,
    DamagedDecision,
    Installment,
    InstallmentMethod,
    InstallmentState,
    Loan,
    LoanState,
    Replay,
    ReplayDifference,
    ReplayOutcome,
)
from almeno_client.values import (
    date_of,
    instant_of,
    rate_of,
    rupees_of,
)
from almeno_grpc.api import credit_service_pb2, customer_pb2, decision_pb2, loan_pb2

_LOAN_STATES = enum_names(dict(loan_pb2.LoanState.items()), LoanState, "LOAN_STATE_")
_METHODS = enum_names(dict(loan_pb2.InstallmentMethod.items()), InstallmentMethod, "INSTALLMENT_METHOD_")
_INSTALLMENT_STATES = enum_names(dict(loan_pb2.InstallmentState.items()), InstallmentState, "INSTALLMENT_STATE_")
_REPLAY_OUTCOMES = enum_names(dict(decision_pb2.ReplayOutcome.items()), ReplayOutcome, "REPLAY_OUTCOME_")


def loan_state_name(state: LoanState) -> str:
    """The name of a loan's state in the protos."""
    return f"LOAN_STATE_{state}"


def loan_state_of(number: int) -> LoanState:
    """Converts a loan's state."""
    return _LOAN_STATES.get(number, LoanState.UNSPECIFIED)


def customer_of(message: customer_pb2.Customer) -> Customer:
    """Converts a customer."""
    return Customer(
        customer_id=message.customer_id,
        first_name=message.first_name,
        last_name=message.last_name,
        age=message.age,
        phone_number=message.phone_number,
        monthly_income=rupees_of(message.monthly_income),
        approved_limit=rupees_of(message.approved_limit),
        create_time=instant_of(message.create_time),
        redacted=message.redacted,
        phone_hint=message.phone_hint,
    )


def customer_change_of(message: customer_pb2.CustomerChange) -> CustomerChange:
    """Converts a change of a customer or of a loan."""
    return CustomerChange(
        number=message.number,
        change_time=instant_of(message.change_time),
        customer_id=message.customer_id,
        loan_id=message.loan_id if message.HasField("loan_id") else None,
        field=message.field,
        old_value=message.old_value,
        new_value=message.new_value,
        import_id=message.import_id,
        row_number=message.row_number,
        principal=message.principal,
        redacted=message.redacted,
        reason=message.reason,
        customer_request_date=(
            date_of(message.customer_request_date) if message.HasField("customer_request_date") else None
        ),
    )


def stored_decision_of(message: decision_pb2.Decision) -> Decision | DamagedDecision:
    """Converts a stored decision; one whose inputs the service cannot read has no business date."""
    if message.HasField("business_date"):
        return decision_of(message)
    return DamagedDecision(
        decision_id=message.decision_id,
        customer_id=message.customer_id,
        approved=message.approved,
        credit_score=message.credit_score,
        reasons=reasons_of(message.reasons),
        message=message.message,
        policy_version=message.policy_version,
        policy_sha256=message.policy_sha256,
    )


def loan_of(message: loan_pb2.Loan) -> Loan:
    """Converts a loan."""
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
        state=loan_state_of(message.state),
        days_past_due=message.days_past_due,
        installment_method=_METHODS.get(message.installment_method, InstallmentMethod.UNSPECIFIED),
        source_loan_id=message.source_loan_id if message.HasField("source_loan_id") else None,
        decision_id=message.decision_id,
        paid_toward_next=rupees_of(message.paid_toward_next),
        disbursement_date=date_of(message.disbursement_date) if message.HasField("disbursement_date") else None,
        valid_until=date_of(message.valid_until) if message.HasField("valid_until") else None,
        booked_terms=_booked_terms_of(message.booked_terms) if message.HasField("booked_terms") else None,
        terms_version=message.terms_version,
        asset_class=asset_class_of(message.asset_class),
        non_performing_since=(
            date_of(message.non_performing_since) if message.HasField("non_performing_since") else None
        ),
    )


def _booked_terms_of(message: loan_pb2.BookedTerms) -> BookedTerms:
    return BookedTerms(message.tenure_months, rupees_of(message.monthly_installment))


def installment_of(message: loan_pb2.Installment) -> Installment:
    """Converts a row of a repayment schedule."""
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


def replay_of(message: credit_service_pb2.ReplayDecisionResponse) -> Replay:
    """Converts the result of a replay."""
    return Replay(
        outcome=_REPLAY_OUTCOMES.get(message.outcome, ReplayOutcome.UNSPECIFIED),
        decision=decision_of(message.decision) if message.HasField("decision") else None,
        differences=tuple(
            ReplayDifference(difference.field, difference.stored, difference.replayed)
            for difference in message.differences
        ),
    )
