"""What a request adds on PostgreSQL goes there in one trip, when all is known."""

import psycopg
import pytest
from support.book import LAKH

from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.service.store import AnsweredRequest


@pytest.fixture(scope="module")
def databases(postgres_databases):
    return postgres_databases


@pytest.fixture
def sent(monkeypatch):
    """The statements that the driver was given by themselves, in order."""
    sent: list[str] = []
    execute = psycopg.Connection.execute

    def noted(connection, statement, *args, **kwargs):
        sent.append(str(statement))
        return execute(connection, statement, *args, **kwargs)

    monkeypatch.setattr(psycopg.Connection, "execute", noted)
    return sent


def request(number: int) -> AnsweredRequest:
    return AnsweredRequest(f"request-{number}", "print", b"answer")


def stored_requests(admin) -> list[str]:
    return [name for (name,) in admin.execute("SELECT request_id FROM answered_request ORDER BY request_id")]


def test_rows_of_a_request_go_together_at_its_end(store, admin, sent):
    def work(tx):
        for number in range(3):
            tx.answered_requests.add(request(number), 1)
        assert sent == []

    store.write(work)
    assert len(sent) == 1
    assert stored_requests(admin) == ["request-0", "request-1", "request-2"]


def test_booking_waits_for_its_lookup_its_lock_its_number_and_its_rows(with_customers, sent):
    # The first notes the policy.
    with_customers.lend(1, LAKH, request_id="one")
    sent.clear()
    with_customers.lend(2, LAKH, request_id="two")
    # The position and the commit go past the driver.
    assert [statement.split()[0] for statement in sent] == ["SELECT", "SELECT", "INSERT", "WITH"]
    assert "loan_number" in sent[2]


def test_rows_that_wait_are_seen_by_their_own_request(store):
    def work(tx):
        tx.answered_requests.add(request(1), 1)
        return tx.answered_requests.get("request-1"), tx.answered_requests.get("request-2")

    assert store.write(work) == (request(1), None)


def test_row_that_is_refused_undoes_its_request_and_no_other(store, admin):
    def work(tx):
        for number in (1, 2, 0):
            tx.answered_requests.add(request(number), 1)

    store.write(lambda tx: tx.answered_requests.add(request(0), 1))
    # As often as it takes until the driver would have prepared the statement.
    for _ in range(3):
        with pytest.raises(WriteConflict):
            store.write(work)
    store.write(lambda tx: [tx.answered_requests.add(request(number), 1) for number in (3, 4, 5)])
    assert stored_requests(admin) == ["request-0", "request-3", "request-4", "request-5"]
