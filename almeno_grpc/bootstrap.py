"""Wires the application together: the only place that knows all of its parts."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

import grpc
from google.protobuf.descriptor import MethodDescriptor

from almeno_grpc.api import (
    credit_service_pb2,
    credit_service_pb2_grpc,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)
from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.policy_file import PolicyError
from almeno_grpc.imports.sandbox.messages import ReadingLimits
from almeno_grpc.imports.worker import ImportWorker
from almeno_grpc.metrics import Metrics
from almeno_grpc.rpc.credit_servicer import CreditServicer
from almeno_grpc.rpc.portfolio_servicer import PortfolioServicer
from almeno_grpc.rpc.runtime.limits import MAX_STREAMS, WRITE_THREADS
from almeno_grpc.rpc.uploads import CHUNK_BYTES
from almeno_grpc.service.booking import BookingService
from almeno_grpc.service.checks import CheckService
from almeno_grpc.service.customers import CustomerService
from almeno_grpc.service.decisions import DecisionService
from almeno_grpc.service.idempotency import Idempotency
from almeno_grpc.service.imports import ImportService, Upload
from almeno_grpc.service.policies import PolicyCalendar, PolicyService, check_pins, read_policies
from almeno_grpc.service.portfolio import PortfolioSummaryService
from almeno_grpc.service.repayments import RepaymentService
from almeno_grpc.service.simulation import SimulationService
from almeno_grpc.storage.engine import DatabaseUnusable
from almeno_grpc.storage.store import SqlStore

_CREDIT = credit_service_pb2.DESCRIPTOR.services_by_name["CreditService"]
_PORTFOLIO = portfolio_service_pb2.DESCRIPTOR.services_by_name["PortfolioService"]


def clock_of(settings: Settings) -> Clock:
    """The clock that the settings describe."""
    return Clock(settings.business_date, settings.timezone)


def load_policies() -> list[Policy]:
    """The policies that the package brings.

    Raises:
        ConfigurationError: A policy file cannot be used.
    """
    folder = resources.files("almeno_grpc") / "policies"
    files = [(file.name, file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".toml")]
    try:
        return read_policies(files)
    except PolicyError as error:
        raise ConfigurationError(str(error)) from error


def prepare_database(settings: Settings) -> None:
    """Creates or migrates the database, and holds the policy files against the decisions in it.

    Raises:
        ConfigurationError: The database or a policy file cannot be used.
        CreditError: The database is not available.
    """
    try:
        store = SqlStore(settings.database_url, threads=1)
        store.migrate()
    except DatabaseUnusable as error:
        raise ConfigurationError(str(error)) from error
    try:
        check_pins(store, load_policies())
    except PolicyError as error:
        raise ConfigurationError(str(error)) from error
    finally:
        store.close()


class CreditApplication:
    """The services of one process."""

    service_names = (_CREDIT.full_name, _PORTFOLIO.full_name)

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        clock = clock_of(settings)
        self._store = SqlStore(settings.database_url, threads=settings.threads + WRITE_THREADS + MAX_STREAMS)
        self._draining = threading.Event()
        policies = load_policies()
        calendar = PolicyCalendar(policies)
        self._checks = CheckService(self._store, calendar, clock)
        self._customers = CustomerService(self._store, clock)
        self._booking = BookingService(self._store, calendar, clock)
        self._repayments = RepaymentService(self._store, clock)
        self._credit = CreditServicer(
            self._customers,
            self._checks,
            self._booking,
            self._repayments,
            DecisionService(self._store, policies),
            metrics,
        )
        self._portfolio = PortfolioServicer(
            Idempotency(self._store, clock),
            ImportService(self._store, clock),
            PolicyService(policies, clock),
            SimulationService(self._store, policies, clock),
            PortfolioSummaryService(self._store, policies, clock),
            settings.import_max_upload_bytes,
            self._draining,
        )

    @property
    def inline_methods(self) -> frozenset[MethodDescriptor]:
        """The methods whose calls other threads answer, so that they take little time of the one they arrive on."""
        names = ("RegisterCustomer", "CheckEligibility", "CreateLoan", "RecordRepayment")
        return frozenset(_CREDIT.methods_by_name[name] for name in names)

    def add_to(self, server: grpc.Server) -> None:
        """Adds the services to a server that has not started."""
        credit_service_pb2_grpc.add_CreditServiceServicer_to_server(self._credit, server)
        portfolio_service_pb2_grpc.add_PortfolioServiceServicer_to_server(self._portfolio, server)

    def drain(self) -> None:
        """Ends watches and scans of the book with UNAVAILABLE; their callers retry with a server that stays."""
        self._draining.set()

    def close(self) -> None:
        """Ends the queues' threads and closes the database's connections."""
        for service in (self._checks, self._customers, self._booking, self._repayments):
            service.close()
        self._store.close()


def build_application(settings: Settings, metrics: Metrics) -> CreditApplication:
    """Makes the services of this process."""
    return CreditApplication(settings, metrics)


def run_import_worker(settings: Settings, metrics: Metrics, stop: threading.Event) -> None:
    """Works on imports until the event is set; what is unfinished goes on at the next start."""
    store = SqlStore(settings.database_url, threads=1)
    limits = ReadingLimits(
        unpacked_bytes=settings.import_max_unpacked_bytes,
        rows=settings.import_max_rows,
        memory_bytes=settings.import_max_memory_bytes,
    )
    try:
        ImportWorker(store, clock_of(settings), metrics, limits, settings.import_batch_rows).run(stop)
    finally:
        store.close()


def queue_files(settings: Settings) -> None:
    """Queues the files that the settings name, customers first, for the loans are theirs."""
    store = SqlStore(settings.database_url, threads=1)
    imports = ImportService(store, clock_of(settings))
    try:
        for kind, path in ((ImportKind.CUSTOMERS, settings.load_customers), (ImportKind.LOANS, settings.load_loans)):
            if path is not None:
                upload = _upload(kind, path)
                store.write(partial(imports.queue, upload=upload, import_id=imports.store(upload)))
    finally:
        store.close()


def import_queue_depth(settings: Settings) -> Callable[[], int]:
    """Makes the function that counts the imports that have not ended."""

    def depth() -> int:
        # A connection of its own each time: between two scrapes the supervisor holds none.
        store = SqlStore(settings.database_url, threads=1)
        try:
            with store.read() as tx:
                return tx.imports.depth()
        finally:
            store.close()

    return depth


def _upload(kind: ImportKind, path: Path) -> Upload:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    return Upload(kind, path.name, None, size, sha256, {}, _Pieces(path))


@dataclass(frozen=True)
class _Pieces:
    """A file in pieces."""

    path: Path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece
