"""Decisions as answers, in bytes.

Each thread keeps a message with all its parts and fills it in anew for each decision, which takes an eighth less time
than making one. Longer answers are joined, for the encodings of the parts of a message, one after the other, are an
encoding of the whole.
"""

import threading
from collections.abc import Callable, Iterable

from google.protobuf.message import Message

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import customer_pb2, decision_pb2
from almeno_grpc.domain.decision import Decision, DecisionReason
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.rpc.answers import DECISION_REASONS, Fields, fill_money, loan_fields
from almeno_grpc.rpc.errors import status_message
from almeno_grpc.service.decision_record import StoredDecision
from almeno_grpc.service.decision_replay import Replay
from almeno_grpc.service.decisions import DamagedDecision
from almeno_grpc.service.lending import Booking

MOST_USES = 500
"""How often a message is filled in: a text in it takes its room anew each time, and all of it is only given back with
the whole message."""

_SCORE_COMPONENTS = 4


def check_answer(decision: Decision) -> bytes:
    """The answer to a check."""
    return _kept.check.with_decision(decision)


def booking_answer(booking: Booking) -> bytes:
    """The answer to the request for a loan."""
    answer = _kept.booking.with_stored(booking.stored)
    if booking.loan is None:
        return answer
    loan = loan_fields(booking.loan, booking.decision.business_date)
    return answer + pb.CreateLoanResponse(loan=loan).SerializeToString()


def batch_answer(results: Iterable[Decision | CreditError]) -> bytes:
    """The answer to a batch of checks, in their order."""
    one = _kept.batch
    return b"".join(
        [_error(result) if isinstance(result, CreditError) else one.with_decision(result) for result in results]
    )


def fill_position(message: customer_pb2.CreditPosition, position: CreditPosition, approved_limit: int) -> None:
    """Fills in a credit position, with what is left of the limit."""
    message.loan_count = position.loan_count
    message.active_loan_count = position.active_loan_count
    message.loans_this_year = position.loans_this_year
    fill_money(message.approved_volume, position.approved_volume)
    fill_money(message.current_debt, position.current_debt)
    fill_money(message.monthly_obligation, position.monthly_obligation)
    message.emis_due = position.emis_due
    message.emis_paid_on_time = position.emis_paid_on_time
    fill_money(message.available_limit, position.available_limit(approved_limit))


def stored_decision(stored: StoredDecision | DamagedDecision) -> decision_pb2.Decision:
    """A stored decision, or what can be told of it."""
    if isinstance(stored, DamagedDecision):
        return _damaged(stored)
    message = decision_pb2.Decision(score_components=[{}] * len(stored.decision.score_components))
    _fill_stored(message, stored)
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


def _fill_stored(message: decision_pb2.Decision, stored: StoredDecision) -> None:
    """Fills in a stored decision, over another one it may be."""
    decision = stored.decision
    _fill_decision(message, decision, stored.message)
    message.decision_id = stored.decision_id
    if decision.request.max_interest_rate is None:
        message.ClearField("max_interest_rate")
    else:
        message.max_interest_rate.value = f"{decision.request.max_interest_rate:f}"
    del message.gates[:]
    for reason, passed, observed, allowed in stored.gates:
        message.gates.add(reason=DECISION_REASONS[reason], passed=passed, observed=observed, allowed=allowed)
    message.policy_sha256 = decision.policy_sha256
    fill_money(message.monthly_income, decision.borrower.monthly_income)
    fill_money(message.approved_limit, decision.borrower.approved_limit)
    seconds, rest = divmod(stored.create_time, 1_000_000)
    message.create_time.seconds, message.create_time.nanos = seconds, rest * 1000


def _fill_decision(message: decision_pb2.Decision, decision: Decision, text: str) -> None:
    """Fills in a decision, over another one it may be, told in the text."""
    request, borrower, on = decision.request, decision.borrower, decision.business_date
    message.customer_id = request.customer_id
    message.approved = decision.approved
    message.credit_score = decision.credit_score
    for part, component in zip(message.score_components, decision.score_components, strict=True):
        part.name = component.name
        part.points = component.points.numerator / component.points.denominator
        part.max_points = component.max_points
        part.observed = component.observed
    fill_money(message.loan_amount, request.loan_amount)
    message.interest_rate.value = f"{request.interest_rate:f}"
    message.corrected_interest_rate.value = f"{decision.corrected_interest_rate:f}"
    message.tenure_months = request.tenure_months
    fill_money(message.monthly_installment, decision.monthly_installment)
    message.message = text
    fill_position(message.position, borrower.position, borrower.approved_limit)
    message.policy_version = decision.policy_version
    day = message.business_date
    day.year, day.month, day.day = on.year, on.month, on.day
    del message.reasons[:]
    message.reasons.extend([DECISION_REASONS[reason] for reason in decision.reasons])
    if decision.counter_offer is None:
        message.ClearField("counter_offer")
    else:
        fill_money(message.counter_offer, decision.counter_offer)


class _Response:
    """A response with one decision in it, kept to be filled in again and again."""

    def __init__(self, make: Callable[[], tuple[Message, decision_pb2.Decision]]) -> None:
        """Keeps what `make` makes: an empty response, and the decision in it."""
        self._make = make
        self._uses_left = 0

    def with_decision(self, decision: Decision) -> bytes:
        """The response with the decision, encoded."""
        self._count_use()
        _fill_decision(self._decision, decision, decision.message)
        return self._response.SerializeToString()

    def with_stored(self, stored: StoredDecision) -> bytes:
        """The response with the stored decision, encoded."""
        self._count_use()
        _fill_stored(self._decision, stored)
        return self._response.SerializeToString()

    def _count_use(self) -> None:
        if self._uses_left == 0:
            self._renew()
        self._uses_left -= 1

    def _renew(self) -> None:
        self._response, self._decision = self._make()
        self._uses_left = MOST_USES
        decision, position = self._decision, self._decision.position
        parts = [decision.score_components.add() for _ in range(_SCORE_COMPONENTS)]
        # While somebody holds a part, the message gives it out again rather than make a new object of it.
        self._held = (
            *parts,
            position,
            position.approved_volume,
            position.current_debt,
            position.monthly_obligation,
            position.available_limit,
            decision.loan_amount,
            decision.interest_rate,
            decision.corrected_interest_rate,
            decision.monthly_installment,
            decision.business_date,
            decision.score_components,
            decision.reasons,
        )


def _empty_check() -> tuple[Message, decision_pb2.Decision]:
    response = pb.CheckEligibilityResponse()
    return response, response.decision


def _empty_booking() -> tuple[Message, decision_pb2.Decision]:
    response = pb.CreateLoanResponse()
    return response, response.decision


def _empty_batch() -> tuple[Message, decision_pb2.Decision]:
    response = pb.BatchCheckEligibilityResponse()
    return response, response.results.add().decision


class _KeptResponses(threading.local):
    """The responses that a thread keeps."""

    def __init__(self) -> None:
        self.check = _Response(_empty_check)
        self.booking = _Response(_empty_booking)
        self.batch = _Response(_empty_batch)


_kept = _KeptResponses()


def _error(error: CreditError) -> bytes:
    return pb.BatchCheckEligibilityResponse(results=[{"error": status_message(error)}]).SerializeToString()
