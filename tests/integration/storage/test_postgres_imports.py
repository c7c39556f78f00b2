"""What is PostgreSQL's of imports: what its planner knows of tables that grow, and how it keeps uploads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from support.servers import eventually
from support.store_rows import decision_of, loan_of

from almeno_grpc.service.store import Changes
from almeno_grpc.storage.postgres.cursor import LibpqCursor
from almeno_grpc.storage.tables import FIRST_GENERATED_ID


@pytest.fixture(scope="module")
def databases(postgres_databases):
    return postgres_databases


def test_planner_learns_of_tables_that_an_import_has_doubled(book, admin):
    def land(first, count):
        numbers = range(first, first + count)
        book.store.write(lambda tx: tx.loans.reserve_loan_ids(numbers, [1] * count))
        book.store.analyze()
        return admin.execute("SELECT reltuples FROM pg_class WHERE relname = 'loan_number'").fetchone()[0]

    # Too few to matter, then many, then some more.
    assert land(1, 100) <= 0
    assert land(101, 9_900) == 10_000
    assert land(10_001, 5_000) == 10_000
    assert land(15_001, 10_000) == 25_000


def test_planner_learns_of_each_table_that_an_import_fills(book, admin, rows_of):
    expected = dict.fromkeys(("customer", "phone_number", "loan_number", "loan"), 5_000)
    expected |= {"customer_name": 10_000, "change_event_first": 10_000}
    for table in expected:
        # It may begin to look at a table while that is filled, and end last.
        admin.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    book.upsert([rows_of.customer(number) for number in range(1, 5_001)])
    book.upsert([rows_of.loan(number, number) for number in range(1, 5_001)])
    book.store.analyze()
    filled = "SELECT relname, reltuples FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > 16 * 8192"
    filled += " AND relnamespace = current_schema()::regnamespace"
    assert dict(admin.execute(filled).fetchall()) == expected


def test_planner_is_told_roughly_for_calls_wait_meanwhile(book, admin):
    book.store.write(lambda tx: tx.loans.reserve_loan_ids(range(1, 10_001), [1] * 10_000))
    book.store.analyze()
    steps = "SELECT array_length(histogram_bounds::text::bigint[], 1) - 1 FROM pg_stats WHERE tablename = 'loan_number'"
    assert admin.execute(f"{steps} AND attname = 'loan_id'").fetchone() == (30,)


def test_loans_of_a_sheet_are_found_by_the_indexes_however_many(book, rows_of, monkeypatch):
    borrowers = range(1, 201)
    book.upsert([rows_of.customer(number) for number in borrowers])
    book.upsert([rows_of.loan(number % 200 + 1, number) for number in range(1, 100_001)], batch_rows=25_000)
    # Their numbers are taken, so they get others.
    book.upsert([rows_of.loan(1, number) for number in range(1, 101)])
    book.store.analyze()
    keys = [(number % 200 + 1, number) for number in range(1, 401)] + [(1, number) for number in range(1, 101)]
    statements: list[str] = []
    execute = LibpqCursor.execute
    monkeypatch.setattr(LibpqCursor, "execute", lambda *args: (statements.append(args[1]), execute(*args))[1])
    with book.store.read() as tx:
        before = rows_read_through(tx)
        statements.clear()
        assert tx.loans.by_source(keys).keys() == set(keys)
        assert tx.loans.by_source(keys[:7]).keys() == set(keys[:7])
        # A list of the keys in the statement would be planned anew each time, which takes longer than to look them up.
        assert len(set(statements)) == 1
        assert rows_read_through(tx) == before


def rows_read_through(tx) -> int:
    """How many rows of the table of loans the connection has read one after the other."""
    rows_read = text("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'loan'")
    return tx.loans._connection.execute(rows_read).scalar_one()


@pytest.mark.usefixtures("store")
def test_uploads_are_kept_as_they_are(admin):
    stored = "SELECT attstorage FROM pg_attribute WHERE attrelid = 'import_content'::regclass AND attname = 'content'"
    assert admin.execute(stored).fetchone() == ("e",)


@pytest.mark.parametrize("customer_id", [1, 2])
def test_loan_of_a_sheet_does_not_take_the_id_of_a_booking_that_is_under_way(
    with_customers, admin, rows_of, customer_id
):
    book, booked, may_end = with_customers, threading.Event(), threading.Event()

    def lend(tx):
        [loan_id] = tx.loans.reserve_ids(1)
        tx.write(Changes(decisions=[decision_of("d", 1)], loans=[loan_of(loan_id, 1, "d")]))
        booked.set()
        may_end.wait(20)

    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(2) as pool:
        booking = pool.submit(book.store.write, lend)
        try:
            assert booked.wait(20)
            importing = pool.submit(book.upsert, [rows_of.loan(customer_id, FIRST_GENERATED_ID)])
            eventually(lambda: admin.execute(waiting).fetchone() == (1,))
        finally:
            may_end.set()
        booking.result(20)
        assert importing.result(20).rows.adjusted == 1
    loans = {(row["loan_id"], row["customer_id"]) for row in book.rows("loan")}
    assert loans == {(FIRST_GENERATED_ID, 1), (FIRST_GENERATED_ID + 1, customer_id)}
    assert loans == {(row["loan_id"], row["customer_id"]) for row in book.rows("loan_number")}


def test_booking_whose_reserved_id_an_import_has_taken_gets_another(with_customers, rows_of):
    runs = []

    def lend(tx):
        [loan_id] = tx.loans.reserve_ids(1)
        runs.append(loan_id)
        if len(runs) == 1:
            with_customers.upsert([rows_of.loan(2, loan_id)])
        tx.write(Changes(decisions=[decision_of("d", 1)], loans=[loan_of(loan_id, 1, "d")]))

    with_customers.store.write(lend)
    assert runs == [FIRST_GENERATED_ID, FIRST_GENERATED_ID + 1]
    loans = {(row["loan_id"], row["customer_id"]) for row in with_customers.rows("loan")}
    assert loans == {(FIRST_GENERATED_ID, 2), (FIRST_GENERATED_ID + 1, 1)}
