"""What is SQLite's: a file that is durable, strict and shared by processes."""

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.service.imports import Upload
from almeno_grpc.storage import sqlite as databases_of_sqlite
from almeno_grpc.storage import sqlite_connections as engines
from almeno_grpc.storage.engine import DatabaseUnusable, open_engine, parse_url
from almeno_grpc.storage.store import SqlStore


@pytest.fixture(scope="module")
def databases(sqlite_databases):
    return sqlite_databases


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0), ("busy_timeout", 10_000)],
)
def test_every_connection_is_durable_and_strict(store, pragma, value):
    with store.engine.connect() as first, store.engine.connect() as second:
        assert first.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
        assert second.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:book?mode=memory&uri=true", "names no file"),
        ("nonsense", "not a database URL"),
        ("mysql://localhost/book", "names mysql"),
        ("sqlite+aiosqlite:///book.db", "names the driver"),
    ],
)
def test_database_that_processes_cannot_share_is_refused(url, said):
    with pytest.raises(DatabaseUnusable, match=said):
        parse_url(url)


def test_file_of_several_names_has_one_set_of_locks(tmp_path, database_url):
    file = Path(parse_url(database_url).database)
    (tmp_path / "link.db").symlink_to(file)
    # SQLite is told of the folder that `..` names in the path as it is written, whatever the link leads to.
    (tmp_path / "elsewhere" / "folder").mkdir(parents=True)
    (tmp_path / "folder").symlink_to(tmp_path / "elsewhere" / "folder")
    for name in (tmp_path / "link.db", tmp_path / "folder" / ".." / "link.db"):
        with (
            contextlib.closing(SqlStore(database_url)) as store,
            contextlib.closing(SqlStore(f"sqlite:///{name}")) as other,
            store.hold("name") as first,
            other.hold("name") as second,
        ):
            assert (first.is_held(), second.is_held()) == (True, False)


def test_sqlite_that_can_lose_commits_is_refused(monkeypatch, database_url):
    old = SimpleNamespace(sqlite_version_info=(3, 51, 2), sqlite_version="3.51.2")
    monkeypatch.setattr(engines.importlib, "import_module", lambda _: old)
    with pytest.raises(DatabaseUnusable, match=r"SQLite 3\.51\.2 can lose commits"):
        open_engine(parse_url(database_url))


def test_interpreters_own_sqlite_is_used_where_the_package_is_missing_and_held_to_the_same(monkeypatch, database_url):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(engines.importlib, "import_module", missing)
    monkeypatch.setattr(engines.sqlite3, "sqlite_version_info", (3, 51, 3))
    made = open_engine(parse_url(database_url))
    assert made.dialect.dbapi is sqlite3
    monkeypatch.setattr(engines.sqlite3, "sqlite_version_info", (3, 40, 1))
    with pytest.raises(DatabaseUnusable, match="can lose commits"):
        open_engine(parse_url(database_url))


class ConnectionToNewDatabase:
    """A connection that another process keeps from switching the journal, so many times."""

    OperationalError = sqlite3.OperationalError

    def __init__(self, *refusals):
        self.refusals = list(refusals)
        self.done = []

    def cursor(self):
        return self

    def execute(self, statement):
        if "journal_mode" in statement and self.refusals:
            raise sqlite3.OperationalError(self.refusals.pop())
        self.done.append(statement)

    def close(self):
        self.done.append("close")


def test_new_database_that_another_process_is_setting_up_is_waited_for(monkeypatch):
    monkeypatch.setattr(engines, "_LOCKED_SECONDS", 0)
    connection = ConnectionToNewDatabase("database is locked", "database is locked")
    engines._set_up(connection, None)
    assert connection.done[1] == "PRAGMA journal_mode = WAL"
    assert connection.done[-1] == "close"


@pytest.mark.parametrize(("said", "timeout"), [("database is locked", -1), ("unable to open database file", 10_000)])
def test_new_database_that_stays_locked_or_cannot_be_opened_is_not_waited_for(monkeypatch, said, timeout):
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_MILLISECONDS", timeout)
    with pytest.raises(sqlite3.OperationalError, match=said):
        engines._set_up(ConnectionToNewDatabase(said, said), None)


def test_locked_database_is_unavailable_and_serves_again_afterwards(monkeypatch, database_url):
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_MILLISECONDS", 50)
    store, other = SqlStore(database_url), SqlStore(database_url)
    store.migrate()
    store.write(lambda tx: tx.policy_pins.add("a", "sha"))
    with other.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            store.write(lambda tx: tx.policy_pins.add("b", "sha"))
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN")
    store.write(lambda tx: tx.policy_pins.add("c", "sha"))
    with store.read() as tx:
        assert sorted(tx.policy_pins.all()) == ["a", "c"]
    store.close()
    other.close()


def test_more_threads_than_connections_are_told_to_come_back(monkeypatch, database_url):
    store = SqlStore(database_url, threads=1)
    store.migrate()
    monkeypatch.setattr(store.engine.pool, "_timeout", 0.05)
    inside, done = threading.Barrier(3), threading.Event()

    def read_for_long():
        with store.read():
            inside.wait()
            done.wait()

    with ThreadPoolExecutor(2) as pool:
        reads = [pool.submit(read_for_long) for _ in range(2)]
        inside.wait()
        with pytest.raises(StoreUnavailable):
            store.write(lambda _: None)
        done.set()
        for read in reads:
            read.result()
    store.close()


def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear customer, " * 1000)
    store = SqlStore(f"sqlite:///{file}")
    with pytest.raises(DatabaseUnusable, match="no SQLite database"):
        store.migrate()
    store.close()
    assert file.read_text().startswith("Dear customer")


def test_file_stays_sound(book):
    book.register()
    with book.store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


def test_upload_is_brought_into_the_file_as_it_comes(book, monkeypatch):
    monkeypatch.setattr(databases_of_sqlite, "_STEP_PAGES", 50)
    longest = []

    def pieces():
        for _ in range(10):
            yield bytes(2**17)
            longest.append(pages_in_log(book))

    book.imports.store(Upload(ImportKind.LOANS, "loans.csv", None, 0, "0" * 64, {}, pieces()))
    assert max(longest) < 100


def pages_in_log(book) -> int:
    with book.store.engine.connect() as connection:
        _, logged, brought_in = connection.exec_driver_sql("PRAGMA wal_checkpoint(NOOP)").one()
        return logged - brought_in


def test_long_log_is_brought_into_the_file_when_nobody_waits_for_it(monkeypatch, book):
    monkeypatch.setattr(databases_of_sqlite, "_LONG_LOG_PAGES", 5)
    monkeypatch.setattr(databases_of_sqlite, "_STEP_PAGES", 2)

    book.store.checkpoint()
    assert pages_in_log(book) < 5
    for _ in range(5):
        book.register()
    assert pages_in_log(book) >= 5
    book.store.checkpoint()
    assert pages_in_log(book) == 0
    book.register()
    left = pages_in_log(book)
    book.store.checkpoint()
    assert 2 <= pages_in_log(book) == left < 5
    book.store.checkpoint(in_steps=True)
    assert pages_in_log(book) == 0
