"""What is PostgreSQL's: work that meets other work, connections that are lost, commits that nobody knows of."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError
from support.postgres import FAST, running_postgres
from support.servers import eventually

from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.errors import CommitOutcomeUnknown, StoreUnavailable, WriteConflict
from almeno_grpc.domain.imports import ImportKind, RowCounts
from almeno_grpc.service.store import Changes, IdempotencyRecord
from almeno_grpc.serving.store_monitor import PROBE_SECONDS
from almeno_grpc.storage.compiled import execute_raw
from almeno_grpc.storage.engine import DatabaseUnusable, parse_url
from almeno_grpc.storage.postgres import timelines
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import FIRST_GENERATED_ID

TODAY = date(2026, 4, 10)
ANANYA = Customer(7, "Ananya", "Iyer", 30, "+919999999999", 5_000_000, 180_000_000, 1)


def register_ananya(tx):
    tx.write(Changes(customers=[ANANYA]))


def pin(version: str):
    """The work that pins a policy."""
    return lambda tx: tx.write(Changes(policy_pins={version: "sha"}))


@pytest.fixture(scope="module")
def databases(postgres_databases):
    return postgres_databases


def end_connections(admin) -> None:
    """Ends all others, as a restart does, and waits until they are gone."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    admin.execute(f"SELECT pg_terminate_backend(pid) {others}")
    while admin.execute(f"SELECT count(*) {others}").fetchone() != (0,):
        time.sleep(0.01)


@pytest.mark.parametrize("url", ["postgresql://me@db/book", "postgresql+psycopg://me@db/book"])
def test_url_names_the_driver_or_leaves_it_out_and_goes_to_a_server_that_takes_writes(url):
    parsed = parse_url(url)
    assert parsed.drivername == "postgresql+psycopg"
    assert parsed.query["target_session_attrs"] == "read-write"


def test_url_takes_several_hosts_and_options_of_its_own():
    parsed = parse_url("postgresql://me@/book?host=one:5432&host=two:5433&connect_timeout=2")
    assert parsed.query["host"] == ("one:5432", "two:5433")
    assert parsed.query["connect_timeout"] == "2"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+asyncpg://me@db/book", "names the driver"),
        ("postgresql://me@db", "names no database"),
        ("postgresql://me@one:5432,two:5432/book", "several hosts are written"),
        ("postgresql://me@db/book?prepare_threshold=5", "prepare_threshold is none"),
    ],
)
def test_url_that_cannot_be_used_is_refused(url, said):
    with pytest.raises(DatabaseUnusable, match=said):
        parse_url(url)


def test_commits_wait_for_the_standby_whatever_the_default(database_url, admin):
    alter = "ALTER DATABASE %I SET synchronous_commit = off"
    admin.execute(f"DO $$ BEGIN EXECUTE format('{alter}', current_database()); END $$")
    store = SqlStore(database_url)
    level = store.write(lambda tx: tx.customers._connection.execute(text("SHOW synchronous_commit")).scalar_one())
    assert level == "on"
    store.close()


def test_pages_that_a_writer_has_written_out_are_sent_on_to_the_disk(book):
    shown = text("SHOW backend_flush_after")
    assert book.store.write(lambda tx: tx.customers._connection.execute(shown).scalar_one()) == "1MB"


def test_connections_that_were_ended_are_replaced_without_an_error(book, admin):
    customer = book.register()
    for _ in range(3):
        end_connections(admin)
        assert book.store.borrowers([customer.customer_id], book.clock.today())
        end_connections(admin)
        assert book.customers.get(customer.customer_id)[0] == customer
        end_connections(admin)
        assert book.lend(customer.customer_id, 1_000_000).loan is not None


def test_connection_lost_in_the_middle_undoes_the_work_and_the_next_call_works(book, admin):
    before = book.counts()

    def lose(tx):
        tx.customers.page(0, 1)
        end_connections(admin)
        register_ananya(tx)

    with pytest.raises(StoreUnavailable):
        book.store.write(lose)
    assert book.counts() == before
    assert book.register().customer_id


def test_connection_lost_at_the_commit_is_never_taken_for_a_success(book, admin):
    with pytest.raises(CommitOutcomeUnknown, match="same request_id"):
        book.store.write(lambda tx: (register_ananya(tx), end_connections(admin)))
    assert book.rows("customer") == []
    book.store.write(register_ananya)


