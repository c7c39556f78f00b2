"""Checkpoints, the anchor file and the list of events, and what `almeno-server audit verify` says of them."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.audit_trail import edit, fill, findings, upkeep
from support.book import Book

from almeno_grpc.bootstrap import signing_key
from almeno_grpc.commands import COMMANDS
from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.errors import CheckpointNotFound, StoreUnavailable, WriteConflict
from almeno_grpc.server import main
from almeno_grpc.service.audit import AuditService, EventFilter
from almeno_grpc.service.audit_anchor import AnchorFile
from almeno_grpc.service.audit_signing import read_key
from almeno_grpc.service.store import Changes


@pytest.fixture(autouse=True)
def _imports_are_of_now(book):
    book.now = book.clock.now_microseconds


@pytest.fixture
def anchor(tmp_path: Path) -> AnchorFile:
    return AnchorFile(tmp_path / "anchor")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "audit.pem"
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def with_checkpoints(book: Book, count: int, **options) -> Book:
    keeper = upkeep(book, **options)
    for _ in range(count):
        book.register()
        assert keeper.make_checkpoint(looks_at_all=False) is not None
    return book


def test_checkpoints_are_chained_signed_and_anchored(book, anchor, key_file):
    key = read_key(key_file)
    with_checkpoints(book, 3, key=key, anchor=anchor)
    assert findings(book.store, key, anchor.lines()) == []
    with book.store.read() as tx:
        made = list(tx.audit.checkpoints())
    assert [each.number for each in made] == [1, 2, 3]
    assert {(each.algorithm, len(each.signature)) for each in made} == {("ed25519", 64)}
    assert [line.hash for line in anchor.lines()] == [each.hash for each in made]
    assert stat.S_IMODE(anchor.path.stat().st_mode) == 0o600


def test_checkpoint_is_made_only_when_something_has_moved(book, monkeypatch):
    keeper = upkeep(book)
    assert keeper.make_checkpoint() is None
    book.register()
    assert keeper.make_checkpoint(looks_at_all=False).number == 1
    assert keeper.make_checkpoint(looks_at_all=False) is None
    assert keeper.make_checkpoint() is None
    # Or else once in a while, so that a trail that stands still is known to.
    monkeypatch.setattr("almeno_grpc.service.audit_upkeep.HEARTBEAT_SECONDS", 0)
    assert keeper.make_checkpoint().heads == ()
    assert findings(book.store) == []


def test_anchor_file_has_a_line_for_a_checkpoint_however_often_somebody_looks(book, anchor):
    keeper = upkeep(book, anchor=anchor)
    book.register()
    made = keeper.make_checkpoint()
    assert keeper.make_checkpoint() is None
    assert [line.hash for line in anchor.lines()] == [made.hash]


def test_chain_that_moved_long_before_its_commit_is_found_by_a_look_at_all(book, open_store):
    keeper = upkeep(book)
    book.register()
    keeper.make_checkpoint()
    late = AuditEntry(AuditEventKind.WRITE, book.clock.now_microseconds() - 120_000_000, "p", "", "")
    open_store().write(lambda tx: tx.write(Changes(event=late)))
    assert keeper.make_checkpoint(looks_at_all=False) is None
    assert len(keeper.make_checkpoint(looks_at_all=True).heads) == 1
    assert findings(book.store) == []


def test_of_two_that_make_the_same_checkpoint_one_does(book):
    book.register()
    made = upkeep(book).make_checkpoint()
    with pytest.raises(WriteConflict):
        book.store.write(lambda tx: tx.audit.add_checkpoint(made))


def test_upkeep_is_done_when_it_is_due_and_what_fails_is_done_later(book, anchor, monkeypatch):
    now = [0]
    keeper = upkeep(book, anchor=anchor, monotonic=lambda: now[0])
    numbers = []

    def run_at(seconds: float) -> int:
        now[0] = int(seconds * 1e9)
        keeper.run_due()
        with book.store.read() as tx:
            latest = tx.audit.checkpoint()
        numbers.append(latest.number if latest else 0)
        return numbers[-1]

    book.register()
    assert run_at(0) == 1
    book.register()
    assert run_at(9.9) == 1
    assert run_at(10) == 2
    book.register()
    with monkeypatch.context() as patch:
        patch.setattr(type(book.store), "write", lambda *_, **__: (_ for _ in ()).throw(StoreUnavailable("full")))
        assert run_at(20) == 2
    assert run_at(25) == 2
    assert run_at(30) == 3
    anchor.path.unlink()
    anchor.path.mkdir()
    book.register()
    assert run_at(40) == 4
    anchor.path.rmdir()
    run_at(50)
    assert [line.number for line in anchor.lines()] == [1, 2, 3, 4]


def test_anchor_that_a_crash_has_left_behind_is_completed(book, anchor):
    with_checkpoints(book, 3, anchor=anchor)
    lines = anchor.path.read_bytes().splitlines(keepends=True)
    anchor.path.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    assert findings(book.store, anchor=anchor.lines()) == []
    with_checkpoints(book, 1, anchor=anchor)
    assert [line.number for line in anchor.lines()] == [1, 2, 0, 3, 4]
    # What the crash has cut short stays in the file, and is no checkpoint.
    assert [line.hash for line in anchor.lines()].count(None) == 1


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "DELETE FROM audit_checkpoint WHERE number = 3",
            "checkpoint 3: is in the anchor file and not in the database",
        ),
        (
            "DELETE FROM audit_checkpoint WHERE number = 2",
            "checkpoint 2: is in the anchor file and not in the database",
        ),
        ("DELETE FROM audit_checkpoint", "checkpoint 1: is in the anchor file and not in the database"),
        ("UPDATE audit_checkpoint SET hash = root WHERE number = 2", "checkpoint 2: has another hash in the anchor"),
        ("UPDATE audit_checkpoint SET hash = root WHERE number = 2", "checkpoint 2: its signature is not that of the"),
        ("UPDATE audit_checkpoint SET signature = hash || hash WHERE number = 2", "checkpoint 2: its signature is not"),
        ("UPDATE audit_checkpoint SET signature = '' WHERE number = 2", "checkpoint 2: has no signature"),
    ],
)
def test_checkpoint_that_was_edited_is_found(book, anchor, key_file, statement, found):
    key = read_key(key_file)
    with_checkpoints(book, 3, key=key, anchor=anchor)
    edit(book.store, statement)
    said = findings(book.store, key, anchor.lines())
    assert any(line.startswith(f"TAMPERED {found}") for line in said), said


def test_checkpoint_that_does_not_stand_in_the_anchor_file_is_found(book, anchor):
    with_checkpoints(book, 4, anchor=anchor)
    lines = anchor.path.read_bytes().splitlines(keepends=True)
    anchor.path.write_bytes(lines[0] + lines[3])
    assert findings(book.store, anchor=anchor.lines()) == [
        "TAMPERED checkpoint 2: is not in the anchor file",
        "TAMPERED checkpoint 3: is not in the anchor file",
    ]
    # A file that was begun later has not all of them.
    anchor.path.write_bytes(b"".join(lines[2:]))
    assert findings(book.store, anchor=anchor.lines()) == []
    anchor.path.write_bytes(b"".join(lines[:2]))
    assert findings(book.store, anchor=anchor.lines()) == [
        "INCOMPLETE anchor file: ends 2 checkpoints before the latest"
    ]
    unreadable = b"2 3 " + b"z" * 64 + b" - -\n"
    anchor.path.write_bytes(lines[0] + unreadable + b"".join(lines[2:]))
    assert findings(book.store, anchor=anchor.lines()) == ["INCOMPLETE anchor of checkpoint 2: the line cannot be read"]
    anchor.path.write_bytes(b"")
    assert findings(book.store, anchor=anchor.lines()) == ["INCOMPLETE anchor file: holds no checkpoint"]


def test_anchor_file_that_is_begun_late_or_is_long_goes_on_where_it_ends(book, anchor, monkeypatch):
    with_checkpoints(book, 3)
    assert anchor.last_number() == 0
    with_checkpoints(book, 2, anchor=anchor)
    assert [line.number for line in anchor.lines()] == [1, 2, 3, 4, 5]
    monkeypatch.setattr("almeno_grpc.service.audit_anchor._END_BYTES", 150)
    assert anchor.last_number() == 5
    with_checkpoints(book, 1, anchor=anchor)
    assert [line.number for line in anchor.lines()] == [1, 2, 3, 4, 5, 6]
    assert findings(book.store, anchor=anchor.lines()) == []


def test_anchor_file_is_not_written_through_a_link(book, anchor, tmp_path):
    anchor.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        with_checkpoints(book, 1, anchor=anchor)
    assert not (tmp_path / "elsewhere").exists()


def test_what_no_key_and_another_key_can_show(book, key_file, tmp_path):
    key = read_key(key_file)
    (tmp_path / "secret").write_bytes(b"s" * 32)
    secret = read_key(tmp_path / "secret")
    with_checkpoints(book, 1)
    assert findings(book.store, key) == ["INCOMPLETE checkpoints: none is signed, so that the key shows nothing"]
    # Those before the first that is signed are covered by it.
    with_checkpoints(book, 1, key=key)
    assert findings(book.store, key) == []
    assert findings(book.store) == ["INCOMPLETE checkpoints: their signatures cannot be checked without the key"]
    assert findings(book.store, secret) == [
        "INCOMPLETE checkpoint 2: is signed by 'ed25519', the key is for hmac-sha256"
    ]


def test_events_are_listed_the_latest_first_page_by_page(book, monkeypatch):
    monkeypatch.setattr("almeno_grpc.service.audit._EVENTS_PER_QUERY", 3)
    fill(book)
    service = AuditService(book.store)
    with book.store.read() as tx:
        expected = sorted(tx.audit.events(), key=lambda event: (event.entry.time, event.stream_id, event.sequence))
    listed, place = [], None
    while True:
        page = service.page(EventFilter(), place, 5)
        assert len(page.events) <= 5
        listed += page.events
        place = page.next_place
        if place is None:
            break
    assert [event.hash for event in listed] == [event.hash for event in expected[::-1]]
    assert {event.rows for event in listed} == {b""}
    times = [event.entry.time for event in expected]
    within = service.page(EventFilter(start_time=times[2], end_time=times[5]), None, 100)
    assert [event.entry.time for event in within.events] == times[4:1:-1]


def test_events_are_listed_by_principal_and_by_customer_even_among_many_shown(book):
    def record(kind: AuditEventKind, principal: str, customer_id: int, subject: str) -> None:
        event = AuditEntry(kind, book.clock.now_microseconds(), principal, "", "/S/M", customer_id, subject)
        book.store.write(lambda tx: tx.write(Changes(event=event)))

    record(AuditEventKind.READ, "pune", 7, "7")
    record(AuditEventKind.READ, "delhi", 0, "1-6,8-20,22")
    record(AuditEventKind.READ, "delhi", 0, "1-6,8-20,7-7")
    record(AuditEventKind.WRITE, "pune", 0, "7")
    record(AuditEventKind.READ, "delhi", 0, "00000021-8abc-7567-8019-345670193456")
    service = AuditService(book.store)

    def listed(**conditions) -> list[str]:
        page = service.page(EventFilter(**conditions), None, 100)
        return [f"{event.entry.principal} {event.entry.subject}" for event in page.events]

    assert listed(principal="pune") == ["pune 7", "pune 7"]
    assert listed(customer_id=7) == ["delhi 1-6,8-20,7-7", "pune 7"]
    assert listed(customer_id=22, principal="delhi") == ["delhi 1-6,8-20,22"]
    assert listed(customer_id=21) == []


def test_page_that_scans_for_long_ends_without_being_the_last(book, monkeypatch):
    monkeypatch.setattr("almeno_grpc.service.audit._EVENTS_PER_QUERY", 2)
    monkeypatch.setattr("almeno_grpc.service.audit.MAX_EVENTS_SCANNED", 4)
    fill(book)
    page = AuditService(book.store).page(EventFilter(principal="nobody"), None, 10)
    assert page.events == []
    assert page.next_place is not None


def test_checkpoint_is_fetched_by_number_or_the_latest(book):
    service = AuditService(book.store)
    with pytest.raises(CheckpointNotFound):
        service.checkpoint()
    with_checkpoints(book, 2)
    assert (service.checkpoint().number, service.checkpoint(1).number) == (2, 1)
    with pytest.raises(CheckpointNotFound, match="checkpoint 3 does not exist"):
        service.checkpoint(3)


def test_worker_at_work_keeps_the_trail(book, file):
    del file
    keeper, calls = upkeep(book), []
    book.queue_customers()
    book.work(upkeep=lambda: calls.append(keeper.run_due()))
    assert calls
    keeper.make_checkpoint()
    with book.store.read() as tx:
        assert tx.audit.checkpoint().number >= 1
    assert findings(book.store) == []


def run(arguments: list[str], capsys: pytest.CaptureFixture[str], **environment: str) -> tuple[int, list[str]]:
    code = COMMANDS["audit"](arguments, environment)
    return code, capsys.readouterr().out.splitlines()


def test_command_says_clean_tampered_or_incomplete(book, database_url, anchor, key_file, capsys, tmp_path):
    with_checkpoints(book, 2, key=read_key(key_file), anchor=anchor)
    settings = {
        "ALMENO_DATABASE_URL": database_url,
        "ALMENO_AUDIT_KEY_FILE": str(key_file),
        "ALMENO_AUDIT_ANCHOR_FILE": str(anchor.path),
        "ALMENO_TLS_KEY": "is of no concern here",
    }
    assert run(["verify"], capsys, **settings) == (
        0,
        ["clean: 2 events, 1 chains, 2 checkpoints, 2 rows"],
    )
    nowhere = tmp_path / "none"
    code, lines = run(["verify", "--anchor", str(nowhere)], capsys, **settings)
    assert (code, lines[0]) == (10, f"INCOMPLETE anchor file: there is no file {nowhere}")
    edit(book.store, "UPDATE customer SET age = 77 WHERE customer_id = 1000000001")
    assert run(["verify"], capsys, **settings) == (
        9,
        [
            "TAMPERED customer 1000000001: was changed without an event",
            "tampered: 2 events, 1 chains, 2 checkpoints, 2 rows",
        ],
    )
    code, lines = run(["verify", "--json"], capsys, **settings)
    assert [json.loads(line) for line in lines] == [
        {"is_tampering": True, "place": "customer 1000000001", "message": "was changed without an event"},
        {"outcome": "tampered", "events": 2, "chains": 1, "checkpoints": 2, "rows": 2},
    ]


def test_server_runs_the_command_that_stands_in_front(book, database_url, monkeypatch):
    book.register()
    monkeypatch.setattr("sys.argv", ["almeno-server", "audit", "verify", "--database-url", database_url])
    assert main() == 0


def test_server_with_a_key_that_signs_nothing_does_not_start(tmp_path, key_file):
    assert signing_key(Settings(audit_key_file=key_file)) is not None
    (tmp_path / "short").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match=r"ALMENO_AUDIT_KEY_FILE: .* neither a key"):
        signing_key(Settings(audit_key_file=tmp_path / "short"))
    assert signing_key(Settings()) is None


def test_command_says_what_cannot_be_read(book, database_url, capsys):
    book.register()
    edit(book.store, "ALTER TABLE audit_event RENAME TO audit_events")
    code, lines = run(["verify"], capsys, ALMENO_DATABASE_URL=database_url)
    assert code == 10
    assert lines[0].startswith("INCOMPLETE database: could not be read to its end: ")


def test_command_makes_no_database_and_takes_no_key_that_is_none(tmp_path, capsys):
    nowhere = tmp_path / "none.db"
    assert COMMANDS["audit"](["verify", "--database-url", f"sqlite:///{nowhere}"], {}) == 2
    assert "there is no database" in capsys.readouterr().err
    assert not nowhere.exists()
    (tmp_path / "key").write_bytes(b"short")
    assert COMMANDS["audit"](["verify", "--key", str(tmp_path / "key")], {}) == 2
    assert "neither a key" in capsys.readouterr().err
    assert COMMANDS["audit"](["verify", "--key", str(nowhere)], {}) == 2
    assert "ALMENO_AUDIT_KEY_FILE" in capsys.readouterr().err
