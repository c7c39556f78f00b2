"""A method of a service, guarded: bytes in, bytes out, every end counted, every error with its details."""

# grpc's classes are generic in its stubs only.
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import grpc

from almeno_grpc.domain.errors import CreditError, DeadlineExceeded, TooManyCalls
from almeno_grpc.logs import SparseLog
from almeno_grpc.metrics import Metrics
from almeno_grpc.rpc.arrivals import Arrivals, Call, Uploads
from almeno_grpc.rpc.errors import InvalidMessage, MessageTooLarge, code_of, internal_status, to_status
from almeno_grpc.rpc.pools import CallPool, arrival_seconds

Send = Callable[[Any], None]

LOG_LINES_PER_SECOND = 20
_log = SparseLog(LOG_LINES_PER_SECOND)


@dataclass(frozen=True)
class CallLimits:
    """What a caller can make large, for each process.

    Attributes:
        concurrent_calls: Calls under way, waiting ones included; and as many streams that hold no thread.
        message_bytes: Size of a request message.
        slow_call_milliseconds: Duration from which a call is logged.
        request_seconds: Time that a call has to bring its one request, all of it.
    """

    concurrent_calls: int
    message_bytes: int
    slow_call_milliseconds: int
    request_seconds: float = 10.0


class GuardedMethod:
    """Serves one method through its handler.

    gRPC is handed methods that take bytes, and calls with one request come by way of `Arrivals`: then a call whose
    request is missing, cut short or cancelled comes here too, rather than being answered by gRPC itself.
    """

    def __init__(
        self,
        name: str,
        handler: grpc.RpcMethodHandler[Any, Any],
        limits: CallLimits,
        metrics: Metrics,
        *,
        is_stream: bool,
    ) -> None:
        behavior = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        if behavior is None or handler.request_deserializer is None or handler.response_serializer is None:
            raise ValueError(f"{name} has no handler for messages")
        self._name = name
        self._inner = handler
        self._behavior: Callable[..., Any] = behavior
        self._decode = handler.request_deserializer
        self._encode = handler.response_serializer
        self._limits = limits
        self._metrics = metrics
        self._slow_seconds = float("inf") if is_stream else limits.slow_call_milliseconds / 1000
        self._watches: set[Send] = set()
        self._watches_lock = threading.Lock()

    def handler(self, pool: CallPool, arrivals: Arrivals) -> grpc.RpcMethodHandler[Any, Any]:
        """Makes the handler that gRPC runs on the pool; calls with one request come to it by way of the arrivals."""
        if self._inner.request_streaming:
            uploads = Uploads(pool)
            return (
                grpc.stream_stream_rpc_method_handler(_on_pool(self._answer_with_stream, uploads))
                if self._inner.response_streaming
                else grpc.stream_unary_rpc_method_handler(_on_pool(self._answer_upload, uploads))
            )
        if getattr(self._behavior, "experimental_non_blocking", False):
            behavior = _on_pool(self._open_watch, arrivals)
            vars(behavior)["experimental_non_blocking"] = True
            return grpc.unary_stream_rpc_method_handler(behavior)
        if self._inner.response_streaming:
            return grpc.unary_stream_rpc_method_handler(_on_pool(self._answer_with_stream, arrivals))
        return grpc.unary_unary_rpc_method_handler(_on_pool(self._answer, arrivals))

    def end_watches(self) -> None:
        """Ends the streams that wait without a thread."""
        with self._watches_lock:
            watches = list(self._watches)
        for send in watches:
            send(None)

    def _answer(self, call: Call) -> None:
        """Answers a call, now or when what the handler waits for has come to its end."""
        arrived_seconds = arrival_seconds()
        try:
            response = self._behavior(self._argument(call, call.context), call.context)
        # Whatever it is: a call without an answer would count as under way for ever.
        except BaseException as error:
            self._refuse(call, error, arrived_seconds)
        else:
            if isinstance(response, Future):
                response.add_done_callback(partial(self._send, call, arrived_seconds))
            else:
                self._send(call, arrived_seconds, response)

    def _send(self, call: Call, arrived_seconds: float, response: Any) -> None:
        """Sends the response, or what has become of it."""
        try:
            message = response.result() if isinstance(response, Future) else response
            encoded = self._encoded(message)
        except BaseException as error:
            self._refuse(call, error, arrived_seconds)
        else:
            try:
                self._report("OK", time.perf_counter() - arrived_seconds)
            finally:
                call.answer(encoded)

    def _refuse(self, call: Call, error: BaseException, arrived_seconds: float) -> None:
        status = internal_status()
        try:
            self._report(self._code_of_failure(error, call.context), time.perf_counter() - arrived_seconds)
            status = self._status_of(error, call.context)
        finally:
            call.refuse(status)

    def _answer_upload(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        code = "OK"
        try:
            encoded = self._encoded(self._behavior(self._argument(requests, context), context))
        except Exception as error:
            code = self._code_of_failure(error, context)
            context.abort_with_status(self._status_of(error, context))
        finally:
            self._report(code, time.perf_counter() - arrival_seconds())
        return encoded

    def _answer_with_stream(self, request: Call | Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        code = "OK"
        try:
            for response in self._behavior(self._argument(request, context), context):
                yield self._encode(response)
        except GeneratorExit:
            code = _code_of_departure(context)
            raise
        except Exception as error:
            code = self._code_of_failure(error, context)
            context.abort_with_status(self._status_of(error, context))
        finally:
            self._report(code, time.perf_counter() - arrival_seconds())

    def _open_watch(self, call: Call, context: grpc.ServicerContext, send: Send) -> None:
        """Starts a stream that its service feeds from elsewhere; it lasts until the caller or `end_watches` ends it."""
        arrived_seconds, codes = arrival_seconds(), ["OK"]

        def end() -> None:
            with self._watches_lock:
                self._watches.discard(send)
            self._report(codes[-1], time.perf_counter() - arrived_seconds)

        def send_encoded(response: Any) -> None:
            send(self._encode(response))

        try:
            request = self._argument(call, context)
            self._take_on_watch(send)
            self._behavior(request, context, send_encoded)
        except Exception as error:
            codes.append(self._code_of_failure(error, context))
            context.abort_with_status(self._status_of(error, context))
        finally:
            if not context.add_callback(end):
                end()

    def _take_on_watch(self, send: Send) -> None:
        with self._watches_lock:
            if len(self._watches) >= self._limits.concurrent_calls:
                raise TooManyCalls("the server has as many streams open as it takes on")
            self._watches.add(send)

    def _argument(self, request: Call | Iterator[bytes], context: grpc.ServicerContext) -> Any:
        """Takes what the handler is called with: the one request, or the iterator of requests.

        Raises:
            DeadlineExceeded: The caller waits no longer; the handler must not run.
        """
        if not isinstance(request, Call):
            argument: Any = self._messages(request)
        elif request.request is None:
            raise InvalidMessage("the call carries no request message")
        else:
            argument = self._message(request.request)
        if not context.is_active() or context.time_remaining() <= 0:
            raise DeadlineExceeded("the caller's deadline had passed before the call was served; nothing was changed")
        return argument

    def _messages(self, requests: Iterator[bytes]) -> Iterator[Any]:
        for serialized in requests:
            yield self._message(serialized)

    def _message(self, serialized: bytes) -> Any:
        if len(serialized) > self._limits.message_bytes:
            raise MessageTooLarge(
                f"the request message has {len(serialized)} bytes; the server takes {self._limits.message_bytes}"
            )
        try:
            return self._decode(serialized)
        except Exception as error:
            raise InvalidMessage("the request is not a valid message of the method's request type") from error

    def _encoded(self, response: Any) -> bytes:
        # A repeated request is answered with the bytes of its first answer.
        encoded: bytes = response if type(response) is bytes else self._encode(response)
        return encoded

    def _code_of_failure(self, error: BaseException, context: grpc.ServicerContext) -> str:
        if not context.is_active():
            return _code_of_departure(context)
        return code_of(error).name if isinstance(error, CreditError) else "INTERNAL"

    def _status_of(self, error: BaseException, context: grpc.ServicerContext) -> grpc.Status:
        """The error in the caller's terms; what nobody expected is told to the log alone."""
        if isinstance(error, CreditError):
            return to_status(error)
        # Reading on from a caller who has gone raises an RpcError: there is nobody to answer, and nothing to tell.
        if not (isinstance(error, grpc.RpcError) and not context.is_active()):
            _log.log_event("call_failed", logging.ERROR, method=self._name, error=error)
        return internal_status()

    def _report(self, code: str, seconds: float) -> None:
        self._metrics.call(self._name, code, seconds)
        if seconds >= self._slow_seconds:
            milliseconds = round(seconds * 1000, 1)
            _log.log_event("slow_call", logging.WARNING, method=self._name, code=code, milliseconds=milliseconds)


class Refusal:
    """Answers every call with the same status, without reading the request."""

    def __init__(self, method: str, status: grpc.Status, metrics: Metrics) -> None:
        self._method = method
        self._status = status
        self._metrics = metrics

    def handler(self, pool: ThreadPoolExecutor) -> grpc.RpcMethodHandler[Any, Any]:
        """Makes the handler that gRPC runs on the pool."""
        return grpc.stream_unary_rpc_method_handler(_on_pool(self._refuse, pool))

    def _refuse(self, _requests: Iterator[bytes], context: grpc.ServicerContext) -> NoReturn:
        self._metrics.call(self._method, self._status.code.name, 0.0)
        context.abort_with_status(self._status)


def _on_pool(behavior: Callable[..., Any], pool: ThreadPoolExecutor) -> Callable[..., Any]:
    """Wraps a behavior so that gRPC runs it on the pool: it looks for the pool in an attribute of the behavior."""
    on_pool = partial(behavior)
    vars(on_pool)["experimental_thread_pool"] = pool
    return on_pool


def _code_of_departure(context: grpc.ServicerContext) -> str:
    return "DEADLINE_EXCEEDED" if context.time_remaining() <= 0 else "CANCELLED"
