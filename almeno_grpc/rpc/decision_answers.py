"""Decisions as answers, in bytes.

Each thread keeps a message for each kind of answer. Longer answers are joined, for the encodings of the parts of a
message, one after the other, are an encoding of the whole.
"""

import threading
from collections.abc import Iterable
from datetime import date

from google.protobuf.message import Message

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import customer_pb2, decision_pb2
from almeno_grpc.domain.decision import Decision, DecisionReason
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.rpc.answers import DECISION_REASONS, Fields
from almeno_grpc.rpc.errors import status_message
from almeno_grpc.rpc.kept_messages import KeptMessage, fill_amount, fill_day, in_rupees
from almeno_grpc.rpc.loan_answers import LoanMessage
from almeno_grpc.service.booking import Booking
from almeno_grpc.service.decision_replay import Replay
from almeno_grpc.service.decision_snapshot import StoredDecision
from almeno_grpc.service.decisions import DamagedDecision

_SCORE_COMPONENTS = 4


def check_answer(decision: Decision) -> bytes:
    """The answer to a check."""
    return _with_decision(_kept.check, decision)


def booking_answer(booking: Booking) -> bytes:
    """The answer to the request for a loan."""
    if booking.loan is None:
        response, decision = _kept.declined.taken()
    else:
        response, (decision, loan) = _kept.booked.taken()
        loan.fill(booking.loan, booking.decision.business_date)
    decision.fill_stored(booking.stored)
    return response.SerializeToString()


def batch_answer(results: Iterable[Decision | CreditError]) -> bytes:
    """The answer to a batch of checks, in their order."""
    one = _kept.batch
    return b"".join(
        [_error(result) if isinstance(result, CreditError) else _with_decision(one, result) for result in results]
    )


def fill_position(message: customer_pb2.CreditPosition, position: CreditPosition, approved_limit: int) -> None:
    """Fills in a credit position, with what is left of the limit."""
    _Position(message).fill(position, approved_limit)


def stored_decision(stored: StoredDecision | DamagedDecision) -> decision_pb2.Decision:
    """A stored decision, or what can be told of it."""
    if isinstance(stored, DamagedDecision):
        return _damaged(stored)
    message = decision_pb2.Decision()
    _StoredDecision(message, len(stored.decision.score_components)).fill_stored(stored)
    return message


def replay_fields(replay: Replay) -> Fields:
    """What a replay came to."""
    return {
        "outcome": decision_pb2.REPLAY_OUTCOME_MATCH if replay.matches else decision_pb2.REPLAY_OUTCOME_DRIFT,
        "decision": None if replay.decision is None else stored_decision(replay.decision),
        "differences": [
            {"field": difference.field, "stored": difference.stored, "replayed": difference.replayed}
            for difference in replay.differences
        ],
    }


def _damaged(damaged: DamagedDecision) -> decision_pb2.Decision:
    """What stands beside a snapshot that cannot be read, as far as that can be answered."""
    record = damaged.record
    return decision_pb2.Decision(
        decision_id=record.decision_id,
        customer_id=record.customer_id,
        approved=record.approved,
        credit_score=record.credit_score,
        reasons=[DECISION_REASONS[reason] for reason in DecisionReason if reason in record.reasons.split(",")],
        message=f"What is stored of this decision is damaged: {damaged.damage}.",
        policy_version=record.policy_version,
        policy_sha256=record.policy_sha256,
    )


class _Position:
    """A message of a credit position, to be filled in."""

    def __init__(self, message: customer_pb2.CreditPosition) -> None:
        self._message = message
        self._approved_volume = in_rupees(message.approved_volume)
        self._current_debt = in_rupees(message.current_debt)
        self._monthly_obligation = in_rupees(message.monthly_obligation)
        self._available_limit = in_rupees(message.available_limit)

    def fill(self, position: CreditPosition, approved_limit: int) -> None:
        """Fills in the position, over another one it may be."""
        message = self._message
        message.loan_count = position.loan_count
        message.active_loan_count = position.active_loan_count
        message.loans_this_year = position.loans_this_year
        fill_amount(self._approved_volume, position.approved_volume)
        fill_amount(self._current_debt, position.current_debt)
        fill_amount(self._monthly_obligation, position.monthly_obligation)
        message.emis_due = position.emis_due
        message.emis_paid_on_time = position.emis_paid_on_time
        fill_amount(self._available_limit, position.available_limit(approved_limit))


