"""The command line against a server with access control: who is let in, what keys do, and how they end."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import REFUSED, UNAUTHENTICATED, USAGE, Almeno
from support.servers import BIN, RunningServer, StartServer

ASHA = ("--first-name", "Asha", "--last-name", "Rao", "--age", 34, "--income", "₹85,000", "--phone", "98450 55551")
LOAN = ("--rate", "10.5", "--tenure", "60")
ADMIN = ("--api-key-file", "admin.key")
KNOWN_SECONDS = 10
"""Beyond the second in which every process knows of a change."""


@pytest.fixture(scope="module")
def server(start_shared_server: StartServer) -> RunningServer:
    server = start_shared_server(ALMENO_ACCESS="keys")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")}
    command = [str(BIN / "almeno-server"), "access", "init", "--key-file", "admin.key"]
    options = ["--database-url", server.database_url]
    subprocess.run([*command, *options], cwd=server.folder, env=environment, check=True, capture_output=True)
    return server


@pytest.fixture(scope="module")
def almeno(server: RunningServer) -> Almeno:
    almeno = Almeno(server.address, server.folder)
    wait_until(lambda: almeno.run(*ADMIN, "whoami"))
    return almeno


def wait_until(is_known: Callable[[], object]) -> None:
    """Repeats a command until it ends as it should."""
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        try:
            is_known()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="module")
def branch(almeno: Almeno) -> tuple[str, str]:
    """The options with which a branch calls that books loans up to ₹5,00,000."""
    scopes = ("--scope", "counter", "--scope", "loans:write", "--max-loan-amount", "5,00,000")
    assert "branch-pune" in almeno.run(*ADMIN, "principals", "create", "branch-pune", *scopes)
    almeno.run(*ADMIN, "keys", "create", "branch-pune", "--key-file", "pune.key")
    return "--api-key-file", "pune.key"


@pytest.fixture(scope="module")
def customer_id(almeno: Almeno, branch: tuple[str, str]) -> int:
    return int(almeno.json(*branch, "register", *ASHA)["customer"]["customer_id"])


def test_caller_without_a_valid_key_ends_with_9(almeno: Almeno) -> None:
    assert "CREDENTIALS_MISSING" in almeno.run("customers", ends_with=UNAUTHENTICATED)
    error = almeno.json("whoami", ends_with=UNAUTHENTICATED)["error"]
    assert (error["code"], error["reason"]) == ("UNAUTHENTICATED", "CREDENTIALS_MISSING")


def test_branch_does_what_its_scopes_and_limits_let_it(
    almeno: Almeno, branch: tuple[str, str], customer_id: int
) -> None:
    assert "Asha Rao" in almeno.run(*branch, "customer", customer_id)
    assert "₹5,00,000.00" in almeno.run(*branch, "apply", customer_id, "--amount", "5,00,000", *LOAN)
    refused = almeno.run(*branch, "apply", customer_id, "--amount", "5,00,001", *LOAN, ends_with=REFUSED)
    assert "CALLER_LIMIT_EXCEEDED" in refused
    error = almeno.json(*branch, "customers", ends_with=REFUSED)["error"]
    assert (error["reason"], error["metadata"]) == ("SCOPE_MISSING", {"scope": "customers:list"})
    assert "SCOPE_MISSING" in almeno.run(*branch, "principals", "list", ends_with=REFUSED)


def test_caller_without_the_scope_sees_customers_redacted(almeno: Almeno, customer_id: int) -> None:
    almeno.run(*ADMIN, "principals", "create", "app-reports", "--scope", "customers:read", "--scope", "customers:list")
    almeno.run(*ADMIN, "keys", "create", "app-reports", "--key-file", "reports.key")
    reports = ("--api-key-file", "reports.key")
    shown = almeno.run(*reports, "customer", customer_id) + almeno.run(*reports, "customers")
    assert shown.count("…5551") == 2
    assert "Asha" not in shown
    customer = almeno.json(*reports, "customer", customer_id)["customer"]
    assert (customer["redacted"], customer["phone_hint"], customer["phone_number"]) == (True, "5551", "")


def test_login_keeps_a_profile_that_later_commands_use(
    almeno: Almeno, branch: tuple[str, str], customer_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert "Caller branch-pune" in almeno.run(*branch, "--profile", "pune", "login")
    assert (tmp_path / "almeno" / "config.toml").stat().st_mode & 0o077 == 0
    assert "Asha Rao" in almeno.run("--profile", "pune", "customer", customer_id)
    assert almeno.json("--profile", "pune", "whoami")["caller"]["principal"] == "branch-pune"
    assert almeno.run("--profile", "goa", "whoami", ends_with=USAGE)


def test_key_is_rotated_with_an_overlap_and_then_revoked(almeno: Almeno, branch: tuple[str, str]) -> None:
    del branch
    almeno.run(*ADMIN, "keys", "create", "branch-pune", "--key-file", "old.key", "--scope", "loans:read")
    old, new = ("--api-key-file", "old.key"), ("--api-key-file", "new.key")
    key_id = almeno.json(*old, "whoami")["caller"]["key_id"]
    rotated = almeno.json(*ADMIN, "keys", "rotate", key_id, "--key-file", "new.key", "--overlap", "24h")
    assert (rotated["old_key"]["revoke_time"], rotated["key"]["scopes"]) == (None, ["loans:read"])
    assert rotated["old_key"]["expire_time"] < rotated["key"]["expire_time"]
    for key in (old, new):
        assert almeno.json(*key, "whoami")["caller"]["scopes"] == ["loans:read"]
    almeno.run(*ADMIN, "keys", "revoke", key_id)
    wait_until(lambda: almeno.run(*old, "whoami", ends_with=UNAUTHENTICATED))
    assert "CREDENTIALS_INVALID" in almeno.run(*old, "whoami", ends_with=UNAUTHENTICATED)
    assert "branch-pune" in almeno.run(*new, "whoami")


def test_disabled_principal_is_not_let_in(almeno: Almeno) -> None:
    almeno.run(*ADMIN, "principals", "create", "app-old", "--scope", "loans:read")
    almeno.run(*ADMIN, "keys", "create", "app-old", "--key-file", "app-old.key")
    almeno.run(*ADMIN, "principals", "update", "app-old", "--disable")
    wait_until(lambda: almeno.run("--api-key-file", "app-old.key", "whoami", ends_with=UNAUTHENTICATED))
    listed = json.loads(almeno.run("--json", *ADMIN, "principals", "list"))["principals"]
    assert {each["name"]: each["disabled"] for each in listed}["app-old"]


def test_certificate_name_is_set_and_removed(almeno: Almeno, branch: tuple[str, str]) -> None:
    del branch
    name = "spiffe://lender.example/branch/pune"
    assert "branch-pune" in almeno.run(*ADMIN, "certificates", "set", name, "--principal", "branch-pune")
    assert "branch-pune" in almeno.run(*ADMIN, "certificates", "remove", name)
    assert "CERTIFICATE_NAME_NOT_FOUND" in almeno.run(*ADMIN, "certificates", "remove", name, ends_with=REFUSED)
