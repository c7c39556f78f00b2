"""Checking eligibility: deciding without storing or booking."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date

from almeno_grpc.clock import Clock
from almeno_grpc.deadline import Deadline, begin_deadline, current_deadline
from almeno_grpc.domain.decision import Borrower, Decision, LoanRequest, decide
from almeno_grpc.domain.errors import CreditError, CustomerNotFound
from almeno_grpc.metrics import NO_METRICS, Metrics
from almeno_grpc.service.batching import BatchQueue
from almeno_grpc.service.policies import PolicyCalendar
from almeno_grpc.service.store import Store
from almeno_grpc.service.time_slices import computed_in_slices
from almeno_grpc.tracing import CallSpan, current_span, steps_of_batch

MAX_BATCH_CHECKS = 256
"""Checks of one statement. Their answers are made one after the other, so a larger batch keeps the first waiting."""


@dataclass(slots=True, eq=False)
class _PendingCheck:
    """A check that waits for its answer."""

    request: LoanRequest
    encode: Callable[[Decision], bytes]
    answer: Future[bytes] = field(default_factory=Future)
    span: CallSpan | None = field(default_factory=current_span)
    deadline: Deadline = field(default_factory=current_deadline)


class CheckService:
    """The use cases that decide and store nothing."""

    def __init__(self, store: Store, policies: PolicyCalendar, clock: Clock, metrics: Metrics = NO_METRICS) -> None:
        self._store = store
        self._policies = policies
        self._clock = clock
        self._queue: BatchQueue[_PendingCheck] = BatchQueue(
            "checks", self._run_batch, max_calls=MAX_BATCH_CHECKS, metrics=metrics
        )

    def check(self, request: LoanRequest, encode: Callable[[Decision], bytes]) -> Future[bytes]:
        """Decides a request now, together with those that wait with it.

        Args:
            request: What a customer asks for.
            encode: Makes the answer from the decision.

        Returns:
            The answer, or one of these errors, or one of the store; another thread sets it:

            CustomerNotFound: No customer has the id.
            TermsDoNotAmortize: The terms give no schedule that repays the loan.
            NoPolicyInEffect: No policy has taken effect by the business date.
        """
        call = _PendingCheck(request, encode)
        self._queue.submit(call)
        return call.answer

    def check_all(self, requests: Sequence[LoanRequest]) -> list[Decision | CreditError]:
        """Decides many requests now: for each, in order, the decision, or why it cannot be decided."""
        return computed_in_slices(self._outcomes(requests))

    def today(self) -> date:
        """The business date."""
        return self._clock.today()

    def close(self) -> None:
        """Ends the thread once it has answered what waits."""
        self._queue.close()

    def _outcomes(self, requests: Sequence[LoanRequest]) -> Iterator[Decision | CreditError]:
        """Reads all borrowers in one statement; each request is decided when its outcome is asked for."""
        today = self._clock.today()
        borrowers = self._store.borrowers({request.customer_id for request in requests}, today)
        return (self._decide(borrowers.get(request.customer_id), request, today) for request in requests)

    def _decide(self, borrower: Borrower | None, request: LoanRequest, today: date) -> Decision | CreditError:
        if borrower is None:
            return CustomerNotFound(request.customer_id)
        try:
            return decide(request, borrower, self._policies.in_effect(today), today)
        except CreditError as error:
            return error

    def _run_batch(self, take: Callable[[], list[_PendingCheck]]) -> None:
        calls = take()
        begin_deadline(Deadline(max(call.deadline.seconds for call in calls)))
        steps = steps_of_batch()
        steps.begin_first("position")
        try:
            outcomes = self._outcomes([call.request for call in calls])
        # Whatever it is: a thread that ended here would leave all later calls without an answer.
        except BaseException as error:
            for call in calls:
                call.answer.set_exception(error)
            return
        steps.begin("decision")
        # The first answer leaves before the last request is decided.
        for call, outcome in zip(calls, outcomes, strict=True):
            try:
                answer = _encoded(outcome, call.encode)
                steps.add_to(call.span)
            except BaseException as error:
                call.answer.set_exception(error)
            else:
                call.answer.set_result(answer)


def _encoded(outcome: Decision | CreditError, encode: Callable[[Decision], bytes]) -> bytes:
    if isinstance(outcome, CreditError):
        raise outcome
    return encode(outcome)
