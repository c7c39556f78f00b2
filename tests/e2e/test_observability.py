"""What the operator sees of a real server: figures that add up over all processes, and a log that names nobody."""

import json
from collections import Counter

import grpc
import pytest
from support.book_files import CUSTOMER_HEADINGS, LOAN_HEADINGS, csv_file, customer_row, loan_row
from support.calls import SECONDS, applicant, check_of, loan_of, per_cent, refused, registered
from support.servers import CUSTOMERS, LOANS, SEVERAL_PROCESSES, RunningServer, StartServer, eventually, kill

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import import_pb2

SERVICE = "almeno.credit.v1.CreditService"
CREDIT = f"/{SERVICE}"
PEOPLE = ("Zebulon", "Quatermain", "Ümläüt", "Ornithopter")
PHONE_NUMBERS = ("9812300001", "9812300002", "8111100001", "8111100002", "98123000")


@pytest.fixture(scope="module")
def observed(start_shared_server: StartServer) -> RunningServer:
    """A server with metrics."""
    return start_shared_server(ALMENO_METRICS_ADDRESS="127.0.0.1:0", **SEVERAL_PROCESSES)


def difference(after: dict, before: dict, name: str) -> dict[tuple[str, ...], float]:
    """How much the figures of a name have grown, by the values of their labels."""
    grown = {key[1:]: value - before.get(key, 0) for key, value in after.items() if key[0] == name}
    return {labels: value for labels, value in grown.items() if value}


def test_figures_add_up_over_all_processes(observed: RunningServer) -> None:
    server = observed
    connections = [server.connect() for _ in range(16)]
    customer_id = registered(server.credit, income=50_000).customer_id
    before = server.metrics()
    for connection in connections:
        for _ in range(5):
            connection.credit.CheckEligibility(check_of(customer_id, 10_000), timeout=SECONDS)
        # Both too large for the limit and for the income.
        connection.credit.CheckEligibility(check_of(customer_id, 90_000_000), timeout=SECONDS)
        refused(connection.credit.GetLoan, pb.GetLoanRequest(loan_id=7))
        refused(connection.credit.GetLoan, pb.GetLoanRequest(loan_id=-7))
        # The rate alone is at fault; a decline stores nothing but itself.
        request = loan_of(customer_id, 90_000_000, max_interest_rate=per_cent("1"))
        connection.credit.CreateLoan(request, timeout=SECONDS)
    connections[0].credit.CreateLoan(loan_of(customer_id, 10_000), timeout=SECONDS)
    again = loan_of(customer_id, 10_000, request_id="5f0c2c5a-3c2e-4a47-9d55-0c7a4a6f1a01")
    for connection in connections[:3]:
        connection.credit.CreateLoan(again, timeout=SECONDS)
    expected = {
        ("OK", "CheckEligibility", SERVICE, "unary"): 96,
        ("NOT_FOUND", "GetLoan", SERVICE, "unary"): 16,
        ("INVALID_ARGUMENT", "GetLoan", SERVICE, "unary"): 16,
        ("OK", "CreateLoan", SERVICE, "unary"): 20,
    }
    eventually(lambda: difference(server.metrics(), before, "grpc_server_handled_total") == expected)
    after = server.metrics()
    assert difference(after, before, "grpc_server_handling_seconds_count") == expected
    assert sum(difference(after, before, "grpc_server_handling_seconds_sum").values()) > 0
    # Each check was in a batch, and each booking that was not the same again in a transaction.
    assert difference(after, before, "almeno_batch_calls_sum")["checks",] == 96
    for name in ("almeno_write_wait_seconds_count", "almeno_commit_seconds_count"):
        assert difference(after, before, name)[()] >= 2
    first = "LOAN_EXCEEDS_LIMIT"
    # An answer that is given again is no new decision.
    assert difference(after, before, "almeno_decisions_total") == {
        ("check", "approved", ""): 80,
        ("check", "declined", first): 16,
        ("booking", "approved", ""): 2,
        ("booking", "declined", first): 16,
    }
    assert difference(after, before, "almeno_decline_reasons_total") == {
        ("check", first): 16,
        ("check", "EMI_BURDEN_TOO_HIGH"): 16,
        ("booking", first): 16,
        ("booking", "EMI_BURDEN_TOO_HIGH"): 16,
        ("booking", "RATE_ABOVE_MAXIMUM"): 16,
    }


def is_reachable(server: RunningServer) -> bool:
    try:
        registered(server.connect().credit)
    except grpc.RpcError:
        return False
    return True


def test_figures_outlive_the_process_that_has_counted_them(observed: RunningServer) -> None:
    customer_id = registered(observed.credit).customer_id
    connections = [observed.connect() for _ in range(12)]
    key = ("grpc_server_handled_total", "OK", "CheckEligibility", SERVICE, "unary")
    restarts = ("almeno_process_restarts_total",)
    before = observed.metrics()
    expected = before.get(key, 0) + 12
    for connection in connections:
        connection.credit.CheckEligibility(check_of(customer_id, 10_000), timeout=SECONDS)
    eventually(lambda: observed.metrics().get(key) == expected)
    for number, role in enumerate(("rpc-0", "rpc-1"), start=1):
        kill(observed.process_id(role))
        observed.wait_for_event("process_restarted", count=number)
    eventually(lambda: observed.metrics()[restarts] == before[restarts] + 2)
    assert observed.metrics()[key] == expected
    # Both have to be there again before the next test calls them.
    eventually(lambda: is_reachable(observed))


