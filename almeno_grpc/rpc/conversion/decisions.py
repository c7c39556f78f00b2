"""Decisions as messages: those of a check, stored ones, and replays."""

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2
from almeno_grpc.domain.decision import Decision, DecisionReason
from almeno_grpc.rpc.conversion.customers import fill_position
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.loans import fill_loan
from almeno_grpc.rpc.conversion.values import fill_date, fill_decimal, fill_money, fill_timestamp
from almeno_grpc.service.booking import Booking
from almeno_grpc.service.decision_replay import Replay
from almeno_grpc.service.decision_snapshot import StoredDecision
from almeno_grpc.service.decisions import DamagedDecision

DECISION_REASONS = enum_values(DecisionReason, decision_pb2.DecisionReason)


def fill_decision(message: decision_pb2.Decision, decision: Decision, sentence: str | None = None) -> None:
    """Fills a decision; a stored one keeps the message it was answered with, which may differ from one made now."""
    request, borrower = decision.request, decision.borrower
    message.customer_id = request.customer_id
    message.approved = decision.approved
    message.credit_score = decision.credit_score
    add_component = message.score_components.add
    for name, points, max_points, observed in decision.score_components:
        component = add_component()
        component.name = name
        component.points = points.numerator / points.denominator
        component.max_points = max_points
        component.observed = observed
    fill_money(message.loan_amount, request.loan_amount)
    fill_decimal(message.interest_rate, request.interest_rate)
    fill_decimal(message.corrected_interest_rate, decision.corrected_interest_rate)
    message.tenure_months = request.tenure_months
    fill_money(message.monthly_installment, decision.monthly_installment)
    if decision.reasons:
        message.reasons.extend([DECISION_REASONS[reason] for reason in decision.reasons])
    message.message = decision.message if sentence is None else sentence
    fill_position(message.position, borrower.position, borrower.approved_limit)
    message.policy_version = decision.policy_version
    fill_date(message.business_date, decision.business_date)
    if decision.counter_offer is not None:
        fill_money(message.counter_offer, decision.counter_offer)


def fill_stored_decision(message: decision_pb2.Decision, stored: StoredDecision | DamagedDecision) -> None:
    """Fills a stored decision, or the columns beside its snapshot where that is damaged."""
    if isinstance(stored, DamagedDecision):
        _fill_damaged_decision(message, stored)
        return
    decision = stored.decision
    fill_decision(message, decision, stored.message)
    message.decision_id = stored.decision_id
    if decision.request.max_interest_rate is not None:
        fill_decimal(message.max_interest_rate, decision.request.max_interest_rate)
    for reason, passed, observed, allowed in stored.gates:
        message.gates.add(reason=DECISION_REASONS[reason], passed=passed, observed=observed, allowed=allowed)
    message.policy_sha256 = decision.policy_sha256
    fill_money(message.monthly_income, decision.borrower.monthly_income)
    fill_money(message.approved_limit, decision.borrower.approved_limit)
    fill_timestamp(message.create_time, stored.create_time)


def _fill_damaged_decision(message: decision_pb2.Decision, damaged: DamagedDecision) -> None:
    """Fills what stands beside a snapshot that cannot be read."""
    record = damaged.record
    reasons = record.reasons.split(",")
    message.decision_id = record.decision_id
    message.customer_id = record.customer_id
    message.approved = record.approved
    message.credit_score = record.credit_score
    message.reasons.extend([DECISION_REASONS[reason] for reason in DecisionReason if reason in reasons])
    message.message = f"What is stored of this decision is damaged: {damaged.damage}."
    message.policy_version = record.policy_version
    message.policy_sha256 = record.policy_sha256


def fill_booking(message: pb.CreateLoanResponse, booking: Booking) -> None:
    """Fills the answer to a request for a loan."""
    fill_stored_decision(message.decision, booking.stored)
    if booking.loan is not None:
        fill_loan(message.loan, booking.loan, booking.decision.business_date)


def fill_replay(message: pb.ReplayDecisionResponse, replay: Replay) -> None:
    """Fills what a replay came to."""
    message.outcome = decision_pb2.REPLAY_OUTCOME_MATCH if replay.matches else decision_pb2.REPLAY_OUTCOME_DRIFT
    if replay.decision is not None:
        fill_stored_decision(message.decision, replay.decision)
    for difference in replay.differences:
        message.differences.add(field=difference.field, stored=difference.stored, replayed=difference.replayed)
