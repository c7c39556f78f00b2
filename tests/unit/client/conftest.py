"""A stand-in for the service: a real gRPC server whose answers each test lays down."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from almeno_client import CreditClient, Retries
from almeno_client.cli import app
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money
from grpc_status import rpc_status
from typer.testing import CliRunner

from almeno_grpc.api import (
    credit_service_pb2,
    credit_service_pb2_grpc,
    customer_pb2,
    decision_pb2,
    import_pb2,
    loan_pb2,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
    repayment_pb2,
)

QUICK = Retries(attempts=4, first_backoff_seconds=0.005, longest_backoff_seconds=0.02)


@dataclass
class Refusal(Exception):
    """An answer that is an error."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    domain: str = "almeno.credit"

    def abort(self, context: grpc.ServicerContext) -> None:
        status = self.status()
        if not status.details:
            context.abort(self.code, self.message)
        context.abort_with_status(rpc_status.to_status(status))

    def status(self) -> Status:
        details: list[Message] = []
        if self.reason:
            details.append(ErrorInfo(reason=self.reason, domain=self.domain, metadata=self.metadata))
        if self.fields:
            violations = [BadRequest.FieldViolation(field=f, description=d) for f, d in self.fields.items()]
            details.append(BadRequest(field_violations=violations))
        packed = [AnyMessage() for _ in details]
        for envelope, detail in zip(packed, details, strict=True):
            envelope.Pack(detail)
        return Status(code=self.code.value[0], message=self.message, details=packed)


Answer = Message | Refusal | Callable[[Any, grpc.ServicerContext], Any]


class FakeService:
    """Both services; answers each method from a list, the last answer for good, and keeps what it was asked."""

    def __init__(self) -> None:
        self._answers: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        self.requests: dict[str, list[Any]] = {}
        self.peers: set[str] = set()
        for service in (credit_service_pb2, portfolio_service_pb2):
            for descriptor in service.DESCRIPTOR.services_by_name.values():
                for method in descriptor.methods:
                    setattr(self, method.name, self._handler(method.name, method.server_streaming))

    def forget(self) -> None:
        self._answers.clear()
        self.requests.clear()
        self.peers.clear()

    def answers(self, method: str, *answers: Answer) -> None:
        """Lays down the answers to the next calls of a method; the last one also answers all later calls."""
        self._answers[method] = list(answers)

    def _handler(self, name: str, streams: bool) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            received = request if isinstance(request, Message) else list(request)
            with self._lock:
                self.requests.setdefault(name, []).append(received)
                self.peers.add(context.peer())
                left = self._answers[name]
                given = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(given, Refusal):
                given.abort(context)
            return given(received, context) if callable(given) else given

        def answer_stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            for item in answer(request, context):
                if isinstance(item, Refusal):
                    item.abort(context)
                yield item

        return answer_stream if streams else answer


@pytest.fixture(scope="session")
def _fake() -> Iterator[tuple[FakeService, str]]:
    service = FakeService()
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    credit_service_pb2_grpc.add_CreditServiceServicer_to_server(service, server)
    portfolio_service_pb2_grpc.add_PortfolioServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service, f"127.0.0.1:{port}"
    server.stop(0).wait()


@pytest.fixture
def service(_fake: tuple[FakeService, str]) -> FakeService:
    _fake[0].forget()
    return _fake[0]


@pytest.fixture
def address(_fake: tuple[FakeService, str]) -> str:
    return _fake[1]


@pytest.fixture
def client(address: str) -> Iterator[CreditClient]:
    with CreditClient(address, retries=QUICK, timeout_seconds=10) as client:
        yield client


@pytest.fixture
def almeno(address: str) -> Callable[..., Any]:
    """Runs a command line against the stand-in."""

    def run(*arguments: str, width: int = 100) -> Any:
        return CliRunner().invoke(app, arguments, env={"ALMENO_ADDRESS": address, "COLUMNS": str(width)})

    return run


def rupees(units: int, paise: int = 0) -> Money:
    return Money(currency_code="INR", units=units, nanos=paise * 10_000_000)


def position(**changes: Any) -> customer_pb2.CreditPosition:
    figures: dict[str, Any] = {
        "loan_count": 3,
        "active_loan_count": 2,
        "loans_this_year": 1,
        "approved_volume": rupees(12_34_567),
        "current_debt": rupees(4_56_789, 25),
        "monthly_obligation": rupees(21_500, 50),
        "emis_due": 36,
        "emis_paid_on_time": 34,
        "available_limit": rupees(13_43_210, 75),
    }
    return customer_pb2.CreditPosition(**(figures | changes))


def customer(**changes: Any) -> customer_pb2.Customer:
    facts: dict[str, Any] = {
        "customer_id": 14,
        "first_name": "Asha",
        "last_name": "Verma",
        "age": 34,
        "phone_number": "+919629317944",
        "monthly_income": rupees(50_000),
        "approved_limit": rupees(18_00_000),
        "create_time": Timestamp(seconds=1_767_225_600),
    }
    return customer_pb2.Customer(**(facts | changes))


