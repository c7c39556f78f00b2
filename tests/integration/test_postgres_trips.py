"""What a request adds on PostgreSQL goes there together, in one trip."""

import psycopg
import pytest
from psycopg.pq import PipelineStatus

from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.service.store import AnsweredRequest


@pytest.fixture(scope="module")
def databases(postgres_databases):
    return postgres_databases


@pytest.fixture
def sent(monkeypatch):
    """How the statements went that the driver was given by themselves, in order."""
    sent: list[PipelineStatus] = []
    execute = psycopg.Connection.execute

    def noted(connection, *args, **kwargs):
        sent.append(PipelineStatus(connection.pgconn.pipeline_status))
        return execute(connection, *args, **kwargs)

    monkeypatch.setattr(psycopg.Connection, "execute", noted)
    return sent


def request(number: int) -> AnsweredRequest:
    return AnsweredRequest(f"request-{number}", "print", b"answer")


def test_rows_of_a_request_go_together_at_its_end(store, admin, sent):
    def work(tx):
        for number in range(3):
            tx.answered_requests.add(request(number), 1)
        assert sent == []

    store.write(work)
    assert sent == [PipelineStatus.ON] * 3
    stored = admin.execute("SELECT request_id FROM answered_request ORDER BY request_id").fetchall()
    assert stored == [("request-0",), ("request-1",), ("request-2",)]


def test_rows_that_wait_are_seen_by_their_own_request(store):
    def work(tx):
        tx.answered_requests.add(request(1), 1)
        return tx.answered_requests.get("request-1"), tx.answered_requests.get("request-2")

    assert store.write(work) == (request(1), None)


def test_row_that_is_refused_undoes_the_request_and_no_other(store, admin):
    def work(tx):
        tx.answered_requests.add(request(1), 1)
        tx.answered_requests.add(request(2), 1)
        tx.answered_requests.add(request(1), 1)

    connections = "SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database()"
    store.write(lambda tx: tx.answered_requests.add(request(3), 1))
    before = admin.execute(connections).fetchone()
    with pytest.raises(WriteConflict):
        store.write(work)
    store.write(lambda tx: tx.answered_requests.add(request(4), 1))
    stored = admin.execute("SELECT request_id FROM answered_request ORDER BY request_id").fetchall()
    assert stored == [("request-3",), ("request-4",)]
    # The connection was not given up either.
    assert admin.execute(connections).fetchone() == before
