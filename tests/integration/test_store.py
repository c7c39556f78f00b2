"""The store: transactions, numbers of its own, and locks that processes share."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from almeno_grpc.domain.errors import (
    DeadlineExceeded,
    PhoneNumberTaken,
    StoreUnavailable,
    WriteConflict,
)
from almeno_grpc.storage import engine as engines
from almeno_grpc.storage.engine import DatabaseUnusable, open_engine, parse_url
from almeno_grpc.storage.store import BookStore
from almeno_grpc.storage.tables import FIRST_OWN_ID


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
    engines._set_up_sqlite(connection, None)
    assert connection.done[1] == "PRAGMA journal_mode = WAL"
    assert connection.done[-1] == "close"


@pytest.mark.parametrize(("said", "timeout"), [("database is locked", -1), ("unable to open database file", 10_000)])
def test_new_database_that_stays_locked_or_cannot_be_opened_is_not_waited_for(monkeypatch, said, timeout):
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_MILLISECONDS", timeout)
    with pytest.raises(sqlite3.OperationalError, match=said):
        engines._set_up_sqlite(ConnectionToNewDatabase(said, said), None)


def test_own_numbers_start_above_those_of_an_imported_book(book):
    customer = book.register()
    assert customer.customer_id == FIRST_OWN_ID == 1_000_000_001
    assert book.register().customer_id == FIRST_OWN_ID + 1
    loan = book.lend(customer.customer_id, 100_000_00).loan
    assert loan is not None
    assert loan.loan_id == FIRST_OWN_ID


@pytest.mark.parametrize("imported", [FIRST_OWN_ID, FIRST_OWN_ID + 7, 10**15])
def test_own_numbers_go_on_above_the_largest_imported_one(book, rows_of, imported):
    book.store.write(lambda tx: tx.customers.import_new([rows_of.customer(imported, phone_number="+918000000000")], 1))
    assert [book.register().customer_id for _ in range(2)] == [imported + 1, imported + 2]


def test_write_is_undone_when_its_work_fails(book):
    customer = book.register()

    def work(tx):
        tx.customers.add(customer.__class__(0, "A", "B", 30, "+919999999999", 1, 0, 0))
        tx.policy_pins.add("v", "sha")
        raise ValueError("after writing")

    before = book.counts()
    with pytest.raises(ValueError, match="after writing"):
        book.store.write(work)
    assert book.counts() == before


def test_write_is_undone_when_nobody_waits_for_it_any_more(book):
    answers = iter([True, False])
    with pytest.raises(DeadlineExceeded):
        book.store.write(lambda tx: tx.policy_pins.add("v", "sha"), wanted=lambda: next(answers))
    assert book.rows("policy_pin") == []


def test_write_that_nobody_waits_for_is_not_begun(book):
    ran = []
    with pytest.raises(DeadlineExceeded):
        book.store.write(lambda _: ran.append(1), wanted=lambda: False)
    assert ran == []


def test_read_sees_one_state_while_others_write(book, open_store):
    customer = book.register()
    other = open_store()
    with book.store.read() as tx:
        assert len(tx.customers.page(0, 10)) == 1
        other.write(lambda wtx: wtx.customers.add(customer.__class__(0, "A", "B", 30, "+919999999999", 1, 0, 0)))
        assert len(tx.customers.page(0, 10)) == 1
    with book.store.read() as tx:
        assert len(tx.customers.page(0, 10)) == 2


def test_phone_number_is_held_by_one_customer_even_without_the_look_before(book):
    first = book.register()
    with pytest.raises(PhoneNumberTaken):
        book.store.write(lambda tx: tx.customers.add(first))


def test_key_that_exists_is_a_conflict_and_a_broken_check_a_fault(book):
    book.store.write(lambda tx: tx.policy_pins.add("v", "sha"))
    with pytest.raises(WriteConflict):
        book.store.write(lambda tx: tx.policy_pins.add("v", "sha"))
    customer = book.register()
    with pytest.raises(IntegrityError, match="age_range"):
        book.store.write(lambda tx: tx.customers.add(customer.__class__(0, "A", "B", 17, "+919999999999", 1, 0, 0)))


def test_locked_database_is_unavailable_and_serves_again_afterwards(monkeypatch, database_url):
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_MILLISECONDS", 50)
    store, other = BookStore(database_url), BookStore(database_url)
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
    store = BookStore(database_url, threads=1)
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


def test_writers_of_two_processes_both_make_progress_and_share_no_number(store, start_process):
    processes = [
        start_process("register", seconds=1, first_phone_number=first) for first in (7_000_000_000, 7_100_000_000)
    ]
    for process in processes:
        process.wait_until_ready()
    for process in processes:
        process.go()
    numbers = [process.result() for process in processes]
    # Within the same second; each could do hundreds alone.
    assert min(map(len, numbers)) >= 10
    together = {number for of_process in numbers for number in of_process}
    assert len(together) == len(numbers[0]) + len(numbers[1])
    with store.read() as tx:
        assert tx.customers.existing(together) == together


def test_name_is_held_by_one_process_and_let_go_when_that_is_killed(store, start_process):
    holder = start_process("hold", name="import-worker")
    holder.wait_until_ready()
    holder.go()
    assert holder.result() is True
    with store.hold("import-worker") as held:
        assert not held
    with store.hold("something-else") as held:
        assert held
    holder.kill()
    with store.hold("import-worker") as held:
        assert held


def test_name_is_held_once_within_a_process_too_and_let_go_at_the_end(store):
    with store.hold("name") as first, store.hold("name") as second:
        assert (first, second) == (True, False)
    with store.hold("name") as again:
        assert again


def test_many_keys_are_looked_up_whatever_their_number(book, rows_of):
    customers = [rows_of.customer(number) for number in range(1, 12_001)]
    book.store.write(lambda tx: tx.customers.import_new(customers, 1))
    loans = [(number, number) for number in range(1, 40_001)]
    with book.store.read() as tx:
        assert len(tx.customers.existing(range(1, 40_001))) == 12_000
        found = tx.customers.matching(range(1, 12_001), [row.phone_number for row in customers])
        assert len({customer.customer_id for customer, _ in found}) == 12_000
        assert tx.loans.by_source(loans) == {}
        assert tx.loans.taken(range(1, 40_001)) == set()


def test_database_keeps_its_file_through_a_reopening(book, open_store):
    customer = book.register()
    with open_store().read() as tx:
        assert tx.customers.get(customer.customer_id) == customer
    with book.store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
