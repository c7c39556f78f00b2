"""Early dispatch: a call gets a thread when its request has arrived, not before.

gRPC's server gives a call a thread when its headers are in. That thread asks for the request and sleeps until it has
come, so it is woken twice a call, and a few callers who stall hold all threads. Here gRPC's event thread asks for the
request, and a call comes to its executor together with it; one whose answer waits for a commit holds no thread either.
An RPC whose handler answers at once then costs the server 125 µs of processor time rather than 210 (grpcio 1.85.1, 32
calls in flight, server and client on a core each).

This is the one module that knows gRPC's server from inside, and is imported for the versions of grpcio that it knows
alone. Elsewhere, and where another interceptor has wrapped the handler, a call goes gRPC's own way. It can be deleted
once gRPC itself starts handlers when the request is there: both engines pass the same tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import grpc
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined] # a module of C

from almeno_grpc.domain.errors import DeadlineExceeded, TooManyCalls
from almeno_grpc.rpc.errors import to_status
from almeno_grpc.rpc.runtime.calls import MESSAGE_OVERDUE, AdmittedCall, Resources, Room, answers_unread
from almeno_grpc.rpc.runtime.deadline import is_due
from almeno_grpc.rpc.runtime.decoding import NO_REQUEST, NoRequest
from almeno_grpc.rpc.runtime.dispatch import Exchange, GrpcDispatch, Route, run_as_grpc
from almeno_grpc.rpc.runtime.executors import CallExecutor, InlineExecutor, run_work
from almeno_grpc.rpc.runtime.quotas import Origin

_NO_FLAGS = 0
_REQUEST = _server._RECEIVE_MESSAGE_TOKEN
_RESPONSE = _server._SEND_MESSAGE_TOKEN
_no_thread_left = TooManyCalls("the server has no thread left for the call; send it again")
_no_request = DeadlineExceeded("the request has not come in the time that the server has for it")
_no_room = TooManyCalls("the server had no room to wait for the request; send it again, a little later")
_no_message = DeadlineExceeded(MESSAGE_OVERDUE)


class EarlyCall(AdmittedCall):
    """A call that waits for its request, or for its answer, without a thread; a `UnaryCall` once it has arrived."""

    def __init__(self, resources: Resources, room: Room, origin: Origin, event: Any, state: Any) -> None:
        super().__init__(resources, room, origin)
        self._event = event
        self._state = state
        self.context: grpc.ServicerContext = _server._Context(event, state, None)
        self.request: bytes | NoRequest = NO_REQUEST

    def answer(self, response: bytes) -> None:
        """Sends the response, unless the caller is gone, or leaves too many unread."""
        if not self.takes_answer(len(response)):
            self.reject(to_status(answers_unread))
            return
        self.begin_sending()
        try:
            _server._status(self._event, self._state, response)
        finally:
            self.end_when_sent(self.context)

    def reject(self, status: grpc.Status) -> None:
        """Sends an error, unless the caller is gone."""
        state = self._state
        self.begin_sending()
        try:
            with state.condition:
                state.code, state.details = status.code, status.details.encode()
                state.trailing_metadata = status.trailing_metadata
                _server._abort(state, self._event.call, cygrpc.StatusCode.unknown, b"")
        finally:
            self.end_when_sent(self.context)

    def is_due(self) -> bool:
        """Whether the deadline of the call has come."""
        return is_due(self.context)

    def reject_unsent(self, is_over: bool) -> None:
        """Sends the error of a call whose request has not come."""
        self.reject(to_status(_no_request if is_over else _no_room))

    def receive(self, arrived: Callable[[bytes | None], None]) -> None:
        """Asks for a message, with the lock of the call's state; gRPC's event thread is given it, or None at the end.

        `arrived` must not raise, which would end that thread.
        """
        state = self._state

        def received(event: Any) -> Any:
            arrived(event.batch_operations[0].message())
            with state.condition:
                return _server._possibly_finish_call(state, _REQUEST)

        self._event.call.start_server_batch((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), received)
        state.due.add(_REQUEST)

    def start_sending(self, _send: Callable[[Any], None], response: Any, sent: Callable[[], None]) -> None:
        """Begins to send a response of a watch, or its end, without a thread that waits."""
        if response is not None:
            self._send(response, sent)
            return
        with self._state.condition:
            if self.context.is_active():
                self.begin_sending()
                _server._status(self._event, self._state, None)

    def _send(self, response: bytes, sent: Callable[[], None]) -> bool:
        """Begins to send a response of a stream, and says whether the stream is open; gRPC's event thread calls `sent`.

        `sent` must not raise, which would end that thread.
        """
        state = self._state

        def is_sent(_event: Any) -> Any:
            self.end_sending()
            with state.condition:
                finished = _server._possibly_finish_call(state, _RESPONSE)
            sent()
            return finished

        with state.condition:
            if not self.context.is_active():
                return False
            operations = [cygrpc.SendMessageOperation(response, _NO_FLAGS)]
            if state.initial_metadata_allowed:
                operations.append(_server._get_initial_metadata_operation(state, None))
                state.initial_metadata_allowed = False
            self.begin_sending()
            self._event.call.start_server_batch(operations, is_sent)
            state.due.add(_RESPONSE)
            return True

    def interrupt(self, _is_over: bool = True) -> None:
        """Gives gRPC's iterator of requests something that is none: whoever waits for the next looks at the time."""
        with self._state.condition:
            self._state.request = NO_REQUEST
            self._state.condition.notify_all()

    def cancel(self, _is_over: bool = True) -> None:
        """Ends the call from this side, with CANCELLED."""
        self._event.call.cancel()


