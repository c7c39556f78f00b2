"""The rows of a decision, its loan and the remembered answer go to PostgreSQL in one trip, when all is known."""

import contextlib

import psycopg
import pytest
from support.book import LAKH

from almeno_grpc.domain.errors import DeadlineExceeded, WriteConflict
from almeno_grpc.service.store import IdempotencyRecord


@pytest.fixture(scope="module")
def databases(postgres_databases):
    return postgres_databases


@pytest.fixture
def sent(monkeypatch):
    """The statements that go through the driver, in order."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def noted(cursor, statement, *args, **kwargs):
        sent.append(str(statement))
        return execute(cursor, statement, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    return sent


def add(tx, *numbers: int) -> None:
    for number in numbers:
        tx.idempotency_records.add(IdempotencyRecord(f"request-{number:02}", "print", b"answer"), 1)


def stored(admin) -> list[int]:
    rows = admin.execute("SELECT right(request_id, 2)::int FROM idempotency_record ORDER BY request_id")
    return [number for (number,) in rows]


def test_rows_of_a_request_go_together_at_its_end(store, admin, sent):
    def work(tx):
        add(tx, 0, 1, 2)
        assert sent == []

    store.write(work)
    assert len(sent) == 1
    assert stored(admin) == [0, 1, 2]


def test_booking_waits_for_a_look_for_its_lock_its_number_and_its_rows(with_customers, sent):
    # The first notes the policy, the second finds it noted.
    with_customers.lend(1, LAKH, request_id="one")
    with_customers.lend(2, LAKH, request_id="two")
    sent.clear()
    with_customers.lend(3, LAKH, request_id="three")
    # The position and the commit go past the driver.
    assert [statement.split()[0] for statement in sent] == ["SELECT", "SELECT", "INSERT", "WITH"]
    assert "loan_number" in sent[2]


def test_rows_that_wait_are_seen_by_their_own_request(store):
    def work(tx):
        add(tx, 1)
        return tx.idempotency_records.get("request-01"), tx.idempotency_records.get("request-02")

    assert store.write(work) == (IdempotencyRecord("request-01", "print", b"answer"), None)


def test_rows_that_are_refused_undo_their_request_and_no_other(store, admin):
    # So often that the driver has prepared the statement.
    for number in range(0, 30, 3):
        store.write(lambda tx, first=number: add(tx, first, first + 1, first + 2))
    with pytest.raises(WriteConflict):
        store.write(lambda tx: add(tx, 31, 32, 0))
    store.write(lambda tx: add(tx, 33, 34, 35))
    assert stored(admin) == [*range(30), 33, 34, 35]


def test_rows_that_are_refused_are_no_secret(store, admin):
    def work(tx):
        add(tx, 1, 1)
        with contextlib.suppress(Exception):
            tx.idempotency_records.get("request-01")

    with pytest.raises(WriteConflict):
        store.write(work)
    assert stored(admin) == []


def test_rows_that_nobody_waits_for_any_more_are_not_kept(store, admin):
    answers = iter([True, False])
    with pytest.raises(DeadlineExceeded):
        store.write(lambda tx: add(tx, 1), wanted=lambda: next(answers))
    assert stored(admin) == []