def decision(**changes: Any) -> decision_pb2.Decision:
    component = decision_pb2.ScoreComponent
    facts: dict[str, Any] = {
        "customer_id": 14,
        "approved": True,
        "credit_score": 74,
        "score_components": [
            component(name="on_time_payments", points=49.2063492063492, max_points=50, observed="34/36"),
            component(name="past_loans", points=10, max_points=15, observed="3"),
            component(name="current_year_activity", points=10, max_points=15, observed="1"),
            component(name="approved_volume", points=5, max_points=20, observed="0.6859"),
        ],
        "loan_amount": rupees(5_00_000),
        "interest_rate": Decimal(value="10.5"),
        "corrected_interest_rate": Decimal(value="10.5"),
        "tenure_months": 60,
        "monthly_installment": rupees(10_746, 95),
        "message": "The loan of ₹5,00,000 over 60 months is approved at 10.5 %.",
        "position": position(),
        "policy_version": "2026-01",
        "business_date": Date(year=2026, month=1, day=31),
    }
    return decision_pb2.Decision(**(facts | changes))


def decline(**changes: Any) -> decision_pb2.Decision:
    facts: dict[str, Any] = {
        "approved": False,
        "credit_score": 31,
        "corrected_interest_rate": Decimal(value="12"),
        "reasons": [
            decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT,
            decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH,
        ],
        "message": "Declined: the loan exceeds the limit and the instalments exceed half of the income.",
        "counter_offer": rupees(1_23_456),
    }
    return decision(**(facts | changes))


def stored_decision(**changes: Any) -> decision_pb2.Decision:
    gate = decision_pb2.DecisionGate
    facts: dict[str, Any] = {
        "decision_id": "d-0001",
        "max_interest_rate": Decimal(value="14"),
        "gates": [
            gate(
                reason=decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT,
                passed=False,
                observed="current debt ₹4,56,789.25 and the new loan ₹15,00,000",
                allowed="approved limit ₹18,00,000",
            ),
            gate(reason=decision_pb2.DECISION_REASON_RATE_ABOVE_MAXIMUM, passed=True, observed="12 %", allowed="14 %"),
        ],
        "policy_sha256": "c0ffee" * 10 + "c0ff",
        "monthly_income": rupees(50_000),
        "approved_limit": rupees(18_00_000),
        "create_time": Timestamp(seconds=1_767_225_600),
    }
    return decline(**(facts | changes))


def loan(**changes: Any) -> loan_pb2.Loan:
    facts: dict[str, Any] = {
        "loan_id": 1_000_000_001,
        "customer_id": 14,
        "loan_amount": rupees(5_00_000),
        "interest_rate": Decimal(value="10.5"),
        "tenure_months": 60,
        "monthly_installment": rupees(10_746, 95),
        "repayments_left": 60,
        "outstanding_principal": rupees(5_00_000),
        "approval_date": Date(year=2026, month=1, day=31),
        "end_date": Date(year=2031, month=1, day=31),
        "state": loan_pb2.LOAN_STATE_ACTIVE,
        "installment_method": loan_pb2.INSTALLMENT_METHOD_REDUCING_BALANCE,
        "decision_id": "d-0001",
        "paid_toward_next": rupees(0),
    }
    return loan_pb2.Loan(**(facts | changes))


def installment(number: int, **changes: Any) -> loan_pb2.Installment:
    facts: dict[str, Any] = {
        "number": number,
        "due_date": Date(year=2026, month=number + 1, day=28),
        "amount": rupees(8884, 88),
        "principal": rupees(7884, 88),
        "interest": rupees(1000),
        "balance_after": rupees(92_115, 12),
        "state": loan_pb2.INSTALLMENT_STATE_DUE_LATER,
    }
    return loan_pb2.Installment(**(facts | changes))


def repayment(number: int, **changes: Any) -> repayment_pb2.Repayment:
    facts: dict[str, Any] = {
        "repayment_id": f"r-{number:04}",
        "loan_id": 1_000_000_001,
        "amount": rupees(10_746, 95),
        "payment_date": Date(year=2026, month=3, day=number),
        "emis_completed": 1,
        "outstanding_principal": rupees(4_93_628, 5),
        "create_time": Timestamp(seconds=1_767_225_600),
    }
    return repayment_pb2.Repayment(**(facts | changes))


def payoff(**changes: Any) -> repayment_pb2.Payoff:
    facts: dict[str, Any] = {
        "payoff_date": Date(year=2026, month=3, day=15),
        "amount": rupees(5_03_000, 25),
        "overdue_amount": rupees(10_746, 95),
        "principal": rupees(4_93_628, 5),
        "accrued_interest": rupees(2_000),
        "advance": rupees(3_374, 75),
    }
    return repayment_pb2.Payoff(**(facts | changes))


def import_(state: str, **changes: Any) -> import_pb2.Import:
    facts: dict[str, Any] = {
        "import_id": "i-0001",
        "kind": import_pb2.IMPORT_KIND_LOANS,
        "file_name": "loans.xlsx",
        "sha256": "0" * 64,
        "book_date": Date(year=2026, month=1, day=31),
        "state": f"IMPORT_STATE_{state}",
        "create_time": Timestamp(seconds=1_767_225_600),
    }
    return import_pb2.Import(**(facts | changes))


@pytest.fixture
def sample() -> Any:
    """The makers of sample messages above, for tests, which cannot import this file."""

    class Sample:
        refusal = Refusal

        @staticmethod
        def status(code: str, message: str, reason: str) -> Status:
            return Refusal(grpc.StatusCode[code], message, reason).status()

    makers = (rupees, position, customer, decision, decline, stored_decision, loan, installment, repayment, payoff)
    for maker in (*makers, import_):
        setattr(Sample, maker.__name__, staticmethod(maker))
    return Sample