class _Decision:
    """A message of a decision, to be filled in."""

    def __init__(self, message: decision_pb2.Decision, component_count: int) -> None:
        self._message = message
        self._components = [message.score_components.add() for _ in range(component_count)]
        self._loan_amount = in_rupees(message.loan_amount)
        self._interest_rate = message.interest_rate
        self._corrected_interest_rate = message.corrected_interest_rate
        self._monthly_installment = in_rupees(message.monthly_installment)
        self._position = _Position(message.position)
        self._reasons = message.reasons
        self._is_decline = False
        """Whether the message is that of a decline."""
        self._rules: tuple[str, str, date] | None = None
        """Version and SHA-256 of the policy, and the business date, whose parts the message has."""

    def fill(self, decision: Decision, text: str) -> None:
        """Fills in a decision, over another one it may be, told in the text."""
        message, request, borrower = self._message, decision.request, decision.borrower
        if self._rules != (decision.policy_version, decision.policy_sha256, decision.business_date):
            self._fill_rules(decision)
        message.customer_id = request.customer_id
        message.approved = decision.approved
        message.credit_score = decision.credit_score
        for part, (_, points, _, observed) in zip(self._components, decision.score_components, strict=True):
            part.points = points.numerator / points.denominator
            part.observed = observed
        fill_amount(self._loan_amount, request.loan_amount)
        rate, corrected = request.interest_rate, decision.corrected_interest_rate
        self._interest_rate.value = rate_text = f"{rate:f}"
        self._corrected_interest_rate.value = rate_text if corrected is rate else f"{corrected:f}"
        message.tenure_months = request.tenure_months
        fill_amount(self._monthly_installment, decision.monthly_installment)
        message.message = text
        self._position.fill(borrower.position, borrower.approved_limit)
        if decision.reasons or self._is_decline:
            self._fill_decline(decision)

    def _fill_decline(self, decision: Decision) -> None:
        """Fills in what only declines have, or takes it out."""
        self._is_decline = True
        self._reasons[:] = [DECISION_REASONS[reason] for reason in decision.reasons]
        if decision.counter_offer is None:
            self._message.ClearField("counter_offer")
        else:
            fill_amount(in_rupees(self._message.counter_offer), decision.counter_offer)
        self._is_decline = not decision.approved

    def _fill_rules(self, decision: Decision) -> None:
        """Fills in what all decisions of a policy on a day have in common."""
        for part, component in zip(self._components, decision.score_components, strict=True):
            part.name = component.name
            part.max_points = component.max_points
        message, on = self._message, decision.business_date
        message.policy_version = decision.policy_version
        fill_day(message.business_date, on)
        self._rules = decision.policy_version, decision.policy_sha256, on


class _StoredDecision(_Decision):
    """A message of a stored decision, to be filled in."""

    def __init__(self, message: decision_pb2.Decision, component_count: int) -> None:
        super().__init__(message, component_count)
        self._gates = list(message.gates)
        self._monthly_income = in_rupees(message.monthly_income)
        self._approved_limit = in_rupees(message.approved_limit)
        self._create_time = message.create_time

    def fill_stored(self, stored: StoredDecision) -> None:
        """Fills in a stored decision, over another one it may be."""
        message, decision = self._message, stored.decision
        self.fill(decision, stored.message)
        message.decision_id = stored.decision_id
        if decision.request.max_interest_rate is None:
            message.ClearField("max_interest_rate")
        else:
            message.max_interest_rate.value = f"{decision.request.max_interest_rate:f}"
        if len(self._gates) != len(stored.gates):
            del message.gates[:]
            self._gates = [message.gates.add() for _ in stored.gates]
        for gate, (reason, passed, observed, allowed) in zip(self._gates, stored.gates, strict=True):
            gate.reason = DECISION_REASONS[reason]
            gate.passed = passed
            gate.observed = observed
            gate.allowed = allowed
        fill_amount(self._monthly_income, decision.borrower.monthly_income)
        fill_amount(self._approved_limit, decision.borrower.approved_limit)
        seconds, rest = divmod(stored.create_time, 1_000_000)
        self._create_time.seconds, self._create_time.nanos = seconds, rest * 1000

    def _fill_rules(self, decision: Decision) -> None:
        super()._fill_rules(decision)
        self._message.policy_sha256 = decision.policy_sha256


def _with_decision(kept: KeptMessage[_Decision], decision: Decision) -> bytes:
    message, part = kept.taken()
    part.fill(decision, decision.message)
    return message.SerializeToString()


def _empty_check() -> tuple[Message, _Decision]:
    response = pb.CheckEligibilityResponse()
    return response, _Decision(response.decision, _SCORE_COMPONENTS)


def _empty_batch() -> tuple[Message, _Decision]:
    response = pb.BatchCheckEligibilityResponse()
    return response, _Decision(response.results.add().decision, _SCORE_COMPONENTS)


def _empty_decline() -> tuple[Message, _StoredDecision]:
    response = pb.CreateLoanResponse()
    return response, _StoredDecision(response.decision, _SCORE_COMPONENTS)


def _empty_booking() -> tuple[Message, tuple[_StoredDecision, LoanMessage]]:
    response = pb.CreateLoanResponse()
    return response, (_StoredDecision(response.decision, _SCORE_COMPONENTS), LoanMessage(response.loan))


class _KeptMessages(threading.local):
    """The messages that a thread keeps."""

    def __init__(self) -> None:
        self.check = KeptMessage(_empty_check)
        self.batch = KeptMessage(_empty_batch)
        self.declined = KeptMessage(_empty_decline)
        self.booked = KeptMessage(_empty_booking)


_kept = _KeptMessages()


def _error(error: CreditError) -> bytes:
    return pb.BatchCheckEligibilityResponse(results=[{"error": status_message(error)}]).SerializeToString()
