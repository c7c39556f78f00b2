"""The chain of one method: what a call passes from its bytes to the bytes of its answer."""

# grpc's classes are generic in its stubs only.
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple

import grpc

from almeno_grpc.deadline import end_deadline
from almeno_grpc.domain.access import ANYONE, NOBODY, Caller
from almeno_grpc.domain.errors import CreditError, ScopeMissing
from almeno_grpc.metrics import Metrics
from almeno_grpc.rpc.errors import to_status
from almeno_grpc.rpc.runtime.authentication import Authentication
from almeno_grpc.rpc.runtime.calls import AdmittedCall, BlockingCall, UnaryCall, answers_unread
from almeno_grpc.rpc.runtime.current_call import (
    Standing,
    check_current_caller,
    current_caller,
    current_standing,
    set_current_call,
    while_admitted,
)
from almeno_grpc.rpc.runtime.deadline import begin_awaited, code_of_departure
from almeno_grpc.rpc.runtime.decoding import Decoder, NoRequest
from almeno_grpc.rpc.runtime.dispatch import Exchange, request_arrived
from almeno_grpc.rpc.runtime.errors import failure_of
from almeno_grpc.rpc.runtime.exchanges import answer_one_of
from almeno_grpc.rpc.runtime.executors import arrival_seconds
from almeno_grpc.rpc.runtime.limits import CallLimits
from almeno_grpc.rpc.runtime.log import CallLog
from almeno_grpc.rpc.runtime.methods import Method
from almeno_grpc.rpc.runtime.metrics import CallMetrics
from almeno_grpc.rpc.runtime.quotas import Origin
from almeno_grpc.rpc.runtime.watches import ResponseQueue, Send, Watches
from almeno_grpc.tracing import CallSpan, current_tracer, set_current_span

Encode = Callable[[Any], bytes]
_LATE_SECONDS = 0.25
"""A request that comes so long after its headers, or has waited for a thread, may be of a caller who was revoked."""


class Arrival(NamedTuple):
    """The beginning of a call."""

    seconds: float
    """By `time.perf_counter`."""
    span: CallSpan | None


