"""Conversion of messages of CreditService to records, and of enums both ways."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from almeno_client.records import (
    AssetClass,
    BookedTerms,
    CreditPosition,
    Customer,
    CustomerChange,
    DamagedDecision,
    Decision,
    DecisionGate,
    DecisionReason,
    EligibilityRequest,
    Installment,
    InstallmentMethod,
    InstallmentState,
    Loan,
    LoanState,
    OutsideCredit,
    Replay,
    ReplayDifference,
    ReplayOutcome,
    ScoreComponent,
)
from almeno_client.values import (
    date_of,
    instant_of,
    money_message,
    optional_date_message,
    rate_message,
    rate_of,
    rupees_of,
)
from almeno_grpc.api import asset_class_pb2, credit_service_pb2, customer_pb2, decision_pb2, loan_pb2

_Enum = TypeVar("_Enum", bound=StrEnum)


def enum_names(values: dict[str, int], kind: type[_Enum], prefix: str) -> dict[int, _Enum]:
    """The enum's members by their numbers in the protos; values newer than this client are left out."""
    members = {member.value: member for member in kind}
    return {
        number: members[name.removeprefix(prefix)]
        for name, number in values.items()
        if name.removeprefix(prefix) in members
    }


_REASONS = enum_names(dict(decision_pb2.DecisionReason.items()), DecisionReason, "DECISION_REASON_")
_ASSET_CLASSES = enum_names(dict(asset_class_pb2.AssetClass.items()), AssetClass, "ASSET_CLASS_")
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


def asset_class_of(number: int) -> AssetClass:
    """Converts an asset class."""
    return _ASSET_CLASSES.get(number, AssetClass.UNSPECIFIED)


def reason_of(number: int) -> DecisionReason:
    """Converts a reason to decline."""
    return _REASONS.get(number, DecisionReason.UNSPECIFIED)


def reasons_of(numbers: Iterable[int]) -> tuple[DecisionReason, ...]:
    """Converts reasons to decline."""
    return tuple(map(reason_of, numbers))


def eligibility_message(request: EligibilityRequest) -> credit_service_pb2.CheckEligibilityRequest:
    """Converts a loan request to a message.

    Raises:
        TypeError: The amount or the rate is a float.
        ValueError: The amount or the rate cannot be sent.
    """
    return credit_service_pb2.CheckEligibilityRequest(
        customer_id=request.customer_id,
        loan_amount=money_message(request.loan_amount),
        interest_rate=rate_message(request.interest_rate),
        tenure_months=request.tenure_months,
        outside=outside_message(request.outside),
    )


def outside_message(outside: OutsideCredit | None) -> decision_pb2.OutsideCredit | None:
    """Converts credit with other lenders to a message; raises as `eligibility_message` does."""
    if outside is None:
        return None
    return decision_pb2.OutsideCredit(
        monthly_obligations=money_message(outside.monthly_obligations),
        bureau_score=outside.bureau_score,
        report_date=optional_date_message(outside.report_date),
    )


def _outside_of(message: decision_pb2.OutsideCredit) -> OutsideCredit:
    return OutsideCredit(
        monthly_obligations=rupees_of(message.monthly_obligations),
        bureau_score=message.bureau_score if message.HasField("bureau_score") else None,
        report_date=date_of(message.report_date) if message.HasField("report_date") else None,
    )


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


def position_of(message: customer_pb2.CreditPosition) -> CreditPosition:
    """Converts a credit position."""
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
        days_past_due=message.days_past_due,
        asset_class=asset_class_of(message.asset_class),
    )


def decision_of(message: decision_pb2.Decision) -> Decision:
    """Converts a decision."""
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
        reasons=reasons_of(message.reasons),
        message=message.message,
        position=position_of(message.position),
        policy_version=message.policy_version,
        business_date=date_of(message.business_date),
        counter_offer=rupees_of(message.counter_offer) if message.HasField("counter_offer") else None,
        outside=_outside_of(message.outside) if message.HasField("outside") else None,
        max_interest_rate=rate_of(message.max_interest_rate) if message.HasField("max_interest_rate") else None,
        gates=tuple(
            DecisionGate(reason_of(gate.reason), gate.passed, gate.observed, gate.allowed) for gate in message.gates
        ),
        policy_sha256=message.policy_sha256,
        monthly_income=rupees_of(message.monthly_income) if message.HasField("monthly_income") else None,
        approved_limit=rupees_of(message.approved_limit) if message.HasField("approved_limit") else None,
        create_time=instant_of(message.create_time) if message.HasField("create_time") else None,
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
