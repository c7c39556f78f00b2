"""Requests that change something: each takes effect once, many in one transaction.

A call that changes something passes through here from top to bottom: it waits for the next batch; the batch loads what
its requests need, under locks; the idempotency records are looked up; each request is executed on the loaded state,
without touching the database; all changes and the new records are written, and committed together; the answers leave.
The effect of a request and its idempotency record are thus one transaction.

A request that fails by itself (a `CreditError`) has added nothing to the changes and harms no other. Where the
transaction fails, the batch is undone and its calls run one by one, each in a transaction of its own; where the outcome
of the commit is not known, none is run again, for each may have taken effect.
"""

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

from almeno_grpc.clock import Clock
from almeno_grpc.deadline import Deadline, begin_deadline, current_deadline
from almeno_grpc.domain.access import ANYONE, Caller
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.errors import (
    BusinessDateBehind,
    CreditError,
    DeadlineExceeded,
    PhoneNumberTaken,
    RequestIdReused,
    TooManyCalls,
    Unavailable,
    WriteConflict,
)
from almeno_grpc.metrics import NO_METRICS, Metrics
from almeno_grpc.service.batching import BatchQueue
from almeno_grpc.service.store import Changes, IdempotencyRecord, Store, Transaction, always
from almeno_grpc.tracing import CallSpan, Steps, current_span, steps_of_batch

Q = TypeVar("Q")
Q_contra = TypeVar("Q_contra", contravariant=True)
S = TypeVar("S")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_MIN_BATCH_SECONDS = 1
"""How long a batch may take to begin, before it knows its calls."""
MAX_BATCH_CALLS = 128
"""Calls of one transaction. Larger batches gain little, and others wait for them to write."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What is known of a call that changes something, beside its request."""

    request_id: str = ""
    """The idempotency key, the same for all repetitions of a request; empty when the caller gave none."""
    request_id_field: str = "request_id"
    """Path of the field that holds it, for the error that names it."""
    fingerprint: str = ""
    """SHA-256 of method and request: tells a repetition from another request with the same request_id."""
    is_active: Callable[[], bool] = always
    """Whether the caller still waits."""
    method: str = ""
    """Full name of the method, such as `/almeno.credit.v1.CreditService/CreateLoan`."""
    caller: Caller = ANYONE
    """Who calls. A request_id is its principal's: another principal's same id is another request."""
    scope: str = ""
    """What the caller needs for the method."""
    is_of_book: bool = True
    """Whether the business date counts: a key is revoked whatever the day."""

    @property
    def key(self) -> tuple[str, str]:
        """What its idempotency record is found by."""
        return self.caller.principal, self.request_id


class NotLocked(Exception):
    """Another transaction has locked what the request needs: it has to run alone, and to wait for the lock."""


class UseCase(Protocol[Q_contra, S, R_co]):
    """What requests of one kind do, many at once."""

    def load(self, tx: Transaction, requests: Sequence[Q_contra], *, wait: bool) -> S:
        """Locks and reads what the requests need, in as few statements for all as for one.

        Args:
            tx: The transaction.
            requests: The requests.
            wait: Whether to wait for locks. If not, `execute` raises NotLocked for what another transaction has locked.
        """

    def execute(self, state: S, request: Q_contra, changes: Changes) -> R_co:
        """Decides one request on the loaded state, and adds to the changes what it changes.

        Raises:
            CreditError: The request fails; nothing was added.
            NotLocked: As above.
        """


@dataclass(slots=True, eq=False)
class PendingCall(Generic[Q, R]):
    """A call that waits for its answer."""

    request: Q
    context: RequestContext
    encode: Callable[[R], bytes]
    """Makes the answer from the result."""
    on_commit: Callable[[R], object]
    """Called with the result once that is durable; not for an answer that is repeated."""
    answer: Future[bytes] = field(default_factory=Future)
    span: CallSpan | None = field(default_factory=current_span)
    deadline: Deadline = field(default_factory=current_deadline)


@dataclass(frozen=True, slots=True)
class Executed(Generic[R]):
    """A request that was executed in a transaction; `answer` is None where it need not be remembered."""

    result: R
    answer: bytes | None


