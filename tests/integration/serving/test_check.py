"""`almeno-server --check`: what a start would find, told without a start and without a trace."""

import io
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import make_url
from support.book import Book
from support.certificates import DAY, NOW, made_certificate

from almeno_grpc import server
from almeno_grpc.clock import Clock
from almeno_grpc.config import Settings
from almeno_grpc.service.store import Changes
from almeno_grpc.serving.check import check
from almeno_grpc.storage.store import SqlStore

TODAY = date(2026, 4, 10)


def checked(settings: Settings) -> tuple[int, dict[str, str]]:
    """The exit code, and the lines of the check by what they are about."""
    output = io.StringIO()
    code = check(settings, [], output)
    lines = [line.partition(": ") for line in output.getvalue().splitlines()]
    return code, {head.split(maxsplit=1)[1]: f"{head.split()[0]} {text}" for head, _, text in lines}


def contents_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, business_date=TODAY)


def test_server_that_would_start_is_found_sound(settings: Settings) -> None:
    code, lines = checked(settings)
    assert code == 0
    assert lines["database"].startswith("ok ")
    assert lines["database"].endswith("the newest")
    assert lines["rules"] == "ok policy 2026-01, norms 2026-12"
    assert lines["business date"] == "ok 2026-04-10, pinned"


def make_book(folder: Path) -> SqlStore:
    """A database with the pin of a policy whose file is gone."""
    store = SqlStore(f"sqlite:///{folder / 'almeno.db'}")
    store.migrate()
    store.write(lambda tx: tx.write(Changes(policy_pins={"2025-01": "sha"})))
    return store


def test_file_of_the_database_and_its_folder_stay_as_they_are(tmp_path: Path) -> None:
    make_book(tmp_path).close()
    before = contents_of(tmp_path)
    code, lines = checked(Settings(database_url=f"sqlite:///{tmp_path / 'almeno.db'}", business_date=TODAY))
    assert code == 2
    assert "2025-01" in lines["database"]
    assert contents_of(tmp_path) == before
    assert "almeno.db-wal" not in before


def test_check_beside_a_server_sees_what_that_has_committed_and_changes_nothing(tmp_path: Path) -> None:
    with closing(make_book(tmp_path)):
        before = contents_of(tmp_path)
        code, lines = checked(Settings(database_url=f"sqlite:///{tmp_path / 'almeno.db'}", business_date=TODAY))
        after = contents_of(tmp_path)
    assert code == 2
    assert "2025-01" in lines["database"]
    # The index of the log is memory that all who have it open share.
    assert {name: after[name] for name in ("almeno.db", "almeno.db-wal")} == {
        name: before[name] for name in ("almeno.db", "almeno.db-wal")
    }
    assert after.keys() == before.keys()


def test_database_that_is_not_there_yet_is_none_of_the_faults_and_is_not_made(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'almeno.db'}", business_date=TODAY)
    code, lines = checked(settings)
    assert (code, list(tmp_path.iterdir())) == (0, [])
    assert "a start makes its schema" in lines["database"]
    lost = replace(settings, database_url=f"sqlite:///{tmp_path / 'nowhere' / 'almeno.db'}")
    assert checked(lost)[0] == 2


def test_database_of_an_earlier_release_is_told_its_upgrade_and_keeps_its_schema(
    new_database: Callable[..., str],
) -> None:
    settings = Settings(database_url=new_database(empty=True), business_date=TODAY)
    with closing(SqlStore(settings.database_url)) as store:
        store.migrate("0206")
        for _ in range(2):
            code, lines = checked(settings)
            assert code == 0
            assert "has the schema 0206; a start upgrades it to" in lines["database"]


def test_password_of_the_database_is_not_told(settings: Settings) -> None:
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        return
    with_password = url.set(password="hunter2").render_as_string(hide_password=False)  # noqa: S106 - to be looked for
    _, lines = checked(replace(settings, database_url=with_password))
    assert "hunter2" not in repr(lines)


def test_business_date_behind_the_book_is_a_fault(settings: Settings, store: SqlStore) -> None:
    with closing(Book(store, Clock(date(2026, 4, 11), settings.timezone))) as book:
        book.lend(book.register().customer_id, 100_000_00)
    code, lines = checked(settings)
    assert code == 2
    assert "takes 2026-04-10 for today" in lines["database"]
    assert checked(replace(settings, business_date=date(2026, 4, 11)))[0] == 0


