"""A stand-in for the service: a real gRPC server whose answers each test lays down."""

import asyncio
import datetime as dt
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType
from typing import Any

import grpc
import pytest
from almeno_client import CreditClient, Retries
from almeno_client.cli import app
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from typer.testing import CliRunner

from almeno_grpc.api import (
    access_service_pb2,
    access_service_pb2_grpc,
    credit_service_pb2,
    credit_service_pb2_grpc,
    loan_service_pb2,
    loan_service_pb2_grpc,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)
from support import access_messages, credit_messages
from support.async_clients import BlockingClient, running_loop

QUICK = Retries(attempts=4, first_backoff_seconds=0.005, longest_backoff_seconds=0.02)


@dataclass
class Refusal(Exception):
    """An answer that is an error."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    domain: str = "almeno.credit"
    retry_delay_seconds: float = 0.0

    def abort(self, context: grpc.ServicerContext) -> None:
        status = self.status()
        if not status.details:
            context.abort(self.code, self.message)
        context.abort_with_status(rpc_status.to_status(status))

    def status(self) -> Status:
        details: list[Message] = []
        if self.reason:
            details.append(ErrorInfo(reason=self.reason, domain=self.domain, metadata=self.metadata))
        if self.fields:
            violations = [BadRequest.FieldViolation(field=f, description=d) for f, d in self.fields.items()]
            details.append(BadRequest(field_violations=violations))
        if self.retry_delay_seconds:
            delay = Duration()
            delay.FromTimedelta(dt.timedelta(seconds=self.retry_delay_seconds))
            details.append(RetryInfo(retry_delay=delay))
        packed = [AnyMessage() for _ in details]
        for envelope, detail in zip(packed, details, strict=True):
            envelope.Pack(detail)
        return Status(code=self.code.value[0], message=self.message, details=packed)


Answer = Message | Refusal | Callable[[Any, grpc.ServicerContext], Any]


class FakeService:
    """All services; answers each method from a list, the last answer for good, and keeps what it was asked."""

    def __init__(self) -> None:
        self._answers: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        self.requests: dict[str, list[Any]] = {}
        self.peers: set[str] = set()
        self.metadata: dict[str, list[dict[str, str | bytes]]] = {}
        """What each call of a method brought beside its request."""
        for service in (credit_service_pb2, loan_service_pb2, portfolio_service_pb2, access_service_pb2):
            for descriptor in service.DESCRIPTOR.services_by_name.values():
                for method in descriptor.methods:
                    setattr(self, method.name, self._handler(method.name, method.server_streaming))

    def forget(self) -> None:
        self._answers.clear()
        self.requests.clear()
        self.peers.clear()
        self.metadata.clear()

    @property
    def credentials(self) -> dict[str, list[Any]]:
        """What each call of a method brought as `authorization`; None where it brought none."""
        return {method: [sent.get("authorization") for sent in calls] for method, calls in self.metadata.items()}

    def answers(self, method: str, *answers: Answer) -> None:
        """Lays down the answers to the next calls of a method; the last one also answers all later calls."""
        self._answers[method] = list(answers)

    def _handler(self, name: str, streams: bool) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            received = request if isinstance(request, Message) else list(request)
            with self._lock:
                self.requests.setdefault(name, []).append(received)
                self.peers.add(context.peer())
                self.metadata.setdefault(name, []).append(dict(context.invocation_metadata()))
                left = self._answers[name]
                given = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(given, Refusal):
                given.abort(context)
            return given(received, context) if callable(given) else given

        def answer_stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            for item in answer(request, context):
                if isinstance(item, Refusal):
                    item.abort(context)
                yield item

        return answer_stream if streams else answer


@contextmanager
def serving(address: str) -> Iterator[tuple[FakeService, str]]:
    """Serves a stand-in; the address `127.0.0.1:0` takes a free port, `unix:FILE` none."""
    service = FakeService()
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    credit_service_pb2_grpc.add_CreditServiceServicer_to_server(service, server)
    loan_service_pb2_grpc.add_LoanServiceServicer_to_server(service, server)
    portfolio_service_pb2_grpc.add_PortfolioServiceServicer_to_server(service, server)
    access_service_pb2_grpc.add_AccessServiceServicer_to_server(service, server)
    port = server.add_insecure_port(address)
    server.start()
    yield service, address.replace(":0", f":{port}")
    server.stop(0).wait()


@pytest.fixture
def service(stand_in: tuple[FakeService, str]) -> FakeService:
    stand_in[0].forget()
    return stand_in[0]


@pytest.fixture
def address(stand_in: tuple[FakeService, str]) -> str:
    return stand_in[1]


@pytest.fixture(scope="session")
def event_loop_thread() -> Iterator[asyncio.AbstractEventLoop]:
    with running_loop() as loop:
        yield loop


@pytest.fixture(params=["synchronous", "asynchronous"])
def client_class(request: pytest.FixtureRequest) -> Any:
    """Makes clients: a test that asks for it runs twice, for what holds of one client holds of the other."""
    if request.param == "synchronous":
        return CreditClient
    return partial(BlockingClient, request.getfixturevalue("event_loop_thread"))


@pytest.fixture
def client(client_class: Any, address: str) -> Iterator[Any]:
    with client_class(address, retries=QUICK, timeout_seconds=10) as client:
        yield client


@pytest.fixture
def almeno(address: str) -> Callable[..., Any]:
    """Runs a command line against the stand-in."""

    def run(*arguments: str, width: int = 100, output: str | None = "table") -> Any:
        own: dict[str, str | None] = {name: None for name in os.environ if name.startswith("ALMENO_")}
        # As at a terminal, unless the test says what is to be printed.
        shown = {"ALMENO_ADDRESS": address, "COLUMNS": str(width), "ALMENO_OUTPUT": output}
        return CliRunner().invoke(app, arguments, env=own | shown)

    return run


@pytest.fixture
def sample() -> Any:
    """The makers of sample messages, and what of the above tests need, for they cannot import this file."""

    class Sample:
        refusal = Refusal

        @staticmethod
        def status(code: str, message: str, reason: str) -> Status:
            return Refusal(grpc.StatusCode[code], message, reason).status()

    for name, maker in (*vars(credit_messages).items(), *vars(access_messages).items()):
        if isinstance(maker, FunctionType):
            setattr(Sample, name, staticmethod(maker))
    return Sample
