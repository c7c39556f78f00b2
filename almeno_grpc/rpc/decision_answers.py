"""Decisions as answers, in bytes.

Every check, alone or in a batch, and every booking is answered here, so this is made to be quick: each thread keeps a
message with all its parts and fills it in anew for each decision, which takes a third of the time of making one. Longer
answers are joined, for the encodings of the parts of a message, one after the other, are an encoding of the whole.
"""

import threading
from collections.abc import Callable, Iterable

from google.protobuf.message import Message

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import customer_pb2, decision_pb2
from almeno_grpc.domain.decision import Decision
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.rpc.answers import DECISION_REASONS, fill_money, loan_fields
from almeno_grpc.rpc.errors import status_message
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
    answer = _kept.booking.with_decision(booking.decision, booking.decision_id)
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


def _fill_decision(message: decision_pb2.Decision, decision: Decision, decision_id: str) -> None:
    """Fills in a decision, over another one it may be; a check has no decision_id."""
    request, borrower, on = decision.request, decision.borrower, decision.business_date
    message.decision_id = decision_id
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
    message.message = decision.message
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

    def with_decision(self, decision: Decision, decision_id: str = "") -> bytes:
        """The response with the decision, encoded."""
        if self._uses_left == 0:
            self._renew()
        self._uses_left -= 1
        _fill_decision(self._decision, decision, decision_id)
        return self._response.SerializeToString()

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
