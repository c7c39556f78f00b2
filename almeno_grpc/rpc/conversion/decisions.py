"""Decisions as messages: those of a check, stored ones, and replays."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2
from almeno_grpc.domain.decision import Decision, DecisionReason
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.outside_credit import OutsideCredit
from almeno_grpc.rpc.conversion.customers import PositionMessage
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.loans import fill_loan
from almeno_grpc.rpc.conversion.values import (
    fill_amount,
    fill_date,
    fill_decimal,
    fill_money,
    fill_timestamp,
    in_rupees,
)
from almeno_grpc.rpc.errors import fill_status
from almeno_grpc.service.booking import Booking
from almeno_grpc.service.decision_replay import Replay
from almeno_grpc.service.decision_snapshot import StoredDecision
from almeno_grpc.service.decisions import DamagedDecision
from almeno_grpc.service.time_slices import computed_in_slices

DECISION_REASONS = enum_values(DecisionReason, decision_pb2.DecisionReason)


_MAX_FILLS = 500
"""How often a message is filled anew: a text in it takes new room each time, which is freed with the whole message."""


class _DecisionMessage:
    """A decision's message and the messages in it, of which protobuf makes a new object whenever nobody holds one."""

    def __init__(self, message: decision_pb2.Decision, component_count: int) -> None:
        """Takes an empty message, for a decision with so many score components."""
        self._fills_left = _MAX_FILLS
        self._message = message
        self._components = [message.score_components.add() for _ in range(component_count)]
        self._interest_rate = message.interest_rate
        self._corrected_interest_rate = message.corrected_interest_rate
        self._business_date = message.business_date
        self._reasons = message.reasons
        self._loan_amount = in_rupees(message.loan_amount)
        self._monthly_installment = in_rupees(message.monthly_installment)
        self._position = PositionMessage(message.position)

    def can_fill(self, decision: Decision) -> bool:
        """Whether the message has the decision's score components, and has not been filled too often."""
        return self._fills_left > 0 and len(self._components) == len(decision.score_components)

    def fill(self, decision: Decision, sentence: str) -> None:
        """Fills in a decision, whatever the message has held before; the sentence is the message for a person."""
        self._fills_left -= 1
        message, request, borrower = self._message, decision.request, decision.borrower
        message.customer_id = request.customer_id
        message.approved = decision.approved
        message.credit_score = decision.credit_score
        components = zip(self._components, decision.score_components, strict=True)
        for component, (name, points, max_points, observed) in components:
            component.name = name
            component.points = points.numerator / points.denominator
            component.max_points = max_points
            component.observed = observed
        fill_amount(self._loan_amount, request.loan_amount)
        fill_decimal(self._interest_rate, request.interest_rate)
        fill_decimal(self._corrected_interest_rate, decision.corrected_interest_rate)
        message.tenure_months = request.tenure_months
        fill_amount(self._monthly_installment, decision.monthly_installment)
        del self._reasons[:]
        if decision.reasons:
            self._reasons.extend([DECISION_REASONS[reason] for reason in decision.reasons])
        message.message = sentence
        self._position.fill(borrower.position, borrower.approved_limit)
        message.policy_version = decision.policy_version
        fill_date(self._business_date, decision.business_date)
        message.ClearField("counter_offer")
        if decision.counter_offer is not None:
            fill_money(message.counter_offer, decision.counter_offer)
        message.ClearField("outside")
        if request.outside is not None:
            _fill_outside_credit(message.outside, request.outside)


class _KeptResponse(threading.local):
    """A response with one decision that a thread fills again and again, which takes 10 µs; a new one takes 15."""

    def __init__(self, response_class: Callable[[], Any], decision_of: Callable[[Any], decision_pb2.Decision]) -> None:
        self._response_class = response_class
        self._decision_of = decision_of
        self._renew(0)

    def _renew(self, component_count: int) -> None:
        self._response = self._response_class()
        self._decision = _DecisionMessage(self._decision_of(self._response), component_count)

    def encoded(self, decision: Decision) -> bytes:
        """The response with the decision."""
        if not self._decision.can_fill(decision):
            self._renew(len(decision.score_components))
        self._decision.fill(decision, decision.message)
        encoded: bytes = self._response.SerializeToString()
        return encoded


_check_response = _KeptResponse(pb.CheckEligibilityResponse, lambda response: response.decision)
_batch_response = _KeptResponse(pb.BatchCheckEligibilityResponse, lambda response: response.results.add().decision)


def encoded_check(decision: Decision) -> bytes:
    """Encodes the response to a check."""
    return _check_response.encoded(decision)


def encoded_results(outcomes: Iterable[Decision | CreditError]) -> bytes:
    """Encodes the response to a batch of checks.

    Encoded messages that are joined are one message with the elements of all: so each result is encoded by itself.
    """
    return b"".join(computed_in_slices(map(_encoded_result, outcomes)))


def _encoded_result(outcome: Decision | CreditError) -> bytes:
    if isinstance(outcome, CreditError):
        response = pb.BatchCheckEligibilityResponse()
        fill_status(response.results.add().error, outcome)
        return response.SerializeToString()
    return _batch_response.encoded(outcome)


def _fill_outside_credit(message: decision_pb2.OutsideCredit, outside: OutsideCredit) -> None:
    fill_money(message.monthly_obligations, outside.monthly_obligations)
    if outside.bureau_score is not None:
        message.bureau_score = outside.bureau_score
    if outside.report_date is not None:
        fill_date(message.report_date, outside.report_date)


def fill_stored_decision(message: decision_pb2.Decision, stored: StoredDecision | DamagedDecision) -> None:
    """Fills a stored decision, or the columns beside its snapshot where that is damaged."""
    if isinstance(stored, DamagedDecision):
        _fill_damaged_decision(message, stored)
        return
    decision = stored.decision
    _DecisionMessage(message, len(decision.score_components)).fill(decision, stored.message)
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
