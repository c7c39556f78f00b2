"""What is SQLite's: a file that is durable, strict and shared by processes."""

import contextlib
import re
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pysqlite3
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from support.servers import eventually

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.service.imports import Upload
from almeno_grpc.service.store import Changes
from almeno_grpc.storage.engine import DatabaseUnusable, parse_url
from almeno_grpc.storage.sqlite import backend as backends
from almeno_grpc.storage.sqlite import engine as engines
from almeno_grpc.storage.store import SqlStore


@pytest.fixture(scope="module")
def databases(sqlite_databases):
    return sqlite_databases


def pin(version: str):
    """The work that pins a policy."""
    return lambda tx: tx.write(Changes(policy_pins={version: "sha"}))


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
            store.try_lock("name") as first,
            other.try_lock("name") as second,
        ):
            assert (first.is_held(), second.is_held()) == (True, False)


OLD_SQLITE = SimpleNamespace(sqlite_version_info=(3, 51, 2), sqlite_version="3.51.2")


def with_no_package(name: str):
    raise ImportError(name)


@pytest.mark.parametrize(("package", "version"), [(lambda _: OLD_SQLITE, "3.51.2"), (with_no_package, "3.40.1")])
def test_sqlite_that_can_lose_commits_is_refused_with_what_to_do(monkeypatch, database_url, package, version):
    url = parse_url(database_url)
    monkeypatch.setattr(engines.sqlite3, "sqlite_version_info", (3, 40, 1))
    monkeypatch.setattr(engines.sqlite3, "sqlite_version", "3.40.1")
    monkeypatch.setattr(engines.importlib, "import_module", package)
    with pytest.raises(DatabaseUnusable, match=f"SQLite {re.escape(version)} can lose commits") as refused:
        engines.open_engine(url)
    assert "Use PostgreSQL, or run a Python whose sqlite3.sqlite_version is 3.51.3 or newer" in str(refused.value)


@pytest.mark.parametrize(("system", "machine"), [("linux", "x86_64"), ("darwin", "arm64"), ("linux", "aarch64")])
def test_package_with_a_sound_sqlite_is_named_where_there_is_a_wheel_of_it(monkeypatch, system, machine):
    monkeypatch.setattr(engines.sys, "platform", system)
    monkeypatch.setattr(engines.platform, "machine", lambda: machine)
    monkeypatch.setattr(engines.sqlite3, "sqlite_version_info", (3, 40, 1))
    monkeypatch.setattr(engines.importlib, "import_module", with_no_package)
    with pytest.raises(DatabaseUnusable) as refused:
        engines._patched_sqlite()
    assert ("install the package pysqlite3" in str(refused.value)) == (machine != "aarch64")


@pytest.mark.parametrize("package", [lambda _: OLD_SQLITE, with_no_package])
def test_interpreters_own_sqlite_is_used_where_the_package_brings_none_that_is_sound(
    monkeypatch, database_url, package
):
    url = parse_url(database_url)
    monkeypatch.setattr(engines.importlib, "import_module", package)
    monkeypatch.setattr(engines.sqlite3, "sqlite_version_info", (3, 51, 3))
    assert engines.open_engine(url).dialect.dbapi is sqlite3


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
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MILLISECONDS", timeout)
    with pytest.raises(sqlite3.OperationalError, match=said):
        engines._set_up(ConnectionToNewDatabase(said, said), None)


def test_locked_database_is_unavailable_and_serves_again_afterwards(monkeypatch, database_url):
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MILLISECONDS", 50)
    store, other = SqlStore(database_url), SqlStore(database_url)
    store.migrate()
    store.write(pin("a"))
    with other.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            store.write(pin("b"))
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN")
    store.write(pin("c"))
    with store.read() as tx:
        assert sorted(tx.policy_pins.all()) == ["a", "c"]
    store.close()
    other.close()


def test_more_threads_than_connections_are_told_to_come_back(monkeypatch, database_url):
    store = SqlStore(database_url, threads=1)
    store.migrate()
    monkeypatch.setattr(store.engine.pool, "_timeout", 0.05)

    def read():
        with store.read() as tx:
            return tx.customers.count()

    with ThreadPoolExecutor(1) as pool, store.read():
        with pytest.raises(StoreUnavailable):
            pool.submit(read).result()
        # The connection that writes is another.
        pool.submit(store.write, pin("a")).result()
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


def test_upload_is_checkpointed_as_it_comes(book, monkeypatch):
    monkeypatch.setattr(backends, "_STEP_PAGES", 50)
    longest = []

    def pieces():
        for _ in range(10):
            yield bytes(2**17)
            longest.append(pages_in_wal(book))

    book.imports.store(Upload(ImportKind.LOANS, "loans.csv", None, 0, "0" * 64, {}, pieces()))
    assert max(longest) < 100


