"""Requests sent more than once: one effect and the first answer, byte for byte, from any process, after any crash."""

import uuid
from dataclasses import dataclass
from functools import partial

import grpc
import pytest
from google.protobuf.message import Message
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.calls import NOBODY, SECONDS, applicant, loan_of, refused, registered, rupees
from support.servers import CUSTOMERS, SEVERAL_PROCESSES, RunningServer, StartServer, eventually, kill

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb

CREDIT, PORTFOLIO = "/almeno.credit.v1.CreditService", "/almeno.credit.v1.PortfolioService"
TABLES = ("customer", "loan", "repayment", "decision", "idempotency_record", "import_file")


@dataclass(frozen=True)
class Sent:
    """A request that was answered: the method, its messages, and the answer's bytes."""

    method: str
    messages: list[bytes]
    answer: bytes


def send(channel: grpc.Channel, method: str, messages: list[bytes]) -> bytes:
    """Makes a call with bytes; every method of the kind can be called as one with a stream of requests."""
    return channel.stream_unary(method)(iter(messages), timeout=SECONDS)


def new_id() -> str:
    return str(uuid.uuid4())


def counts(server: RunningServer) -> dict[str, int]:
    return {table: server.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in TABLES}  # noqa: S608


def upload_messages(request_id: str, content: bytes, **header: object) -> list[Message]:
    fields = {"kind": CUSTOMERS, "file_name": "book.csv", "request_id": request_id} | header
    return [
        portfolio_pb.StartImportRequest(header=portfolio_pb.ImportHeader(**fields)),
        *(portfolio_pb.StartImportRequest(chunk=content[at : at + 100]) for at in range(0, len(content), 100)),
    ]


def repayment_of(loan_id: int, amount: int) -> pb.RecordRepaymentRequest:
    return pb.RecordRepaymentRequest(request_id=new_id(), loan_id=loan_id, amount=rupees(amount))


def idempotency_records(server: RunningServer) -> list[Sent]:
    """Sends a request of each kind that changes something; a decline too."""
    customer_id = registered(server.credit, income=100_000).customer_id
    loan_id = server.credit.CreateLoan(loan_of(customer_id, 10_000), timeout=SECONDS).loan.loan_id
    file = csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1, 20)))
    import_id = server.load(CUSTOMERS, file).import_id
    requests: list[tuple[str, list[Message]]] = [
        (f"{CREDIT}/RegisterCustomer", [applicant(request_id=new_id())]),
        (f"{CREDIT}/CreateLoan", [loan_of(customer_id, 50_000, request_id=new_id())]),
        (f"{CREDIT}/CreateLoan", [loan_of(customer_id, 90_000_000, request_id=new_id())]),
        (f"{CREDIT}/RecordRepayment", [repayment_of(loan_id, 1_000)]),
        (f"{CREDIT}/RecordRepayment", [repayment_of(loan_id, 9_000)]),
        (f"{PORTFOLIO}/StartImport", upload_messages(new_id(), file)),
        (
            f"{PORTFOLIO}/CancelImport",
            [portfolio_pb.CancelImportRequest(import_id=import_id, request_id=new_id())],
        ),
    ]
    sent = []
    for method, messages in requests:
        pieces = [message.SerializeToString() for message in messages]
        sent.append(Sent(method, pieces, send(server.channel, method, pieces)))
    return sent


def test_answers_come_again_byte_for_byte_from_any_process_and_after_a_restart_and_a_crash(
    start_server: StartServer,
) -> None:
    server = start_server(**SEVERAL_PROCESSES)
    sent = idempotency_records(server)
    assert all(one.answer for one in sent)
    # An import that has ended has let go of its upload.
    eventually(lambda: not server.rows("SELECT 1 FROM import_content"), SECONDS)
    before = counts(server)

    def every_answer_is_the_first_one() -> None:
        for connection in [server.connect() for _ in range(8)]:
            for one in sent:
                assert send(connection.channel, one.method, one.messages) == one.answer, one.method
        assert counts(server) == before

    every_answer_is_the_first_one()
    assert server.stop() == 0
    # Another day would give other answers to new requests.
    server.start(ALMENO_BUSINESS_DATE="2027-01-31")
    every_answer_is_the_first_one()
    server.kill_all()
    server.start()
    every_answer_is_the_first_one()


def test_request_id_in_capitals_is_the_same_one(server: RunningServer) -> None:
    request_id = new_id()
    request = applicant(request_id=request_id)
    first = server.credit.RegisterCustomer(request, timeout=SECONDS)
    request.request_id = request_id.upper()
    assert server.credit.RegisterCustomer(request, timeout=SECONDS) == first