def test_server_out_of_reach_is_unavailable_and_serves_again_afterwards():
    with running_postgres() as server:
        store = SqlStore(server.url())
        store.migrate()
        store.write(pin("a"))
        server.stop()
        with pytest.raises(StoreUnavailable):
            store.borrowers([1], TODAY)
        with pytest.raises(StoreUnavailable), store.read():
            pass
        with pytest.raises(StoreUnavailable):
            store.write(pin("b"))
        with pytest.raises(StoreUnavailable), store.try_lock("name"):
            pass
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            store.migrate()
        server.start()
        store.write(pin("c"))
        with store.read() as tx:
            assert sorted(tx.policy_pins.all()) == ["a", "c"]
        store.close()


def test_table_that_is_gone_is_unavailable(book, admin):
    book.store.probe_reads()
    admin.execute("ALTER TABLE customer RENAME TO gone")
    with pytest.raises(StoreUnavailable):
        book.store.probe_reads()
    admin.execute("ALTER TABLE gone RENAME TO customer")
    book.store.probe_reads()


INTERNAL_ERROR = "RAISE EXCEPTION 'server closed the connection unexpectedly' USING ERRCODE = 'XX000'"


def test_connection_that_a_proxy_has_lost_behind_it_is_unavailable(book):
    """As the coordinator of a distributed database words it: with SQLSTATE XX000, on a sound connection."""
    with pytest.raises(StoreUnavailable):
        book.store.write(lambda tx: tx.customers._connection.exec_driver_sql(f"DO $$ BEGIN {INTERNAL_ERROR}; END $$"))
    assert book.register().customer_id


def test_connection_that_a_proxy_has_lost_at_the_commit_leaves_its_outcome_unknown(book, admin):
    admin.execute(f"CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {INTERNAL_ERROR}; END $$")
    admin.execute(
        "CREATE CONSTRAINT TRIGGER lose AFTER INSERT ON policy_pin DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION lose()"
    )
    with pytest.raises(CommitOutcomeUnknown, match="same request_id"):
        book.store.write(pin("v"))


def test_transaction_whose_limits_cannot_be_set_does_not_begin_and_the_next_does(store, admin):
    store.write(pin("a"))
    admin.execute("ALTER TABLE access_state RENAME TO gone")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            store.write(pin("b"))
    admin.execute("ALTER TABLE gone RENAME TO access_state")
    store.write(pin("b"))
    assert store.write(lambda tx: tx.policy_pins.all()) == {"a": "sha", "b": "sha"}


def test_commit_whose_wait_for_the_standby_was_cancelled_has_an_unknown_outcome():
    """A primary that waits for a standby which is not there."""
    with running_postgres() as server:
        store = SqlStore(server.url())
        store.migrate()
        record = IdempotencyRecord("request", "f", b"the answer", 1)

        def execute(tx):
            found = tx.idempotency.get_many([("", "request")])
            if not found:
                tx.write(Changes(customers=[ANANYA], idempotency_records=[record]))
            return found

        server.restart({**FAST, "synchronous_standby_names": "*"})
        with server.connect() as admin, ThreadPoolExecutor(1) as pool:
            # The second time finds the first one's answer, and still does not know whether the standby has it.
            for _ in range(2):
                executing = pool.submit(store.write, execute)
                cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                while not executing.done():
                    admin.execute(cancel)
                    time.sleep(0.01)
                with pytest.raises(CommitOutcomeUnknown, match="standby"):
                    executing.result()
        server.restart()
        assert store.write(execute) == {("", "request"): record}
        store.close()


def test_outcome_that_is_unknown_is_not_tried_again(book, admin):
    runs = []

    def lose(tx):
        runs.append(1)
        register_ananya(tx)
        end_connections(admin)

    with pytest.raises(CommitOutcomeUnknown):
        book.store.write(lose)
    assert runs == [1]


def test_all_idle_connections_are_replaced_when_one_was_lost(database_url, admin):
    store = SqlStore(database_url, threads=3)
    # One after the other: one that was replaced would else be the next to be checked out.
    store.engine.pool._pool.use_lifo = False

    def count() -> int:
        with store.read() as tx:
            return tx.customers.count()

    for read in (count, lambda: store.borrowers([], TODAY)):
        with store.read(), store.read(), store.read():
            pass
        end_connections(admin)
        assert not read()
    store.close()


def test_text_that_is_too_long_for_its_column_is_refused_and_not_cut(store):
    with pytest.raises(DataError, match="too long"):
        store.write(pin("v" * 65))


