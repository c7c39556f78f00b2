"""The programs of clients/examples, built as their READMEs say and run against a server."""

import base64
import json
import os
import shlex
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.type
import pytest
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.flaky_proxy import flaky_proxy
from support.good_requests import METHODS
from support.servers import ROOT, RunningServer

pytestmark = pytest.mark.tools

EXAMPLES = ROOT / "clients" / "examples"
GOOGLEAPIS = Path(next(iter(google.type.__path__))).parents[1]
INVALID_ARGUMENT, NOT_FOUND = 3, 5
BUILDS = {
    "go": [["go", "generate", "./..."], ["go", "vet", "./..."], ["go", "build", "-o", "credit/", "./..."]],
    "typescript": [["npm", "ci", "--silent", "--prefer-offline"], ["npm", "run", "--silent", "build"]],
    "java": [],  # Maven builds what it runs
}
PROGRAMS = {
    "go": "credit/lend ADDRESS KEY_FILE",
    "typescript": "node dist/lend.js ADDRESS KEY_FILE",
    "java": "mvn -q -B compile exec:java '-Dexec.args=ADDRESS KEY_FILE'",
}


def run(language: str, command: list[str]) -> str:
    """What a command prints, in the folder of a language."""
    # Maven runs too briefly for its code to be worth optimizing.
    environment = os.environ | {"GOOGLEAPIS": str(GOOGLEAPIS), "MAVEN_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    result = subprocess.run(
        command,
        cwd=EXAMPLES / language,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def build(language: str) -> None:
    for command in BUILDS[language]:
        run(language, command)


def program_lines(language: str, address: str, folder: Path) -> list[str]:
    """What the program of a language prints, once it is built."""
    build(language)
    key_file = folder / "key"
    key_file.write_text("almeno_key\n", encoding="utf-8")
    program = PROGRAMS[language].replace("ADDRESS", address).replace("KEY_FILE", str(key_file))
    # Maven sets the colour of a terminal back, even where there is none.
    return run(language, shlex.split(program)).replace("\x1b[0m", "").splitlines()


@pytest.mark.parametrize("language", BUILDS)
def test_program_books_once_through_retries_and_reads_what_is_wrong(
    language: str, server: RunningServer, tmp_path: Path
) -> None:
    with flaky_proxy(server.address) as (address, proxy):
        printed = program_lines(language, address, tmp_path)
    assert printed == [
        "registered: limit 3100000",
        "checked: approved true score 55",
        "booked: once true",
        "uploaded: IMPORT_STATE_QUEUED",
        f"refused: {'InvalidArgument' if language == 'go' else 'INVALID_ARGUMENT'} INVALID_FIELD",
        "field: age - must be 18 to 120",
    ]
    assert sorted(path.rpartition("/")[2] for path, _ in proxy.refused) == [
        "CheckEligibility",
        "CreateLoan",
        "RegisterCustomer",
        "RegisterCustomer",
    ]
    assert proxy.credentials == {"Bearer almeno_key"}


@pytest.mark.parametrize("language", BUILDS)
def test_program_reads_an_error_without_details(language: str, server: RunningServer, tmp_path: Path) -> None:
    with flaky_proxy(server.address, passes_details=False) as (address, _):
        *_, last = program_lines(language, address, tmp_path)
    code = "InvalidArgument" if language == "go" else "INVALID_ARGUMENT"
    assert last.startswith(f"refused: {code} ")
    assert "must be 18 to 120" in last


@pytest.fixture(scope="module")
def gateway(server: RunningServer) -> Iterator[str]:
    """The address at which a gateway serves JSON."""
    build("go")
    command = [EXAMPLES / "go" / "credit" / "gateway", server.address, "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://{process.stdout.readline().rpartition(' ')[2].strip()}"
        finally:
            process.kill()


def fetch(url: str, *messages: Any, verb: str | None = None) -> bytes:
    """What a path answers. Messages are sent by a POST, as a stream where they are several."""
    body = "\n".join(map(json.dumps, messages)).encode() or None
    request = urllib.request.Request(url, body, method=verb)  # noqa: S310 - of a gateway that runs here
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
        return response.read()


def answer(url: str, *messages: Any, verb: str | None = None) -> Any:
    return json.loads(fetch(url, *messages, verb=verb))


def refusal(url: str, *messages: Any) -> tuple[int, Any]:
    """The status of HTTP and the error in JSON."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(url, *messages)
    return caught.value.code, json.load(caught.value)


def test_gateway_takes_and_gives_json(gateway: str) -> None:
    person = {
        "first_name": "Meera",
        "last_name": "Nair",
        "age": 41,
        "monthly_income": {"units": "85000"},
        "phone_number": "98450 66771",
    }
    customer = answer(f"{gateway}/v1/customers", person)["customer"]
    assert customer["approvedLimit"] == {"currencyCode": "INR", "units": "3100000", "nanos": 0}
    path = f"{gateway}/v1/customers/{customer['customerId']}"
    terms = {"loan_amount": {"units": "500000"}, "interest_rate": {"value": "10.5"}, "tenure_months": 60}
    assert answer(f"{path}:checkEligibility", terms)["decision"]["creditScore"] == 55
    application = {**terms, "request_id": str(uuid.uuid4())}
    first, again = (answer(f"{path}/loans", application)["loan"]["loanId"] for _ in range(2))
    assert first == again
    assert [loan["loanId"] for loan in answer(f"{path}/loans?page_size=7")["loans"]] == [first]
    assert answer(f"{gateway}/v1/loans/{first}/keyFacts")["keyFacts"]["apr"] == {"value": "10.50"}
    changed = answer(path, {"age": 42}, verb="PATCH")["customer"]
    assert (changed["age"], changed["firstName"]) == (42, "Meera")
    found = answer(f"{gateway}/v1/customers:find", {"phone_number": "98450 66771"})["customers"]
    assert [each["customerId"] for each in found] == [customer["customerId"]]
    assert answer(f"{gateway}/v1/caller")["principal"] == ""


def test_gateway_takes_an_upload_as_lines_and_watches_it(gateway: str) -> None:
    file = csv_file(CUSTOMER_HEADINGS, [customer_row(71), customer_row(72, age=7)])
    header = {"header": {"kind": "IMPORT_KIND_CUSTOMERS", "file_name": "customers.csv"}}
    started = answer(f"{gateway}/v1/imports", header, {"chunk": base64.b64encode(file).decode()})["bookImport"]
    *_, last = fetch(f"{gateway}/v1/imports/{started['importId']}:watch").splitlines()
    ended = json.loads(last)
    assert (ended["result"]["bookImport"]["rowsInserted"], ended["result"]["bookImport"]["rowsRejected"]) == (1, 1)


def test_gateway_shows_errors_with_reason_and_fields(gateway: str) -> None:
    status, error = refusal(f"{gateway}/v1/loans/-7")
    assert (status, error["code"]) == (400, INVALID_ARGUMENT)
    info, request = error["details"]
    assert (info["reason"], info["domain"]) == ("INVALID_FIELD", "almeno.credit")
    assert request["fieldViolations"][0]["field"] == "loan_id"
    status, error = refusal(f"{gateway}/v1/loans/999999999")
    assert (status, error["code"], error["details"][0]["reason"]) == (404, NOT_FOUND, "LOAN_NOT_FOUND")


def test_openapi_document_has_every_rpc_and_what_is_required(gateway: str) -> None:
    document = answer(f"{gateway}/openapi.json")
    operations = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    missing = {f"{method.containing_service.name}_{method.name}" for method in METHODS} - operations
    assert missing == set()
    assert document["definitions"]["v1RegisterCustomerRequest"]["required"] == [
        "firstName",
        "lastName",
        "age",
        "monthlyIncome",
        "phoneNumber",
    ]
