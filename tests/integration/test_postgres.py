"""What is PostgreSQL's: work that meets other work, connections that are lost, commits that nobody knows of."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import text
from support.postgres import running_postgres

from almeno_grpc.domain.errors import PhoneNumberTaken, StoreUnavailable, WriteConflict
from almeno_grpc.domain.imports import ImportKind, RowCounts
from almeno_grpc.service.customers import Applicant
from almeno_grpc.service.idempotency import Call
from almeno_grpc.storage.engine import DatabaseUnusable, parse_url
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import FIRST_GENERATED_ID

ANANYA = Applicant("Ananya", "Iyer", 30, 5_000_000, "+919999999999")


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


def test_commits_wait_for_the_standby_whatever_the_default(book, admin):
    alter = "ALTER DATABASE %I SET synchronous_commit = off"
    admin.execute(f"DO $$ BEGIN EXECUTE format('{alter}', current_database()); END $$")
    store = SqlStore(book.store.engine.url.render_as_string(hide_password=False))
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
        assert book.store.borrower(customer.customer_id, book.clock.today()) is not None
        end_connections(admin)
        assert book.customers.get(customer.customer_id)[0] == customer
        end_connections(admin)
        assert book.lend(customer.customer_id, 1_000_000).loan is not None


def test_connection_lost_in_the_middle_undoes_the_work_and_the_next_call_works(book, admin):
    before = book.counts()

    def lose(tx):
        book.customers.register(tx, ANANYA)
        end_connections(admin)
        tx.customers.page(0, 1)

    with pytest.raises(StoreUnavailable):
        book.store.write(lose)
    assert book.counts() == before
    assert book.register().customer_id


def test_connection_lost_at_the_commit_is_never_taken_for_a_success(book, admin):
    with pytest.raises(StoreUnavailable, match="same request_id"):
        book.store.write(lambda tx: (book.customers.register(tx, ANANYA), end_connections(admin)))


def test_server_out_of_reach_is_unavailable_and_serves_again_afterwards():
    with running_postgres() as server:
        store = SqlStore(server.url())
        store.migrate()
        store.write(lambda tx: tx.policy_pins.add("a", "sha"))
        server.stop()
        with pytest.raises(StoreUnavailable):
            store.borrower(1, date(2026, 4, 10))
        with pytest.raises(StoreUnavailable), store.read():
            pass
        with pytest.raises(StoreUnavailable):
            store.write(lambda tx: tx.policy_pins.add("b", "sha"))
        with pytest.raises(StoreUnavailable), store.hold("name"):
            pass
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            store.migrate()
        server.start()
        store.write(lambda tx: tx.policy_pins.add("c", "sha"))
        with store.read() as tx:
            assert sorted(tx.policy_pins.all()) == ["a", "c"]
        store.close()


def test_commit_whose_wait_for_the_standby_was_cut_short_is_not_answered_as_done(book):
    """A primary that waits for a standby which is not there."""
    with running_postgres() as server:
        store = SqlStore(server.url())
        store.migrate()
        here = type(book)(store, book.clock)
        request_id = str(uuid.uuid4())

        def register():
            call = Call(request_id, fingerprint="f")
            return here.once.once(
                call, lambda tx: here.customers.register(tx, ANANYA), lambda _: b"the answer"
            ).result()

        with server.connect() as admin, ThreadPoolExecutor(1) as pool:
            admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            admin.execute("SELECT pg_reload_conf()")
            # The second time finds the first one's answer, and still does not know whether the standby has it.
            for _ in range(2):
                registering = pool.submit(register)
                cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                while not registering.done():
                    admin.execute(cancel)
                    time.sleep(0.01)
                with pytest.raises(StoreUnavailable, match="standby"):
                    registering.result()
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
        assert register() == b"the answer"
        assert len(here.rows("customer")) == 1
        store.close()


def test_same_registration_in_two_servers_at_once_is_answered_alike(book, open_store):
    others = [book, *(type(book)(open_store(), book.clock) for _ in range(3))]
    for attempt in range(10):
        applicant = Applicant("Ananya", "Iyer", 30, 5_000_000, f"+9198{attempt:08}")
        call, barrier = Call(str(uuid.uuid4()), fingerprint="f"), threading.Barrier(4)

        def register(each, call=call, barrier=barrier, applicant=applicant):
            barrier.wait()
            registered = each.once.once(
                call, lambda tx: each.customers.register(tx, applicant), lambda customer: b"%d" % customer.customer_id
            )
            return registered.result()

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(register, others))) == 1
    assert len(book.rows("customer")) == 10


def test_request_that_meets_its_own_first_time_gets_its_answer(book, open_store):
    """The first time commits between the second one's look for its answer and its look at the phone number."""
    first = type(book)(open_store(), book.clock)
    call = Call(str(uuid.uuid4()), fingerprint="f")

    def register(each):
        return each.once.once(call, lambda tx: each.customers.register(tx, ANANYA), lambda _: b"the answer").result()

    def register_late(tx):
        if not book.rows("customer"):
            register(first)
        return book.customers.register(tx, ANANYA)

    assert book.once.once(call, register_late, lambda _: b"another answer").result() == b"the answer"
    with pytest.raises(PhoneNumberTaken):
        book.once.once(Call(str(uuid.uuid4()), fingerprint="f"), register_late, lambda _: b"").result()


def test_transactions_that_wait_for_each_other_both_come_through(book):
    customers = [book.register().customer_id for _ in range(2)]
    both_hold_one = threading.Barrier(2)
    runs = []

    def lock(tx, order):
        runs.append(order)
        tx.borrowers.get_locked(order[0], book.clock.today())
        if len(runs) <= 2:
            both_hold_one.wait()
        tx.borrowers.get_locked(order[1], book.clock.today())
        return order

    with ThreadPoolExecutor(2) as pool:
        orders = [customers, customers[::-1]]
        assert list(pool.map(lambda order: book.store.write(lambda tx: lock(tx, order)), orders)) == orders
    assert len(runs) == 3


def test_work_that_meets_others_each_time_is_given_up(book):
    runs = []

    def work(_):
        runs.append(1)
        raise WriteConflict("again")

    with pytest.raises(WriteConflict):
        book.store.write(work)
    assert len(runs) == 5


def test_row_that_stays_locked_is_unavailable(monkeypatch, book, admin):
    monkeypatch.setattr("almeno_grpc.storage.postgres._BEGIN_WRITING", b"BEGIN; SET LOCAL lock_timeout = '50ms'")
    customer = book.register()
    with admin.transaction():
        admin.execute("SELECT 1 FROM customer FOR UPDATE")
        with pytest.raises(StoreUnavailable):
            book.lend(customer.customer_id, 1_000_000)
    assert book.lend(customer.customer_id, 1_000_000).loan is not None


def test_own_numbers_never_meet_imported_ones_while_both_come(book, rows_of):
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


def test_name_is_lost_with_its_connection_and_the_holder_can_tell(book, admin):
    with book.store.hold("import-worker") as hold:
        assert hold.is_held()
        end_connections(admin)
        with book.store.hold("import-worker") as other:
            assert other.is_held()
            assert not hold.is_held()


def test_worker_of_an_import_waits_for_another_and_sees_the_progress_it_made(book, open_store):
    """Should two believe that it is their turn, the second one knows what the first has landed."""
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
    for _ in range(8):
        assert store.borrower(customer.customer_id, book.clock.today()) is not None
    prepared = store.write(
        lambda tx: tx.customers._connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
    )
    assert prepared == 0
    store.close()
