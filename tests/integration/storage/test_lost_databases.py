"""A database that is deleted, replaced, damaged or locked for ever while the service works on it."""

import contextlib
import fcntl
import shutil
import sqlite3
from pathlib import Path

import pytest

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.service.store import Changes
from almeno_grpc.storage.engine import DatabaseUnusable, parse_url
from almeno_grpc.storage.sqlite import backend as backends
from almeno_grpc.storage.store import SqlStore

PAGE_BYTES = 4096


@pytest.fixture(scope="module")
def databases(sqlite_databases):
    return sqlite_databases


@pytest.fixture
def file(database_url):
    return Path(parse_url(database_url).database)


def pin(version):
    """The work that pins a policy."""
    return lambda tx: tx.write(Changes(policy_pins={version: "sha"}))


def pins(store):
    with store.read() as tx:
        return sorted(tx.policy_pins.all())


def beside(file, part):
    return file.with_name(file.name + part)


@pytest.mark.parametrize("part", ["", "-wal", "-shm"])
def test_nothing_is_written_to_a_file_that_was_deleted_and_none_is_made_in_its_place(store, file, part):
    store.write(pin("a"))
    lost = beside(file, part)
    kept = lost.rename(file.with_name("kept"))
    with pytest.raises(StoreUnavailable, match="is gone or was replaced"):
        store.write(pin("b"))
    # Nor is anything read: the next booking would be decided on a book that nobody will have.
    with pytest.raises(StoreUnavailable):
        pins(store)
    assert not lost.exists()
    kept.rename(lost)
    store.probe_reads()
    store.write(pin("c"))
    assert pins(store) == ["a", "c"]


def test_file_that_was_replaced_is_not_written_to(store, file):
    store.write(pin("a"))
    copy = file.with_name("copy")
    shutil.copyfile(file, copy)
    copy.replace(file)
    with pytest.raises(StoreUnavailable, match="is gone or was replaced"):
        store.write(pin("b"))
    with pytest.raises(StoreUnavailable):
        store.probe_reads()


def test_loss_is_noticed_by_who_only_reads(store, file):
    store.probe_reads()
    store.probe_writes()
    file.rename(file.with_name("kept"))
    with pytest.raises(StoreUnavailable):
        store.probe_reads()
    assert store.has_failed.is_set()
    with pytest.raises(StoreUnavailable):
        pins(store)


def test_process_that_finds_no_file_makes_none(file, open_store, store):
    store.close()
    for part in ("", "-wal", "-shm"):
        beside(file, part).unlink(missing_ok=True)
    late = open_store()
    for use in (late.probe_reads, late.probe_writes, lambda: pins(late), lambda: late.write(pin("a"))):
        with pytest.raises(StoreUnavailable):
            use()
    assert not file.exists()


def test_server_does_not_begin_anew_where_the_log_of_a_database_is_left(file, database_url):
    with contextlib.closing(SqlStore(database_url)) as store:
        store.write(pin("a"))
        shutil.copyfile(beside(file, "-wal"), file.with_name("log"))
    file.unlink()
    file.with_name("log").rename(beside(file, "-wal"))
    with contextlib.closing(SqlStore(database_url)) as store, pytest.raises(DatabaseUnusable, match="write-ahead log"):
        store.migrate()
    assert not file.exists()
    beside(file, "-wal").unlink()


def zero_page_of(file, table):
    """Overwrites the first page of a table with zeros."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    with file.open("r+b") as written:
        written.seek((page - 1) * PAGE_BYTES)
        written.write(bytes(PAGE_BYTES))


def test_damaged_page_is_unavailable_and_nothing_is_decided_any_more(file, open_store, store):
    store.write(pin("a"))
    store.close()
    zero_page_of(file, "policy_pin")
    damaged = open_store()
    damaged.probe_reads()
    with pytest.raises(StoreUnavailable, match="damaged"):
        pins(damaged)
    for use in (damaged.probe_reads, damaged.probe_writes, lambda: damaged.write(pin("b"))):
        with pytest.raises(StoreUnavailable, match="damaged"):
            use()


@pytest.mark.parametrize("table", ["policy_pin", "loan", "customer"])
def test_server_does_not_start_on_a_damaged_database(file, open_store, store, table):
    store.refuse_damage(10)
    store.close()
    zero_page_of(file, table)
    with pytest.raises(DatabaseUnusable, match=r"is damaged .*restore it from a backup"):
        open_store().refuse_damage(10)


def test_look_for_damage_takes_no_longer_than_it_may(monkeypatch, file, open_store, store):
    monkeypatch.setattr(backends, "_STEPS_BETWEEN_LOOKS", 1)
    store.close()
    zero_page_of(file, "loan")
    open_store().refuse_damage(0)


def test_file_that_begins_with_zeros_is_no_database(file, open_store, store):
    store.close()
    with file.open("r+b") as written:
        written.write(bytes(PAGE_BYTES))
    late = open_store()
    with pytest.raises(StoreUnavailable):
        late.probe_reads()
    with pytest.raises(DatabaseUnusable, match="no SQLite database"):
        late.refuse_damage(10)


def test_lock_that_another_process_never_gives_back_is_unavailable(monkeypatch, file, store):
    store.write(pin("a"))
    store.probe_writes()
    with beside(file, "-writer.lock").open("ab") as lock, monkeypatch.context() as patch:
        patch.setattr(backends, "_MAX_WAIT_SECONDS", 0)
        patch.setattr(backends, "_MAX_PROBE_SECONDS", 0)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable):
            store.write(pin("b"))
        # The commit of before shows nothing any more.
        with pytest.raises(StoreUnavailable):
            store.probe_writes()
        assert pins(store) == ["a"]
    store.write(pin("c"))


def test_thread_that_never_ends_its_transaction_keeps_others_no_longer_than_the_bound(monkeypatch, store):
    monkeypatch.setattr(backends, "_MAX_WAIT_SECONDS", 0)
    store._backend._write_lock.acquire()
    with pytest.raises(StoreUnavailable, match="other calls"):
        store.write(pin("a"))
    store._backend._write_lock.release()
    store.write(pin("b"))


def test_disk_that_cannot_lock_is_unavailable(monkeypatch, store):
    def broken(_file, _operation):
        raise OSError(5, "Input/output error")

    store.write(pin("a"))
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", broken)
        with pytest.raises(StoreUnavailable):
            store.write(pin("b"))
    store.write(pin("c"))
