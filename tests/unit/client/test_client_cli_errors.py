import json
import uuid

import grpc
import pytest
from almeno_client import Retries
from almeno_client.cli import calls

from almeno_grpc.api import credit_service_pb2 as credit

TERMS = ("--amount", "₹5,00,000", "--rate", "10.5", "--tenure", "60")
ASHA = ("--first-name", "Asha", "--last-name", "Verma", "--age", "34", "--income", "50,000", "--phone", "9629317944")


def test_refusal_is_told_with_its_reason_and_fields(almeno, service, sample):
    fields = {"age": "has to be 18 to 120"}
    refusal = sample.refusal(grpc.StatusCode.INVALID_ARGUMENT, "the request is not right", "INVALID_FIELD", fields)
    service.answers("RegisterCustomer", refusal)
    result = almeno("register", *ASHA)
    assert result.exit_code == 4
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "Error: the request is not right (INVALID_FIELD)",
        "  age: has to be 18 to 120",
    ]


def test_refusal_that_names_its_fields_is_told_in_one_line(almeno, service, sample):
    message, fields = "age: has to be 18 to 120", {"age": "has to be 18 to 120"}
    service.answers(
        "RegisterCustomer", sample.refusal(grpc.StatusCode.INVALID_ARGUMENT, message, "INVALID_FIELD", fields)
    )
    assert almeno("register", *ASHA).stderr.splitlines() == ["Error: age: has to be 18 to 120 (INVALID_FIELD)"]


def test_refusal_is_json_for_programs(almeno, service, sample):
    refusal = sample.refusal(
        grpc.StatusCode.NOT_FOUND, "customer 14 does not exist", "CUSTOMER_NOT_FOUND", {}, {"customer_id": "14"}
    )
    service.answers("GetCustomer", refusal)
    result = almeno("customer", "14", "--json")
    assert (result.exit_code, result.stdout) == (4, "")
    assert json.loads(result.stderr) == {
        "error": {
            "message": "customer 14 does not exist",
            "code": "NOT_FOUND",
            "reason": "CUSTOMER_NOT_FOUND",
            "fields": {},
            "metadata": {"customer_id": "14"},
            "request_id": None,
        }
    }


@pytest.fixture
def _quick(monkeypatch):
    """Has the command line try again without long pauses."""

    def open_client(kind, to, timeout_seconds):
        return kind(to.address, tls=to.tls, timeout_seconds=timeout_seconds, retries=Retries(2, 0.01, 0.01))

    monkeypatch.setattr(calls, "open_client", open_client)


@pytest.mark.usefixtures("_quick")
def test_service_that_is_down_ends_with_5_and_the_way_to_try_again(almeno):
    request_id = str(uuid.uuid4())
    result = almeno("--address", "127.0.0.1:1", "apply", "14", *TERMS, "--request-id", request_id)
    assert result.exit_code == 5
    assert "(UNAVAILABLE)" in result.stderr
    assert "Is the service running, and reachable at 127.0.0.1:1?" in result.stderr
    assert f"add --request-id {request_id}" in result.stderr


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("code", ["UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
def test_error_that_may_pass_ends_with_5(almeno, service, sample, code):
    service.answers("GetLoan", sample.refusal(grpc.StatusCode[code], "later", "LATER"))
    assert almeno("loan", "5").exit_code == 5


@pytest.mark.parametrize("seconds", ["1e9", "1e10", "1e300", "inf"])
def test_command_waits_as_long_as_it_is_told(almeno, service, seconds):
    service.answers("ListCustomers", credit.ListCustomersResponse())
    assert almeno("--timeout", seconds, "customers").exit_code == 0


@pytest.mark.usefixtures("_quick")
def test_service_that_is_not_reached_through_a_proxy_is_told_with_the_proxy(almeno, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://user:secret@127.0.0.1:1")
    told = almeno("--address", "credit.example.com:50051", "customers").stderr
    assert "through the proxy of https_proxy" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("check", "14", "--amount", "5,00,00", "--rate", "10", "--tenure", "3"), "--amount"),
        (("check", "14", "--amount", "0.001", "--rate", "10", "--tenure", "3"), "finer than a paisa"),
        (("check", "14", "--amount", "5000", "--rate", "ten", "--tenure", "3"), "--rate"),
        (("check", "14", "--amount", "5000", "--rate", "10", "--tenure", "3.5"), "--tenure"),
        (("check", "14", "--amount", "5000", "--rate", "10", "--tenure", "99999999999"), "range"),
        (("apply", "14", *TERMS, "--max-rate", "x"), "--max-rate"),
        (("check", "Asha", *TERMS), "CUSTOMER_ID"),
        (("check", "9" * 20, *TERMS), "range"),
        (("check", "14"), "--amount"),
        (("loans", "14", "--state", "late"), "--state"),
        (("customers", "--limit", "-1"), "--limit"),
        (("--timeout", "0", "customers"), "--timeout"),
        (("--timeout", "nan", "customers"), "--timeout"),
        (("--address", "127.0.0.1:65536", "customers"), "--address"),
        (("--address", "127.0.0.1:115587", "apply", "14", *TERMS), "ALMENO_ADDRESS"),
        (("--address", "127.0.0.1", "customers"), "127.0.0.1:50051"),
        (("--address", "dns:///credit.example.com:99999", "customers"), "65535"),
        (("--tls-ca", "/nowhere/ca.pem", "customers"), "--tls-ca"),
        (("--tls-ca", __file__, "customers"), "not a file in PEM form"),
        (("--tls-key", __file__, "customers"), "--tls-cert"),
        (("import", "loans", "/nowhere/loans.csv"), "does not exist"),
        (("import", "loans", __file__, "--book-date", "31/01/2026"), "--book-date"),
        (("lend",), "lend"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_sent(almeno, service, arguments, complaint):
    result = almeno(*arguments)
    assert result.exit_code == 2, result.output
    assert complaint in result.stderr
    assert "Traceback" not in result.output
    assert not service.requests