class MethodHandler:
    """Serves one method through the handler that its service has registered.

    The steps of every call, whatever its type:

    1. Authentication by certificate, and the scope: `_argument`. Admission has looked at the API key.
    2. Decoding and deadline: `_argument`.
    3. The servicer: it gives a message, bytes, or a Future of either, and raises errors of the domain's tree.
    4. Errors: `_fail`.
    5. Metrics and log: `_ended`.

    Attributes:
        method: What the method is.
        grpc_handler: What gRPC is handed: bytes in, bytes out.
        is_nonblocking: Whether its streams hold no thread once they are open.
        is_exchange: Whether each request of its streams has its response, so that they hold no thread in between.
    """

    def __init__(
        self,
        method: Method,
        handler: grpc.RpcMethodHandler[Any, Any],
        limits: CallLimits,
        metrics: Metrics,
        watches: Watches,
        authentication: Authentication,
    ) -> None:
        behavior = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        if behavior is None or handler.request_deserializer is None or handler.response_serializer is None:
            raise ValueError(f"{method.path} has no handler for messages")
        self.method = method
        self.is_nonblocking = bool(getattr(behavior, "experimental_non_blocking", False))
        self._behavior: Callable[..., Any] = behavior
        self._answer_one = answer_one_of(behavior)
        self.is_exchange = self._answer_one is not None
        self._decoder = Decoder(handler.request_deserializer, limits.max_message_bytes)
        self._encode: Encode = handler.response_serializer
        self._metrics = CallMetrics(method.labels, metrics)
        self._log = CallLog(method.path, float("inf") if method.is_stream else limits.slow_call_milliseconds / 1000)
        self._watches = watches
        self._authentication = authentication
        self._tracer = current_tracer()
        self.grpc_handler = self._grpc_handler(handler)

    def _grpc_handler(self, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        if handler.request_streaming:
            return (
                grpc.stream_stream_rpc_method_handler(self._answer_with_stream)
                if handler.response_streaming
                else grpc.stream_unary_rpc_method_handler(self._answer_upload)
            )
        if not handler.response_streaming:
            return grpc.unary_unary_rpc_method_handler(self._answer_blocking)
        if not self.is_nonblocking:
            return grpc.unary_stream_rpc_method_handler(self._answer_with_stream)
        # gRPC looks for the mark in an attribute of the behavior, and then hands it a function that sends responses.
        behavior = partial(self._open_watch)
        vars(behavior)["experimental_non_blocking"] = True
        return grpc.unary_stream_rpc_method_handler(behavior)

    def _arrival(self, context: grpc.ServicerContext, seconds: float) -> Arrival:
        """The beginning of the call that this thread runs, which is counted."""
        self._metrics.began()
        if self._tracer is None:
            return Arrival(seconds, None)
        labels, metadata = self.method.labels, context.invocation_metadata()
        span = self._tracer.start_call(labels.grpc_service, labels.grpc_method, metadata, seconds)
        set_current_span(span)
        return Arrival(seconds, span)

    def answer(self, call: UnaryCall) -> None:
        """Answers a unary call: now, or when the Future that the servicer gives has come to its end."""
        arrival = self._arrival(call.context, arrival_seconds())
        try:
            response = self._behavior(self._argument(call.request, call.context, call.origin), call.context)
        # Whatever it is: a call without an answer would count as under way for ever.
        except BaseException as error:
            call.reject(self._fail(error, call.context, arrival))
        else:
            if isinstance(response, Future):
                response.add_done_callback(partial(self._send, call, arrival, current_caller()))
            else:
                self._send(call, arrival, current_caller(), response)
        finally:
            # It may be gRPC's event thread.
            end_deadline()

    def _send(self, call: UnaryCall, arrival: Arrival, caller: Caller, response: Any) -> None:
        try:
            encoded = self._encoded(response.result() if isinstance(response, Future) else response)
        except BaseException as error:
            # Not always on the thread that has run the handler.
            call.reject(self._fail(error, call.context, arrival, caller))
        else:
            self._ended("OK", arrival)
            call.answer(encoded)

    def _answer_blocking(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Answers a unary call that gRPC itself has given this thread."""
        call = request_arrived(context)
        blocking = BlockingCall(request, context, call.origin)
        self.answer(blocking)
        try:
            response = blocking.wait()
            if not call.takes_answer(len(response)):
                context.abort_with_status(to_status(answers_unread))
            return response
        finally:
            call.begin_sending()

    def _answer_upload(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """Answers a stream of requests, which may take its time."""
        call = request_arrived(context)
        arrival = self._arrival(context, arrival_seconds())
        try:
            encoded = self._encoded(
                self._behavior(self._argument(call.in_time(requests), context, call.origin), context)
            )
        except BaseException as error:
            context.abort_with_status(self._fail(error, context, arrival))
        finally:
            call.begin_sending()
        self._ended("OK", arrival)
        return encoded

    def _answer_with_stream(
        self, request: bytes | NoRequest | Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        """Answers with a stream of responses, which this thread makes."""
        call = request_arrived(context)
        arrival = self._arrival(context, arrival_seconds())
        asked = request if isinstance(request, bytes | NoRequest) else call.in_time(request)
        try:
            responses = while_admitted(self._behavior(self._argument(asked, context, call.origin), context))
            yield from call.sent_in_time(map(self._encode, responses))
        except GeneratorExit:
            self._ended(code_of_departure(context), arrival)
            raise
        except BaseException as error:
            context.abort_with_status(self._fail(error, context, arrival))
        finally:
            call.begin_sending()
        self._ended("OK", arrival)

    def exchange(self, context: grpc.ServicerContext, origin: Origin) -> Exchange:
        """Begins to answer a stream each of whose requests has its response, without holding a thread."""
        answer_one = self._answer_one
        if answer_one is None:
            raise ValueError(f"{self.method.path} does not answer its requests one by one")
        arrival = self._arrival(context, time.perf_counter())

        def answer(request: bytes) -> bytes:
            argument = self._argument(request, context, origin)
            check_current_caller()
            return self._encode(answer_one(argument, context))

        return _Exchange(
            Standing(origin.caller or ANYONE, self.method.scope, self._authentication),
            answer=answer,
            fail=lambda error, caller: self._fail(error, context, arrival, caller),
            end=lambda code: self._ended(code, arrival),
        )

    def _open_watch(
        self, request: bytes | NoRequest, context: grpc.ServicerContext, send: Send | None = None
    ) -> Iterator[bytes] | None:
        """Opens a stream that its service feeds from elsewhere; it lasts until its caller or `Watches` ends it.

        Where an interceptor has wrapped the handler, gRPC hands no `send`: then the thread waits for the responses.
        """
        call = request_arrived(context)
        if send is not None:
            queue = ResponseQueue(partial(call.start_sending, send))
            self._start_watch(request, call, context, queue.put, is_blocking=False)
            return None
        responses: SimpleQueue[bytes | None] = SimpleQueue()
        self._start_watch(request, call, context, responses.put, is_blocking=True)
        return call.sent_in_time(iter(responses.get, None))

    def _start_watch(
        self,
        request: bytes | NoRequest,
        call: AdmittedCall,
        context: grpc.ServicerContext,
        send: Send,
        *,
        is_blocking: bool,
    ) -> None:
        arrival = self._arrival(context, arrival_seconds())
        is_failed = False

        def end() -> None:
            self._watches.discard(send)
            if is_blocking:
                send(None)
            if not is_failed:
                self._ended("OK", arrival)

        def respond(response: Any) -> None:
            # The health service tells None of a stream that is over.
            if response is not None:
                send(self._encode(response))

        try:
            message = self._argument(request, context, call.origin)
            self._watches.add(send, is_blocking=is_blocking)
            self._behavior(message, context, respond)
        except BaseException as error:
            is_failed = True
            context.abort_with_status(self._fail(error, context, arrival))
        finally:
            if not context.add_callback(end):
                end()

    def _argument(
        self, request: bytes | NoRequest | Iterator[bytes], context: grpc.ServicerContext, origin: Origin
    ) -> Any:
        """What the servicer is called with: the one message, or the iterator of messages.

        Raises:
            CreditError: The call is not to be served.
        """
        set_current_call(origin.caller or NOBODY, self.method, self._authentication)
        # What is looked up of the caller is for others, too.
        end_deadline()
        caller = self._authentication.by_certificate(origin.caller, context)
        if time.monotonic() - origin.since_seconds > _LATE_SECONDS:
            caller = self._authentication.again(caller)
        set_current_call(caller, self.method, self._authentication)
        if not caller.may(self.method.scope):
            raise ScopeMissing(self.method.scope)
        if origin.caller is None:
            self._authentication.count_call(caller)
        argument = (
            self._decoder.message(request)
            if isinstance(request, bytes | NoRequest)
            else while_admitted(self._decoder.messages(request))
        )
        begin_awaited(context)
        return argument

    def _encoded(self, response: Any) -> bytes:
        # A repeated request is answered with the bytes of its first answer.
        return response if type(response) is bytes else self._encode(response)

    def _fail(
        self,
        error: BaseException,
        context: grpc.ServicerContext,
        arrival: Arrival,
        caller: Caller | None = None,
    ) -> grpc.Status:
        self._authentication.note_refusal(caller or current_caller(), self.method.path, error)
        failure = failure_of(error, context)
        if failure.is_unexpected:
            self._log.failed(error, arrival.span)
        self._ended(failure.code, arrival)
        return failure.status

    def _ended(self, code: str, arrival: Arrival) -> None:
        """Notes how a call has ended."""
        seconds = time.perf_counter() - arrival.seconds
        self._metrics.ended(code, seconds)
        self._log.ended(code, seconds, arrival.span)
        if arrival.span is not None:
            arrival.span.end(code)


class _Exchange:
    """One stream of `MethodHandler.exchange`."""

    def __init__(
        self,
        standing: Standing,
        answer: Callable[[bytes], bytes],
        fail: Callable[[BaseException, Caller], grpc.Status],
        end: Callable[[str], None],
    ) -> None:
        self._standing = standing
        self._answer = answer
        self._fail = fail
        self._end = end
        self._has_failed = False

    def answer(self, request: bytes) -> bytes | grpc.Status:
        """Answers a request, or ends the stream with an error."""
        try:
            response = self._answer(request)
        # Whatever it is: a stream without an end would count as under way for ever.
        except BaseException as error:
            self._has_failed = True
            return self._fail(error, current_caller())
        # A certificate has told who calls only now.
        self._standing = current_standing()
        return response

    def is_refused(self) -> bool:
        """Whether the caller may not go on with the stream any more."""
        return self._standing.is_refused()

    def refusal(self) -> grpc.Status | None:
        """The error for such a caller; None for others."""
        try:
            self._standing.raise_if_refused()
        except CreditError as error:
            self._has_failed = True
            return self._fail(error, self._standing.caller)
        return None

    def ended(self, code: str) -> None:
        """Notes that the stream has ended, with that status code."""
        if not self._has_failed:
            self._end(code)
