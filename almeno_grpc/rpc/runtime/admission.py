"""Admission: what answers a call, its method or a rejection. The one interceptor of a server."""

# grpc's classes are generic in its stubs only.
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor

from almeno_grpc.domain.access import ANYONE, Caller
from almeno_grpc.domain.errors import CreditError, ScopeMissing, ServerStopping, TooManyCalls
from almeno_grpc.metrics import CALLS_WAITING, UNKNOWN_METHOD, MethodLabels, Metrics
from almeno_grpc.rpc.errors import MethodNotFound, to_status, with_pushback
from almeno_grpc.rpc.runtime.authentication import Authentication, OpenAccess
from almeno_grpc.rpc.runtime.calls import Resources, Room
from almeno_grpc.rpc.runtime.deadline import Timeouts
from almeno_grpc.rpc.runtime.dispatch import (
    EARLY_DISPATCH_VERSIONS,
    DispatchEngine,
    DispatchExecutor,
    GrpcDispatch,
    Route,
)
from almeno_grpc.rpc.runtime.executors import CallExecutor, InlineExecutor
from almeno_grpc.rpc.runtime.limits import (
    EXCHANGE_THREADS,
    MAX_STREAMS,
    MAX_STREAMS_OF_CALLER,
    MAX_UNREAD_BYTES,
    WRITE_THREADS,
    CallLimits,
)
from almeno_grpc.rpc.runtime.method_handler import MethodHandler
from almeno_grpc.rpc.runtime.methods import Method, method_of, path_of
from almeno_grpc.rpc.runtime.metrics import CallMetrics
from almeno_grpc.rpc.runtime.quotas import Quota
from almeno_grpc.rpc.runtime.watches import Watches

INLINE_REQUEST_BYTES = 4096
"""The largest request that gRPC's event thread decodes itself, some ten times the usual one."""

