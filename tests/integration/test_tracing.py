"""Spans of calls that OpenTelemetry makes: whose they are within, what they say, and the steps within them."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from support.book import Book
from support.fake_book_file import FakeFile
from support.runtime_server import ANSWER, GET_CUSTOMER, Served, refused, runtime_server

from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import CustomerNotFound
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.logs import log_event, start_logging
from almeno_grpc.open_telemetry import OpenTelemetryTracer
from almeno_grpc.tracing import current_tracer, set_current_span, use_tracer

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is traced while the test runs."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_tracer(OpenTelemetryTracer(provider.get_tracer("tests")))
    yield exporter
    use_tracer(None)
    set_current_span(None)


@pytest.fixture(params=[True, False], ids=["early", "grpc"])
def served(request: pytest.FixtureRequest, spans: InMemorySpanExporter) -> Iterator[Served]:
    del spans  # begins to trace before the server is made
    with runtime_server(dispatches_early=request.param) as served:
        yield served


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def test_span_of_a_call_stands_within_that_of_its_caller(served: Served, spans: InMemorySpanExporter) -> None:
    assert served.get_customer(metadata=TRACEPARENT) == ANSWER
    [span] = named(spans, GET_CUSTOMER[1:])
    assert (f"{span.context.trace_id:032x}", parent_of(span)) == (TRACE, PARENT)
    assert span.kind is SpanKind.SERVER
    assert dict(span.attributes or {}) == {
        "rpc.system": "grpc",
        "rpc.service": "almeno.credit.v1.CreditService",
        "rpc.method": "GetCustomer",
        "rpc.grpc.status_code": 0,
    }
    assert span.status.is_unset


@pytest.mark.parametrize("metadata", [(), (("traceparent", "nonsense"),), (("tracestate", "=,=" * 400),)])
def test_call_without_a_sound_traceparent_begins_a_trace(
    served: Served, spans: InMemorySpanExporter, metadata: Any
) -> None:
    assert served.get_customer(metadata=metadata) == ANSWER
    [span] = named(spans, GET_CUSTOMER[1:])
    assert parent_of(span) is None


def test_span_says_how_its_call_has_failed(served: Served, spans: InMemorySpanExporter) -> None:
    def refuse(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise CustomerNotFound(7)

    def fail(_request: Any, _context: grpc.ServicerContext) -> Any:
        raise ZeroDivisionError

    for served.credit.get_customer in (refuse, fail):
        refused(served.get_customer)
    found, broken = named(spans, GET_CUSTOMER[1:])
    # What the caller has asked for wrongly is no error of the server.
    assert (found.attributes or {})["rpc.grpc.status_code"] == grpc.StatusCode.NOT_FOUND.value[0]
    assert found.status.is_unset
    assert (broken.attributes or {})["rpc.grpc.status_code"] == grpc.StatusCode.INTERNAL.value[0]
    assert not broken.status.is_ok
    assert broken.status.description == "INTERNAL"


def test_failed_call_is_found_in_the_log_by_its_trace(
    served: Served, capfd: pytest.CaptureFixture[str], spans: InMemorySpanExporter
) -> None:
    def fail(_request: Any, _context: grpc.ServicerContext) -> Any:
        log_event("noticed", logging.WARNING)
        raise ZeroDivisionError

    handlers = logging.getLogger().handlers[:]
    start_logging("rpc-0")
    try:
        served.credit.get_customer = fail
        refused(lambda **options: served.get_customer(metadata=TRACEPARENT, **options))
    finally:
        logging.getLogger().handlers[:] = handlers
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    [span] = named(spans, GET_CUSTOMER[1:])
    ids = (TRACE, f"{span.context.span_id:016x}")
    assert {each["event"]: (each["trace_id"], each["span_id"]) for each in lines} == {
        "noticed": ids,
        "call_failed": ids,
    }


def test_check_and_booking_have_their_steps_and_each_call_of_a_batch_its_own(
    book: Book, spans: InMemorySpanExporter
) -> None:
    customers = [book.register(500_000_00).customer_id for _ in range(3)]
    spans.clear()
    tracer = current_tracer()
    assert tracer is not None

    def check(customer_id: int) -> str:
        # As a thread of a server, which has the span of its call.
        span = tracer.start_call("credit", "Check", (), 0.0)
        set_current_span(span)
        request = LoanRequest(customer_id, 10_000_00, 1_000, 12)
        book.checks.check(request, lambda _: b"").result()
        return span.ids["span_id"]

    with ThreadPoolExecutor(3) as threads:
        callers = set(threads.map(check, customers))
    assert {parent_of(span) for span in named(spans, "position")} == callers
    assert {parent_of(span) for span in named(spans, "decision")} == callers
    assert not named(spans, "commit")
    spans.clear()
    set_current_span(tracer.start_call("credit", "Book", (), 0.0))
    book.lend(customers[0], 10_000_00, "10", 12)
    steps = spans.get_finished_spans()
    assert [span.name for span in steps] == ["position", "decision", "commit"]
    assert all(span.start_time <= span.end_time for span in steps)
    assert [span.end_time for span in steps[:-1]] == [span.start_time for span in steps[1:]]


@pytest.mark.usefixtures("file")
def test_span_of_an_import_has_its_transactions_and_says_how_it_has_ended(
    book: Book, spans: InMemorySpanExporter
) -> None:
    queued = book.queue_customers()
    book.work()
    [span] = named(spans, "import")
    assert dict(span.attributes or {}) == {
        "almeno.import_id": queued.import_id,
        "almeno.import_kind": "CUSTOMERS",
        "almeno.import_state": "SUCCEEDED",
    }
    assert span.status.is_unset
    upserts, commits = named(spans, "upsert"), named(spans, "commit")
    assert {parent_of(step) for step in (*upserts, *commits)} == {f"{span.context.span_id:016x}"}
    # A batch of ten of its fifty rows is a transaction.
    assert [step.end_time for step in upserts] == [step.start_time for step in commits]
    assert len(commits) == 5


def test_span_of_an_import_that_has_failed_is_one_of_an_error(
    book: Book, file: FakeFile, spans: InMemorySpanExporter
) -> None:
    def refuse(_start: int) -> None:
        raise FileRefusedError("the sheet of Asha Rao is damaged")

    file.before_batch = refuse
    book.queue_customers()
    book.work()
    [span] = named(spans, "import")
    assert (span.attributes or {})["almeno.import_state"] == "FAILED"
    # What is wrong with a file may quote it: that is told to those who may read the import.
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "FAILED")
