"""What the integration tests share: a book in a database, the use cases on it, and a server in this process."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import psycopg
import pytest
from google.type import decimal_pb2, money_pb2
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url
from support.book import INDIA, LAKH, TODAY, Book, book_customer, book_loan
from support.book_databases import PostgresDatabases, SqliteDatabases
from support.book_processes import BookProcess
from support.fake_book_file import FakeFile
from support.postgres import running_postgres
from support.served_book import Served, served
from support.servers import ROOT

from almeno_grpc.api import import_pb2
from almeno_grpc.clock import Clock
from almeno_grpc.storage.store import SqlStore

pytest.register_assert_rewrite("support.recount")
settings.register_profile("integration", deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="session")
def rows_of() -> SimpleNamespace:
    """Makers of checked rows: `customer(number, …)` and `loan(customer_id, loan_id, …)`."""
    return SimpleNamespace(customer=book_customer, loan=book_loan)


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[PostgresDatabases]:
    with running_postgres() as server:
        yield PostgresDatabases(server)


@pytest.fixture(scope="session")
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
    """A database with an empty book."""
    return new_database()


@pytest.fixture
def open_store(database_url: str) -> Iterator[Callable[[], SqlStore]]:
    """Opens the database as often as processes would."""
    with contextlib.ExitStack() as stack:

        def open_another() -> SqlStore:
            store = SqlStore(database_url, threads=40)
            stack.callback(store.close)
            return store

        yield open_another


@pytest.fixture
def store(open_store: Callable[[], SqlStore]) -> SqlStore:
    return open_store()


@pytest.fixture
def clock() -> Clock:
    return Clock(TODAY, INDIA)


@pytest.fixture
def book(store: SqlStore, clock: Clock) -> Iterator[Book]:
    book = Book(store, clock)
    yield book
    book.close()


@pytest.fixture
def with_customers(book: Book) -> Book:
    """A book with the imported customers 1 to 9."""
    book.upsert([book_customer(number) for number in range(1, 10)])
    return book


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> FakeFile:
    """What every import reads; each in as few transactions as may be."""
    fake = FakeFile()
    monkeypatch.setattr("almeno_grpc.imports.worker.open_import_file", fake.open)
    monkeypatch.setattr("almeno_grpc.imports.worker._RETRY_SECONDS", 0.01)
    monkeypatch.setattr("almeno_grpc.imports.worker._IDLE_SECONDS", 0.01)
    monkeypatch.setattr("almeno_grpc.imports.throttle._CALL_SECONDS", 60)
    monkeypatch.setattr("almeno_grpc.imports.throttle._MAX_TRANSACTION_SECONDS", 60)
    monkeypatch.setattr("almeno_grpc.imports.throttle._FIRST_TRANSACTION_SECONDS", 60)
    monkeypatch.setattr("almeno_grpc.imports.throttle._TRAFFIC_SECONDS", 60)
    return fake


@pytest.fixture
def start_process(database_url: str) -> Iterator[Callable[..., BookProcess]]:
    """Starts processes that work on the same database."""
    with contextlib.ExitStack() as stack:

        def start(command: str, **options) -> BookProcess:
            process = BookProcess(database_url, command, options)
            stack.callback(process.end)
            return process

        yield start


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


@pytest.fixture(scope="module")
def sample(shared_stubs: Served) -> Served:
    """A server with the sample book, and a few customers who registered here and asked for loans."""
    for kind, name in ((import_pb2.IMPORT_KIND_CUSTOMERS, "customers"), (import_pb2.IMPORT_KIND_LOANS, "loans")):
        shared_stubs.upload((ROOT / "data" / f"{name}.xlsx").read_bytes(), kind, f"{name}.xlsx")
    book = shared_stubs.book
    book.work()
    for day, amounts in (
        (date(2025, 12, 31), (1, 2)),
        (date(2026, 3, 10), (1, 200, 200)),
        (book.clock.today(), (1, 200)),
        # Comes after the business date, and is not in its figures.
        (date(2026, 5, 1), (1, 200)),
    ):
        on_the_day = replace(book, clock=Clock(day, INDIA))
        for amount in amounts:
            on_the_day.lend(on_the_day.register().customer_id, amount * LAKH)
    return shared_stubs


@pytest.fixture(scope="session")
def money() -> Callable[..., money_pb2.Money]:
    """Makes an amount of whole rupees."""
    return lambda rupees: money_pb2.Money(currency_code="INR", units=rupees)


@pytest.fixture(scope="session")
def rate() -> Callable[[str], decimal_pb2.Decimal]:
    return lambda text: decimal_pb2.Decimal(value=text)
