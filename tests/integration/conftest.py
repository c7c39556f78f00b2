"""What the integration tests share: a book in a database, the use cases on it, and a server in this process."""

import contextlib
import hashlib
import itertools
import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import grpc
import psycopg
import pytest
from google.rpc import error_details_pb2
from google.type import decimal_pb2, money_pb2
from grpc_status import rpc_status
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url, text
from support.postgres import PostgresServer, running_postgres

from almeno_grpc.api import credit_service_pb2_grpc, import_pb2, portfolio_service_pb2, portfolio_service_pb2_grpc
from almeno_grpc.bootstrap import CreditApplication, load_policies
from almeno_grpc.clock import Clock
from almeno_grpc.config import Settings
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.imports import (
    BookCustomer,
    BookCustomers,
    BookLoan,
    BookLoans,
    ImportFile,
    ImportKind,
    RowCounts,
    RowIssue,
)
from almeno_grpc.domain.money import round_half_up
from almeno_grpc.imports.frames import ReadingLimits
from almeno_grpc.imports.worker import ImportWorker
from almeno_grpc.metrics import NoMetrics
from almeno_grpc.rpc.guarded_method import CallLimits
from almeno_grpc.rpc.interceptor import CallGuard
from almeno_grpc.service.customers import Applicant, CustomerService
from almeno_grpc.service.imports import ImportService, Upload
from almeno_grpc.service.landing import land_batch, set_numbers_aside, write_batch
from almeno_grpc.service.lending import Booking, LendingService
from almeno_grpc.service.repayments import Recorded, RepaymentService
from almeno_grpc.service.requests import Call, Requests
from almeno_grpc.storage.store import BookStore
from almeno_grpc.storage.tables import metadata

settings.register_profile("integration", deadline=None, suppress_health_check=[HealthCheck.too_slow])

TODAY = date(2026, 4, 10)
INDIA = ZoneInfo("Asia/Kolkata")
RUPEE = 100
LAKH = 100_000 * RUPEE
UPLOAD_LIMIT_BYTES = 6 * 2**20

_phone_numbers = iter(range(9_100_000_001, 9_999_999_999))


@dataclass
class Book:
    """The use cases on a store, in the words of a test. Amounts in paise."""

    store: BookStore
    clock: Clock
    once: Requests = field(init=False)
    customers: CustomerService = field(init=False)
    lending: LendingService = field(init=False)
    repayments: RepaymentService = field(init=False)
    imports: ImportService = field(init=False)

    def __post_init__(self) -> None:
        self.once = Requests(self.store, self.clock)
        self.customers = CustomerService(self.store, self.clock)
        self.lending = LendingService(self.store, load_policies(), self.clock)
        self.repayments = RepaymentService(self.store, self.clock)
        self.imports = ImportService(self.store, self.clock)

    def register(self, monthly_income: int = 50_000 * RUPEE, phone_number: str = "") -> Customer:
        applicant = Applicant("Asha", "Rao", 30, monthly_income, phone_number or f"+91{next(_phone_numbers)}")
        return self.store.write(lambda tx: self.customers.register(tx, applicant))

    def lend(self, customer_id: int, amount: int, rate: str = "12", months: int = 12, request_id: str = "") -> Booking:
        """Books a loan as CreateLoan does, with a request_id or without."""
        request = LoanRequest(customer_id, amount, Decimal(rate), months)
        call = Call(request_id, fingerprint=hashlib.sha256(f"{request}".encode()).hexdigest())
        booked: list[Booking] = []
        self.once.once(call, lambda tx: self.lending.book(tx, request), lambda _: b"booked", booked.append).result()
        return booked[0]

    def repay(self, loan_id: int, amount: int, on: date | None = None) -> Recorded:
        return self.store.write(lambda tx: self.repayments.record(tx, loan_id, amount, on))

    def queue(self, kind: ImportKind, content: bytes, file_name: str = "book.csv", **header) -> ImportFile:
        upload = Upload(kind, file_name, header.get("book_date"), header.get("sha256", "0" * 64), [content])
        import_id = self.imports.store(upload)
        return self.store.write(lambda tx: self.imports.queue(tx, upload, import_id))

    def land(
        self, rows: Sequence[BookCustomer] | Sequence[BookLoan], issues: Sequence[RowIssue] = (), batch_rows: int = 1000
    ) -> ImportFile:
        """Lands checked rows as an import would, so many to a batch; gives the import as it then stands."""
        kind = ImportKind.CUSTOMERS if isinstance(rows[0], BookCustomer) else ImportKind.LOANS
        file = self.queue(kind, b"")
        if kind is ImportKind.LOANS:
            owners = {row.source_loan_id: row.customer_id for row in reversed(rows)}
            self.store.write(lambda tx: set_numbers_aside(tx, list(owners), list(owners.values())))
        for start in range(0, len(rows), batch_rows):
            batch = rows[start : start + batch_rows]
            columns = BookCustomers.of(batch) if kind is ImportKind.CUSTOMERS else BookLoans.of(batch)
            of_batch = [issue for issue in issues if batch[0].row_number <= issue.row_number <= batch[-1].row_number]
            self.land_parts(file, [(columns, of_batch)])
        return self.imports.get(file.import_id)

    def land_parts(
        self, file: ImportFile, parts: Sequence[tuple[BookCustomers | BookLoans, list[RowIssue]]]
    ) -> RowCounts:
        """Lands parts of a batch in a transaction."""
        return write_batch(
            self.store, lambda tx, looks_first: land_batch(tx, file.queue_number, parts, 1, looks_first=looks_first)
        )

    def issues(self, file: ImportFile) -> list[tuple[int, str, str, str]]:
        found = self.imports.page_of_issues(file.import_id, (0, 0), 1000)
        return [(issue.row_number, issue.outcome.value, issue.column, issue.message) for _, issue in found]

    def rows(self, table: str) -> list[dict]:
        """Every row of a table, in the order of its key."""
        with self.store.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY 1")).mappings()]  # noqa: S608

    def counts(self) -> dict[str, int]:
        """How many rows each table has."""
        return {table.name: len(self.rows(table.name)) for table in metadata.sorted_tables}

    def work(self, until: Callable[[], bool] | None = None, batch_rows: int = 1000, part_rows: int = 1000) -> None:
        """Lets an import worker work until the queue is empty, or something else has come."""
        worker = ImportWorker(self.store, self.clock, NoMetrics(), ReadingLimits(), batch_rows, part_rows)
        stop = threading.Event()
        with futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(worker.run, stop)
            try:
                deadline = time.monotonic() + 60
                while not (until or self.is_idle)():
                    assert time.monotonic() < deadline, "the imports have not ended within a minute"
                    assert not running.done(), running.exception()
                    time.sleep(0.01)
            finally:
                stop.set()
                running.result()

    def is_idle(self) -> bool:
        """Whether no import waits, and no upload that nobody needs any more."""
        with self.store.read() as tx:
            return tx.imports.depth() == 0 and not tx.imports.done_with("")


