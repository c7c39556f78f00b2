"""Conversion of loan requests to messages, and of decisions to records."""

from collections.abc import Iterable

from almeno_client.decision_records import (
    AssetClass,
    CreditPosition,
    Decision,
    DecisionGate,
    DecisionReason,
    EligibilityRequest,
    OutsideCredit,
    ScoreComponent,
)
from almeno_client.enums import enum_names
from almeno_client.values import (
    date_of,
    instant_of,
    money_message,
    optional_date_message,
    rate_message,
    rate_of,
    rupees_of,
)
from almeno_grpc.api import asset_class_pb2, credit_service_pb2, customer_pb2, decision_pb2

_REASONS = enum_names(dict(decision_pb2.DecisionReason.items()), DecisionReason, "DECISION_REASON_")
_ASSET_CLASSES = enum_names(dict(asset_class_pb2.AssetClass.items()), AssetClass, "ASSET_CLASS_")


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