def test_transaction_that_the_database_has_rolled_back_is_not_taken_for_a_success(book):
    """As where the work hides an error of the database."""

    def work(tx):
        pin("a")(tx)
        with contextlib.suppress(DBAPIError):
            tx.customers._connection.exec_driver_sql("SELECT 1 / 0")

    with pytest.raises(WriteConflict, match="rolled the transaction back"):
        book.store.write(work, max_attempts=1)
    assert book.rows("policy_pin") == []


def test_key_that_two_servers_insert_at_once_is_found_by_the_one_that_comes_second(book, open_store):
    other, runs = open_store(), []
    record = IdempotencyRecord("request", "f", b"the answer", 1)

    def execute(tx):
        runs.append(1)
        found = tx.idempotency.get_many([("", "request")])
        if len(runs) == 1:
            other.write(lambda first: first.write(Changes(idempotency_records=[record])))
        if found:
            return found["", "request"].answer
        tx.write(Changes(idempotency_records=[record._replace(answer=b"another answer")]))
        return b"another answer"

    assert book.store.write(execute) == b"the answer"
    assert runs == [1, 1]


def test_customers_who_are_locked_are_skipped_unless_they_are_waited_for(book, open_store):
    first, second = (book.register().customer_id for _ in range(2))
    other = open_store()

    def lock(tx):
        assert tx.borrowers.lock([first], wait=False) == {first}
        return other.write(lambda late: late.borrowers.lock([first, second], wait=False))

    assert book.store.write(lock) == {second}
    assert book.store.write(lambda tx: tx.borrowers.lock([first, second], wait=False)) == {first, second}


def test_lock_of_a_customer_does_not_keep_an_import_from_adding_loans(book, open_store, rows_of):
    book.upsert([rows_of.customer(1)])
    other = type(book)(open_store(), book.clock)

    def lock(tx):
        assert tx.borrowers.lock([1], wait=True) == {1}
        other.upsert([rows_of.loan(1, 5)])
        return tx.borrowers.get_many([1], book.clock.today())[1].position.loan_count

    assert book.store.write(lock) == 1


def test_statement_after_the_lock_sees_what_the_one_it_waited_for_has_committed(book, open_store):
    customer_id = book.register().customer_id
    other = type(book)(open_store(), book.clock)

    def lend_then_commit(tx):
        assert tx.borrowers.lock([customer_id], wait=True)
        waiting = pool.submit(other.lend, customer_id, 1_000_000_00, months=240)
        time.sleep(0.2)
        assert not waiting.done()
        pin("v")(tx)
        return waiting

    with ThreadPoolExecutor(1) as pool:
        assert book.store.write(lend_then_commit).result().loan is not None


def test_import_does_not_change_a_loan_while_a_repayment_is_recorded_on_it(book, open_store, rows_of):
    """The loan is read under a lock, by which the import waits, and then finds the repayment."""
    book.upsert([rows_of.customer(1)])
    book.upsert([rows_of.loan(1, 5)])
    other = open_store()
    changed = []

    def import_changed(tx):
        [loan] = tx.loans.by_source([(1, 5)]).values()
        tx.loans.import_changed(replace(loan, outstanding_principal=loan.outstanding_principal - 1), loan)
        changed.append(1)

    def repay(tx):
        [loan] = tx.loans.get_many([(1, 5)]).values()
        importing = pool.submit(other.write, import_changed, max_attempts=1)
        time.sleep(0.2)
        assert not importing.done()
        tx.write(Changes(updated_loans=[replace(loan, repayment_count=1)]))
        return importing

    with ThreadPoolExecutor(1) as pool, pytest.raises(WriteConflict, match="repayment"):
        book.store.write(repay).result()
    assert changed == []


def test_transactions_that_wait_for_each_other_both_come_through(book):
    customers = [book.register().customer_id for _ in range(2)]
    both_hold_one = threading.Barrier(2)
    runs = []

    def lock(tx, order):
        runs.append(order)
        tx.borrowers.lock(order[:1], wait=True)
        if len(runs) <= 2:
            both_hold_one.wait()
        tx.borrowers.lock(order[1:], wait=True)
        return order

    with ThreadPoolExecutor(2) as pool:
        orders = [customers, customers[::-1]]
        assert list(pool.map(lambda order: book.store.write(lambda tx: lock(tx, order)), orders)) == orders
    assert len(runs) == 3


def test_row_that_stays_locked_is_unavailable(book, admin):
    customer_id = book.register().customer_id

    def lock(tx):
        tx.customers._connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        return tx.borrowers.lock([customer_id], wait=True)

    with admin.transaction():
        admin.execute("SELECT 1 FROM customer FOR UPDATE")
        with pytest.raises(StoreUnavailable):
            book.store.write(lock)
    assert book.store.write(lock) == {customer_id}


