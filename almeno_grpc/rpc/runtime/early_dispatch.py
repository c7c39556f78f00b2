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
from typing import Any

import grpc
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined] # a module of C

from almeno_grpc.domain.errors import TooManyCalls
from almeno_grpc.rpc.errors import to_status
from almeno_grpc.rpc.runtime.calls import UnaryCall
from almeno_grpc.rpc.runtime.deadline import RequestTimeouts
from almeno_grpc.rpc.runtime.decoding import NO_REQUEST, NoRequest
from almeno_grpc.rpc.runtime.dispatch import GrpcDispatch, Route
from almeno_grpc.rpc.runtime.executors import CallExecutor, InlineExecutor, run_work

_NO_FLAGS = 0
_REQUEST = _server._RECEIVE_MESSAGE_TOKEN
_no_thread_left = to_status(TooManyCalls("the server has no thread left for the call; send it again"))


class EarlyCall:
    """A call that waits for its request, or for its answer, without a thread; a `UnaryCall` once it has arrived."""

    def __init__(self, event: Any, state: Any, executor: CallExecutor) -> None:
        self._event = event
        self._state = state
        self._executor = executor
        self.context: grpc.ServicerContext = _server._Context(event, state, None)
        self.request: bytes | NoRequest = NO_REQUEST

    def answer(self, response: bytes) -> None:
        """Sends the response, unless the caller is gone."""
        try:
            _server._status(self._event, self._state, response)
        finally:
            self._executor.end_call()

    def reject(self, status: grpc.Status) -> None:
        """Sends an error, unless the caller is gone."""
        state = self._state
        try:
            with state.condition:
                state.code, state.details = status.code, status.details.encode()
                state.trailing_metadata = status.trailing_metadata
                _server._abort(state, self._event.call, cygrpc.StatusCode.unknown, b"")
        finally:
            self._executor.end_call()

    def cancel(self) -> None:
        """Ends the call from this side; it then arrives without a request."""
        self._event.call.cancel()


class EarlyDispatch:
    """Receives requests on gRPC's event thread; a `DispatchEngine`."""

    def __init__(self, timeouts: RequestTimeouts) -> None:
        self._timeouts = timeouts
        self._own_path = GrpcDispatch(timeouts)

    def dispatch(self, route: Route, fn: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any] | None:
        """Begins to receive the request; gRPC holds the lock of the call's state meanwhile."""
        executor = route.executor
        if isinstance(executor, InlineExecutor) or args[3] is not _behavior_of(route):
            return self._own_path.dispatch(route, fn, args)
        call = EarlyCall(args[1], args[2], executor)
        executor.begin_call()
        if route.grpc_handler.request_streaming:
            self._run_on_thread(call, executor, lambda: _run_as_grpc(executor, fn, args))
        else:
            self._receive(call, route, executor, fn, args)
        return None

    def _receive(
        self, call: EarlyCall, route: Route, executor: CallExecutor, fn: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        respond, event, state, behavior, _request, *serializers = args
        self._timeouts.begin(call)

        def run() -> None:
            if route.answer is None:
                _run_as_grpc(executor, fn, (respond, event, state, behavior, lambda: call.request, *serializers))
            else:
                route.answer(call)

        def arrived(received: Any) -> Any:
            self._timeouts.end(call)
            request = received.batch_operations[0].message()
            if request is not None:
                call.request = request
            # What is raised here would end the event thread.
            if request is not None and len(request) <= route.inline_request_bytes:
                run_work(run, time.perf_counter())
            else:
                self._run_on_thread(call, executor, run)
            with state.condition:
                return _server._possibly_finish_call(state, _REQUEST)

        event.call.start_server_batch((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), arrived)
        state.due.add(_REQUEST)

    @staticmethod
    def _run_on_thread(call: UnaryCall, executor: CallExecutor, run: Callable[[], None]) -> None:
        try:
            executor.run(run)
        except RuntimeError:
            call.reject(_no_thread_left)


def _run_as_grpc(executor: CallExecutor, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Has gRPC run a call with a stream, which ends on this thread."""
    try:
        fn(*args)
    finally:
        executor.end_call()


def _behavior_of(route: Route) -> Any:
    """What gRPC calls where nothing wraps the handler."""
    handler = route.grpc_handler
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
