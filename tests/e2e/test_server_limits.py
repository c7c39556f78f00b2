"""Limits, deadlines and the stop of a real server: nothing is half done, and what was answered can be relied on."""

import hashlib
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.calls import SECONDS, applicant, check_of, loan_of, refusal_of, refused, registered
from support.servers import (
    CUSTOMERS,
    SEVERAL_PROCESSES,
    STOP_SECONDS,
    RunningServer,
    StartServer,
    eventually,
    is_alive,
    kill,
)

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import import_pb2, loan_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb

SERVICES = ("almeno.credit.v1.CreditService", "almeno.credit.v1.PortfolioService")
SERVING = health_pb2.HealthCheckResponse.SERVING


def new_id() -> str:
    return str(uuid.uuid4())


def test_health_says_serving_for_the_server_and_each_service(server: RunningServer) -> None:
    health = health_pb2_grpc.HealthStub(server.channel)
    for service in ("", *SERVICES):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)
        assert answer.status == SERVING
        watch = health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)
        assert next(watch).status == SERVING
        watch.cancel()
    assert refused(health.Check, health_pb2.HealthCheckRequest(service="bank")).code == "NOT_FOUND"


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_describes_every_service_and_method(server: RunningServer, version: str) -> None:
    call = server.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    symbols = [*SERVICES, f"{SERVICES[0]}.CreateLoan", "almeno.credit.v1.Decision"]
    questions = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        *(reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol) for symbol in symbols),
    ]
    listed, *described = call(iter(questions), timeout=SECONDS)
    names = {service.name for service in listed.list_services_response.service}
    assert {*SERVICES, "grpc.health.v1.Health"} <= names
    assert all(answer.file_descriptor_response.file_descriptor_proto for answer in described)


def test_enum_number_that_nobody_knows_is_a_bad_field(server: RunningServer) -> None:
    customer_id = registered(server.credit).customer_id
    for number in (7, 99, -1):
        request = pb.ListLoansRequest(customer_id=customer_id, state=number)
        refusal = refused(server.credit.ListLoans, request)
        assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", ("state",))
        header = portfolio_pb.ImportHeader(kind=number, file_name="a.csv")
        refusal = refused(server.portfolio.StartImport, iter([portfolio_pb.StartImportRequest(header=header)]))
        assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", ("header.kind",))
    assert loan_pb2.LoanState.values() == list(range(7)), "7 has come to mean something"


