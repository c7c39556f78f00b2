"""The primary database is lost under load and its standby takes over: what was acknowledged is kept, and kept once."""

import contextlib
import itertools
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from google.type import decimal_pb2, money_pb2
from support.audit_trail import findings
from support.postgres import FAST, PostgresServer, postgres_folder
from support.servers import RunningServer, eventually

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.storage.store import SqlStore

pytestmark = pytest.mark.tools

TRIALS = int(os.environ.get("ALMENO_FAILOVER_TRIALS", "2"))
CALLERS = 8
RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.DEADLINE_EXCEEDED)
GIVE_UP_SECONDS = 60


@dataclass
class Acknowledged:
    """What callers were told has been done, and how often they had to ask again."""

    answers: dict[str, bytes] = field(default_factory=dict)
    customers: dict[str, int] = field(default_factory=dict)
    """The customer's number, by the phone number."""
    loans: dict[int, int] = field(default_factory=dict)
    """The customer's number, by the loan's."""
    refused: list[str] = field(default_factory=list)
    """Requests that could not have been refused, were nothing lost."""
    retries: int = 0


class Load:
    """Callers that register customers and book loans, each request with an id and sent until it is answered."""

    def __init__(self, servers: list[RunningServer]) -> None:
        self._connections = [servers[number % len(servers)].connect() for number in range(CALLERS)]
        self._others = [servers[(number + 1) % len(servers)].connect() for number in range(CALLERS)]
        self._stop = threading.Event()
        self.acknowledged = Acknowledged()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Calls for as long as the body lasts, and until each call has its answer."""
        with ThreadPoolExecutor(CALLERS) as pool:
            callers = [pool.submit(self._call_again_and_again, number) for number in range(CALLERS)]
            try:
                yield
            finally:
                self._stop.set()
                for caller in callers:
                    caller.result()

    def answered(self) -> int:
        return len(self.acknowledged.answers)

    def _call_again_and_again(self, number: int) -> None:
        phone_numbers = itertools.count(9_000_000_000 + number * 1_000_000)
        while not self._stop.is_set():
            try:
                self._lend_to_new_customer(number, f"+91{next(phone_numbers)}")
            except grpc.RpcError as error:
                self.acknowledged.refused.append(str(error.details()))

    def _lend_to_new_customer(self, number: int, phone_number: str) -> None:
        registration = pb.RegisterCustomerRequest(
            request_id=str(uuid.uuid4()),
            first_name="Asha",
            last_name="Rao",
            age=30,
            monthly_income=money_pb2.Money(currency_code="INR", units=50_000),
            phone_number=phone_number,
        )
        customer = self._answer(number, "RegisterCustomer", registration).customer
        self.acknowledged.customers[phone_number] = customer.customer_id
        booking = pb.CreateLoanRequest(
            request_id=str(uuid.uuid4()),
            customer_id=customer.customer_id,
            loan_amount=money_pb2.Money(currency_code="INR", units=100_000),
            interest_rate=decimal_pb2.Decimal(value="12"),
            tenure_months=24,
        )
        loan = self._answer(number, "CreateLoan", booking).loan
        self.acknowledged.loans[loan.loan_id] = customer.customer_id

    def _answer(self, number: int, method: str, request):
        """Sends a request until it is answered, to one server and the other in turn."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        connections = [self._connections[number], self._others[number]]
        while True:
            try:
                answer = getattr(connections[0].credit, method)(request, timeout=15)
            except grpc.RpcError as error:
                if error.code() not in RETRIED or time.monotonic() > deadline:
                    raise
                self.acknowledged.retries += 1
                connections.reverse()
                time.sleep(random.uniform(0.02, 0.1))
            else:
                self.acknowledged.answers[request.request_id] = answer.SerializeToString(deterministic=True)
                return answer


