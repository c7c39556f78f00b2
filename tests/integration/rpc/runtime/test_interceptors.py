"""Other interceptors beside ours, which wrap the handlers as those of OpenTelemetry and Sentry do: every call works."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from support.runtime_server import ANSWER, GET_CUSTOMER, LIMIT, Served, eventually, refused, runtime_server

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2_grpc
from almeno_grpc.domain.errors import CustomerNotFound
from almeno_grpc.rpc.runtime.limits import MAX_STREAMS_OF_CALLER

FACTORIES = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}


class WrappingInterceptor(grpc.ServerInterceptor):
    """Builds each handler anew, around a behavior of its own for every call."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.numbers: list[int] = []
        self._intercepted = 0

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        self._intercepted += 1
        number = self._intercepted
        kind = next(kind for kind in FACTORIES if getattr(handler, kind))
        behavior = getattr(handler, kind)

        def answer(request_or_iterator: Any, context: grpc.ServicerContext) -> Any:
            self.numbers.append(number)
            self.seen.append((handler_call_details.method, kind))
            return behavior(request_or_iterator, context)

        def answer_with_stream(request_or_iterator: Any, context: grpc.ServicerContext) -> Any:
            self.seen.append((handler_call_details.method, kind))
            yield from behavior(request_or_iterator, context)

        return FACTORIES[kind](
            answer_with_stream if handler.response_streaming else answer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


@pytest.fixture(params=["outer", "inner", "both"])
def places(request: pytest.FixtureRequest) -> dict[str, list[WrappingInterceptor]]:
    return {place: [WrappingInterceptor()] for place in ("outer", "inner") if request.param in (place, "both")}


@pytest.fixture(params=[True, False], ids=["early", "grpc"])
def served(request: pytest.FixtureRequest, places: dict[str, list[WrappingInterceptor]]) -> Iterator[Served]:
    with runtime_server(dispatches_early=request.param, **places) as served:
        yield served


@pytest.fixture(params=[True, False], ids=["early", "grpc"])
def wrapped(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server with an interceptor around ours, as `opentelemetry-instrument` makes one."""
    with runtime_server(dispatches_early=request.param, outer=[WrappingInterceptor()]) as served:
        yield served


def test_calls_of_all_types_work_and_pass_the_other_interceptor(
    served: Served, places: dict[str, list[WrappingInterceptor]]
) -> None:
    portfolio = portfolio_service_pb2_grpc.PortfolioServiceStub(served.channel)
    health = health_pb2_grpc.HealthStub(served.channel)
    served.portfolio.watch = lambda: iter([pb.WatchImportResponse()] * 2)
    assert served.get_customer() == ANSWER
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=5).status == health_pb2.HealthCheckResponse.SERVING
    portfolio.StartImport(iter([pb.StartImportRequest(chunk=b"1")] * 3), timeout=5)
    assert served.portfolio.uploads == [3]
    assert len(list(portfolio.WatchImport(pb.WatchImportRequest(), timeout=5))) == 2
    reflect = served.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    assert len(list(reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")] * 2), timeout=5))) == 2
    eventually(lambda: served.admission.calls_under_way == 0)
    types = {name.rpartition("/")[2]: kind for name, kind in next(iter(places.values()))[0].seen}
    assert types == {
        "GetCustomer": "unary_unary",
        "Check": "unary_unary",
        "StartImport": "stream_unary",
        "WatchImport": "unary_stream",
        "ServerReflectionInfo": "stream_stream",
    }
    assert served.metrics.types == {
        "GetCustomer": "unary",
        "Check": "unary",
        "StartImport": "client_stream",
        "WatchImport": "server_stream",
        "ServerReflectionInfo": "bidi_stream",
    }


def test_every_call_passes_the_handler_that_was_made_for_it(
    served: Served, places: dict[str, list[WrappingInterceptor]]
) -> None:
    for _ in range(3):
        served.get_customer()
    for [interceptor] in places.values():
        assert interceptor.seen == [(GET_CUSTOMER, "unary_unary")] * 3
        assert interceptor.numbers == [1, 2, 3]


def test_errors_have_their_details_all_the_same(served: Served) -> None:
    def fail(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise CustomerNotFound(7)

    served.credit.get_customer = fail
    code, info = refused(served.get_customer)
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND")
    code, info = refused(lambda: served.raw(GET_CUSTOMER, b"\xff"))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    code, info = refused(lambda: served.raw("/x/y", b""))
    assert (code, info.reason) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_NOT_FOUND")
    served.admission.reject_calls()
    code, info = refused(served.get_customer)
    assert (code, info.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING")


def test_calls_beyond_the_limit_are_rejected_and_streams_run_beside(served: Served) -> None:
    leave = threading.Event()

    def wait(_request: Any, _context: grpc.ServicerContext) -> Any:
        leave.wait(5)
        return ANSWER

    def watch() -> Iterator[Any]:
        yield pb.WatchImportResponse()
        leave.wait(5)

    served.credit.get_customer, served.portfolio.watch = wait, watch
    waiting = [served.get_customer_later() for _ in range(LIMIT)]
    eventually(lambda: served.admission.calls_under_way == LIMIT)
    code, info = refused(lambda: served.get_customer(timeout=1))
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    stub = portfolio_service_pb2_grpc.PortfolioServiceStub(served.channel)
    streams = [stub.WatchImport(pb.WatchImportRequest(), timeout=5) for _ in range(MAX_STREAMS_OF_CALLER)]
    for stream in streams:
        next(stream)
    code, info = refused(lambda: list(stub.WatchImport(pb.WatchImportRequest(), timeout=5)))
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS")
    leave.set()
    assert [call.result() for call in waiting] == [ANSWER] * LIMIT
    assert [list(stream) for stream in streams] == [[]] * MAX_STREAMS_OF_CALLER


def test_watch_of_the_health_service_holds_a_thread_and_is_ended_with_the_server(wrapped: Served) -> None:
    stub = health_pb2_grpc.HealthStub(wrapped.channel)
    watches = [stub.Watch(health_pb2.HealthCheckRequest(), timeout=10) for _ in range(2)]
    assert [next(watch).status for watch in watches] == [health_pb2.HealthCheckResponse.SERVING] * 2
    assert wrapped.get_customer(timeout=1) == ANSWER
    watches.pop().cancel()
    eventually(lambda: wrapped.metrics.calls["/grpc.health.v1.Health/Watch", "OK"] == 1)
    wrapped.health.enter_graceful_shutdown()
    wrapped.admission.end_watches()
    assert [seen.status for seen in watches[0]] == [health_pb2.HealthCheckResponse.NOT_SERVING]
    eventually(lambda: wrapped.admission.calls_under_way == 0)
