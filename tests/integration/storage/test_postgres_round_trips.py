"""How often a transaction waits for PostgreSQL: each wait is a round trip, however many requests share it."""

from datetime import date

import pytest

from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.service.store import Changes, DecisionRecord, IdempotencyRecord
from almeno_grpc.storage.compiled import execute_raw
from almeno_grpc.storage.postgres import dialect
from almeno_grpc.storage.postgres.cursor import LibpqCursor

TODAY = date(2026, 4, 10)


@pytest.fixture(scope="module")
def databases(postgres_databases):
    return postgres_databases


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """The first words of the statements and commands that are sent, in order; of those sent together, of the first."""
    sent: list[str] = []
    execute, together, command = LibpqCursor.execute, LibpqCursor.execute_together, dialect.execute_command

    def noted(cursor, sql, values):
        sent.append(sql.split()[0])
        execute(cursor, sql, values)

    def noted_together(cursor, statements):
        sent.append(statements[0][0].split()[0])
        return together(cursor, statements)

    def noted_command(connection, text):
        sent.append(text.split()[0])
        return command(connection, text)

    monkeypatch.setattr(LibpqCursor, "execute", noted)
    monkeypatch.setattr(LibpqCursor, "execute_together", noted_together)
    monkeypatch.setattr(dialect, "execute_command", noted_command)
    return sent


@pytest.mark.parametrize("count", [1, 2, 64])
def test_batch_of_bookings_takes_eight_round_trips_whatever_its_size(store, book, sent, count):
    customers = [book.register() for _ in range(count)]
    names = [str(number) for number in range(count)]
    ids = [customer.customer_id for customer in customers]

    def work(tx):
        locked = tx.borrowers.lock(ids, wait=False)
        assert set(tx.borrowers.get_many(locked, TODAY)) == set(ids)
        assert tx.idempotency.get_many([("", name) for name in names]) == {}
        assert tx.latest_business_date() is None
        loan_ids = tx.loans.reserve_ids(count)
        tx.write(
            *(
                Changes(
                    decisions=[DecisionRecord(name, id_, "2026-04-10", "v", "f", True, 70, "", "{}", "s", 1)],
                    idempotency_records=[IdempotencyRecord(name, "f", b"", 1)],
                    event=AuditEntry(AuditEventKind.WRITE, 1, "", "", "CreateLoan", id_, name),
                    business_date=TODAY if name == names[0] else None,
                )
                for name, id_ in zip(names, ids, strict=True)
            )
        )
        return loan_ids

    sent.clear()
    assert len(store.write(work)) == count
    assert sent == ["BEGIN", *["SELECT"] * 5, "WITH", "COMMIT"]


def test_check_takes_one_round_trip_and_no_transaction(store, book, sent):
    ids = [book.register().customer_id for _ in range(3)]
    sent.clear()
    assert set(store.borrowers(ids, TODAY)) == set(ids)
    assert sent == ["SELECT"]


def test_look_up_of_any_number_of_keys_is_two_prepared_statements(store, book):
    ids = [book.register().customer_id for _ in range(4)]
    for _ in range(12):
        for count in (1, 2, 3, 4):
            store.borrowers(ids[:count], TODAY)
    plans = "SELECT generic_plans > 0, custom_plans::int FROM pg_prepared_statements WHERE statement ~ 'LATERAL [(]'"
    with store._backend._fetching.checkout() as connection:
        # One for a single key and one for more. Of each five are planned for their keys, then the plan for any is kept.
        assert execute_raw(connection, plans).fetchall() == [(True, 5), (True, 5)]


def test_rows_that_are_refused_undo_their_transaction_and_no_other(store, admin):
    def add(*numbers):
        records = [IdempotencyRecord(f"request-{number:02}", "f", b"answer", 1) for number in numbers]
        store.write(lambda tx: tx.write(Changes(idempotency_records=records)), max_attempts=2)

    # So often that the driver has prepared the statement.
    for number in range(0, 30, 3):
        add(number, number + 1, number + 2)
    with pytest.raises(WriteConflict):
        add(31, 32, 0)
    add(33, 34, 35)
    rows = admin.execute("SELECT right(request_id, 2)::int FROM idempotency_record ORDER BY request_id")
    assert [number for (number,) in rows] == [*range(30), 33, 34, 35]
