"""Upgrades of a PostgreSQL database from version 0.1.0, beside servers that go on booking.

`ALMENO_MIGRATION_TRIALS` says how many loans the book has that is upgraded under load.
"""

import sys
import threading
import time
from functools import partial

import pytest
from sqlalchemy import make_url
from support import release_0_1_0
from support.audit_trail import findings, write_baseline
from support.book_databases import PostgresDatabases
from support.postgres import running_postgres
from support.schemas import A_REPAYMENT, HEAD, PREPARED, revision_of
from support.trials import MIGRATION_TRIALS

from almeno_grpc.commands import COMMANDS
from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.domain.names import name_keys
from almeno_grpc.storage.loan_rows import COLUMNS, row_of
from almeno_grpc.storage.migrations import steps

MAX_IN_MEMORY = 100_000
"""Loans of a book whose database may be in memory."""


@pytest.fixture
def connect(databases, empty):
    """Opens connections to a PostgreSQL database, past the service."""
    name = make_url(str(empty.engine.url)).database
    return partial(databases.server.connect, name)


@pytest.fixture(scope="module")
def databases(postgres_databases):
    if MIGRATION_TRIALS <= MAX_IN_MEMORY:
        yield postgres_databases
    else:
        with running_postgres({"shared_buffers": "1GB", "max_wal_size": "4GB"}) as server:
            yield PostgresDatabases(server)


def test_servers_book_while_a_book_is_prepared_and_all_they_wrote_is_right_afterwards(empty, connect):
    empty.migrate("0201")
    with connect() as connection:
        release_0_1_0.fill(connection, MIGRATION_TRIALS)
        connection.execute("ANALYZE")
    empty.engine.dispose()
    seconds = {}
    servers = release_0_1_0.Servers(connect)
    with servers.at_work():
        time.sleep(0.1)
        began = time.perf_counter()
        empty.migrate(beside_servers=True)
        seconds["preparation"] = time.perf_counter() - began
        waited = max(servers.waits)
        time.sleep(0.1)
        empty.migrate(beside_servers=True)
    assert revision_of(empty.engine) == PREPARED
    began = time.perf_counter()
    empty.migrate()
    seconds["last step"] = time.perf_counter() - began
    began = time.perf_counter()
    write_baseline(empty)
    seconds["baseline"] = time.perf_counter() - began
    told = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    sys.stderr.write(
        f"{MIGRATION_TRIALS} loans: {told}, {len(servers.waits)} calls meanwhile, longest wait {waited:.2f} s\n"
    )
    # Two attempts at a lock, a second and a half of a machine that has other work.
    assert waited < 2
    assert len(servers.waits) > 50
    if MIGRATION_TRIALS <= MAX_IN_MEMORY:
        assert findings(empty) == []
        look_at_rows(empty)


def look_at_rows(store):
    with store.read() as tx, store.engine.connect() as connection:
        columns = ", ".join(column.name for column in COLUMNS)
        stored = {tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM loan").all()}  # noqa: S608 - of our own
        customers = connection.exec_driver_sql("SELECT customer_id, first_name, last_name FROM customer").all()
        ids = [customer_id for customer_id, _, _ in customers]
        numbers = connection.exec_driver_sql("SELECT customer_id, loan_id FROM loan").all()
        loans = tx.loans.get_many([tuple(row) for row in numbers]).values()
        # What was written is what the records say of themselves.
        assert len(loans) == len(stored) > MIGRATION_TRIALS
        assert {row_of(loan) for loan in loans} == stored
        assert {loan.latest_repayment for loan in loans if loan.repayment_count} > {1}
        keys = connection.exec_driver_sql("SELECT key, customer_id FROM customer_name").all()
        assert {tuple(row) for row in keys} == {
            (key, customer_id) for customer_id, *names in customers for key in name_keys(*names)
        }
        assert max(ids) > 1_000_000_000
        latest = connection.exec_driver_sql("SELECT max(business_date) FROM business_day").scalar()
        assert str(latest) == "2026-01-08"
        assert connection.exec_driver_sql("SELECT issues_total FROM import_file").scalar() == 2


def test_server_of_before_books_until_the_last_revision_and_not_beyond(empty, connect, capsys):
    empty.migrate("0201")
    with connect() as connection:
        url = empty.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        assert COMMANDS["migrate"](["--prepare"], {"ALMENO_DATABASE_URL": url}) == 0
        said = f"at revision {PREPARED}. Stop the servers and start the new ones, which upgrade it to {HEAD}.\n"
        assert said in capsys.readouterr().out
        release_0_1_0.register_and_book(connection, 1)
        empty.migrate()
        with pytest.raises(Exception, match="state"):
            release_0_1_0.register_and_book(connection, 2)


def test_customer_who_is_renamed_after_the_preparation_is_found_by_the_new_name_alone(empty, connect):
    empty.migrate("0201")
    rename = "UPDATE customer SET first_name = '{}' WHERE customer_id = 7"
    with connect() as connection:
        connection.execute(A_REPAYMENT[0])
        empty.migrate(beside_servers=True)
        for name in ("Usha", "Nisha"):
            connection.execute(rename.format(name))
    empty.migrate()
    with empty.read() as tx:
        found = {name: len(tx.customers.found_by_name(name, 0, 9)) for name in ("asha", "usha", "nisha", "rao")}
    assert found == {"asha": 0, "usha": 0, "nisha": 1, "rao": 1}


def test_index_is_built_beside_an_import_worker_whose_transaction_never_ends(empty, connect, monkeypatch):
    """CREATE INDEX CONCURRENTLY waits for the end of a transaction whose snapshot is older, whatever it is for."""
    for name, value in {
        "_SMALL_BYTES": 0,
        "_SNAPSHOT_SECONDS": 0.2,
        "_MOVE_SECONDS": 0.001,
        "_MAX_ATTEMPTS": 50,
    }.items():
        monkeypatch.setattr(steps, name, value)
    empty.migrate("0201")
    is_over = threading.Event()

    def work():
        with connect() as connection, connection.transaction():
            while not is_over.wait(0.001):
                connection.execute("SELECT %s", (1,))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with connect() as connection:
            some = "generate_series(1, 20000) AS n"
            connection.execute(f"{release_0_1_0.REQUEST} SELECT 'r' || n, 'f', '', 1 FROM {some}")  # noqa: S608 - of our own
        empty.migrate("0202")
    finally:
        is_over.set()
        worker.join()
    assert revision_of(empty.engine) == "0202"


def test_change_of_a_table_that_is_locked_waits_for_it_in_attempts_that_keep_nobody_waiting(
    empty, connect, monkeypatch
):
    monkeypatch.setattr(steps, "_ATTEMPT_SECONDS", 0.01)
    monkeypatch.setattr(steps, "_MAX_ATTEMPTS", 3)
    empty.migrate("0205")
    with connect() as dump, connect() as server, dump.transaction():
        dump.execute("LOCK TABLE loan IN ACCESS SHARE MODE")
        with pytest.raises(StoreUnavailable, match="keeps a table locked"):
            empty.migrate()
        release_0_1_0.register_and_book(server, 1)
    empty.migrate()
    assert revision_of(empty.engine) == HEAD


def test_second_server_that_starts_meanwhile_waits_and_holds_no_snapshot_that_an_index_would_wait_for(empty, connect):
    empty.migrate()
    with empty._backend.migrate(), connect() as admin:
        second = threading.Thread(target=empty.migrate)
        second.start()
        for _ in range(20):
            oldest = admin.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND state <> 'active'"
            ).fetchone()
            assert oldest == (0,)
            time.sleep(0.02)
        assert second.is_alive()
    second.join()