@pytest.mark.parametrize("query", ["", "?prepare_threshold=none"])
def test_transactions_have_limits_of_time(database_url, query):
    store = SqlStore(f"{database_url}{query}", threads=1)

    def limits(tx):
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        return [tx.customers._connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    for _ in range(2):
        with store.read() as tx:
            assert limits(tx) == ["10s", "1min", "1min"]
        assert store.write(limits) == ["10s", "1min", "1min"]
    store.close()


def test_nothing_outlives_a_transaction_on_its_connection(database_url):
    store = SqlStore(database_url, threads=1)
    settings = "SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name"
    checkouts = (store.engine.connect, store._backend._writing.checkout)

    def in_effect():
        for checkout in checkouts:
            with checkout() as connection:
                yield execute_raw(connection, settings).fetchall()

    before = list(in_effect())
    store.write(pin("v"))
    with store.read(), store.try_lock("name"):
        pass
    assert list(in_effect()) == before
    store.close()


def test_process_holds_no_more_connections_than_its_pool(monkeypatch, database_url):
    monkeypatch.setattr("almeno_grpc.storage.postgres.engine._POOL_TIMEOUT_SECONDS", 0.05)
    store = SqlStore(database_url, threads=1)
    with store.read(), store.read(), store.read(), pytest.raises(StoreUnavailable, match="too many calls"):
        store.write(lambda _: None)
        # A lock is held on a connection of its own.
    with store.try_lock("name") as lock, store.read(), store.read(), store.read():
        assert lock.is_held()
    store.close()


def test_call_that_finds_the_kept_connection_in_use_takes_another(database_url):
    store = SqlStore(database_url, threads=1)

    def session(tx):
        return tx.customers._connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

    kept = store.write(session)
    assert store.write(lambda tx: (session(tx), store.write(session) != kept)) == (kept, True)
    assert store.write(session) == kept
    with store._backend._fetching.checkout():
        assert store.borrowers([1], TODAY) == {}
    store.close()


def test_store_that_is_closed_leaves_no_connection(database_url, admin):
    store = SqlStore(f"{database_url}?application_name=closed", threads=1)
    store.write(pin("v"))
    store.borrowers([1], TODAY)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closed'"
    assert admin.execute(sessions).fetchone() == (2,)
    store.close()
    eventually(lambda: admin.execute(sessions).fetchone() == (0,))


def test_text_with_a_nul_is_refused_and_not_cut(store):
    with pytest.raises(DataError, match="NUL"):
        store.write(pin("v\0w"))
    assert store.write(lambda tx: tx.policy_pins.all()) == {}


def test_generated_ids_never_meet_imported_ones_while_both_come(book, rows_of):
    stop = threading.Event()

    def register():
        while not stop.is_set():
            book.register()

    with ThreadPoolExecutor(2) as pool:
        registering = [pool.submit(register) for _ in range(2)]
        try:
            for batch in range(20):
                numbers = range(FIRST_GENERATED_ID + 300 * batch, FIRST_GENERATED_ID + 300 * batch + 300, 3)
                rows = [rows_of.customer(number, phone_digits=916 * 10**9 + number) for number in numbers]
                book.upsert(rows)
        finally:
            stop.set()
        for each in registering:
            each.result()
    rows = book.rows("customer")
    largest_imported = max(row["customer_id"] for row in rows if row["imported"])
    assert book.register().customer_id > largest_imported


def test_lock_is_lost_with_its_connection_and_the_holder_can_tell(book, admin):
    with book.store.try_lock("import-worker") as lock:
        assert lock.is_held()
        end_connections(admin)
        with book.store.try_lock("import-worker") as other:
            assert other.is_held()
            assert not lock.is_held()


def test_worker_of_an_import_waits_for_another_and_sees_the_progress_it_made(book, open_store):
    """Should two believe that it is their turn, the second one knows what the first has imported."""
    file = book.queue(ImportKind.CUSTOMERS, b"")
    book.store.write(lambda tx: tx.imports.start(file.queue_number, 1))
    other = type(book)(open_store(), book.clock)
    waited = []
    with ThreadPoolExecutor(1) as pool:

        def land(tx):
            assert tx.imports.get(file.import_id).rows.seen == 0
            second = pool.submit(other.store.write, lambda tx: tx.imports.get(file.import_id).rows.seen)
            time.sleep(0.2)
            waited.append(not second.done())
            tx.imports.add_progress(file.queue_number, RowCounts(inserted=5), [])
            return second

        assert book.store.write(land).result() == 5
    assert waited == [True]


def test_next_import_is_not_taken_while_another_has_its_hand_on_the_first(book, open_store):
    first, _ = book.queue(ImportKind.CUSTOMERS, b""), book.queue(ImportKind.LOANS, b"")
    other = open_store()

    def cancel(tx):
        book.imports.cancel(tx, first.import_id)
        assert other.write(lambda late: late.imports.next_waiting()) is None
        raise ValueError("not cancelled after all")

    with pytest.raises(ValueError, match="after all"):
        book.store.write(cancel)
    assert other.write(lambda tx: tx.imports.next_waiting()) == first


def test_statements_are_not_prepared_where_a_pooler_cannot_have_them(database_url, book):
    customer = book.register()
    store = SqlStore(f"{database_url}?prepare_threshold=none", threads=1)
    for each, are_prepared in ((store, False), (book.store, True)):
        for _ in range(8):
            assert each.borrowers([customer.customer_id], book.clock.today())
        with each._backend._fetching.checkout() as connection:
            [prepared] = execute_raw(connection, "SELECT count(*) FROM pg_prepared_statements").fetchone()
        # The count itself is one more.
        assert prepared == (2 if are_prepared else 0)
    store.close()


def test_statement_that_a_pooler_has_lost_is_named_with_its_remedy(database_url, book):
    customer = book.register()
    store = SqlStore(database_url, threads=1)
    assert store.borrowers([customer.customer_id], book.clock.today())
    with store._backend._fetching.checkout() as connection:
        connection.exec_driver_sql("DEALLOCATE ALL")
    with pytest.raises(StoreUnavailable, match="prepare_threshold=none"):
        store.borrowers([customer.customer_id], book.clock.today())
    store.close()


def test_database_of_a_lower_timeline_is_refused_and_connections_to_it_are_closed(database_url, book, monkeypatch):
    customer = book.register()
    timeline = [1]
    monkeypatch.setattr(timelines, "_timeline_of", lambda _: timeline[0])
    store = SqlStore(database_url, threads=2)
    known = store._backend._timelines
    with store.engine.connect() as connection:
        # As where a standby has become the primary.
        timeline[0] = 2
        known._note(2)
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql("SELECT 1")
    assert store.borrowers([customer.customer_id], book.clock.today())
    timeline[0] = 1
    with pytest.raises(DBAPIError, match="deposed by one on 2"), store.engine.connect(), store.engine.connect():
        pass
    store.close()


@pytest.mark.parametrize("ports", ["", "5432", "5432,5432", "5432,"])
def test_next_host_of_the_url_is_tried_where_the_first_was_deposed_whatever_the_url_leaves_out(ports, monkeypatch):
    tried: list[str] = []

    class Dialect:
        def connect(self, **options):
            # libpq takes the first that takes writes, and its own port where none is given.
            host = options["host"].split(",")[0]
            tried.append(host)
            return SimpleNamespace(info=SimpleNamespace(host=host, port=5432), close=lambda: None)

    monkeypatch.setattr(timelines, "_timeline_of", lambda connection: {"old": 1, "new": 2}[connection.info.host])
    known = timelines.Timelines()
    monkeypatch.setattr(known, "_connections", {})
    known._note(2)
    options = {"host": "old,new", "port": ports} if ports else {"host": "old,new"}
    monkeypatch.setattr(known, "_note", lambda timeline, _connection=None: timeline == 2)
    assert known.connect(Dialect(), None, [], options).info.host == "new"
    assert tried == ["old", "new"]
    with pytest.raises(psycopg.OperationalError, match="was deposed"):
        known.connect(Dialect(), None, [], options | {"host": "old,old"})


def test_each_probe_of_a_process_that_writes_nothing_commits(store, monkeypatch):
    """A commit that hangs is all that tells it of a database that was deposed."""
    store.probe_writes()
    monkeypatch.setattr(store, "_written_until_seconds", store._written_until_seconds - PROBE_SECONDS)
    commits = []
    monkeypatch.setattr(store._backend, "probe_writes", lambda: commits.append("one"))
    store.probe_writes()
    assert commits == ["one"]


def test_database_that_tells_no_timeline_is_taken(database_url, book, monkeypatch):
    customer = book.register()
    monkeypatch.setattr(timelines, "_TIMELINE", b"SELECT pg_no_such_function()")
    store = SqlStore(database_url, threads=1)
    assert store.borrowers([customer.customer_id], book.clock.today())
    store.close()
