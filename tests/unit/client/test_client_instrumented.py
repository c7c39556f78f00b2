"""The client under instrumentation: what wraps the channel's calls takes nothing away from the library."""

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from almeno_client import BookProgress, CreditClient, ImportKind, ImportState, NotFound, Retries, SimulationSummary
from opentelemetry.instrumentation.grpc import GrpcAioInstrumentorClient, GrpcInstrumentorClient
from support.portfolio_model import progress, simulation, summary

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio


class BareFuture(grpc.Future):
    """A call's future with nothing of the call besides."""

    def __init__(self, call: Any) -> None:
        for name in grpc.Future.__abstractmethods__:
            setattr(self, name, getattr(call, name))

    cancel = cancelled = running = done = result = exception = traceback = add_done_callback = None


class WrappingInterceptor(
    grpc.UnaryUnaryClientInterceptor, grpc.StreamUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor
):
    """Hides every call: futures behind the interface of a future, streams behind a generator."""

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return BareFuture(continuation(details, request))

    def intercept_stream_unary(self, continuation: Any, details: Any, requests: Any) -> Any:
        return BareFuture(continuation(details, requests))

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Iterator[Any]:
        yield from continuation(details, request)


class AsyncUnaryInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Leaves of a call its answer, as grpc.aio allows."""

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return await (await continuation(details, request))


class AsyncUploadInterceptor(grpc.aio.StreamUnaryClientInterceptor):
    """Waits for the end of the call, as OpenTelemetry's does: the messages cannot wait for the interceptor."""

    async def intercept_stream_unary(self, continuation: Any, details: Any, requests: Any) -> Any:
        call = await continuation(details, requests)
        await call.code()
        return call


class AsyncStreamInterceptor(grpc.aio.UnaryStreamClientInterceptor):
    """Hides a call behind a generator."""

    async def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> AsyncIterator[Any]:
        call = await continuation(details, request)

        async def responses() -> AsyncIterator[Any]:
            async for response in call:
                yield response

        return responses()


@contextmanager
def instrumented(instrumentor: Any) -> Iterator[None]:
    instrumentor.instrument()
    try:
        yield
    finally:
        instrumentor.uninstrument()


QUICK = {"retries": Retries(2, 0.005, 0.02), "timeout_seconds": 10}


@pytest.fixture(params=["an interceptor", "OpenTelemetry"])
def client(request: pytest.FixtureRequest, client_class: Any, address: str) -> Iterator[Any]:
    asynchronous = client_class is not CreditClient
    if request.param == "an interceptor":
        kinds = (AsyncUnaryInterceptor, AsyncUploadInterceptor, AsyncStreamInterceptor)
        interceptors = [kind() for kind in (kinds if asynchronous else (WrappingInterceptor,))]
        with client_class(address, interceptors=interceptors, **QUICK) as client:
            yield client
    else:
        instrumentor = GrpcAioInstrumentorClient() if asynchronous else GrpcInstrumentorClient()
        with instrumented(instrumentor), client_class(address, **QUICK) as client:
            yield client


def test_call_and_its_error_come_through(client, service, sample):
    service.answers(
        "GetCustomer",
        credit.GetCustomerResponse(customer=sample.customer(), position=sample.position()),
        sample.refusal(grpc.StatusCode.NOT_FOUND, "no customer 15", "CUSTOMER_NOT_FOUND"),
    )
    assert client.get_customer(14).customer.customer_id == sample.customer().customer_id
    with pytest.raises(NotFound) as caught:
        client.get_customer(15)
    assert caught.value.reason == "CUSTOMER_NOT_FOUND"


def test_file_is_uploaded_whole_and_watched_to_its_end(client, service, sample):
    service.answers("StartImport", portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    states = [sample.import_("RUNNING"), sample.import_("SUCCEEDED")]
    service.answers("WatchImport", lambda *_: [portfolio.WatchImportResponse(book_import=state) for state in states])
    content = b"x" * 300_000
    started = client.start_import(ImportKind.LOANS, content, file_name="loans.csv")
    assert started.state is ImportState.QUEUED
    (upload,) = service.requests["StartImport"]
    assert b"".join(message.chunk for message in upload[1:]) == content
    assert [state.state for state in client.watch_import("i-0001")] == [ImportState.RUNNING, ImportState.SUCCEEDED]


def test_error_of_a_stream_comes_through(client, service, sample):
    refusal = sample.refusal(grpc.StatusCode.NOT_FOUND, "no such import", "IMPORT_NOT_FOUND")
    service.answers("WatchImport", lambda *_: [refusal])
    with pytest.raises(NotFound) as caught:
        next(client.watch_import("i-0001"))
    assert caught.value.reason == "IMPORT_NOT_FOUND"


def test_simulation_and_summary_come_through(client, service):
    service.answers(
        "SimulatePolicy",
        lambda *_: [
            portfolio.SimulatePolicyResponse(progress=progress(1, 2)),
            portfolio.SimulatePolicyResponse(summary=simulation()),
        ],
    )
    terms = {"loan_amount": 500_000, "interest_rate": "10.5", "tenure_months": 60}
    first, last = client.simulate_policy(version="2026-01", **terms)
    assert isinstance(first, BookProgress)
    assert isinstance(last, SimulationSummary)
    service.answers(
        "SummarizePortfolio",
        lambda *_: [portfolio.SummarizePortfolioResponse(summary=summary())],
    )
    (book,) = client.summarize_portfolio()
    assert book.policy_version == "2026-01"


def test_stream_that_nobody_reads_on_is_cancelled(client, service, sample):
    gone = threading.Event()

    def watch(_request, context):
        context.add_callback(gone.set)
        yield portfolio.WatchImportResponse(book_import=sample.import_("RUNNING"))
        while context.is_active():
            time.sleep(0.01)

    service.answers("WatchImport", watch)
    watched = client.watch_import("i-0001")
    assert next(watched).state is ImportState.RUNNING
    assert not gone.is_set()
    watched.close()
    assert gone.wait(5)
