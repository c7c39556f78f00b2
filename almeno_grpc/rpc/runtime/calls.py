"""Calls under way: what each holds of the server's limits, and how a unary one is answered."""

# Future is generic in its stubs only.
from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc

from almeno_grpc.domain.errors import DeadlineExceeded, TooManyCalls
from almeno_grpc.rpc.runtime.current_call import current_standing
from almeno_grpc.rpc.runtime.deadline import Timeouts
from almeno_grpc.rpc.runtime.decoding import NoRequest
from almeno_grpc.rpc.runtime.executors import CallExecutor
from almeno_grpc.rpc.runtime.limits import SMALL_ANSWER_BYTES, CallLimits
from almeno_grpc.rpc.runtime.quotas import Origin, Quota

T = TypeVar("T")

MESSAGE_OVERDUE = "the next message of the stream has not come in the time that the server has for it"


class Room:
    """The calls of one kind that a server takes on, and those of them that wait for their caller to send.

    Their time is short where room is, and the place of the one that has waited longest is for a caller who has few.
    """

    def __init__(self, quota: Quota, *, is_for_streams: bool = False) -> None:
        self.quota = quota
        self._is_for_streams = is_for_streams
        self.waits = Timeouts(lambda: 2 * quota.free_share)

    def admits(self, origin: Origin) -> bool:
        """Whether there is room for a call of that origin, which is counted then."""
        if self.quota.take(origin.share, max_of_caller=origin.max_streams if self._is_for_streams else None):
            return True
        if not self.quota.take_over(origin.share):
            return False
        if self.waits.expire_oldest():
            return True
        self.quota.release(origin.share)
        return False


@dataclass(frozen=True, slots=True)
class Resources:
    """What all calls of a server share.

    Attributes:
        limits: What a caller can make large.
        sends: The waits for an answer, or a response of a stream, to be read.
        unread_bytes: Answers that are not sent yet, large ones alone: small ones are bounded by the calls.
        senders: Threads that send the responses of watches, where gRPC's own way is to wait until they are sent.
    """

    limits: CallLimits
    sends: Timeouts
    unread_bytes: Quota
    senders: CallExecutor


class AdmittedCall:
    """A call that counts in its caller's share until its answer has left gRPC, or its caller is gone.

    gRPC keeps an answer as long as its caller does not read it, or the network does not take it.
    """

    def __init__(self, resources: Resources, room: Room, origin: Origin) -> None:
        """Makes a call that its room has admitted."""
        self.resources = resources
        self.room = room
        self.origin = origin
        self._unread_bytes = 0

    def interrupt(self, _is_over: bool = True) -> None:
        """Ends the wait for the next message of a stream of requests. Implementations name the way."""
        raise NotImplementedError

    def cancel(self, _is_over: bool = True) -> None:
        """Ends the call from this side, with CANCELLED: for a caller who does not read, no answer is of use."""
        raise NotImplementedError

    def takes_answer(self, size_bytes: int) -> bool:
        """Whether an answer of that size may wait to be read; it counts in the caller's share then."""
        if size_bytes > SMALL_ANSWER_BYTES:
            if not self.resources.unread_bytes.take(self.origin.share, size_bytes):
                return False
            self._unread_bytes = size_bytes
        return True

    def in_time(self, requests: Iterator[T]) -> Iterator[T]:
        """Yields the messages of a stream of requests.

        Raises:
            DeadlineExceeded: One has not arrived in time.
            CreditError: The caller may not go on with the call any more.
        """
        waits, timeout_seconds = self.room.waits, self.resources.limits.piece_timeout_seconds
        standing = current_standing()
        while True:
            waits.begin(self, timeout_seconds, self.interrupt, standing.is_refused)
            try:
                request = next(requests, None)
            finally:
                is_in_time = waits.end(self)
            if not is_in_time:
                standing.raise_if_refused()
                raise DeadlineExceeded(MESSAGE_OVERDUE)
            if request is None:
                return
            yield request

    def sent_in_time(self, responses: Iterator[bytes]) -> Iterator[bytes]:
        """Yields the responses of a stream to gRPC, which asks for the next when one is sent."""
        for response in responses:
            self.begin_sending()
            yield response
            self.end_sending()

    def begin_sending(self) -> None:
        """Notes that a response, or the end of the call, waits to be read."""
        self.resources.sends.begin(self, self.resources.limits.answer_timeout_seconds, self.cancel)

    def end_sending(self) -> None:
        """Notes that the response is gone."""
        self.resources.sends.end(self)

    def start_sending(self, send: Callable[[Any], None], response: Any, sent: Callable[[], None]) -> None:
        """Begins to send a response of a watch, or its end.

        Args:
            send: gRPC's own way, which waits until the response is sent.
            response: In bytes; None for the end.
            sent: Called when it is sent.
        """

        def run() -> None:
            self.begin_sending()
            send(response)
            if response is not None:
                self.end_sending()
            sent()

        try:
            self.resources.senders.run(run)
        except RuntimeError:
            self.cancel()

    def end_when_sent(self, context: grpc.ServicerContext | None) -> None:
        """Counts the call no more, once gRPC has sent all of it; at once for a call that has not come to a handler."""
        if context is None or not context.add_callback(self._end):
            self._end()

    def _end(self) -> None:
        self.resources.sends.end(self)
        self.room.quota.release(self.origin.share)
        if self._unread_bytes:
            self.resources.unread_bytes.release(self.origin.share, self._unread_bytes)


answers_unread = TooManyCalls("answers of the caller wait to be read; read them, then send the call again")
"""The error of a call whose answer there is no room for. It reaches a caller who reads no data: its status has none."""


class UnaryCall(Protocol):
    """A call with one request and one response."""

    @property
    def context(self) -> grpc.ServicerContext:
        """Metadata, peer and deadline."""

    @property
    def request(self) -> bytes | NoRequest:
        """The request, in bytes."""

    @property
    def origin(self) -> Origin:
        """Where it comes from."""

    def answer(self, response: bytes) -> None:
        """Sends the response, unless the caller is gone."""

    def reject(self, status: grpc.Status) -> None:
        """Sends an error, unless the caller is gone."""


class BlockingCall:
    """A unary call whose thread waits for the answer: how gRPC itself runs one."""

    def __init__(self, request: bytes, context: grpc.ServicerContext, origin: Origin) -> None:
        self.request = request
        self.context = context
        self.origin = origin
        self._outcome: Future[bytes | grpc.Status] = Future()

    def answer(self, response: bytes) -> None:
        """Lets the thread go on with the response."""
        self._outcome.set_result(response)

    def reject(self, status: grpc.Status) -> None:
        """Lets the thread go on with an error."""
        self._outcome.set_result(status)

    def wait(self) -> bytes:
        """The response, once it is there; an error ends the call through its context, as gRPC wants it."""
        outcome = self._outcome.result()
        if not isinstance(outcome, bytes):
            self.context.abort_with_status(outcome)
        return outcome
