"""What the server says at a terminal when it is ready."""

import sys
from datetime import date
from pathlib import Path

import pytest

from almeno_grpc.config import Settings
from almeno_grpc.serving.next_steps import next_steps

DAY = date(2026, 12, 10)


def lines(**variables: str) -> list[str]:
    return next_steps(Settings.from_environment(variables), DAY).splitlines()


def test_operator_is_told_where_the_server_serves_and_what_to_type_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/srv/almeno/.venv/bin/python")
    monkeypatch.setattr(Path, "cwd", lambda: Path("/srv/almeno"))
    assert lines() == [
        "",
        "Serving on 127.0.0.1:50051, business date 2026-12-10, sqlite:///almeno.db.",
        "Next, in another shell:",
        "  .venv/bin/almeno report",
        "  .venv/bin/almeno late",
        "  .venv/bin/almeno customers --limit 5",
        "  .venv/bin/almeno --help",
        "Ctrl-C ends the server.",
        "",
    ]
    monkeypatch.setattr(Path, "cwd", lambda: Path("/home"))
    elsewhere = lines(ALMENO_ADDRESS="127.0.0.1:7000")
    assert "  /srv/almeno/.venv/bin/almeno --address 127.0.0.1:7000 late" in elsewhere


def test_operator_of_a_server_that_asks_for_keys_is_told_to_log_in() -> None:
    assert lines(ALMENO_ACCESS="keys")[3].endswith("almeno login")


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("0.0.0.0:50051", ""),
        ("0.0.0.0:7000", " --address 127.0.0.1:7000"),
        ("[::]:50051", " --address [::1]:50051"),
        ("10.0.0.7:50051", " --address 10.0.0.7:50051"),
    ],
)
def test_operator_of_a_server_for_other_machines_is_told_an_address_that_can_be_called(
    address: str, options: str
) -> None:
    told = lines(ALMENO_ADDRESS=address, ALMENO_INSECURE="1")
    assert told[1].startswith(f"Serving on {address}, ")
    assert told[3].endswith(f"/almeno{options} report")


def test_operator_of_a_server_with_tls_is_told_the_files_that_a_client_needs(tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    pem.touch()
    tls = {"ALMENO_TLS_CERTIFICATE": str(pem), "ALMENO_TLS_KEY": str(pem), "ALMENO_ACCESS": "keys"}
    assert lines(**tls)[3].endswith("/almeno --tls-ca FILE login")
    mutual = lines(**tls, ALMENO_TLS_CLIENT_CA=str(pem))
    assert mutual[4].endswith("/almeno --tls-ca FILE --tls-cert FILE --tls-key FILE report")


def test_operator_is_not_told_a_program_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almeno_grpc.serving.next_steps.has_extra", lambda extra: extra != "cli")
    assert [line.partition(" ")[0] for line in lines()] == ["", "Serving", "Ctrl-C", ""]


def test_password_of_the_database_is_not_shown() -> None:
    told = "\n".join(lines(ALMENO_DATABASE_URL="postgresql://ann:secret@db/almeno?sslmode=require"))
    assert "postgresql://ann:***@db/almeno." in told
    assert "secret" not in told