@pytest.mark.parametrize("size", [4 * 2**20 + 1, 6 * 2**20, 20 * 2**20])
def test_message_that_is_too_large_is_refused_and_the_server_goes_on(server: RunningServer, size: int) -> None:
    upload = [
        portfolio_pb.StartImportRequest(header=portfolio_pb.ImportHeader(kind=CUSTOMERS, file_name="a.csv")),
        portfolio_pb.StartImportRequest(chunk=bytes(size)),
    ]
    for call in (
        partial(server.credit.RegisterCustomer, applicant(first_name="x" * size)),
        partial(server.portfolio.StartImport, iter(upload)),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call(timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal_of(caught.value).reason == "MESSAGE_TOO_LARGE"
    assert registered(server.credit).customer_id


def test_calls_with_hopeless_deadlines_leave_nothing_half_done(start_server: StartServer) -> None:
    server = start_server(**SEVERAL_PROCESSES)
    customer_id = registered(server.credit, income=1_000_000).customer_id
    connections = [server.connect() for _ in range(6)]
    requests = [loan_of(customer_id, 1_000 + number, request_id=new_id()) for number in range(300)]
    codes: Counter[str] = Counter()
    answers = {}

    def call(number: int) -> None:
        deadline_seconds = (0.001, 0.003, 0.006, 0.02)[number % 4]
        try:
            answer = connections[number % 6].credit.CreateLoan(requests[number], timeout=deadline_seconds)
        except grpc.RpcError as error:
            codes[error.code().name] += 1
        else:
            codes["OK"] += 1
            answers[requests[number].request_id] = answer

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(call, range(len(requests))))
    assert codes["DEADLINE_EXCEEDED"] >= 75
    assert codes.keys() <= {"OK", "DEADLINE_EXCEEDED", "UNAVAILABLE"}
    # By one statement, for the last calls may still be under way. Registering had no request_id.
    [counts] = server.rows(
        "SELECT (SELECT count(*) FROM loan JOIN decision USING (decision_id) WHERE approved AND emis_paid = 0) AS whole"
        ", (SELECT count(*) FROM loan) AS loans, (SELECT count(*) FROM decision) AS decisions, "
        "(SELECT count(*) FROM idempotency_record) AS requests"
    )
    assert counts["whole"] == counts["loans"] == counts["decisions"] == counts["requests"]
    for request in requests:
        again = server.credit.CreateLoan(request, timeout=SECONDS)
        assert again == answers.get(request.request_id, again)
    assert len(server.rows("SELECT 1 AS one FROM loan")) == len(requests)
    assert server.stop() == 0


def test_uploads_that_break_off_are_not_queued(server: RunningServer) -> None:
    file = csv_file(CUSTOMER_HEADINGS, [customer_row(1)])
    connections = [server.connect() for _ in range(8)]
    enough = threading.Event()

    def messages(name: str) -> Iterator[portfolio_pb.StartImportRequest]:
        yield portfolio_pb.StartImportRequest(header=portfolio_pb.ImportHeader(kind=CUSTOMERS, file_name=name))
        yield portfolio_pb.StartImportRequest(chunk=file)
        enough.wait(SECONDS)

    def break_off(number: int) -> None:
        upload = connections[number % 8].portfolio.StartImport.future
        if number % 2:
            call = upload(messages("broken.csv"), timeout=0.05 + number / 1000)
        else:
            call = upload(messages("broken.csv"), timeout=SECONDS)
            threading.Timer(0.05 + number / 1000, call.cancel).start()
        with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
            call.result()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(break_off, range(80)))
    enough.set()
    # One that is whole comes after them.
    whole = server.upload(CUSTOMERS, file, "whole.csv")
    names = {row["file_name"] for row in server.rows("SELECT file_name FROM import_file")}
    assert "whole.csv" in names
    assert "broken.csv" not in names
    chunks = server.rows(
        "SELECT content FROM import_content "  # noqa: S608
        f"WHERE import_id = '{whole.import_id}' ORDER BY number"
    )
    assert hashlib.sha256(b"".join(chunk["content"] for chunk in chunks)).hexdigest() == whole.sha256


def test_checks_stay_quick_while_an_import_is_read_and_written(start_server: StartServer) -> None:
    server = start_server(**SEVERAL_PROCESSES)
    customer_id = registered(server.credit, income=200_000).customer_id
    request = check_of(customer_id, 10_000)

    def seconds_of_a_check() -> float:
        started = time.perf_counter()
        server.credit.CheckEligibility(request, timeout=SECONDS)
        return time.perf_counter() - started

    def p99(seconds: list[float]) -> float:
        return sorted(seconds)[len(seconds) * 99 // 100]

    quiet = [seconds_of_a_check() for _ in range(300)]
    file = server.upload(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1, 20_001))))
    busy = []
    while server.get_import(file.import_id).state in (
        import_pb2.IMPORT_STATE_QUEUED,
        import_pb2.IMPORT_STATE_RUNNING,
    ):
        busy += [seconds_of_a_check() for _ in range(10)]
    assert server.wait_for_import(file.import_id).rows_inserted == 20_000
    assert len(busy) >= 50
    # Loose on purpose: a check that waited for the file would take seconds.
    assert p99(busy) < p99(quiet) + 1
    assert server.stop() == 0


