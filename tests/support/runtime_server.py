"""A real server on a free port with handlers of the tests' own, behind the chain of `almeno_grpc.rpc.runtime`."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1.health import HealthServicer
from grpc_status import rpc_status
from typing_extensions import override

from almeno_grpc.api import (
    credit_service_pb2,
    credit_service_pb2_grpc,
    customer_pb2,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)
from almeno_grpc.metrics import MethodLabels, NoMetrics
from almeno_grpc.rpc.runtime.admission import AdmissionInterceptor
from almeno_grpc.rpc.runtime.limits import CallLimits
from almeno_grpc.serving.standard_services import add_standard_services
from almeno_grpc.serving.store_monitor import StoreState

GET_CUSTOMER = "/almeno.credit.v1.CreditService/GetCustomer"
START_IMPORT = "/almeno.credit.v1.PortfolioService/StartImport"
WATCH_IMPORT = "/almeno.credit.v1.PortfolioService/WatchImport"
ANSWER = credit_service_pb2.GetCustomerResponse(customer=customer_pb2.Customer(customer_id=7))
LIMIT = 3
"""Calls that a connection may have under way, while no other one has: half of what the server takes on."""


class RecordedMetrics(NoMetrics):
    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.types: dict[str, str] = {}
        self.seconds: list[float] = []
        self.begun: Counter[str] = Counter()

    def call_began(self, method: MethodLabels) -> None:
        self.begun[f"/{method.grpc_service}/{method.grpc_method}"] += 1

    def call(self, method: MethodLabels, code: str, seconds: float) -> None:
        self.calls[f"/{method.grpc_service}/{method.grpc_method}", code] += 1
        self.types[method.grpc_method] = method.grpc_type
        self.seconds.append(seconds)


class Credit(credit_service_pb2_grpc.CreditServiceServicer):
    def __init__(self) -> None:
        self.get_customer: Callable[[Any, grpc.ServicerContext], Any] = lambda _request, _context: ANSWER

    @override
    def GetCustomer(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self.get_customer(request, context)


class Portfolio(portfolio_service_pb2_grpc.PortfolioServiceServicer):
    def __init__(self) -> None:
        self.watch: Callable[[], Iterator[Any]] = lambda: iter(())
        self.uploads: list[int] = []
        self.start_import: Callable[[Iterator[Any]], Any] = self._count

    @override
    def StartImport(self, request_iterator: Iterator[Any], context: grpc.ServicerContext) -> Any:
        return self.start_import(request_iterator)

    def _count(self, requests: Iterator[Any]) -> Any:
        self.uploads.append(sum(1 for _ in requests))
        return portfolio_service_pb2.StartImportResponse()

    @override
    def WatchImport(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        return self.watch()


@dataclass
class Served:
    admission: AdmissionInterceptor
    channel: grpc.Channel
    credit: Credit
    portfolio: Portfolio
    health: HealthServicer
    dispatches_early: bool
    address: str
    metrics: RecordedMetrics = field(default_factory=RecordedMetrics)

    def get_customer(self, timeout: float = 5, metadata: Sequence[tuple[str, str]] = ()) -> Any:
        return self.get_customer_later(timeout, metadata).result()

    def get_customer_later(self, timeout: float = 5, metadata: Sequence[tuple[str, str]] = ()) -> Any:
        stub, request = (
            credit_service_pb2_grpc.CreditServiceStub(self.channel),
            credit_service_pb2.GetCustomerRequest(customer_id=7),
        )
        return stub.GetCustomer.future(request, timeout=timeout, metadata=metadata)

    def raw(self, method: str, *messages: bytes, timeout: float = 5) -> bytes:
        return self.channel.stream_unary(method)(iter(messages), timeout=timeout)


@contextmanager
def runtime_server(
    *,
    dispatches_early: bool,
    inline: Collection[str] = (),
    request_timeout_seconds: float = 10,
    piece_timeout_seconds: float = 30,
    answer_timeout_seconds: float = 20,
    outer: Sequence[grpc.ServerInterceptor] = (),
    inner: Sequence[grpc.ServerInterceptor] = (),
    max_concurrent_calls: int = 2 * LIMIT,
    options: Sequence[tuple[str, int]] = (),
) -> Iterator[Served]:
    """A server with two threads for calls, which takes on six of them, three from one connection.

    Methods of CreditService in `inline` are answered on gRPC's event thread; `outer` and `inner` are interceptors
    before and behind ours.
    """
    metrics = RecordedMetrics()
    limits = CallLimits(
        max_concurrent_calls=max_concurrent_calls,
        max_message_bytes=1000,
        slow_call_milliseconds=200,
        request_timeout_seconds=request_timeout_seconds,
        piece_timeout_seconds=piece_timeout_seconds,
        answer_timeout_seconds=answer_timeout_seconds,
    )
    service = credit_service_pb2.DESCRIPTOR.services_by_name["CreditService"]
    admission = AdmissionInterceptor(
        threads=2,
        limits=limits,
        metrics=metrics,
        inline_methods=[service.methods_by_name[name] for name in inline],
        dispatches_early=dispatches_early,
    )
    server = grpc.server(admission.executor, interceptors=[*outer, admission, *inner], options=options)
    credit, portfolio = Credit(), Portfolio()
    credit_service_pb2_grpc.add_CreditServiceServicer_to_server(credit, server)
    portfolio_service_pb2_grpc.add_PortfolioServiceServicer_to_server(portfolio, server)
    health = add_standard_services(server, ())
    health.follow_store(StoreState.WORKS)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Served(admission, channel, credit, portfolio, health, dispatches_early, f"127.0.0.1:{port}", metrics)
    admission.end_watches()
    server.stop(1).wait()
    eventually(lambda: admission.calls_under_way == 0)
    admission.close()
    # Each call that has begun has ended, or it would count as in flight for ever.
    eventually(lambda: metrics.begun.total() == metrics.calls.total())


def eventually(holds: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def refused(call: Callable[[], Any]) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    status = rpc_status.from_call(caught.value)
    assert status is not None, caught.value
    infos = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1
    info = error_details_pb2.ErrorInfo()
    infos[0].Unpack(info)
    assert info.domain == "almeno.credit"
    return caught.value.code(), info
