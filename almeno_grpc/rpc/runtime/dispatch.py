"""Dispatch: how a call that is admitted gets its request and its thread.

gRPC's event thread asks the interceptors for a call's handler, then submits the call to the executor that the server
was made with: `DispatchExecutor`. It hands the call to an engine, with the route that AdmissionInterceptor has picked.
"""

# Future is generic in its stubs only.
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import grpc

from almeno_grpc.domain.access import Caller
from almeno_grpc.logs import log_event
from almeno_grpc.rpc.runtime.calls import AdmittedCall, Resources, Room, UnaryCall
from almeno_grpc.rpc.runtime.executors import CallExecutor, InlineExecutor
from almeno_grpc.rpc.runtime.quotas import Connected, Origin, origin_of

EARLY_DISPATCH_VERSIONS = frozenset({"1.80.0", "1.82.3", "1.84.2", "1.85.0", "1.85.1", "1.85.3"})
"""Versions of grpcio that `early_dispatch` knows from inside: the tests of tests/integration/rpc/runtime pass there."""


Behavior = Callable[[Any, grpc.ServicerContext], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a call, and where.

    Attributes:
        grpc_handler: What gRPC is handed.
        executor: Where the call runs.
        room: What has to admit the call; None for rejections, which never wait, and need not be counted.
        reject: Rejects a call that it does not admit: a behavior for a stream of requests.
        answer: Answers a unary call whose request is there; None for calls of other types.
        inline_request_bytes: Size of a request up to which such a call may run on gRPC's event thread; -1 for none.
        exchange: Makes, for one stream, what answers each of its requests; None for calls of other types.
    """

    grpc_handler: grpc.RpcMethodHandler[Any, Any]
    executor: CallExecutor | InlineExecutor
    room: Room | None = None
    reject: Behavior | None = None
    answer: Callable[[UnaryCall], None] | None = None
    inline_request_bytes: int = -1
    exchange: Callable[[grpc.ServicerContext, Origin], Exchange] | None = None


class Exchange(Protocol):
    """One stream each of whose requests has its response."""

    def answer(self, request: bytes) -> bytes | grpc.Status:
        """Answers a request, or ends the stream with an error."""

    def is_refused(self) -> bool:
        """Whether the caller may not go on with the stream any more."""

    def refusal(self) -> grpc.Status | None:
        """The error for such a caller; None for others."""

    def ended(self, code: str) -> None:
        """Notes that the stream has ended, with that status code."""


class DispatchEngine(Protocol):
    """Gives calls their requests and their threads.

    With any engine, a call counts as under way from its headers until its answer has left gRPC. One whose caller does
    not read is cancelled in time, and so is an upload of which nothing comes. These hold with EarlyDispatch alone, for
    with GrpcDispatch it is gRPC that receives the request:

    - A call holds no thread before its request has arrived, nor while its answer waits for a commit. A stream of
      requests and responses in turn, such as one of reflection, holds none between them.
    - A call that ends without a request, or whose request does not come in time, is answered with an ErrorInfo, and is
      counted; so is an upload of which nothing comes. gRPC answers UNIMPLEMENTED without details to the first, as it
      does where the message is cut short, and CANCELLED to the others; it drops a call whose caller has gone before it
      has got a thread.
    - A call for which the system has no thread left is rejected as one too many; otherwise it is cancelled, once the
      time for its request is over.
    - The calls of inline methods run on gRPC's event thread; otherwise a thread waits for each.
    """

    def call_of(self, args: tuple[Any, ...]) -> Connected:
        """The call of gRPC's that is submitted with these arguments."""

    def dispatch(
        self, route: Route, origin: Origin, fn: Callable[..., Any], args: tuple[Any, ...]
    ) -> Future[Any] | None:
        """Takes on a call that the route's room has admitted.

        `fn(*args)` is how gRPC would run it. Runs on gRPC's event thread, and must not raise.
        """


class _Submitted(threading.local):
    """What is known on a thread of the call that it runs."""

    route: Route | None = None
    caller: Caller | None = None
    call: AdmittedCall | None = None
    arrived: Callable[[grpc.ServicerContext], None] | None = None


_submitted = _Submitted()


def request_arrived(context: grpc.ServicerContext) -> AdmittedCall:
    """Notes that the request of the call that this thread runs is there; to be called first by every behavior."""
    call = _submitted.call
    if call is None:
        raise RuntimeError("the call has come another way than through DispatchExecutor")
    if _submitted.arrived is not None:
        _submitted.arrived(context)
        _submitted.arrived = None
    return call


def run_as_grpc(
    call: AdmittedCall,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    arrived: Callable[[grpc.ServicerContext], None] | None = None,
) -> None:
    """Has gRPC run a call on this thread; `arrived` is told when its behavior begins."""
    _submitted.call, _submitted.arrived = call, arrived
    try:
        fn(*args)
    finally:
        _submitted.call = _submitted.arrived = None


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

    def route_next(self, route: Route, caller: Caller | None = None) -> None:
        """Names the route of the call that this thread is about to submit, and who makes it."""
        _submitted.route, _submitted.caller = route, caller

    # The base class types its parameters by a ParamSpec that an override with parameters of its own cannot repeat.
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hands a call to the engine, where its caller has room for it."""
        route, _submitted.route = _submitted.route, None
        caller, _submitted.caller = _submitted.caller, None
        if kwargs:
            fn = partial(fn, **kwargs)
        if route is None:
            return self._default.run(partial(fn, *args))
        # gRPC counts calls by their futures, for a limit that is not used here; it goes without where there is none.
        if route.room is None:
            return route.executor.run(partial(fn, *args))
        origin = origin_of(self._engine.call_of(args), caller)
        if not route.room.admits(origin):
            return InlineExecutor().run(partial(fn, *_rejected(route, args)))
        return self._engine.dispatch(route, origin, fn, args)  # type: ignore[return-value]


def _rejected(route: Route, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with which gRPC answers a call by the route's rejection, without reading the request.

    The last four have been, for years: the behavior, a function that waits for its argument, and the two functions that
    decode and encode messages.
    """
    return (*args[:-4], route.reject, lambda: iter(()), None, None)


class GrpcDispatch:
    """gRPC's own path: the call gets a thread, which waits for the request and runs the handler."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def call_of(self, args: tuple[Any, ...]) -> Any:
        """The call among the arguments with which gRPC submits it, in the form that they have had for years."""
        calls = (getattr(argument, "call", None) for argument in args)
        return next((call for call in calls if hasattr(call, "peer") and hasattr(call, "cancel")), _NoCall())

    def dispatch(
        self, route: Route, origin: Origin, fn: Callable[..., Any], args: tuple[Any, ...]
    ) -> Future[Any] | None:
        """Runs the call on the executor of its route, as gRPC submits it."""
        if route.room is None:
            raise ValueError("the route has no room")
        call = GrpcCall(self._resources, route.room, origin, self.call_of(args))
        try:
            return route.executor.run(partial(call.run, fn, args))
        except RuntimeError as error:
            # What is raised on gRPC's event thread would end it. The call is cancelled when its time is over.
            log_event("call_without_thread", logging.ERROR, error=error)
            call.begin_request()
            call.end_when_sent(None)
            return None


class _NoCall:
    """A call that cannot be found."""

    def peer(self) -> bytes:
        """Nobody who is known."""
        return b""

    def cancel(self) -> None:
        """Leaves it alone."""


class GrpcCall(AdmittedCall):
    """A call that gRPC runs on a thread of its own."""

    def __init__(self, resources: Resources, room: Room, origin: Origin, call: Any) -> None:
        super().__init__(resources, room, origin)
        self._call = call
        self._context: grpc.ServicerContext | None = None

    def run(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Runs the call on this thread."""
        self.begin_request()
        try:
            run_as_grpc(self, fn, args, self._arrived)
        finally:
            self.room.waits.end(self)
            self.end_when_sent(self._context)

    def begin_request(self) -> None:
        """Notes that the call waits for its request."""
        self.room.waits.begin(self, self.resources.limits.request_timeout_seconds, self.cancel)

    def _arrived(self, context: grpc.ServicerContext) -> None:
        self.room.waits.end(self)
        self._context = context

    def interrupt(self, _is_over: bool = True) -> None:
        """Ends the call: how else gRPC's own iterator of requests could be woken is not for us to know."""
        self.cancel()

    def cancel(self, _is_over: bool = True) -> None:
        """Ends the call from this side, with CANCELLED."""
        self._call.cancel()
