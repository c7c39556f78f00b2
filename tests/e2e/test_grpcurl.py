"""Every RPC through grpcurl, which knows nothing but what the server says of itself: JSON in, JSON out."""

import base64
import json
import shutil
import subprocess
import uuid
from typing import Any

import pytest
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.calls import NOBODY
from support.servers import RunningServer

pytestmark = pytest.mark.tools

CREDIT, PORTFOLIO = "almeno.credit.v1.CreditService", "almeno.credit.v1.PortfolioService"
INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION = 3, 5, 6, 9


def grpcurl(
    server: RunningServer, *command: str, options: tuple[str, ...] = (), messages: list[Any] | None = None
) -> subprocess.CompletedProcess[str]:
    assert shutil.which("grpcurl"), "grpcurl is not installed"
    data = [] if messages is None else ["-d", "@"]
    return subprocess.run(
        ["grpcurl", "-plaintext", *options, *data, server.address, *command],
        input="\n".join(map(json.dumps, messages or [])),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def answers(server: RunningServer, method: str, *messages: Any) -> list[dict[str, Any]]:
    """What a method answers to the messages."""
    result = grpcurl(server, method, messages=list(messages))
    assert result.returncode == 0, f"{method}\n{result.stderr}"
    decoder, text, found = json.JSONDecoder(), result.stdout.strip(), []
    while text:
        message, end = decoder.raw_decode(text)
        found.append(message)
        text = text[end:].lstrip()
    return found


def answer(server: RunningServer, method: str, *messages: Any) -> dict[str, Any]:
    (only,) = answers(server, method, *messages)
    return only


def refusal(server: RunningServer, method: str, *messages: Any) -> tuple[int, str]:
    """Code and reason, as grpcurl shows them."""
    result = grpcurl(server, method, options=("-format-error",), messages=list(messages))
    assert result.returncode != 0
    error = json.loads(result.stderr)
    return error["code"], reason_in(error)


def reason_in(error: dict[str, Any]) -> str:
    """The reason in the one ErrorInfo of an error."""
    (info,) = [detail for detail in error["details"] if detail["@type"].endswith("google.rpc.ErrorInfo")]
    assert info["domain"] == "almeno.credit"
    return info["reason"]


def test_every_rpc_of_the_credit_service_takes_and_gives_json(server: RunningServer) -> None:
    customer = answer(
        server,
        f"{CREDIT}/RegisterCustomer",
        {
            "request_id": str(uuid.uuid4()),
            "first_name": "Meera",
            "last_name": "Nair",
            "age": 41,
            "monthly_income": {"units": 85_000},
            "phone_number": "98450 66661",
        },
    )["customer"]
    assert customer["approved_limit"] == {"currency_code": "INR", "units": "3100000"}
    customer_id = customer["customer_id"]
    terms = {
        "customer_id": customer_id,
        "loan_amount": {"units": 500_000},
        "interest_rate": {"value": "10.5"},
        "tenure_months": 60,
    }
    decision = answer(server, f"{CREDIT}/CheckEligibility", terms)["decision"]
    assert (decision["approved"], decision["credit_score"]) == (True, 55)
    assert decision["monthly_installment"] == {"currency_code": "INR", "units": "10746", "nanos": 950_000_000}
    batch = {"requests": [terms, {**terms, "customer_id": NOBODY}, {**terms, "tenure_months": 0}]}
    same, nobody, wrong = answer(server, f"{CREDIT}/BatchCheckEligibility", batch)["results"]
    assert same["decision"] == decision
    assert (nobody["error"]["code"], reason_in(nobody["error"])) == (NOT_FOUND, "CUSTOMER_NOT_FOUND")
    assert (wrong["error"]["code"], reason_in(wrong["error"])) == (INVALID_ARGUMENT, "INVALID_FIELD")
    booked = answer(server, f"{CREDIT}/CreateLoan", {**terms, "request_id": str(uuid.uuid4())})
    loan_id = booked["loan"]["loan_id"]
    declined = answer(server, f"{CREDIT}/CreateLoan", {**terms, "loan_amount": {"units": 9_000_000}})
    assert "loan" not in declined
    assert declined["decision"]["reasons"] == [
        "DECISION_REASON_LOAN_EXCEEDS_LIMIT",
        "DECISION_REASON_EMI_BURDEN_TOO_HIGH",
    ]
    assert declined["decision"]["counter_offer"]["units"]
    found = answer(server, f"{CREDIT}/GetLoan", {"loan_id": loan_id})
    assert found["loan"]["state"] == "LOAN_STATE_ACTIVE"
    assert found["customer"]["first_name"] == "Meera"
    position = answer(server, f"{CREDIT}/GetCustomer", {"customer_id": customer_id})["position"]
    assert position["current_debt"]["units"] == "500000"
    listed = answer(server, f"{CREDIT}/ListLoans", {"customer_id": customer_id, "state": "LOAN_STATE_ACTIVE"})
    assert [loan["loan_id"] for loan in listed["loans"]] == [loan_id]
    rows = answer(server, f"{CREDIT}/GetRepaymentSchedule", {"loan_id": loan_id})["installments"]
    assert len(rows) == 60
    assert rows[-1]["amount"] == {"currency_code": "INR", "units": "10746", "nanos": 940_000_000}
    facts = answer(server, f"{CREDIT}/GetKeyFacts", {"loan_id": loan_id})["key_facts"]
    assert (facts["apr"], facts["net_disbursed"]["units"], facts["total_to_pay"]["units"]) == (
        {"value": "10.50"},
        "500000",
        "644816",
    )
    payment = {"loan_id": loan_id, "amount": {"units": 20_000}, "request_id": str(uuid.uuid4())}
    paid = answer(server, f"{CREDIT}/RecordRepayment", payment)
    assert (paid["repayment"]["emis_completed"], paid["loan"]["emis_paid"]) == (1, 1)
    assert paid["loan"]["paid_toward_next"] == {"currency_code": "INR", "units": "9253", "nanos": 50_000_000}
    listed = answer(server, f"{CREDIT}/ListRepayments", {"loan_id": loan_id})
    assert listed["repayments"] == [paid["repayment"]]
    payoff = answer(server, f"{CREDIT}/GetPayoff", {"loan_id": loan_id})["payoff"]
    assert payoff["amount"] == {"currency_code": "INR", "units": "480000"}
    closed = answer(server, f"{CREDIT}/RecordRepayment", {"loan_id": loan_id, "amount": payoff["amount"]})
    assert closed["loan"]["state"] == "LOAN_STATE_CLOSED"
    assert refusal(server, f"{CREDIT}/GetPayoff", {"loan_id": loan_id}) == (FAILED_PRECONDITION, "LOAN_CLOSED")
    page = answer(server, f"{CREDIT}/ListCustomers", {"page_size": 1})
    assert page["customers"][0].keys() == customer.keys()
    first, second = answer(server, f"{CREDIT}/ListDecisions", {"customer_id": customer_id})["decisions"]
    assert (first["decision_id"], second["decision_id"]) == (
        booked["decision"]["decision_id"],
        declined["decision"]["decision_id"],
    )
    name = {"decision_id": second["decision_id"]}
    assert answer(server, f"{CREDIT}/GetDecision", name)["decision"] == second
    assert answer(server, f"{CREDIT}/ReplayDecision", name)["outcome"] == "REPLAY_OUTCOME_MATCH"
    assert refusal(server, f"{CREDIT}/GetKeyFacts", name) == (FAILED_PRECONDITION, "DECISION_DECLINED")


def test_every_rpc_of_the_portfolio_service_takes_and_gives_json(server: RunningServer) -> None:
    file = csv_file(CUSTOMER_HEADINGS, [customer_row(901), customer_row(902, age=7), customer_row(903)])
    started = answer(
        server,
        f"{PORTFOLIO}/StartImport",
        {"header": {"kind": "IMPORT_KIND_CUSTOMERS", "file_name": "customers.csv"}},
        {"chunk": base64.b64encode(file[:50]).decode()},
        {"chunk": base64.b64encode(file[50:]).decode()},
    )["book_import"]
    assert started["state"] == "IMPORT_STATE_QUEUED"
    name = {"import_id": started["import_id"]}
    ended = answers(server, f"{PORTFOLIO}/WatchImport", name)[-1]["book_import"]
    assert ended["state"] == "IMPORT_STATE_SUCCEEDED"
    assert (ended["rows_total"], ended["rows_inserted"], ended["rows_rejected"]) == (3, 2, 1)
    assert answer(server, f"{PORTFOLIO}/GetImport", name)["book_import"] == ended
    assert answer(server, f"{PORTFOLIO}/CancelImport", name)["book_import"] == ended
    (issue,) = answer(server, f"{PORTFOLIO}/ListImportIssues", name)["issues"]
    assert (issue["row_number"], issue["outcome"], issue["column"]) == (3, "IMPORT_ISSUE_OUTCOME_REJECTED", "Age")
    assert ended in answer(server, f"{PORTFOLIO}/ListImports", {})["imports"]
    policies = answer(server, f"{PORTFOLIO}/ListPolicies", {})["policies"]
    assert [policy["version"] for policy in policies] == ["2026-01", "2026-12"]
    [policy] = [policy for policy in policies if policy.get("in_effect")]
    assert answer(server, f"{PORTFOLIO}/GetPolicy", {"version": policy["version"]})["policy"] == policy
    (terms,) = answer(server, f"{PORTFOLIO}/ListTerms", {})["terms"]
    assert answer(server, f"{PORTFOLIO}/GetTerms", {"version": terms["version"]})["terms"] == terms
    request = {"policy": policy["toml"], "loan_amount": {"units": 500_000}, "tenure_months": 60}
    tried = answers(server, f"{PORTFOLIO}/SimulatePolicy", {**request, "interest_rate": {"value": "10.5"}})
    assert [set(update) for update in tried] == [{"progress"}] * (len(tried) - 1) + [{"summary"}], "nobody flips"
    *_, summed_up = answers(server, f"{PORTFOLIO}/SummarizePortfolio", {})
    assert summed_up["summary"]["policy_version"] == policy["version"]


def test_errors_are_shown_with_code_reason_and_fields(server: RunningServer) -> None:
    assert refusal(server, f"{CREDIT}/GetLoan", {"loan_id": NOBODY}) == (NOT_FOUND, "LOAN_NOT_FOUND")
    assert refusal(server, f"{CREDIT}/GetLoan", {"loan_id": -7}) == (INVALID_ARGUMENT, "INVALID_FIELD")
    assert refusal(server, f"{PORTFOLIO}/GetImport", {"import_id": "x"}) == (NOT_FOUND, "IMPORT_NOT_FOUND")
    token = {"page_token": "x"}
    assert refusal(server, f"{PORTFOLIO}/ListImports", token) == (INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")
    header = {"header": {"kind": "IMPORT_KIND_LOANS", "file_name": "loans.txt"}}
    assert refusal(server, f"{PORTFOLIO}/StartImport", header) == (INVALID_ARGUMENT, "INVALID_FIELD")
    person = {
        "first_name": "Meera",
        "last_name": "Nair",
        "age": 41,
        "monthly_income": {"units": 85_000},
        "phone_number": "98450 66662",
    }
    answer(server, f"{CREDIT}/RegisterCustomer", person)
    assert refusal(server, f"{CREDIT}/RegisterCustomer", person) == (ALREADY_EXISTS, "PHONE_NUMBER_TAKEN")
    shown = grpcurl(server, f"{CREDIT}/RegisterCustomer", messages=[{**person, "age": 3}]).stderr
    assert "Code: InvalidArgument" in shown
    assert '"field": "age"' in shown


def test_every_service_can_be_described(server: RunningServer) -> None:
    listed = grpcurl(server, "list").stdout.split()
    assert {CREDIT, PORTFOLIO, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= set(listed)
    for service in listed:
        assert f"{service} is a service" in grpcurl(server, "describe", service).stdout
