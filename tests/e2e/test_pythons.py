"""The distribution on each Python that it is said to run on: there are wheels of all it needs, and it serves."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from support.installs import BIN, Install, build_wheel, find_python
from support.servers import ROOT

pytestmark = pytest.mark.tools

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)]
TRIED = (os.environ.get("ALMENO_PYTHONS") or " ".join(PYTHONS)).split()
"""Those that this machine should have."""
BOOK = """
import sys
from almeno_client import CreditClient, ImportKind

CUSTOMERS = (
    "Customer ID,First Name,Last Name,Age,Phone Number,Monthly Salary,Approved Limit\\n"
    "1,Asha,Rao,34,9845012345,85000,3100000\\n"
)

with CreditClient(sys.argv[1]) as client:
    started = client.start_import(ImportKind.CUSTOMERS, CUSTOMERS.encode(), file_name="customers.csv")
    *_, ended = client.watch_import(started.import_id, timeout_seconds=60)
    application = client.create_loan(1, loan_amount=500_000, interest_rate="10.5", tenure_months=60)
    print(ended.state, application.loan.monthly_installment)
"""


def test_oldest_python_that_is_allowed_is_the_first_of_those_that_are_named() -> None:
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"


@pytest.mark.parametrize("version", TRIED)
def test_server_command_line_and_reports_run_on_python(version: str, tmp_path: Path) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    # Warnings of our own modules are errors there, as they are in the tests.
    strict = {"PYTHONWARNINGS": "error:::almeno_grpc,error:::almeno_client"}
    install = Install(tmp_path / "install", build_wheel(tmp_path), "cli", "report", "server", python=python)
    server = install.server_class()(tmp_path, **strict)
    try:
        booked = install.run("python", "-W", "error", "-c", BOOK, server.address)
        assert (booked.stdout, booked.stderr) == ("SUCCEEDED 10746.95\n", "")
        page = tmp_path / "page.html"
        shown = install.run("almeno", "--address", server.address, "report", "--html", str(page), **strict)
        assert (shown.returncode, page.is_file()) == (0, True), shown.stderr
    finally:
        server.kill_all()


@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("platform", ["aarch64-manylinux_2_28", "x86_64-manylinux_2_28"])
def test_there_is_a_wheel_of_every_pin_for_linux(platform: str, version: str, tmp_path: Path) -> None:
    lock, _, _ = (ROOT / "requirements.lock").read_text(encoding="utf-8").partition("# Development")
    (tmp_path / "service.lock").write_text(lock, encoding="utf-8")
    target = ("--python-platform", platform, "--python-version", version, "--target", str(tmp_path / "installed"))
    options = (
        "--dry-run",
        "--only-binary",
        ":all:",
        "--no-deps",
        "--require-hashes",
        "-r",
        str(tmp_path / "service.lock"),
    )
    command = [str(BIN / "uv"), "pip", "install", *target, *options]
    resolved = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert resolved.returncode == 0, resolved.stderr
    assert ("pysqlite3" in resolved.stderr) == platform.startswith("x86_64")
