"""Requests that may be sent more than once and take effect once."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import CreditError, RequestIdReused, WriteConflict
from almeno_grpc.service.store import IdempotencyRecord, Store, Transaction, always

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """What the store has to know of a call that changes something."""

    request_id: str = ""
    """Names the request over its repetitions; empty when the caller gave no name."""
    request_id_field: str = "request_id"
    """Where the request carries it, for the error that names it."""
    fingerprint: str = ""
    """SHA-256 of method and request: tells a repetition from another request."""
    wanted: Callable[[], bool] = always
    """Whether the caller still waits."""


class _Answered(NamedTuple, Generic[T]):
    """An answer as it goes out, and what it was made from; None when it had been given before."""

    answer: bytes
    result: T | None


class Requests:
    """Runs the work of requests, each once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def once(
        self,
        call: Call,
        work: Callable[[Transaction], T],
        encode: Callable[[T], bytes],
        done: Callable[[T], object] = lambda _result: None,
    ) -> Future[bytes]:
        """Runs the work and remembers the answer in the same transaction; repeats an answer already given.

        Args:
            call: The request's name and fingerprint.
            work: Does what the request asks for.
            encode: Makes the answer from the work's result.
            done: Called with the result once that is durable; not for an answer that is repeated.

        Returns:
            The answer; or RequestIdReused, if the request_id was used with another request, or what `work` raises: then
            nothing is remembered. It may come later, from another thread.
        """
        if not call.request_id:
            # There is nothing to remember, and no transaction has to wait until the answer is made.
            def answer_once(result: T) -> bytes:
                answer = encode(result)
                done(result)
                return answer

            return self._store.submit(work, answer_once, wanted=call.wanted)

        def tell(answered: _Answered[T]) -> bytes:
            if answered.result is not None:
                done(answered.result)
            return answered.answer

        def answer_first(tx: Transaction) -> _Answered[T]:
            before = tx.idempotency_records.get(call.request_id)
            if before is not None:
                if before.fingerprint != call.fingerprint:
                    raise RequestIdReused(call.request_id_field)
                return _Answered(before.answer, None)
            try:
                result = work(tx)
            except CreditError as refusal:
                if tx.idempotency_records.get(call.request_id) is not None:
                    # The same request, sent twice at once: what stood in the way is what its first time has done.
                    raise WriteConflict("the request has just been answered; send it again") from refusal
                raise
            answer = encode(result)
            tx.idempotency_records.add(
                IdempotencyRecord(call.request_id, call.fingerprint, answer), self._clock.now_microseconds()
            )
            return _Answered(answer, result)

        return self._store.submit(answer_first, tell, wanted=call.wanted)
