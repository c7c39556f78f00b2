"""The command line starts quickly: a command is loaded when it runs, and help loads none."""

import subprocess
import sys

import pytest
from almeno_client.cli.app import COMMANDS
from support import credit_messages

from almeno_grpc.api import credit_service_pb2 as credit

SLOW = {"grpc", "google", "rich", "pandas", "plotly", "numpy"}


def modules_after(*arguments: str) -> set[str]:
    """The modules that a process has loaded at the end of a command."""
    code = f"""
import sys
from almeno_client.cli import app
try:
    app({list(arguments)!r}, prog_name="almeno")
except SystemExit:
    pass
print("loaded", *sys.modules)
"""
    ended = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(ended.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("arguments", [("--help",), ("keys", "--help"), ("chek",)])
def test_help_and_mistyped_names_load_no_command_and_nothing_slow(arguments):
    loaded = modules_after(*arguments)
    functions = {entry.function.partition(":")[0] for entry in COMMANDS if entry.function}
    assert loaded & {f"almeno_client.cli.{module}" for module in functions} == set()
    assert {name.partition(".")[0] for name in loaded} & SLOW == set()


def test_help_of_a_command_loads_neither_pages_nor_plots():
    loaded = modules_after("check", "--help")
    assert "almeno_client.cli.eligibility" in loaded
    assert loaded & {"plotly", "pandas", "almeno_client.reports", "almeno_client.cli.imports"} == set()


UNUSED_BY_A_CHECK = {
    "almeno_client.access",
    "almeno_client.aio",
    "almeno_client.client",
    "almeno_client.cli.loans",
    "almeno_client.portfolio_records",
    "almeno_client.records",
    "almeno_client.repayment_records",
    "almeno_client.reports",
    "almeno_client.upload",
    "almeno_grpc._gen.almeno.credit.v1.access_service_pb2",
    "almeno_grpc._gen.almeno.credit.v1.loan_service_pb2",
    "almeno_grpc._gen.almeno.credit.v1.portfolio_service_pb2",
    "email",
    "google.rpc.error_details_pb2",
    "grpc_status",
    "http",
    "importlib.metadata",
    "tempfile",
    "tomllib",
}


def test_check_whose_answer_is_piped_loads_neither_tables_nor_the_rest_of_the_client(service, address):
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=credit_messages.decision()))
    check = ("check", "14", "--amount", "5L", "--rate", "10", "--tenure", "60")
    loaded = modules_after("--address", address, *check)
    assert len(service.requests["CheckEligibility"]) == 1
    assert {name.partition(".")[0] for name in loaded} & {"rich", "pandas", "plotly", "numpy"} == set()
    assert loaded & UNUSED_BY_A_CHECK == set()