@dataclass(frozen=True, slots=True)
class Repeated:
    """A request that was answered before."""

    answer: bytes


Outcome = Executed[R] | Repeated | CreditError | NotLocked


class AccessCheck(Protocol):
    """Whether callers who were known when their calls came may still make them where a transaction begins."""

    def renew_in(self, tx: Transaction) -> None:
        """Renews what is known of callers, where the transaction sees that it has changed."""

    def raise_if_refused(self, caller: Caller, scope: str) -> None:
        """Lets a call of a method with the scope go on.

        Raises:
            CreditError: The caller may not make it any more.
        """


class NoAccessCheck:
    """Access control is off."""

    def renew_in(self, tx: Transaction) -> None:
        """Nothing is known of callers."""

    def raise_if_refused(self, caller: Caller, scope: str) -> None:
        """Anyone may make any call."""


NO_ACCESS_CHECK = NoAccessCheck()


def execute_batch(
    tx: Transaction,
    use_case: UseCase[Q, S, R],
    calls: Sequence[PendingCall[Q, R]],
    clock: Clock,
    access: AccessCheck,
    steps: Steps,
    *,
    wait: bool,
) -> list[Outcome[R]]:
    """Executes calls in one transaction, which the caller commits.

    Args:
        tx: The transaction.
        use_case: What the calls do.
        calls: The calls, no two with the same key or request_id.
        clock: The business date, and the time of the records.
        access: Who may still make their calls.
        steps: Measures what the transaction does; its last step, the commit, ends with the transaction.
        wait: Whether to wait for locks.

    Returns:
        What became of each call, in their order.
    """
    # Before the use case asks for it: at midnight that may get the next day.
    today = clock.today()
    steps.begin_first("position")
    access.renew_in(tx)
    state = use_case.load(tx, [call.request for call in calls], wait=wait)
    # Behind the locks: a repetition that has waited for the first request to commit sees its record.
    keys = [call.context.key for call in calls if call.context.request_id]
    records = tx.idempotency.get_many(keys) if keys else {}
    latest = tx.latest_business_date()
    steps.begin("decision")
    written: list[Changes] = []
    now = clock.now_microseconds()
    outcomes: list[Outcome[R]] = []
    for call in calls:
        record = records.get(call.context.key)
        if (refusal := _refusal_of(call, access)) is not None:
            outcomes.append(refusal)
        elif record is not None:
            outcomes.append(_repeated(call, record, written, now))
        elif latest is not None and today < latest and call.context.is_of_book:
            outcomes.append(BusinessDateBehind(today, latest))
        else:
            outcomes.append(_execute_one(use_case, state, call, written, now, today))
    _keep_later_days(written, latest)
    steps.begin("commit")
    try:
        tx.write(*written)
    except PhoneNumberTaken as error:
        # It was free when the requests were executed.
        raise WriteConflict("a phone number was taken meanwhile; send the request again") from error
    return outcomes


def _refusal_of(call: PendingCall[Q, R], access: AccessCheck) -> CreditError | None:
    try:
        access.raise_if_refused(call.context.caller, call.context.scope)
    except CreditError as error:
        return error
    return None


def _repeated(
    call: PendingCall[Q, R], record: IdempotencyRecord, written: list[Changes], now: int
) -> Repeated | CreditError:
    if record.fingerprint != call.context.fingerprint:
        return RequestIdReused(call.context.request_id_field)
    written.append(Changes(event=_event(AuditEventKind.REPEAT, call.context, now)))
    return Repeated(record.answer)


def _keep_later_days(written: Iterable[Changes], latest: date | None) -> None:
    """Leaves the business date to the first changes of each day that is later than those before."""
    for changes in written:
        day = changes.business_date
        if day is not None and latest is not None and day <= latest:
            changes.business_date = None
        else:
            latest = day or latest


