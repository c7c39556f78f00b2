"""Dispatch: how a call that is admitted gets its request and its thread.

gRPC's event thread asks the interceptors for a call's handler, then submits the call to the executor that the server
was made with: `DispatchExecutor`. It hands the call to an engine, with the route that AdmissionInterceptor has picked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import grpc

from almeno_grpc.logs import log_event
from almeno_grpc.rpc.runtime.calls import UnaryCall
from almeno_grpc.rpc.runtime.deadline import Cancellable, RequestTimeouts
from almeno_grpc.rpc.runtime.executors import CallExecutor, InlineExecutor

EARLY_DISPATCH_VERSIONS = frozenset({"1.80.0", "1.82.3", "1.84.2", "1.85.0", "1.85.1", "1.85.3"})
"""Versions of grpcio that `early_dispatch` knows from inside: the tests of tests/integration/rpc/runtime pass there."""


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a call, and where.

    Attributes:
        grpc_handler: What gRPC is handed.
        executor: Where the call runs.
        answer: Answers a unary call whose request is there; None for calls of other types.
        inline_request_bytes: Size of a request up to which such a call may run on gRPC's event thread; -1 for none.
    """

    grpc_handler: grpc.RpcMethodHandler[Any, Any]
    executor: CallExecutor | InlineExecutor
    answer: Callable[[UnaryCall], None] | None = None
    inline_request_bytes: int = -1


class DispatchEngine(Protocol):
    """Gives calls their requests and their threads.

    With any engine, a call counts as under way from its headers to its answer, and one that waits for its request on a
    thread, or without one, is cancelled in time. These hold with EarlyDispatch alone, for with GrpcDispatch it is gRPC
    that receives the request:

    - A call holds no thread before its request has arrived, nor while its answer waits for a commit.
    - A call that ends without a request is answered with an ErrorInfo, and is counted. gRPC answers UNIMPLEMENTED
      without details, as it does where the message is cut short; it drops a call whose caller has gone before it has
      got a thread.
    - A call for which the system has no thread left is rejected as one too many; otherwise it is cancelled, once the
      time for its request is over.
    - The calls of inline methods run on gRPC's event thread; otherwise a thread waits for each.
    """

    def dispatch(self, route: Route, fn: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any] | None:
        """Takes on a call: `fn(*args)` is how gRPC would run it. Runs on gRPC's event thread, and must not raise."""


class _Submitted(threading.local):
    """What is known on a thread of the call that it runs."""

    route: Route | None = None
    end_wait: Callable[[], None] | None = None


_submitted = _Submitted()


def request_arrived() -> None:
    """Notes that the request of the call that this thread runs is there; to be called first by every behavior."""
    if _submitted.end_wait is not None:
        _submitted.end_wait()
        _submitted.end_wait = None


class DispatchExecutor(ThreadPoolExecutor):
    """What a server has to be made with: gRPC submits every call to it, right after it has asked for the handler.

    Whether other interceptors have wrapped the handler meanwhile makes no difference to the route.
    """

    def __init__(self, engine: DispatchEngine, default: CallExecutor) -> None:
        """Makes it.

        Args:
            engine: Takes on the calls.
            default: Runs a call that another interceptor answers without asking ours.
        """
        super().__init__(max_workers=1)
        self._engine = engine
        self._default = default

    def route_next(self, route: Route) -> None:
        """Names the route of the call that this thread is about to submit."""
        _submitted.route = route

    # The base class types its parameters by a ParamSpec that an override with parameters of its own cannot repeat.
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hands a call to the engine."""
        route, _submitted.route = _submitted.route, None
        if kwargs:
            fn = partial(fn, **kwargs)
        if route is None:
            return self._default.run_call(partial(fn, *args))
        # gRPC counts calls by their futures, for a limit that is not used here; it goes without where there is none.
        return self._engine.dispatch(route, fn, args)  # type: ignore[return-value]


class GrpcDispatch:
    """gRPC's own path: the call gets a thread, which waits for the request and runs the handler."""

    def __init__(self, timeouts: RequestTimeouts) -> None:
        self._timeouts = timeouts

    def dispatch(self, route: Route, fn: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any] | None:
        """Runs the call on the executor of its route, as gRPC submits it."""
        call = _cancellable(args)
        try:
            return route.executor.run_call(partial(self._run, call, fn, args))
        except RuntimeError as error:
            # What is raised on gRPC's event thread would end it. The call is cancelled when its time is over.
            log_event("call_without_thread", logging.ERROR, error=error)
            self._timeouts.begin(call)
            return None

    def _run(self, call: Cancellable, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._timeouts.begin(call)
        _submitted.end_wait = partial(self._timeouts.end, call)
        try:
            fn(*args)
        finally:
            request_arrived()


class _NoCall:
    """A call that cannot be found."""

    def cancel(self) -> None:
        """Leaves it alone."""


def _cancellable(args: tuple[Any, ...]) -> Cancellable:
    """The call among the arguments with which gRPC submits it, in the form that they have had for years."""
    calls: Iterator[Any] = (getattr(argument, "call", None) for argument in args)
    found: Cancellable = next((call for call in calls if callable(getattr(call, "cancel", None))), _NoCall())
    return found