def book_customer(number: int, **changes) -> BookCustomer:
    """A row of a customer file: a monthly income of ₹50,000 and a limit of ₹18 lakh."""
    row = {
        "row_number": number + 1,
        "customer_id": number,
        "first_name": "Asha",
        "last_name": "Rao",
        "age": 30,
        "phone_digits": 918_000_000_000 + number,
        "monthly_income": 50_000 * RUPEE,
        "approved_limit": 18 * LAKH,
    }
    return BookCustomer(**row | changes)


def book_loan(customer_id: int, loan_id: int, **changes) -> BookLoan:
    """A row of a loan file: ₹1 lakh over 12 months from January 2026, 3 instalments paid, 2 of them on time."""
    row = {
        "row_number": loan_id + 1,
        "customer_id": customer_id,
        "source_loan_id": loan_id,
        "loan_amount": LAKH,
        "tenure_months": 12,
        "interest_rate_e4": 105_000,
        "monthly_installment": 9_208 * RUPEE,
        "emis_paid": 3,
        "emis_paid_on_time": 2,
        "approval_date": date(2026, 1, 5),
    } | changes
    approval = row.pop("approval_date")
    row |= {"approval_year": approval.year, "approval_month": approval.month, "approval_day": approval.day}
    left = row["tenure_months"] - row["emis_paid"]
    return BookLoan(**row, outstanding_principal=round_half_up(row["loan_amount"] * left, row["tenure_months"]))


@pytest.fixture(scope="session")
def rows_of() -> SimpleNamespace:
    """Makers of checked rows: `customer(number, …)` and `loan(customer_id, loan_id, …)`."""
    return SimpleNamespace(customer=book_customer, loan=book_loan)


class SqliteDatabases:
    """Makes SQLite databases, each an empty file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def make(self, *, empty: bool = False) -> str:
        del empty
        return f"sqlite:///{self._folder / f'book-{next(self._numbers)}.db'}"

    def drop(self, url: str) -> None:
        for path in self._folder.glob(f"{make_url(url).database.rpartition('/')[2]}*"):
            path.unlink()


class PostgresDatabases:
    """Makes PostgreSQL databases of a server: copies of one with the schema, for making that takes a while."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        self._template = "template1"
        url = self.make()
        store = BookStore(url)
        store.migrate()
        store.close()
        self._template = make_url(url).database

    def make(self, *, empty: bool = False) -> str:
        name = f"book_{next(self._numbers)}"
        template = "template1" if empty else self._template
        with self.server.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.server.url(name)

    def drop(self, url: str) -> None:
        with self.server.connect() as connection:
            connection.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[PostgresDatabases]:
    with running_postgres() as server:
        yield PostgresDatabases(server)


