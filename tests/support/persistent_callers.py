"""Callers of a book on PostgreSQL that ask until they are answered, and what of the answers the book has lost."""

import contextlib
import itertools
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
from google.type import decimal_pb2, money_pb2

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import loan_pb2
from support.postgres import PostgresServer
from support.servers import RunningServer

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

    turns = 1
    """The number of servers from one that does not answer to the one that a caller asks then."""

    def __init__(self, servers: list[RunningServer], give_up_seconds: float = GIVE_UP_SECONDS) -> None:
        self._give_up_seconds = give_up_seconds
        self._connections = [servers[number % len(servers)].connect() for number in range(CALLERS)]
        self._others = [servers[(number + self.turns) % len(servers)].connect() for number in range(CALLERS)]
        self._stop = threading.Event()
        self.is_cut_off = threading.Event()
        """Set while callers would get no answer, for the power is off: what comes nevertheless is asked for again."""
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

    def _lend_to_new_customer(self, number: int, phone_number: str) -> loan_pb2.Loan:
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
        return loan

    def _answer(self, number: int, method: str, request):
        """Sends a request until it is answered, to one server and the other in turn."""
        deadline = time.monotonic() + self._give_up_seconds
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
                continue
            if not self.is_cut_off.is_set():
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