def test_request_id_of_another_request_is_refused_and_nothing_happens(server: RunningServer) -> None:
    customer_id = registered(server.credit).customer_id
    request_id = new_id()
    server.credit.CreateLoan(loan_of(customer_id, 10_000, request_id=request_id), timeout=SECONDS)
    uploaded = new_id()
    server.portfolio.StartImport(iter(upload_messages(uploaded, b"a")), timeout=SECONDS)
    before = counts(server)
    cancel = portfolio_pb.CancelImportRequest
    for call, field in (
        (partial(server.credit.CreateLoan, loan_of(customer_id, 10_001, request_id=request_id)), "request_id"),
        (partial(server.credit.CreateLoan, loan_of(customer_id, 10_000, "11", request_id=request_id)), "request_id"),
        (partial(server.credit.RegisterCustomer, applicant(request_id=request_id)), "request_id"),
        (partial(server.portfolio.CancelImport, cancel(import_id="a", request_id=request_id)), "request_id"),
        (
            lambda **options: server.portfolio.StartImport(iter(upload_messages(request_id, b"a")), **options),
            "header.request_id",
        ),
        (
            lambda **options: server.portfolio.StartImport(iter(upload_messages(uploaded, b"b")), **options),
            "header.request_id",
        ),
        (
            lambda **options: server.portfolio.StartImport(
                iter(upload_messages(uploaded, b"a", file_name="c.csv")), **options
            ),
            "header.request_id",
        ),
    ):
        refusal = refused(call)
        assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")
        assert refusal.fields == (field,)
    assert counts(server) == before


def test_request_that_was_refused_is_not_remembered(server: RunningServer) -> None:
    request_id = new_id()
    assert refused(server.credit.RegisterCustomer, applicant(age=17, request_id=request_id)).code == "INVALID_ARGUMENT"
    assert refused(server.credit.CreateLoan, loan_of(NOBODY, 5_000, request_id=request_id)).code == "NOT_FOUND"
    assert server.credit.RegisterCustomer(applicant(request_id=request_id), timeout=SECONDS).customer.customer_id


@pytest.mark.parametrize(
    "request_id", ["1", "not-a-uuid", "5f0c2c5a3c2e4a479d550c7a4a6f1a01", "{5f0c2c5a-3c2e-4a47-9d55-0c7a4a6f1a01}"]
)
def test_request_id_that_is_no_uuid_is_refused(server: RunningServer, request_id: str) -> None:
    refusal = refused(server.credit.RegisterCustomer, applicant(request_id=request_id))
    assert (refusal.reason, refusal.fields) == ("INVALID_FIELD", ("request_id",))


def test_requests_cut_off_by_the_death_of_a_process_can_be_sent_again(start_server: StartServer) -> None:
    server = start_server(**SEVERAL_PROCESSES)
    customer_id = registered(server.credit, income=1_000_000).customer_id
    sent, answers = [], {}
    for victim, restarts in (("rpc-0", 0), ("rpc-1", 0), ("rpc-0", 1)):
        if restarts:
            # Until then the log tells the process that is dead already.
            server.wait_for_event("process_restarted", count=restarts)
        connections = [server.connect() for _ in range(8)]
        requests = [loan_of(customer_id, 1_000 + len(sent) + n, request_id=new_id()) for n in range(160)]
        sent += requests
        calls = [
            connections[n % 8].credit.CreateLoan.future(request, timeout=SECONDS) for n, request in enumerate(requests)
        ]
        eventually(lambda calls=calls: sum(call.done() for call in calls) >= 10, pause_seconds=0)
        kill(server.process_id(victim))
        for request, call in zip(requests, calls, strict=True):
            if call.exception() is None:
                answers[request.request_id] = call.result()
            else:
                assert call.code() is grpc.StatusCode.UNAVAILABLE
    assert 0 < len(answers) < len(sent)
    # Both processes may be down for a moment.
    with server.client(wait_for_ready=True) as client:
        for request in sent:
            again = client.create_loan(
                customer_id,
                loan_amount=request.loan_amount.units,
                interest_rate=request.interest_rate.value,
                tenure_months=request.tenure_months,
                request_id=request.request_id,
            )
            assert again.loan is not None
            if first := answers.get(request.request_id):
                assert again.loan.loan_id == first.loan.loan_id
    assert len(server.rows("SELECT 1 AS one FROM loan")) == len(sent)
    server.wait_for_event("process_restarted", count=3)
    assert server.stop() == 0
