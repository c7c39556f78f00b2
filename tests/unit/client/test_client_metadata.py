"""What a caller adds to the calls: metadata, interceptors."""

import grpc
import pytest
from almeno_client import CreditClient, ImportKind, new_key
from support.fake_service import QUICK

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def book(service, sample):
    """A service that is down for the first call of each kind: unary, upload, stream."""
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    ended = [portfolio.WatchImportResponse(book_import=sample.import_("SUCCEEDED"))]
    service.answers("GetLoan", down, credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer()))
    service.answers("StartImport", down, portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    service.answers("WatchImport", lambda *_: [down], lambda *_: ended)
    return service


def call_each(client):
    client.get_loan(5)
    client.start_import(ImportKind.LOANS, b"x", file_name="x.csv")
    list(client.watch_import("i-1"))


def sent(service, key):
    return {method: [call.get(key) for call in calls] for method, calls in service.metadata.items()}


def test_metadata_goes_with_every_call_and_retry_beside_the_key(client_class, address, book):
    added = [("traceparent", TRACEPARENT), ("x-caller-bin", b"\x00\xff")]
    key = new_key()
    with client_class(address, metadata=iter(added), api_key=key, retries=QUICK) as client:
        call_each(client)
    methods = ("GetLoan", "StartImport", "WatchImport")
    assert sent(book, "traceparent") == dict.fromkeys(methods, [TRACEPARENT] * 2)
    assert sent(book, "x-caller-bin") == dict.fromkeys(methods, [b"\x00\xff"] * 2)
    assert sent(book, "authorization") == dict.fromkeys(methods, [f"Bearer {key}"] * 2)


def test_function_is_asked_for_the_metadata_of_each_call(client_class, address, service, sample):
    service.answers("GetLoan", credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer()))
    spans = iter("123")
    with client_class(address, metadata=lambda: [("traceparent", next(spans))], retries=QUICK) as client:
        for _ in range(3):
            client.get_loan(5)
    assert sent(service, "traceparent") == {"GetLoan": ["1", "2", "3"]}


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("Traceparent", "x", "lower case"),
        ("", "x", "lower case"),
        ("a b", "x", "lower case"),
        ("grpc-timeout", "1S", "gRPC's own"),
        ("authorization", "Bearer other", "so has the API key"),
        ("x", "line\nbreak", "printable ASCII"),
        ("x", "₹", "printable ASCII"),
        ("x", b"bytes", "wrong type"),
        ("x-bin", "text", "wrong type"),
        ("x", 5, "wrong type"),
    ],
)
def test_metadata_that_grpc_would_not_send_is_refused_without_showing_the_key(
    client_class, address, service, key, value, why
):
    api_key = new_key()
    with pytest.raises(ValueError, match=why) as caught:
        client_class(address, metadata=[(key, value)], api_key=api_key)
    assert api_key not in str(caught.value)
    with (
        client_class(address, metadata=lambda: [(key, value)], api_key=api_key) as client,
        pytest.raises(ValueError, match=why),
    ):
        client.get_loan(5)
    assert not service.requests


class Noting(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Adds a note to the metadata of every call."""

    def __init__(self, note: str) -> None:
        self.note = note

    def intercept_unary_unary(self, continuation, details, request):
        pairs = (*(details.metadata or ()), ("x-seen", self.note))
        return continuation(details._replace(metadata=pairs), request)

    intercept_unary_stream = intercept_stream_unary = intercept_unary_unary


class AsyncNoting:
    """The same for grpc.aio, which asks an interceptor for one kind of call only."""

    def __init__(self, note: str) -> None:
        self.note = note

    async def intercept_unary_unary(self, continuation, details, request):
        pairs = grpc.aio.Metadata(*(details.metadata or ()), ("x-seen", self.note))
        return await continuation(details._replace(metadata=pairs), request)

    intercept_unary_stream = intercept_stream_unary = intercept_unary_unary


class AsyncUnaryNoting(AsyncNoting, grpc.aio.UnaryUnaryClientInterceptor): ...


class AsyncStreamNoting(AsyncNoting, grpc.aio.UnaryStreamClientInterceptor): ...


class AsyncUploadNoting(AsyncNoting, grpc.aio.StreamUnaryClientInterceptor): ...


def test_interceptors_see_every_call_the_first_one_first(client_class, address, service, sample):
    asynchronous = (AsyncUnaryNoting, AsyncStreamNoting, AsyncUploadNoting)
    kinds = (Noting,) if client_class is CreditClient else asynchronous
    interceptors = [kind(place) for place in ("first", "second") for kind in kinds]
    seen: dict[str, list[str]] = {}

    def note(method, answer):
        def answering(_request, context):
            seen[method] = [value for key, value in context.invocation_metadata() if key == "x-seen"]
            return answer

        service.answers(method, answering)

    note("GetLoan", credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer()))
    note("StartImport", portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    note("WatchImport", [portfolio.WatchImportResponse(book_import=sample.import_("SUCCEEDED"))])
    with client_class(address, interceptors=interceptors, retries=QUICK) as client:
        call_each(client)
    assert seen == {method: ["first", "second"] for method in ("GetLoan", "StartImport", "WatchImport")}
