"""A book that a server of this process serves, and what its callers get to know of errors."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from almeno_grpc.api import (
    credit_service_pb2_grpc,
    import_pb2,
    loan_service_pb2_grpc,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)
from almeno_grpc.application import CreditApplication
from almeno_grpc.bootstrap import build_application
from almeno_grpc.clock import Clock
from almeno_grpc.config import Settings
from almeno_grpc.metrics import NoMetrics
from almeno_grpc.rpc.runtime.admission import AdmissionInterceptor
from almeno_grpc.rpc.runtime.limits import CallLimits
from almeno_grpc.storage.store import SqlStore
from support.book import INDIA, TODAY, Book

UPLOAD_LIMIT_BYTES = 6 * 2**20


@dataclass(frozen=True)
class Refusal:
    """What a caller gets to know of an error."""

    code: str
    reason: str
    fields: list[str]
    message: str
    metadata: dict[str, str]


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Reads the error, which has to carry exactly one ErrorInfo, of the project's domain."""
    status = rpc_status.from_call(error)
    assert status is not None, f"{error} has no details"
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    infos = [detail for detail in status.details if detail.Unpack(info)]
    assert len(infos) == 1
    assert info.domain == "almeno.credit"
    for detail in status.details:
        detail.Unpack(bad_request)
    fields = [violation.field for violation in bad_request.field_violations]
    return Refusal(error.code().name, info.reason, fields, error.details(), dict(info.metadata))


@dataclass
class Served:
    """A server of this process and its stubs."""

    credit: credit_service_pb2_grpc.CreditServiceStub
    loans: loan_service_pb2_grpc.LoanServiceStub
    portfolio: portfolio_service_pb2_grpc.PortfolioServiceStub
    book: Book
    channel: grpc.Channel
    application: CreditApplication
    address: tuple[str, int]

    refusal_of = staticmethod(refusal_of)

    @staticmethod
    def refusal(call: Callable[[], object]) -> Refusal:
        """How a call is refused; it must be."""
        with pytest.raises(grpc.RpcError) as caught:
            call()
        return refusal_of(caught.value)

    def upload(
        self, content: bytes, kind: int = import_pb2.IMPORT_KIND_CUSTOMERS, name: str = "book.csv", **header
    ) -> import_pb2.Import:
        """Uploads a file in one piece, with its size as the bundled client does."""
        header.setdefault("size_bytes", len(content))
        messages = [
            portfolio_service_pb2.StartImportRequest(
                header=portfolio_service_pb2.ImportHeader(kind=kind, file_name=name, **header)
            ),
            portfolio_service_pb2.StartImportRequest(chunk=content),
        ]
        return self.portfolio.StartImport(iter(messages), timeout=30).book_import


@contextlib.contextmanager
def served(
    database_url: str,
    *,
    dispatches_early: bool | None = None,
    business_date: date = TODAY,
    rules: Path | None = None,
) -> Iterator[Served]:
    """Serves a book on a free port, with early dispatch or without; None for what the installed gRPC allows."""
    settings_here = Settings(
        database_url=database_url,
        business_date=business_date,
        threads=4,
        import_max_upload_bytes=UPLOAD_LIMIT_BYTES,
        rules=rules,
    )
    store = SqlStore(database_url, threads=40)
    application = build_application(settings_here, NoMetrics())
    limits = CallLimits(
        max_concurrent_calls=1000, max_message_bytes=settings_here.max_message_bytes, slow_call_milliseconds=60_000
    )
    admission = AdmissionInterceptor(threads=4, limits=limits, metrics=NoMetrics(), dispatches_early=dispatches_early)
    options = [("grpc.max_receive_message_length", 2**23)]
    server = grpc.server(admission.executor, interceptors=[admission], options=options)
    application.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    book = Book(store, Clock(business_date, INDIA), rules=rules)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Served(
            credit_service_pb2_grpc.CreditServiceStub(channel),
            loan_service_pb2_grpc.LoanServiceStub(channel),
            portfolio_service_pb2_grpc.PortfolioServiceStub(channel),
            book,
            channel,
            application,
            ("127.0.0.1", port),
        )
    application.drain()
    server.stop(None).wait()
    admission.close()
    application.close()
    book.close()
    store.close()
