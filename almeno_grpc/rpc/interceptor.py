"""What surrounds every call: admission, decoding, deadlines, errors, figures and the log.

gRPC answers INTERNAL or UNKNOWN by itself where a message cannot be decoded or a handler raises, and lets calls queue
without a limit. So every method, those of the health and reflection services too, is served through a `GuardedMethod`,
which takes the bytes and gives the bytes. Handlers raise errors of the domain's tree; they neither abort nor set codes.
"""

# grpc's classes are generic in its stubs only.
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from almeno_grpc.domain.errors import ServerStopping, TooManyCalls
from almeno_grpc.metrics import Metrics
from almeno_grpc.rpc.arrivals import Arrivals
from almeno_grpc.rpc.errors import MethodNotFound, to_status
from almeno_grpc.rpc.guarded_method import CallLimits, GuardedMethod, Refusal
from almeno_grpc.rpc.pools import AtOnce, CallPool
from almeno_grpc.rpc.request_waits import RequestWaits

MAX_STREAMS = 64
"""Streaming calls that a process serves at a time; each holds a thread."""

WRITE_THREADS = 32
"""Threads of a process for calls that change something."""

PROMPT_BYTES = 4096
"""The largest request that the thread which serves gRPC's events decodes itself, some ten times the usual one. To hand
one over costs as much as to check it."""

HEALTH = "/grpc.health.v1.Health/"

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class CallGuard(grpc.ServerInterceptor):
    """The one interceptor of a server, which has to be made with `calls` as its thread pool."""

    def __init__(
        self,
        *,
        threads: int,
        limits: CallLimits,
        stream_methods: Iterable[str],
        metrics: Metrics,
        write_methods: Iterable[str] = (),
        prompt_methods: Iterable[str] = (),
    ) -> None:
        """Makes the guard and its threads.

        Args:
            threads: Threads for the calls that are not in `stream_methods`.
            limits: What a caller can make large.
            write_methods: Full names of the methods that change something. They have many threads, for they wait for
                the disk most of the time, and what waits at the same time is committed together.
            stream_methods: Full names, such as `/almeno.credit.v1.PortfolioService/WatchImport`, of the methods that
                may take long and run on threads of their own.
            prompt_methods: Those of the methods that change something which wait for nothing: others do their work.
            metrics: Where calls are counted.
        """
        self.calls = CallPool(threads, limits.concurrent_calls, "call")
        self.streams = CallPool(MAX_STREAMS, MAX_STREAMS, "stream")
        self.writes = CallPool(WRITE_THREADS, limits.concurrent_calls, "write")
        self._limits = limits
        self._write_methods = frozenset(write_methods)
        self._prompt_methods = frozenset(prompt_methods)
        self._stream_methods = frozenset(stream_methods)
        self._metrics = metrics
        self._waits = RequestWaits(limits.request_seconds)
        self._arrivals = {pool: Arrivals(pool, self._waits) for pool in (self.calls, self.streams, self.writes)}
        self._prompt_arrivals = Arrivals(self.writes, self._waits, prompt_bytes=PROMPT_BYTES)
        self._at_once = AtOnce()
        self._methods: dict[str, _Served] = {}
        self._is_stopping = False
        self._not_found = Refusal(
            "unknown", to_status(MethodNotFound("the server has no such method")), metrics
        ).handler(self._at_once)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[_Request, _Response] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[_Request, _Response] | None:
        """Picks what answers a call: the guarded method, or a refusal. Runs on gRPC's one serving thread."""
        served = self._methods.get(handler_call_details.method)
        if served is None:
            handler = continuation(handler_call_details)
            if handler is None:
                return self._not_found
            served = self._methods[handler_call_details.method] = self._serve(handler_call_details.method, handler)
        if self._is_stopping and not handler_call_details.method.startswith(HEALTH):
            return served.stopping
        return served.busy if self._is_full(served.pool) else served.handler

    def _is_full(self, pool: CallPool) -> bool:
        """Whether a further call for the pool has to be refused; reading and writing calls share their limit."""
        if pool is self.streams:
            return pool.is_full
        return self.calls.calls + self.writes.calls >= self._limits.concurrent_calls

    def refuse_calls(self) -> None:
        """Answers Unavailable to all further calls; the health service goes on to tell why."""
        self._is_stopping = True

    def end_watches(self) -> None:
        """Ends the streams that wait without a thread, such as those of the health service."""
        for served in list(self._methods.values()):
            served.method.end_watches()

    def close(self) -> None:
        """Lets go of the threads, once no call is under way."""
        self._waits.close()
        self.calls.shutdown()
        self.writes.shutdown()
        self.streams.shutdown()

    @property
    def calls_under_way(self) -> int:
        """Calls that run or wait for a thread."""
        return self.calls.calls + self.writes.calls + self.streams.calls

    def _serve(self, name: str, handler: grpc.RpcMethodHandler[Any, Any]) -> _Served:
        is_stream = name in self._stream_methods
        pool = self.streams if is_stream else self.writes if name in self._write_methods else self.calls
        arrivals = self._prompt_arrivals if name in self._prompt_methods else self._arrivals[pool]
        method = GuardedMethod(name, handler, self._limits, self._metrics, is_stream=is_stream)
        busy = TooManyCalls("the server has as many calls under way as it takes on; try again a little later")
        stopping = ServerStopping("the server is stopping; try again a little later")
        return _Served(
            method,
            method.handler(pool, arrivals),
            pool,
            busy=Refusal(name, to_status(busy), self._metrics).handler(self._at_once),
            stopping=Refusal(name, to_status(stopping), self._metrics).handler(self._at_once),
        )


@dataclass(frozen=True, slots=True)
class _Served:
    """A method as it is served, and as it is refused."""

    method: GuardedMethod
    handler: grpc.RpcMethodHandler[Any, Any]
    pool: CallPool
    busy: grpc.RpcMethodHandler[Any, Any]
    stopping: grpc.RpcMethodHandler[Any, Any]