@pytest.fixture(scope="module")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    return SqliteDatabases(tmp_path_factory.mktemp("books"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> SqliteDatabases | PostgresDatabases:
    """Where the tests of a module get their databases: every promise of the store is held on each kind."""
    return request.getfixturevalue("sqlite_databases" if request.param == "sqlite" else "postgres_databases")


@pytest.fixture
def new_database(databases: SqliteDatabases | PostgresDatabases) -> Iterator[Callable[..., str]]:
    """Makes databases for a test, with the schema or without; gives their URLs."""
    with contextlib.ExitStack() as stack:

        def make(*, empty: bool = False) -> str:
            url = databases.make(empty=empty)
            stack.callback(databases.drop, url)
            return url

        yield make


@pytest.fixture
def admin(databases: PostgresDatabases, database_url: str) -> Iterator[psycopg.Connection]:
    """A connection that does to a PostgreSQL database what an administrator may."""
    with databases.server.connect(make_url(database_url).database) as connection:
        yield connection


@pytest.fixture
def database_url(new_database: Callable[..., str]) -> str:
    """A database with an empty book, or none yet; `store` makes sure of the schema."""
    return new_database()


@pytest.fixture
def open_store(database_url: str) -> Iterator[Callable[[], BookStore]]:
    """Opens the database as often as processes would."""
    with contextlib.ExitStack() as stack:

        def open_another() -> BookStore:
            store = BookStore(database_url, threads=40)
            stack.callback(store.close)
            return store

        yield open_another


@pytest.fixture
def store(open_store: Callable[[], BookStore]) -> BookStore:
    store = open_store()
    store.migrate()
    return store


@pytest.fixture
def clock() -> Clock:
    return Clock(TODAY, INDIA)


@pytest.fixture
def book(store: BookStore, clock: Clock) -> Book:
    return Book(store, clock)


@pytest.fixture
def start_process(database_url: str) -> Iterator[Callable[..., "BookProcess"]]:
    """Starts processes that work on the same database."""
    with contextlib.ExitStack() as stack:

        def start(command: str, **options) -> BookProcess:
            process = BookProcess(database_url, command, options)
            stack.callback(process.end)
            return process

        yield start


class BookProcess:
    """A process of `book_process.py`: it gets ready, waits for `go`, and `result` is what it came to."""

    def __init__(self, database_url: str, command: str, options: dict) -> None:
        arguments = [sys.executable, str(Path(__file__).with_name("book_process.py")), database_url, command]
        self.process = subprocess.Popen(
            [*arguments, json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def wait_until_ready(self) -> None:
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self):
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            with contextlib.suppress(BrokenPipeError):
                stream.close()


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
    portfolio: portfolio_service_pb2_grpc.PortfolioServiceStub
    book: Book
    channel: grpc.Channel
    application: CreditApplication

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
        """Uploads a file in one piece."""
        messages = [
            portfolio_service_pb2.StartImportRequest(
                header=portfolio_service_pb2.ImportHeader(kind=kind, file_name=name, **header)
            ),
            portfolio_service_pb2.StartImportRequest(chunk=content),
        ]
        return getattr(self.portfolio.StartImport(iter(messages), timeout=30), "import")


@contextlib.contextmanager
def served(database_url: str) -> Iterator[Served]:
    """Serves a book on a free port."""
    settings_here = Settings(
        database_url=database_url, business_date=TODAY, threads=4, import_max_upload_bytes=UPLOAD_LIMIT_BYTES
    )
    store = BookStore(database_url, threads=40)
    store.migrate()
    application = CreditApplication(settings_here, NoMetrics())
    limits = CallLimits(
        concurrent_calls=1000, message_bytes=settings_here.max_message_bytes, slow_call_milliseconds=60_000
    )
    guard = CallGuard(threads=4, limits=limits, stream_methods=application.stream_methods, metrics=NoMetrics())
    server = grpc.server(guard.calls, interceptors=[guard], options=[("grpc.max_receive_message_length", 2**23)])
    application.add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Served(
            credit_service_pb2_grpc.CreditServiceStub(channel),
            portfolio_service_pb2_grpc.PortfolioServiceStub(channel),
            Book(store, Clock(TODAY, INDIA)),
            channel,
            application,
        )
    application.drain()
    server.stop(None).wait()
    guard.calls.shutdown()
    guard.streams.shutdown()
    application.close()
    store.close()


@pytest.fixture
def stubs(database_url: str) -> Iterator[Served]:
    """A server with an empty book."""
    with served(database_url) as server:
        yield server


@pytest.fixture(scope="module")
def shared_stubs(databases: SqliteDatabases | PostgresDatabases) -> Iterator[Served]:
    """A server that the tests of a module share: for tests that leave no trace, or look at their own only."""
    url = databases.make()
    with served(url) as server:
        yield server
    databases.drop(url)


@pytest.fixture
def new_request_id() -> Callable[[], str]:
    return lambda: str(uuid.uuid4())


@pytest.fixture(scope="session")
def money() -> Callable[..., money_pb2.Money]:
    """Makes an amount of whole rupees."""
    return lambda rupees: money_pb2.Money(currency_code="INR", units=rupees)


@pytest.fixture(scope="session")
def rate() -> Callable[[str], decimal_pb2.Decimal]:
    return lambda text: decimal_pb2.Decimal(value=text)