def test_calls_in_flight_at_the_stop_finish_or_say_unavailable_and_what_was_answered_is_in_the_book(
    start_server: StartServer,
) -> None:
    server = start_server(**SEVERAL_PROCESSES)
    customer_id = registered(server.credit, income=1_000_000).customer_id
    connections = [server.connect() for _ in range(8)]
    requests = [loan_of(customer_id, 1_000 + number, request_id=new_id()) for number in range(400)]
    calls = [
        connections[number % 8].credit.CreateLoan.future(request, timeout=SECONDS)
        for number, request in enumerate(requests)
    ]
    watch = server.portfolio.WatchImport(portfolio_pb.WatchImportRequest(import_id="none"), timeout=SECONDS)
    assert watch.code() is grpc.StatusCode.NOT_FOUND
    eventually(lambda: sum(call.done() for call in calls) >= 20, pause_seconds=0)
    server.process.send_signal(signal.SIGTERM)
    # Callers who do not know yet go on calling.
    late = [
        connections[number % 8].credit.CreateLoan.future(loan_of(customer_id, 900_000, request_id=new_id()), timeout=5)
        for number in range(50)
    ]
    codes = Counter(call.code().name for call in calls)
    assert codes.keys() <= {"OK", "UNAVAILABLE"}
    assert codes["OK"] >= 20
    # A deadline is the caller's own: a connection that is being made again is waited for.
    assert {call.code().name for call in late} <= {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
    assert server.process.wait(STOP_SECONDS) == 0
    assert server.events("server_stopped")[0]["exit_code"] == 0
    assert not any(is_alive(line["process_pid"]) for line in server.events("process_started")), (
        "a process has outlived the server"
    )

    server.start()
    for request, call in zip(requests, calls, strict=True):
        again = server.credit.CreateLoan(request, timeout=SECONDS)
        assert again.HasField("loan")
        if call.code() is grpc.StatusCode.OK:
            assert again == call.result()
            assert server.credit.GetLoan(pb.GetLoanRequest(loan_id=again.loan.loan_id), timeout=SECONDS).loan
    assert server.stop() == 0


def test_port_keeps_serving_while_processes_die(start_server: StartServer) -> None:
    server = start_server(**SEVERAL_PROCESSES)
    customer_id = registered(server.credit, income=200_000).customer_id
    stop = threading.Event()
    failures: list[Exception] = []
    answered: Counter[int] = Counter()

    def keep_asking(number: int) -> None:
        with server.client(wait_for_ready=True) as client:
            while not stop.is_set():
                try:
                    client.check_eligibility(customer_id, loan_amount=5_000, interest_rate=9, tenure_months=12)
                    answered[number] += 1
                except Exception as error:
                    failures.append(error)
                    return

    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            pool.submit(keep_asking, number)
        try:
            for deaths, victim in enumerate(("rpc-0", "rpc-1", "rpc-0"), start=1):
                so_far = answered.total()
                eventually(lambda so_far=so_far: answered.total() > so_far + 200 or failures)
                kill(server.process_id(victim))
                server.wait_for_event("process_restarted", count=deaths)
            so_far = answered.total()
            eventually(lambda: answered.total() > so_far + 200 or failures)
        finally:
            stop.set()
    assert failures == []
    assert len(answered) == 8
    assert [line["exit_code"] for line in server.events("process_died")] == [-9, -9, -9]
    assert server.stop() == 0


def test_server_takes_on_no_more_calls_than_it_may_and_says_so(start_server: StartServer) -> None:
    server = start_server(ALMENO_MAX_CONCURRENT_CALLS="2", ALMENO_THREADS="1")
    customer_id = registered(server.credit, income=1_000_000).customer_id
    connections = [server.connect() for _ in range(8)]
    calls = [
        connections[number % 8].credit.CreateLoan.future(loan_of(customer_id, 1_000), timeout=SECONDS)
        for number in range(200)
    ]
    codes = Counter(call.code().name for call in calls)
    assert codes.keys() == {"OK", "RESOURCE_EXHAUSTED"}
    assert len(server.rows("SELECT 1 AS one FROM loan")) == codes["OK"]
    # The bundled client waits and tries again.
    with server.client() as client:
        assert client.get_customer(customer_id).position.loan_count == codes["OK"]
    assert server.stop() == 0