def faults(database: PostgresServer, acknowledged: Acknowledged) -> list[str]:
    """What the book has lost of what was acknowledged, and what it has more than once or without a request."""
    with database.connect() as connection:
        customers = {
            (f"+{digits}", customer_id)
            for digits, customer_id in connection.execute("SELECT phone_digits, customer_id FROM customer")
        }
        held = {
            (f"+{digits}", customer_id)
            for digits, customer_id in connection.execute("SELECT digits, customer_id FROM phone_number")
        }
        loans = connection.execute("SELECT loan_id, customer_id FROM loan").fetchall()
        answered = {row[0] for row in connection.execute("SELECT request_id FROM idempotency_record")}
        decisions = Counter(row[0] for row in connection.execute("SELECT customer_id FROM decision"))
    lost = [f"lost answer {each}" for each in acknowledged.answers.keys() - answered]
    lost += [f"lost customer {each}" for each in acknowledged.customers.items() - customers]
    lost += [f"lost loan {each}" for each in acknowledged.loans.items() - set(loans)]
    # Each customer asks for one loan, however often.
    twice = [f"two loans of {each}" for each, count in Counter(row[1] for row in loans).items() if count > 1]
    twice += [f"two decisions on {each}" for each, count in decisions.items() if count > 1]
    unasked = [f"customer {each} whom nobody has" for each in customers - acknowledged.customers.items()]
    unasked += [f"phone number {each} by one table only" for each in customers ^ held]
    return lost + twice + unasked + [f"refused: {each}" for each in acknowledged.refused]


@dataclass
class Pair:
    """A primary and its standby."""

    primary: PostgresServer
    standby: PostgresServer
    url: str


@pytest.fixture
def start_pair() -> Iterator[Callable[..., Pair]]:
    """Starts a primary and a standby that is synchronous or not."""
    with contextlib.ExitStack() as stack:

        def start(*, synchronous: bool) -> Pair:
            folder = stack.enter_context(postgres_folder())
            primary = PostgresServer(folder / "primary")
            primary.initialize()
            standby = PostgresServer(folder / "standby")
            settings = {**FAST, "synchronous_standby_names": "*" if synchronous else "", "hot_standby": "on"}
            primary.start({**settings, "synchronous_standby_names": ""})
            stack.callback(primary.stop)
            standby.copy_from(primary, "standby")
            standby.start({**FAST, "hot_standby": "on"})
            stack.callback(standby.stop)
            primary.restart(settings)
            with primary.connect() as connection:
                wanted = ("sync",) if synchronous else ("async",)
                state = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
                eventually(lambda: connection.execute(state).fetchone() == wanted)
            hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in (primary, standby))
            return Pair(primary, standby, f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write")

        yield start


@pytest.fixture
def fail_over(start_pair: Callable[..., Pair], tmp_path: Path) -> Callable[..., tuple[list[str], Acknowledged]]:
    """Runs a trial: load on two servers, the primary killed, the standby promoted; gives the faults of the book."""
    trials = iter(range(1000))

    def run(*, synchronous: bool) -> tuple[list[str], Acknowledged]:
        pair = start_pair(synchronous=synchronous)
        with contextlib.ExitStack() as stack:
            servers = []
            for name in ("one", "two"):
                folder = tmp_path / f"{name}-{next(trials)}"
                folder.mkdir()
                server = RunningServer(folder, ALMENO_DATABASE_URL=pair.url)
                stack.callback(server.stop)
                servers.append(server)
            load = Load(servers)
            with load.running():
                eventually(lambda: load.answered() > 50)
                time.sleep(random.uniform(0, 0.3))
                if not synchronous:
                    lag(pair)
                pair.primary.kill()
                pair.standby.promote()
                before = load.answered()
                eventually(lambda: load.answered() > before + 50)
            store = SqlStore(pair.url)
            stack.callback(store.close)
            return faults(pair.standby, load.acknowledged) + findings(store), load.acknowledged

    return run


def lag(pair: Pair) -> None:
    """Lets the primary run ahead of its standby, as a slow network does."""
    with pair.standby.connect() as connection:
        connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
        connection.execute("SELECT pg_reload_conf()")
    time.sleep(0.3)


@pytest.mark.parametrize("trial", range(TRIALS))
def test_failover_to_a_synchronous_standby_loses_nothing_and_books_nothing_twice(fail_over, trial, record_property):
    found, acknowledged = fail_over(synchronous=True)
    noted = f"{len(acknowledged.answers)} answers kept, {acknowledged.retries} requests sent again"
    record_property(f"failover {trial + 1} of {TRIALS}", noted)
    assert found == [], f"in trial {trial}"
    assert acknowledged.retries, "no call noticed the failover"


def test_failover_to_an_asynchronous_standby_is_caught_losing_writes(fail_over):
    """The control."""
    found, _ = fail_over(synchronous=False)
    assert any(fault.startswith("lost customer") for fault in found)
    assert any(fault.startswith("lost loan") for fault in found)
