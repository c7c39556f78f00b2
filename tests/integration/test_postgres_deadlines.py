"""A database that hangs keeps no thread and no connection longer than the callers wait, whatever it hangs at."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from support.book import LAKH, TODAY
from support.good_requests import RATE
from support.loan_calls import amount
from support.postgres import FAST, running_postgres
from support.servers import eventually

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.deadline import Deadline, begin_deadline, end_deadline
from almeno_grpc.domain.errors import CommitOutcomeUnknown, StoreUnavailable
from almeno_grpc.service.store import Changes
from almeno_grpc.storage.store import SqlStore

# What a transaction sees of pg_stat_activity stays as it is.
WAIT_FOR_LOCKS = (
    "FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
DEADLINE_SECONDS = 0.4


@pytest.fixture(scope="module")
def databases(postgres_databases):
    return postgres_databases


@pytest.fixture(autouse=True)
def no_deadline() -> Iterator[None]:
    """Leaves the thread of the tests without one."""
    yield
    end_deadline()


@contextmanager
def hanging(admin: psycopg.Connection) -> Iterator[None]:
    """Whoever reads a customer or a loan number waits."""
    with admin.transaction():
        admin.execute("LOCK TABLE customer, loan_number IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def ends_at_the_deadline(more_seconds: float = 3) -> Iterator[None]:
    """What this thread does ends soon after a deadline, where it would hang for ten seconds and more."""
    began = time.monotonic()
    begin_deadline(Deadline(began + DEADLINE_SECONDS))
    yield
    assert DEADLINE_SECONDS <= time.monotonic() - began < DEADLINE_SECONDS + more_seconds


def waiting(admin: psycopg.Connection) -> int:
    [count] = admin.execute(f"SELECT count(*) {WAIT_FOR_LOCKS}").fetchone()
    return count


@pytest.mark.parametrize(
    ("left_seconds", "shown"), [(None, "1min"), (3600, "1min"), (2, r"(2s|1\d\d\dms)"), (-5, "100ms")]
)
def test_statement_lasts_no_longer_than_its_deadline_and_than_a_minute(store, left_seconds, shown):
    begin_deadline(Deadline() if left_seconds is None else Deadline(time.monotonic() + left_seconds))

    def timeout(tx) -> str:
        return tx.customers._connection.exec_driver_sql("SHOW statement_timeout").scalar_one()

    with store.read() as tx:
        assert re.fullmatch(shown, timeout(tx))
    assert re.fullmatch(shown, store.write(timeout))


def test_read_and_write_that_hang_end_at_the_deadline(book, admin):
    with hanging(admin):
        with ends_at_the_deadline(), pytest.raises(StoreUnavailable), book.store.read() as tx:
            tx.customers.count()
        with ends_at_the_deadline(), pytest.raises(StoreUnavailable):
            book.store.write(lambda tx: tx.borrowers.lock([1], wait=True))


def test_statement_without_a_transaction_that_hangs_is_cancelled_at_the_deadline(database_url, admin):
    store = SqlStore(f"{database_url}?application_name=fetches", threads=1)
    with hanging(admin):
        for _ in range(2):
            with ends_at_the_deadline(), pytest.raises(StoreUnavailable):
                store.borrowers([1], TODAY)
        assert waiting(admin) == 0
    # On the same connection, which is as good as before.
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fetches'"
    assert admin.execute(sessions).fetchone() == (1,)
    end_deadline()
    assert store.borrowers([1], TODAY) == {}
    store.close()


def test_batch_learns_its_deadline_with_its_transaction_begun(store):
    deadline = begin_deadline(Deadline(time.monotonic() + 0.1, is_final=False))

    def work(tx) -> None:
        sleep = tx.customers._connection.exec_driver_sql
        # The one that came first waits no longer; another does.
        deadline.seconds = time.monotonic() + 1
        sleep("SELECT pg_sleep(0.6)")
        sleep("SELECT pg_sleep(60)")

    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.write(work)
    assert 1 <= time.monotonic() - began < 4


def test_commit_that_the_standby_does_not_confirm_ends_at_the_deadline_with_an_unknown_outcome():
    with running_postgres() as server:
        store = SqlStore(server.url(), threads=1)
        store.migrate()
        server.restart({**FAST, "synchronous_standby_names": "*"})
        with ends_at_the_deadline(), pytest.raises(CommitOutcomeUnknown):
            store.write(lambda tx: tx.write(Changes(policy_pins={"v": "sha"})))
        store.close()


def test_database_that_has_come_to_a_halt_gives_its_threads_back():
    """It does not even cancel a statement."""
    with running_postgres() as server:
        store = SqlStore(server.url(), threads=2)
        store.migrate()
        assert store.borrowers([1], TODAY) == {}
        with server.connect() as admin:
            sessions = admin.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'almeno'").fetchall()
        stopped = [server._process_id, *(pid for (pid,) in sessions)]
        for process_id in stopped:
            os.kill(process_id, signal.SIGSTOP)
        try:
            with ends_at_the_deadline(more_seconds=5), pytest.raises(StoreUnavailable):
                store.borrowers([1], TODAY)
        finally:
            for process_id in stopped:
                os.kill(process_id, signal.SIGCONT)
        end_deadline()
        eventually(lambda: store.borrowers([1], TODAY) == {})
        store.close()


@pytest.mark.parametrize("method", ["CheckEligibility", "CreateLoan", "GetLoan", "GetCustomer", "RecordRepayment"])
def test_call_on_a_database_that_hangs_gives_its_thread_and_connection_back_at_its_deadline(stubs, admin, method):
    terms = {"customer_id": 1, "loan_amount": amount(LAKH), "interest_rate": RATE, "tenure_months": 12}
    fields = {
        "CheckEligibility": terms,
        "CreateLoan": terms,
        "GetLoan": {"loan_id": 1},
        "GetCustomer": {"customer_id": 1},
        "RecordRepayment": {"loan_id": 1, "amount": amount(100)},
    }[method]
    request = getattr(pb, f"{method}Request")(**fields)
    with hanging(admin):
        calls = [getattr(stubs.credit, method).future(request, timeout=1) for _ in range(3)]
        eventually(lambda: waiting(admin) > 0 or all(call.done() for call in calls))
        codes = {call.exception().code() for call in calls}
        assert codes <= {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
        eventually(lambda: waiting(admin) == 0, 3)
    # All threads are free.
    assert stubs.refusal(lambda: getattr(stubs.credit, method)(request, timeout=5)).code == "NOT_FOUND"