class EarlyExchange(EarlyCall):
    """A stream each of whose requests has its response; between them it waits without a thread."""

    def __init__(
        self,
        resources: Resources,
        room: Room,
        origin: Origin,
        event: Any,
        state: Any,
        executor: CallExecutor,
    ) -> None:
        super().__init__(resources, room, origin, event, state)
        self._executor = executor
        self._is_ended = False

    def begin(self, exchange: Exchange) -> None:
        """Waits for the next request, with the lock of the call's state."""
        self.room.waits.begin(
            self,
            self.resources.limits.piece_timeout_seconds,
            lambda _is_over: self._end_with(exchange, exchange.refusal() or to_status(_no_message)),
            exchange.is_refused,
        )
        self.receive(partial(self._arrived, exchange))

    def _arrived(self, exchange: Exchange, request: bytes | None) -> None:
        if not self.room.waits.end(self):
            return
        if request is None:
            self._end_with(exchange, None)
            return
        try:
            self._executor.run(partial(self._respond, exchange, request))
        except RuntimeError:
            self._end_with(exchange, to_status(_no_thread_left))

    def _respond(self, exchange: Exchange, request: bytes) -> None:
        response = exchange.answer(request)
        if isinstance(response, grpc.Status):
            self._end_with(exchange, response)
            return
        if not self._send(response, partial(self._sent, exchange)):
            self._end_with(exchange, None)

    def _sent(self, exchange: Exchange) -> None:
        with self._state.condition:
            if self.context.is_active():
                self.begin(exchange)
                return
        self._end_with(exchange, None)

    def _end_with(self, exchange: Exchange, status: grpc.Status | None) -> None:
        """Ends the stream, once: with an error, or as its caller has ended it."""
        with self._state.condition:
            if self._is_ended:
                return
            self._is_ended = True

        def note() -> None:
            # Only now is it known whether the caller has ended the stream or has cancelled it.
            is_cancelled = self._state.client is _server._CANCELLED
            exchange.ended("CANCELLED" if is_cancelled else status.code.name if status else "OK")

        if not self.context.add_callback(note):
            note()
        if status is not None:
            self.reject(status)
            return
        self.begin_sending()
        try:
            _server._status(self._event, self._state, None)
        finally:
            self.end_when_sent(self.context)


class EarlyDispatch:
    """Receives requests on gRPC's event thread; a `DispatchEngine`."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._own_path = GrpcDispatch(resources)

    def call_of(self, args: tuple[Any, ...]) -> Any:
        """The call of gRPC's that is submitted with these arguments."""
        return args[1].call

    def dispatch(
        self, route: Route, origin: Origin, fn: Callable[..., Any], args: tuple[Any, ...]
    ) -> Future[Any] | None:
        """Begins to receive the request; gRPC holds the lock of the call's state meanwhile."""
        executor, room = route.executor, route.room
        if isinstance(executor, InlineExecutor) or room is None or args[3] is not _behavior_of(route):
            return self._own_path.dispatch(route, origin, fn, args)
        if route.exchange is not None:
            stream = EarlyExchange(self._resources, room, origin, args[1], args[2], executor)
            stream.begin(route.exchange(stream.context, origin))
            return None
        call = EarlyCall(self._resources, room, origin, args[1], args[2])
        if route.grpc_handler.request_streaming:
            _run_on_thread(call, executor, partial(_run_as_grpc, call, fn, args))
        else:
            self._receive(call, route, executor, fn, args)
        return None

    def _receive(
        self, call: EarlyCall, route: Route, executor: CallExecutor, fn: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        respond, event, state, behavior, _request, *serializers = args
        waits = call.room.waits
        timeout_seconds = self._resources.limits.request_timeout_seconds
        waits.begin(call, timeout_seconds, call.reject_unsent, call.is_due)

        def run() -> None:
            if route.answer is None:
                _run_as_grpc(call, fn, (respond, event, state, behavior, lambda: call.request, *serializers))
            else:
                route.answer(call)

        def arrived(request: bytes | None) -> None:
            if not waits.end(call):
                # It has come too late: the call is rejected.
                return
            if request is not None:
                call.request = request
            if request is not None and len(request) <= route.inline_request_bytes:
                run_work(run, time.perf_counter())
            else:
                _run_on_thread(call, executor, run)

        call.receive(arrived)


def _run_on_thread(call: EarlyCall, executor: CallExecutor, run: Callable[[], None]) -> None:
    try:
        executor.run(run)
    except RuntimeError:
        call.reject(to_status(_no_thread_left))


def _run_as_grpc(call: EarlyCall, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Has gRPC run a call with a stream, which ends on this thread, or is left open there."""
    try:
        run_as_grpc(call, fn, args)
    finally:
        call.end_when_sent(call.context)


def _behavior_of(route: Route) -> Any:
    """What gRPC calls where nothing wraps the handler."""
    handler = route.grpc_handler
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