def pages_in_wal(book) -> int:
    with book.store.engine.connect() as connection:
        _, logged, checkpointed = connection.exec_driver_sql("PRAGMA wal_checkpoint(NOOP)").one()
        return logged - checkpointed


def test_long_write_ahead_log_is_checkpointed_when_nobody_waits_for_it(monkeypatch, book):
    monkeypatch.setattr(backends, "_LONG_WAL_PAGES", 10)
    monkeypatch.setattr(backends, "_STEP_PAGES", 2)

    book.store.checkpoint()
    assert pages_in_wal(book) < 10
    for _ in range(5):
        book.register()
    assert pages_in_wal(book) >= 10
    book.store.checkpoint()
    assert pages_in_wal(book) == 0
    book.register()
    left = pages_in_wal(book)
    book.store.checkpoint()
    assert 2 <= pages_in_wal(book) == left < 10
    book.store.checkpoint(in_steps=True)
    assert pages_in_wal(book) == 0


def test_transaction_that_the_database_has_rolled_back_is_not_taken_for_a_success(store):
    """As SQLite does by itself where the disk is full, whatever the work then makes of the error."""

    def work(tx):
        tx.write(Changes(policy_pins={"a": "sha"}))
        tx.policy_pins._connection.exec_driver_sql("ROLLBACK")

    with pytest.raises(StoreUnavailable, match="rolled the transaction back"):
        store.write(work)
    store.write(pin("b"))
    with store.read() as tx:
        assert list(tx.policy_pins.all()) == ["b"]


def limit_pages(store, more: int) -> None:
    """Lets the file grow by so many pages, as far as the connection that writes is concerned."""

    def limit(tx):
        run = tx.customers._connection.exec_driver_sql
        run(f"PRAGMA max_page_count = {run('PRAGMA page_count').scalar_one() + more}")

    store.write(limit)


def test_disk_that_is_full_leaves_nothing_of_a_transaction_and_the_next_one_works(store, book):
    store.write(pin("a"))
    limit_pages(store, 0)

    def fill(tx):
        tx.imports.add_content("an upload", 0, b"x" * 2**20)
        pin("b")(tx)

    with pytest.raises(StoreUnavailable):
        store.write(fill)
    assert (book.counts()["policy_pin"], book.counts()["import_content"]) == (1, 0)
    limit_pages(store, 10_000)
    store.write(fill)
    assert (book.counts()["policy_pin"], book.counts()["import_content"]) == (2, 1)


def test_commit_that_fails_leaves_nothing_of_its_transaction_and_the_next_one_works(store, book):
    failures = [OperationalError("COMMIT", None, Exception("disk I/O error"))]

    def fail(_connection):
        if failures:
            raise failures.pop()

    event.listen(store.engine, "commit", fail)
    with pytest.raises(StoreUnavailable):
        store.write(pin("a"))
    assert book.rows("policy_pin") == []
    store.write(pin("b"))
    assert [row["version"] for row in book.rows("policy_pin")] == ["b"]


def test_connection_whose_commit_left_the_transaction_open_is_replaced(monkeypatch, store, book):
    """As where neither the commit nor the rollback comes through, as with an error of the disk."""
    store.write(pin("a"))
    broken = store._backend._writer
    dialect = store.engine.dialect
    with monkeypatch.context() as patch:
        for name in ("do_commit", "do_rollback"):
            patch.setattr(dialect, name, fail_to_end)
        with pytest.raises(StoreUnavailable):
            store.write(pin("b"))
    assert store._backend._writer is not broken
    store.write(pin("c"))
    assert [row["version"] for row in book.rows("policy_pin")] == ["a", "c"]


def fail_to_end(_connection):
    raise pysqlite3.OperationalError("disk I/O error")


def test_threads_of_a_process_write_one_after_the_other(store):
    inside, most = [], []

    def work(tx):
        inside.append(tx)
        most.append(len(inside))
        time.sleep(0.005)
        inside.remove(tx)

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(store.write, work) for _ in range(8)]:
            each.result()
    assert set(most) == {1}


def test_write_that_another_process_waits_for_is_contended(store, open_store):
    other, begun = open_store(), threading.Event()

    def work(tx):
        assert not tx.is_contended()
        waiting = pool.submit(other.write, pin("b"))
        begun.set()
        eventually(tx.is_contended)
        return waiting

    with ThreadPoolExecutor(1) as pool:
        store.write(work).result()
    assert not store.write(lambda tx: tx.is_contended())
