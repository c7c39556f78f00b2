"""An application for the tests of the server's processes: calls that wait, fail, or tell of their process."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
from google.protobuf.descriptor import MethodDescriptor
from typing_extensions import override

from almeno_grpc.api import (
    credit_service_pb2,
    credit_service_pb2_grpc,
    customer_pb2,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)
from almeno_grpc.clock import Clock
from almeno_grpc.config import Settings
from almeno_grpc.domain.errors import CustomerNotFound, StoreUnavailable, Unavailable
from almeno_grpc.metrics import Metrics, StoreFigures
from almeno_grpc.rpc.runtime.authentication import OpenAccess

FOLDER = Path(os.environ.get("TOY_FOLDER", "."))
if "TOY_CERTIFICATE_SECONDS" in os.environ:
    from almeno_grpc.serving import certificates

    certificates.LOOK_SECONDS = float(os.environ["TOY_CERTIFICATE_SECONDS"])
BROKEN = os.environ.get("TOY_BROKEN", "")


def leave_note(name: str) -> None:
    (FOLDER / f"{name}-{os.getpid()}").touch()


class Credit(credit_service_pb2_grpc.CreditServiceServicer):
    """GetCustomer with the number n waits n milliseconds and answers with the number of its process.

    With GREEDY it takes memory and keeps it.
    """

    GREEDY = 10**9

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._kept: list[bytes] = []

    @override
    def GetCustomer(self, request: credit_service_pb2.GetCustomerRequest, context: grpc.ServicerContext) -> object:
        if not request.customer_id:
            raise CustomerNotFound(0)
        leave_note("called")
        if request.customer_id == self.GREEDY:
            self._kept.append(b"x" * 300 * 2**20)
            request.customer_id = 1
        time.sleep(request.customer_id / 1000)
        self._metrics.decision("check", ("CREDIT_SCORE_TOO_LOW", "EMI_BURDEN_TOO_HIGH"))
        return credit_service_pb2.GetCustomerResponse(customer=customer_pb2.Customer(customer_id=os.getpid()))


class Portfolio(portfolio_service_pb2_grpc.PortfolioServiceServicer):
    def __init__(self) -> None:
        self.draining = threading.Event()

    @override
    def WatchImport(self, request: object, context: grpc.ServicerContext) -> Iterator[object]:
        yield portfolio_service_pb2.WatchImportResponse()
        self.draining.wait(30)
        raise Unavailable("the server stops")


class ToyStore:
    """Works unless a file in the folder of the notes says otherwise: `no-reads`, `no-writes`."""

    def __init__(self) -> None:
        self.has_failed = threading.Event()

    def probe_reads(self) -> None:
        if (FOLDER / "no-reads").exists():
            raise StoreUnavailable("the database cannot be read")

    def probe_writes(self) -> None:
        if (FOLDER / "no-writes").exists():
            raise StoreUnavailable("the disk is full")


class ToyApplication:
    service_names = ("almeno.credit.v1.CreditService", "almeno.credit.v1.PortfolioService")
    inline_methods = frozenset[MethodDescriptor]()
    authentication = OpenAccess()

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._portfolio = Portfolio()
        self.store = ToyStore()

    def add_to(self, server: grpc.Server) -> None:
        credit_service_pb2_grpc.add_CreditServiceServicer_to_server(Credit(self._metrics), server)
        portfolio_service_pb2_grpc.add_PortfolioServiceServicer_to_server(self._portfolio, server)

    def drain(self) -> None:
        self._portfolio.draining.set()

    def close(self) -> None:
        leave_note("closed")


def prepare_database(_settings: Settings) -> None:
    if BROKEN == "database":
        raise StoreUnavailable("the database is locked")


def build_application(_settings: Settings, metrics: Metrics) -> ToyApplication:
    if BROKEN == "application":
        raise RuntimeError("out of order")
    return ToyApplication(metrics)


def build_import_worker(_settings: Settings, metrics: Metrics) -> Callable[[threading.Event], None]:
    def run(stop: threading.Event) -> None:
        leave_note("worker")
        metrics.import_rows("loans", "inserted", 3)
        stop.wait()
        leave_note("worker-stopped")

    return run


def queue_files(_settings: Settings) -> None:
    leave_note("queued")


def store_figures(_settings: Settings) -> Callable[[], StoreFigures]:
    return lambda: StoreFigures(4, Clock.now_microseconds() - 60_000_000, {"wal": 4096}, {"policy": "2026-12"})