def test_imports_are_counted_row_by_row_and_the_queue_shows(observed: RunningServer) -> None:
    depth = ("almeno_import_queue_depth",)
    before = observed.metrics()
    assert before[depth] == 0
    with observed.halted("import"):
        customers = csv_file(CUSTOMER_HEADINGS, [*map(customer_row, range(1, 8)), customer_row(8, age=1)])
        loans = csv_file(LOAN_HEADINGS, [loan_row(1, 1), loan_row(2, 1), loan_row(99, 2)])
        uploads = [
            observed.upload(CUSTOMERS, customers),
            observed.upload(CUSTOMERS, customers),
            observed.upload(LOANS, loans),
            observed.upload(LOANS, b"Loan ID\n"),
        ]
        assert observed.metrics()[depth] == 4
    for upload in uploads:
        observed.wait_for_import(upload.import_id)
    eventually(lambda: observed.metrics()[depth] == 0)
    expected_rows = {
        ("customers", "inserted"): 7,
        ("customers", "unchanged"): 7,
        ("customers", "rejected"): 2,
        ("loans", "inserted"): 2,
        ("loans", "adjusted"): 1,
        ("loans", "rejected"): 1,
    }
    eventually(lambda: difference(observed.metrics(), before, "almeno_import_rows_total") == expected_rows)
    expected_ends = {("customers", "succeeded"): 2, ("loans", "succeeded"): 1, ("loans", "failed"): 1}
    eventually(lambda: difference(observed.metrics(), before, "almeno_imports_total") == expected_ends)


def journey_with_errors(server: RunningServer) -> None:
    """Calls and files that go well and badly, all about people whose names and numbers are known."""
    names = {"first_name": PEOPLE[0], "last_name": PEOPLE[1]}
    credit = server.credit
    customer_id = registered(credit, phone_number=PHONE_NUMBERS[0], **names).customer_id
    refused(credit.RegisterCustomer, applicant(phone_number=PHONE_NUMBERS[0], **names))
    refused(credit.RegisterCustomer, applicant(phone_number=f"{PHONE_NUMBERS[1]} ext 9", **names))
    refused(credit.RegisterCustomer, applicant(phone_number=PHONE_NUMBERS[1], age=3, **names))
    refused(credit.RegisterCustomer, applicant(phone_number=PHONE_NUMBERS[4], first_name=PEOPLE[3] * 20))
    credit.CreateLoan(loan_of(customer_id, 20_000), timeout=SECONDS)
    credit.GetCustomer(pb.GetCustomerRequest(customer_id=customer_id), timeout=SECONDS)
    credit.ListCustomers(pb.ListCustomersRequest(), timeout=SECONDS)
    raw = applicant(phone_number=PHONE_NUMBERS[1], first_name=PEOPLE[2]).SerializeToString()
    refused(server.channel.unary_unary(f"{CREDIT}/RegisterCustomer"), raw[:-3])
    rows = [
        customer_row(1, first_name=PEOPLE[0], last_name=PEOPLE[1], phone_number=PHONE_NUMBERS[2]),
        customer_row(2, first_name=PEOPLE[2], last_name=PEOPLE[3], phone_number=PHONE_NUMBERS[2]),
        customer_row(3, first_name=PEOPLE[2] * 40, phone_number=PHONE_NUMBERS[3]),
        customer_row(4, first_name=PEOPLE[2], phone_number=f"{PHONE_NUMBERS[3]}x"),
        customer_row(5, first_name=PEOPLE[2], phone_number=PHONE_NUMBERS[0]),
    ]
    file = server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, rows), f"{PEOPLE[1]}.csv")
    assert (file.rows_inserted, file.rows_rejected) == (1, 4)
    damaged = server.load(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, rows) + b'"' + PEOPLE[0].encode(), f"{PEOPLE[3]}.csv")
    assert damaged.state == import_pb2.IMPORT_STATE_FAILED
    # The log tells of an end once it is committed, and so a little later than the service does.
    server.wait_for_event("import_ended", count=2)
    kill(server.process_id("import"))
    server.wait_for_event("process_restarted")
    kill(server.process_id("rpc-0"))
    server.wait_for_event("process_restarted", count=2)


def test_log_is_json_lines_that_tell_what_happened_and_neither_it_nor_the_figures_name_anybody(
    start_server: StartServer,
) -> None:
    server = start_server(ALMENO_METRICS_ADDRESS="127.0.0.1:0", ALMENO_SLOW_CALL_MILLISECONDS="1")
    journey_with_errors(server)
    figures = repr(server.metrics())
    assert not any(name in figures for name in (*PEOPLE, *PHONE_NUMBERS))
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.log_lines()]
    assert all({"time", "level", "event", "role", "pid"} <= line.keys() for line in lines)
    events = Counter(line["event"] for line in lines)
    assert events["server_ready"] == events["server_stopping"] == events["server_stopped"] == 1
    assert events["import_started"] == events["import_ended"] == 2
    assert events["process_died"] == events["process_restarted"] == 2
    assert events["slow_call"] > 0
    slow = next(line for line in lines if line["event"] == "slow_call")
    assert slow["milliseconds"] >= 1
    assert slow["method"].startswith("/almeno.credit.v1.")
    text = "\n".join(server.log_lines())
    told = [name for name in (*PEOPLE, *PHONE_NUMBERS, "Ornitho") if name.casefold() in text.casefold()]
    assert told == []
    # JSON may write letters beyond ASCII in another way.
    assert not any(name in json.dumps(lines, ensure_ascii=False) for name in PEOPLE)
