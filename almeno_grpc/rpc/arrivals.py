"""Calls whose request has arrived: until then a call holds no thread.

gRPC's server gives a call a thread when its headers are in. That thread asks for the request and sleeps until it has
come, so it is woken twice a call, and a few callers who stall hold all threads. Here the thread that serves gRPC's
events asks for the request, and a call comes to a pool together with it; what has no answer yet need not hold a thread
either.

This is the one module that knows gRPC's server from inside. The server submits each call to the pool that its handler
names, with all that belongs to the call; `tests/unit/test_arrivals.py` holds what is relied on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
from grpc import _server
from grpc._cython import cygrpc  # type: ignore[attr-defined] # a module of C

from almeno_grpc.domain.errors import TooManyCalls
from almeno_grpc.rpc.errors import to_status
from almeno_grpc.rpc.pools import CallPool, run_at_once
from almeno_grpc.rpc.request_waits import RequestWaits

_NO_FLAGS = 0
_no_thread_left = to_status(TooManyCalls("the server has no thread left for the call; send it again"))
_REQUEST = _server._RECEIVE_MESSAGE_TOKEN


class Call:
    """A call with one request, to be answered once: by `answer` or by `refuse`, from any thread."""

    __slots__ = ("_event", "_pool", "_state", "context", "request")

    def __init__(self, event: Any, state: Any, pool: CallPool) -> None:
        self._event = event
        self._state = state
        self._pool = pool
        self.context: grpc.ServicerContext = _server._Context(event, state, None)
        self.request: bytes | None = None
        """The request, once the call has arrived; None if its caller has sent none, or is gone."""

    def answer(self, message: bytes) -> None:
        """Sends the answer, unless the caller is gone."""
        try:
            _server._status(self._event, self._state, message)
        finally:
            self._pool.end_call()

    def refuse(self, status: grpc.Status) -> None:
        """Sends an error, unless the caller is gone."""
        state = self._state
        try:
            with state.condition:
                state.code, state.details = status.code, status.details.encode()
                state.trailing_metadata = status.trailing_metadata
                _server._abort(state, self._event.call, cygrpc.StatusCode.unknown, b"")
        finally:
            self._pool.end_call()

    def cancel(self) -> None:
        """Ends the call from this side; it then arrives without a request."""
        self._event.call.cancel()


class Uploads(ThreadPoolExecutor):
    """What gRPC submits calls with a stream of requests to: they go on to the pool, if that has a thread for them."""

    def __init__(self, pool: CallPool) -> None:
        super().__init__(max_workers=1)
        self._pool = pool

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queues the call, or refuses it. Runs on gRPC's serving thread, which would end with what is raised here."""
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except RuntimeError:
            _respond, event, state, *_ = args
            self._pool.begin_call()
            Call(event, state, self._pool).refuse(_no_thread_left)
            return None  # type: ignore[return-value]


class Arrivals(ThreadPoolExecutor):
    """What gRPC submits calls with one request to: they come to the pool with it.

    Methods with one answer are handed a `Call`, which they answer themselves. Those with a stream of answers are run by
    gRPC, with the `Call` in the place of the request.

    A call counts as one of the pool's from its headers to its answer. gRPC takes nothing but a ThreadPoolExecutor.
    """

    def __init__(self, pool: CallPool, waits: RequestWaits, *, prompt_bytes: int = -1) -> None:
        """Makes it.

        Args:
            pool: Counts the calls, and runs them.
            waits: Where calls wait for their requests.
            prompt_bytes: Calls with requests of up to so many bytes run at once, on gRPC's serving thread.
        """
        super().__init__(max_workers=1)
        self._pool = pool
        self._waits = waits
        self._prompt_bytes = prompt_bytes

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_kwargs: Any) -> Future[Any]:
        """Begins to receive the request. Runs on gRPC's serving thread, which holds the lock of the call's state."""
        respond, event, state, behavior, _request, *serializers = args
        call = Call(event, state, self._pool)
        self._pool.begin_call()
        self._waits.begin(call)

        def start() -> None:
            if respond is _server._unary_response_in_pool:
                behavior(call)
                return
            try:
                fn(respond, event, state, behavior, lambda: call, *serializers)
            finally:
                self._pool.end_call()

        def arrived(received: Any) -> Any:
            self._waits.end(call)
            call.request = received.batch_operations[0].message()
            # What is raised here would end the serving thread.
            if call.request is not None and len(call.request) <= self._prompt_bytes:
                run_at_once(start)
            else:
                try:
                    self._pool.enqueue(start)
                except RuntimeError:
                    call.refuse(_no_thread_left)
            with state.condition:
                return _server._possibly_finish_call(state, _REQUEST)

        event.call.start_server_batch((cygrpc.ReceiveMessageOperation(_NO_FLAGS),), arrived)
        state.due.add(_REQUEST)
        # The pool counts the calls; gRPC would do so by a future, and goes without one where there is none.
        return None  # type: ignore[return-value]