def test_each_fault_is_told_whatever_else_is_wrong(settings: Settings, tmp_path: Path) -> None:
    certificate, key = made_certificate(end=NOW - DAY / 2).write(tmp_path)
    (tmp_path / "audit.pem").write_text("short")
    (tmp_path / "rules" / "policies").mkdir(parents=True)
    (tmp_path / "rules" / "policies" / "mine.toml").write_text("version = 1")
    faulty = replace(
        settings,
        database_url="mysql://nobody@nowhere/book",
        tls_certificate=certificate,
        tls_key=key,
        audit_key_file=tmp_path / "audit.pem",
        rules=tmp_path / "rules",
        metrics_token_file=tmp_path / "token",
    )
    code, lines = checked(faulty)
    assert code == 2
    wrong = {name for name, line in lines.items() if line.startswith("wrong ")}
    assert wrong == {"certificates", "files", "audit key", "rules", "database"}
    assert "it has expired" in lines["certificates"]
    assert "mine.toml" in lines["rules"]


def test_program_checks_and_starts_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "protect_process", lambda: None)
    monkeypatch.setattr(server, "keep_standard_descriptors", lambda: None)
    options = [f"--database-url={settings.database_url}", "--business-date=2026-04-10"]
    monkeypatch.setattr(sys, "argv", ["almeno-server", "--check", *options])
    assert server.main() == 0
    assert "database: " in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["almeno-server", *options, "--threads=0", "--check"])
    assert server.main() == 2
    assert "wrong  settings: ALMENO_THREADS: must be" in capsys.readouterr().out


def test_every_setting_at_fault_is_told_and_what_does_not_depend_on_one_is_looked_at(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "protect_process", lambda: None)
    monkeypatch.setattr(server, "keep_standard_descriptors", lambda: None)
    monkeypatch.setenv("ALMENO_DRAIN_SECOND", "5")
    options = [
        *(f"--database-url={database_url}", "--business-date=2026-04-10", f"--tls-key={tmp_path / 'key.pem'}"),
        *("--threads=0", "--timezone=Asia/Kolkatta", "--metrics-address=0.0.0.0:9464"),
    ]
    monkeypatch.setattr(sys, "argv", ["almeno-server", "--check", *options])
    assert server.main() == 2
    lines = capsys.readouterr().out.splitlines()
    wrong = [line.removeprefix("wrong  settings: ") for line in lines if line.startswith("wrong  settings: ")]
    assert [fault.partition(" ")[0].rstrip(":") for fault in wrong] == [
        *("ALMENO_DRAIN_SECOND", "ALMENO_TIMEZONE", "ALMENO_THREADS", "ALMENO_TLS_KEY", "ALMENO_TLS_CERTIFICATE"),
        "ALMENO_METRICS_ADDRESS",
    ]
    told = [line.partition(":")[0] for line in lines[len(wrong) :]]
    # Nothing is said of the day in a time zone that does not exist, nor of half a certificate.
    assert told == ["ok     files", "ok     audit key", "ok     audit anchor", "ok     tracing"]


def test_anchor_file_needs_a_folder_that_it_can_be_made_in(settings: Settings, tmp_path: Path) -> None:
    fresh = tmp_path / "anchors"
    (tmp_path / "link").symlink_to(fresh)
    assert checked(replace(settings, audit_anchor_file=fresh))[1]["audit anchor"] == f"ok {fresh}"
    assert not fresh.exists()
    for path, fault in (
        (Path("/nonexistent/anchors"), "there is no folder /nonexistent"),
        (tmp_path, f"{tmp_path} is no file"),
        (tmp_path / "link", "link is no file"),
    ):
        code, lines = checked(replace(settings, audit_anchor_file=path))
        assert code == 2
        assert lines["audit anchor"].startswith("wrong ")
        assert lines["audit anchor"].endswith(fault)


def test_exporter_of_spans_that_is_not_there_is_a_fault(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = replace(settings, tracing=True)
    for names, told in (
        ("zipkin", "wrong OTEL_TRACES_EXPORTER: there is no exporter 'zipkin' here"),
        ("none", "ok spans are sent nowhere"),
        ("otlp,console", "ok otlp_proto_grpc, console"),
    ):
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", names)
        assert checked(traced)[1]["tracing"].startswith(told)
    assert checked(settings)[1]["tracing"] == "ok off"


def test_database_that_cannot_be_reached_is_told_with_the_reason(settings: Settings) -> None:
    code, lines = checked(replace(settings, database_url="postgresql://almeno@127.0.0.1:1/almeno"))
    assert code == 2
    assert lines["database"].startswith("wrong the database cannot be reached: ")
    assert "refused" in lines["database"]