def _execute_one(
    use_case: UseCase[Q, S, R], state: S, call: PendingCall[Q, R], written: list[Changes], now: int, today: date
) -> Outcome[R]:
    context = call.context
    if not context.is_active():
        return DeadlineExceeded("the caller waits no longer; nothing was changed")
    changes = Changes()
    try:
        result = use_case.execute(state, call.request, changes)
    except (CreditError, NotLocked) as error:
        return error
    changes.event = _event(AuditEventKind.WRITE, context, now, *changes.about)
    changes.on = changes.business_date or today
    written.append(changes)
    if not context.request_id:
        return Executed(result, None)
    answer = call.encode(result)
    changes.idempotency_records.append(
        IdempotencyRecord(context.request_id, context.fingerprint, answer, now, context.caller.principal)
    )
    return Executed(result, answer)


def _event(
    kind: AuditEventKind, context: RequestContext, now: int, customer_id: int = 0, subject: str = ""
) -> AuditEntry:
    caller = context.caller
    return AuditEntry(
        kind, now, caller.principal, caller.credential, context.method, customer_id, subject, context.request_id
    )


class WriteQueue(Generic[Q, S, R]):
    """Calls of one use case that wait to be written. A thread writes them in batches, another those that go alone."""

    def __init__(
        self,
        name: str,
        store: Store,
        clock: Clock,
        use_case: UseCase[Q, S, R],
        key_of: Callable[[Q], Hashable],
        access: AccessCheck = NO_ACCESS_CHECK,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        """Makes the queue.

        Args:
            name: Name of its threads.
            store: The book.
            clock: The time of the records.
            use_case: What the calls do.
            key_of: What two requests of one batch may not have in common, such as the customer.
            access: Who may still make their calls.
            metrics: Where batches are counted.
        """
        self._access = access
        self._store = store
        self._clock = clock
        self._use_case = use_case
        self._key_of = key_of
        self._queue: BatchQueue[PendingCall[Q, R]] = BatchQueue(
            name, self._run_batch, max_calls=MAX_BATCH_CALLS, keys_of=self._keys_of, metrics=metrics
        )
        self._alone: BatchQueue[PendingCall[Q, R]] = BatchQueue(
            f"{name}-alone", self._run_alone, max_calls=1, metrics=metrics
        )

    def submit(
        self,
        request: Q,
        context: RequestContext,
        encode: Callable[[R], bytes],
        on_commit: Callable[[R], object] = lambda _result: None,
    ) -> Future[bytes]:
        """Queues a request.

        Returns:
            The answer, or the error of the request or of the store. It is set by another thread, once the transaction
            has ended; its callbacks run there and hold up the next batch.
        """
        call = PendingCall(request, context, encode, on_commit)
        self._queue.submit(call)
        return call.answer

    def close(self) -> None:
        """Ends the threads once they have answered what waits."""
        self._queue.close()
        self._alone.close()

    def _keys_of(self, call: PendingCall[Q, R]) -> Iterable[Hashable]:
        key = self._key_of(call.request)
        return (key, call.context.key) if call.context.request_id else (key,)

    def _run_batch(self, take: Callable[[], list[PendingCall[Q, R]]]) -> None:
        calls: list[PendingCall[Q, R]] = []
        steps = steps_of_batch()
        # The first may be overdue, and others not.
        seconds = max(self._queue.first().deadline.seconds, time.monotonic() + _MIN_BATCH_SECONDS)
        deadline = begin_deadline(Deadline(seconds, is_final=False))

        def work(tx: Transaction) -> list[Outcome[R]]:
            calls.extend(take())
            deadline.seconds = max(call.deadline.seconds for call in calls)
            return execute_batch(tx, self._use_case, calls, self._clock, self._access, steps, wait=False)

        try:
            outcomes = self._store.write(work, max_attempts=1)
        except Unavailable as error:
            # The database takes nothing at the moment, or may have taken the batch: no call is run again.
            for call in calls or take():
                call.answer.set_exception(error)
        # Whatever it is: a thread that ended here would leave all later calls without an answer.
        except BaseException:
            for call in calls or take():
                self._submit_alone(call)
        else:
            for call, outcome in zip(calls, outcomes, strict=True):
                if isinstance(outcome, NotLocked):
                    self._submit_alone(call)
                else:
                    steps.add_to(call.span)
                    _complete(call, outcome)

    def _submit_alone(self, call: PendingCall[Q, R]) -> None:
        try:
            self._alone.submit(call)
        except TooManyCalls as error:
            call.answer.set_exception(error)

    def _run_alone(self, take: Callable[[], list[PendingCall[Q, R]]]) -> None:
        [call] = take()
        begin_deadline(call.deadline)
        try:
            outcome = run_alone(self._store, self._clock, self._use_case, call, self._access)
        except BaseException as error:
            call.answer.set_exception(error)
        else:
            _complete(call, outcome)


def run_alone(
    store: Store, clock: Clock, use_case: UseCase[Q, S, R], call: PendingCall[Q, R], access: AccessCheck
) -> Outcome[R]:
    """Executes a call in a transaction of its own, which waits for locks and is tried again after a conflict."""
    steps = steps_of_batch()

    def work(tx: Transaction) -> Outcome[R]:
        [outcome] = execute_batch(tx, use_case, [call], clock, access, steps, wait=True)
        if isinstance(outcome, CreditError):
            raise outcome
        return outcome

    try:
        return store.write(work, is_active=call.context.is_active)
    finally:
        steps.add_to(call.span)


def _complete(call: PendingCall[Any, R], outcome: Outcome[R]) -> None:
    """Answers a call whose transaction is durable, or that has failed by itself."""
    if isinstance(outcome, Exception):
        call.answer.set_exception(outcome)
        return
    try:
        if isinstance(outcome, Repeated):
            answer = outcome.answer
        else:
            # An answer that nobody has to remember is made when no transaction waits for it any more.
            answer = call.encode(outcome.result) if outcome.answer is None else outcome.answer
            call.on_commit(outcome.result)
    except BaseException as error:
        call.answer.set_exception(error)
    else:
        call.answer.set_result(answer)


class Idempotency:
    """Executes requests that are rare, each in a transaction of its own, on the caller's thread."""

    def __init__(self, store: Store, clock: Clock, access: AccessCheck = NO_ACCESS_CHECK) -> None:
        self._store = store
        self._clock = clock
        self._access = access

    def execute(
        self,
        context: RequestContext,
        work: Callable[[Transaction], R],
        encode: Callable[[R], bytes],
        on_commit: Callable[[R], object] = lambda _result: None,
        about: Callable[[R], tuple[int, str]] = lambda _result: (0, ""),
    ) -> bytes:
        """Does the work and remembers the answer in the same transaction; repeats an answer already given.

        Args:
            context: The call's idempotency key and fingerprint.
            work: Does what the request asks for.
            encode: Makes the answer from the work's result.
            on_commit: Called with the result once that is durable; not for an answer that is repeated.
            about: Tells the customer_id and the id of what was written, for the audit trail.

        Raises:
            RequestIdReused: The request_id was used with another request.
            CreditError: What `work` or the store raises; then nothing is remembered.
        """

        def change(tx: Transaction, changes: Changes) -> R:
            result = work(tx)
            changes.concerns = about(result)
            return result

        return self.change(context, change, encode, on_commit)

    def change(
        self,
        context: RequestContext,
        work: Callable[[Transaction, Changes], R],
        encode: Callable[[R], bytes],
        on_commit: Callable[[R], object] = lambda _result: None,
    ) -> bytes:
        """As `execute`, for work that adds what it changes to the changes, instead of writing it by itself."""
        call = PendingCall(None, context, encode, on_commit)
        _complete(call, run_alone(self._store, self._clock, _SingleUseCase(work), call, self._access))
        return call.answer.result()


@dataclass(frozen=True)
class _SingleUseCase(Generic[R]):
    """Work on a transaction as a use case."""

    work: Callable[[Transaction, Changes], R]

    def load(self, tx: Transaction, _requests: Sequence[None], *, wait: bool) -> Transaction:  # noqa: ARG002 - the work locks
        return tx

    def execute(self, state: Transaction, _request: None, changes: Changes) -> R:
        return self.work(state, changes)