HEALTH = "/grpc.health.v1.Health/"

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AdmissionInterceptor(grpc.ServerInterceptor):
    """Routes calls, and rejects those that come while the server stops and those of unknown methods.

    `DispatchExecutor`, where the caller is known, rejects those for which there is no room.

    A server that it is an interceptor of has to be made with its `executor`.
    """

    def __init__(
        self,
        *,
        threads: int,
        limits: CallLimits,
        metrics: Metrics,
        authentication: Authentication | None = None,
        inline_methods: Iterable[MethodDescriptor] = (),
        dispatches_early: bool | None = None,
    ) -> None:
        """Makes the interceptor and its threads.

        Args:
            threads: Threads for the calls that change nothing and stream nothing.
            limits: What a caller can make large.
            metrics: Where calls are counted.
            authentication: Who calls; None where anyone may make any call.
            inline_methods: Unary methods whose handlers return a Future at once: they wait for nothing.
            dispatches_early: Whether EarlyDispatch is used rather than gRPC's own path; None where it is known to work.
        """
        self._limits = limits
        self._metrics = metrics
        self._authentication = authentication or OpenAccess()
        self._calls = CallExecutor(threads, "call")
        self._writes = CallExecutor(WRITE_THREADS, "write")
        self._streams = CallExecutor(MAX_STREAMS, "stream")
        self._exchanges = CallExecutor(EXCHANGE_THREADS, "exchange")
        self._watch_openings = CallExecutor(MAX_STREAMS, "watch")
        self._inline = InlineExecutor()
        self._call_room = Room(Quota(limits.max_concurrent_calls))
        self._stream_room = Room(Quota(MAX_STREAMS, max_of_caller=MAX_STREAMS_OF_CALLER), is_for_streams=True)
        threadless = Quota(limits.max_concurrent_calls, max_of_caller=MAX_STREAMS_OF_CALLER)
        self._threadless_room = Room(threadless, is_for_streams=True)
        self._watches = Watches()
        self._inline_paths = frozenset(map(path_of, inline_methods))
        self._resources = Resources(
            limits,
            sends=Timeouts(),
            unread_bytes=Quota(MAX_UNREAD_BYTES),
            senders=CallExecutor(MAX_STREAMS, "sender"),
        )
        self._methods: dict[str, _Admitted] = {}
        self._is_stopping = False
        self._not_found = self._rejection(UNKNOWN_METHOD, MethodNotFound("the server has no such method"))
        if dispatches_early is None:
            dispatches_early = grpc.__version__ in EARLY_DISPATCH_VERSIONS
        engine = _early_dispatch(self._resources) if dispatches_early else GrpcDispatch(self._resources)
        self.executor = DispatchExecutor(engine, self._calls)
        self._measure(metrics)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[_Request, _Response] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[_Request, _Response] | None:
        """Picks what answers a call. Runs on gRPC's one event thread."""
        path = handler_call_details.method
        route = self.route(path, continuation(handler_call_details))
        caller: Caller | None = ANYONE
        if not path.startswith(HEALTH):
            caller = None
            try:
                caller = self._authentication.by_metadata(handler_call_details.invocation_metadata)
                self._raise_if_refused(caller, path)
            except CreditError as error:
                # Names that strangers make up would fill the audit trail.
                self._authentication.note_refusal(caller, path if path in self._methods else "", error)
                route = self._refusal(path, error)
        self.executor.route_next(route, caller)
        return route.grpc_handler

    def _raise_if_refused(self, caller: Caller | None, path: str) -> None:
        """Counts a call of a caller who is known by now, who may make it.

        Raises:
            ScopeMissing: The caller may not.
            RateLimited: Not so often.
        """
        if caller is None:
            return
        admitted = self._methods.get(path)
        if admitted is not None and not caller.may(admitted.scope):
            raise ScopeMissing(admitted.scope)
        self._authentication.count_call(caller)

    def _refusal(self, path: str, error: CreditError) -> Route:
        """What answers a call that is refused for who makes it."""
        admitted = self._methods.get(path)
        return self._rejection(admitted.labels if admitted else UNKNOWN_METHOD, error)

    def route(self, path: str, handler: grpc.RpcMethodHandler[Any, Any] | None) -> Route:
        """What answers a call of the method with that full name; None for a handler that there is not."""
        if handler is None:
            return self._not_found
        admitted = self._methods.get(path)
        # An interceptor behind this one may wrap the handler of each call anew.
        if admitted is None or admitted.handler is not handler:
            admitted = self._methods[path] = self._admitted(method_of(path, handler), handler)
        if self._is_stopping and not path.startswith(HEALTH):
            return admitted.stopping
        return admitted.route

    def reject_calls(self) -> None:
        """Answers UNAVAILABLE to all further calls; the health service goes on to tell why."""
        self._is_stopping = True

    def end_watches(self) -> None:
        """Ends the streams that wait without a thread, such as those of the health service."""
        self._watches.end_all()

    def close(self) -> None:
        """Ends the threads, once no call is under way."""
        rooms = (self._call_room, self._stream_room, self._threadless_room)
        for timeouts in (self._resources.sends, *(room.waits for room in rooms)):
            timeouts.close()
        pools = (self._calls, self._writes, self._streams, self._exchanges, self._watch_openings)
        for executor in (*pools, self._resources.senders):
            executor.shutdown()

    @property
    def calls_under_way(self) -> int:
        """Calls that run, wait or are being answered, streams that hold a thread included."""
        return self._call_room.quota.taken + self._stream_room.quota.taken

    def _measure(self, metrics: Metrics) -> None:
        """Shows how full the server is."""
        self._call_room.quota.measure(metrics, "call")
        self._stream_room.quota.measure(metrics, "stream")
        self._threadless_room.quota.measure(metrics, "watch")
        for executor in (self._calls, self._writes, self._streams, self._exchanges, self._watch_openings):
            metrics.gauge(CALLS_WAITING, executor.waiting, executor.name)

    def _admitted(self, method: Method, handler: grpc.RpcMethodHandler[Any, Any]) -> _Admitted:
        chain = MethodHandler(method, handler, self._limits, self._metrics, self._watches, self._authentication)
        executor, room = self._place_of(chain)
        busy = TooManyCalls("the server has as many calls under way as it takes on; try again a little later")
        stopping = ServerStopping("the server is stopping; try again a little later")
        route = Route(
            chain.grpc_handler,
            executor,
            room,
            reject=RejectingHandler(method.labels, busy, self._metrics).reject,
            answer=chain.answer if chain.grpc_handler.unary_unary else None,
            inline_request_bytes=INLINE_REQUEST_BYTES if method.path in self._inline_paths else -1,
            exchange=chain.exchange if chain.is_exchange else None,
        )
        return _Admitted(handler, method.labels, method.scope, route, self._rejection(method.labels, stopping))

    def _place_of(self, chain: MethodHandler) -> tuple[CallExecutor, Room]:
        if chain.is_nonblocking:
            return self._watch_openings, self._threadless_room
        if chain.is_exchange:
            return self._exchanges, self._threadless_room
        if chain.method.is_stream:
            return self._streams, self._stream_room
        return self._writes if chain.method.has_effects else self._calls, self._call_room

    def _rejection(self, labels: MethodLabels, error: CreditError) -> Route:
        return Route(RejectingHandler(labels, error, self._metrics).grpc_handler, self._inline)


class RejectingHandler:
    """Answers every call with the same status, without reading the request.

    Attributes:
        grpc_handler: What gRPC is handed.
    """

    def __init__(self, labels: MethodLabels, error: CreditError, metrics: Metrics) -> None:
        self._error = error
        self._status = to_status(error)
        self._metrics = CallMetrics(labels, metrics)
        # With a stream of requests gRPC calls the behavior at once, whatever the type of the method.
        self.grpc_handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_unary_rpc_method_handler(self.reject)

    def reject(self, _requests: Iterator[bytes], context: grpc.ServicerContext) -> NoReturn:
        """Ends a call."""
        self._metrics.began()
        self._metrics.ended(self._status.code.name, 0.0)
        context.abort_with_status(with_pushback(self._status, self._error))


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A method as it is served and as it is rejected, for the handler that its service has registered."""

    handler: grpc.RpcMethodHandler[Any, Any]
    labels: MethodLabels
    scope: str
    route: Route
    stopping: Route


def _early_dispatch(resources: Resources) -> DispatchEngine:
    # Imported here, for what it imports of gRPC's inside may be missing in versions that it does not know.
    from almeno_grpc.rpc.runtime.early_dispatch import EarlyDispatch  # noqa: PLC0415 - as above

    return EarlyDispatch(resources)
