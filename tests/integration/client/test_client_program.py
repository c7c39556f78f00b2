"""The client as a process of its own, against a stand-in for the service behind a port."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from almeno_client import CreditClient
from support.interrupts import almeno_interrupted_while_waiting
from support.portfolio_model import progress

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio

TERMS = ("--amount", "₹5,00,000", "--rate", "10.5", "--tenure", "60")


@pytest.fixture
def book(service, sample):
    service.answers("GetCustomer", credit.GetCustomerResponse(customer=sample.customer(), position=sample.position()))
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=sample.decision(decision_id="")))


def run_program(*arguments, address, stdout=subprocess.PIPE, **environment):
    program = Path(sys.executable).with_name("almeno")
    return subprocess.run(
        [program, "--address", address, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"} | environment,
    )


@pytest.mark.usefixtures("book")
def test_program_prints_json_and_nothing_else(address):
    result = run_program("check", "14", *TERMS, "--json", address=address)
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["decision"]["approved"] is True


def test_program_tells_a_refusal_without_a_traceback(service, sample, address):
    service.answers("GetLoan", sample.refusal(grpc.StatusCode.NOT_FOUND, "loan 5 does not exist", "LOAN_NOT_FOUND"))
    result = run_program("loan", "5", address=address)
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr == "Error: loan 5 does not exist (LOAN_NOT_FOUND)\n"


@pytest.mark.usefixtures("book")
def test_program_copes_with_a_terminal_that_has_no_rupee_sign(address):
    result = run_program("customer", "14", "--output", "table", address=address, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert "?50,000.00" in result.stdout


def test_program_on_a_full_disk_tells_how_to_have_the_answer_again(service, sample, address):
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=sample.decision(), loan=sample.loan()))
    with Path("/dev/full").open("w") as full:
        result = run_program("apply", "14", *TERMS, address=address, stdout=full)
    (request,) = service.requests["CreateLoan"]
    assert result.returncode == 10
    assert result.stderr == (
        "Error: cannot write the answer: No space left on device; to have it again, with no second effect, "
        f"add --request-id {request.request_id}\n"
    )


def test_two_clients_have_two_connections(address, service, sample):
    service.answers("GetLoan", credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer()))
    with CreditClient(address) as one, CreditClient(address) as other:
        for client in (one, other, one, other):
            client.get_loan(5)
    assert len(service.peers) == 2


def test_client_needs_nothing_of_the_server_but_the_stubs_the_form_of_keys_and_the_extras():
    program = (
        "import sys, almeno_client\n"
        "from almeno_client.cli import loans, report, simulation\n"
        "almeno_client.CreditClient\n"
        "own = {m for m in sys.modules if m.startswith('almeno_grpc.') and not m.startswith('almeno_grpc._gen')}\n"
        "heavy = {m.partition('.')[0] for m in sys.modules} & {'sqlalchemy', 'pandas', 'numpy', 'alembic'}\n"
        "print(sorted(own), sorted(heavy))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['almeno_grpc.api', 'almeno_grpc.api_keys', 'almeno_grpc.extras'] []"


def test_interrupted_simulation_writes_no_page(service, address, tmp_path):
    (tmp_path / "draft.toml").write_text('version = "2026-07-draft"\n')
    over, begun = threading.Event(), tmp_path / "begun"

    def endless(*_):
        yield portfolio.SimulatePolicyResponse(progress=progress(100, 300))
        begun.touch()
        over.wait(60)

    service.answers("SimulatePolicy", endless)
    try:
        command = ("--address", address, "--output", "table", "simulate", "draft.toml")
        ended = almeno_interrupted_while_waiting(*command, sign=begun, folder=tmp_path)
    finally:
        over.set()
    assert (ended.returncode, ended.stdout) == (130, "")
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "almeno-simulation.html").exists()


def test_library_imports_the_asynchronous_client_only_when_it_is_used():
    program = "import sys, almeno_client; print('almeno_client.aio' in sys.modules, almeno_client.AsyncCreditClient)"
    printed = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=30, check=True)
    assert printed.stdout == "False <class 'almeno_client.aio._gen.client.AsyncCreditClient'>\n"
