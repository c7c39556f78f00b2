"""How the background worker makes room for calls: short transactions, small parts, a log brought in by steps."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.servers import eventually

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.domain.imports import ImportState, RowCounts
from almeno_grpc.imports import worker as worker_module
from almeno_grpc.storage.imports import Imports
from almeno_grpc.storage.store import SqlStore, SqlTransaction


@pytest.mark.usefixtures("file")
def test_who_waits_to_write_comes_in_the_middle_of_a_batch(book, open_store, monkeypatch):
    if book.store.engine.dialect.name != "sqlite":
        # Nobody who writes waits for all the others there.
        assert not book.store.write(lambda tx: tx.is_contended())
        return
    queued, others = book.queue_customers(), [open_store() for _ in range(3)]
    came_at: list[int] = []
    is_contended = SqlTransaction.is_contended
    # Each comes while a part of a batch is imported, and stands in line by the time that the worker looks.
    parts = iter([None, *others])

    def come_and_look(tx: SqlTransaction) -> bool:
        if (other := next(parts, None)) is None:
            return is_contended(tx)
        pool.submit(other.write, lambda tx: came_at.append(tx.imports.get(queued.import_id).rows.seen))
        eventually(lambda: is_contended(tx))
        return is_contended(tx)

    monkeypatch.setattr(SqlTransaction, "is_contended", come_and_look)
    with ThreadPoolExecutor(3) as pool:
        book.work(max_rows_per_call=2)
    # Batches of 10 are imported by twos and twos; nobody came at the first part.
    assert came_at == [4, 6, 8]
    ended = book.imports.get(queued.import_id)
    assert (ended.state, ended.rows) == (ImportState.SUCCEEDED, RowCounts(inserted=50, adjusted=5))
    assert [issue[0] for issue in book.issues(ended)] == [2, 12, 22, 32, 42]


@pytest.fixture
def sizes(monkeypatch) -> list[int]:
    """How many rows each transaction imports."""
    sizes: list[int] = []
    add_progress = Imports.add_progress

    def note(self, queue_number, counts, issues):
        sizes.append(counts.seen)
        add_progress(self, queue_number, counts, issues)

    monkeypatch.setattr(Imports, "add_progress", note)
    return sizes


@pytest.mark.usefixtures("file")
def test_transactions_are_short_for_as_long_as_calls_come(book, sizes, monkeypatch):
    looks = itertools.count()
    # Somebody waits at the fourth look, in the middle of a batch of ten.
    monkeypatch.setattr(SqlTransaction, "is_contended", lambda _: next(looks) == 3)
    book.queue_customers()
    book.work(max_rows_per_call=2)
    assert sizes == [8, 2, *[2] * 20]


@pytest.mark.usefixtures("file")
def test_log_is_brought_in_by_steps_for_as_long_as_calls_come(book, sizes, monkeypatch):
    tidied: list[bool] = []
    after_transactions: list[bool] = []
    monkeypatch.setattr(SqlStore, "checkpoint", lambda _, *, in_steps=False: tidied.append(in_steps))
    monkeypatch.setattr(SqlStore, "analyze", lambda _: after_transactions.append(tidied[-1]))
    looks = itertools.count()
    # Somebody waits at the last look of the second transaction.
    monkeypatch.setattr(SqlTransaction, "is_contended", lambda _: next(looks) == 9)
    book.queue_customers()
    book.work(max_rows_per_call=2)
    assert after_transactions == [False, *[True] * (len(sizes) - 1)]


@pytest.mark.usefixtures("file")
def test_transaction_is_not_long_though_nobody_is_seen_waiting(book, sizes, monkeypatch):
    monkeypatch.setattr("almeno_grpc.imports.throttle._MAX_TRANSACTION_SECONDS", 0)
    monkeypatch.setattr("almeno_grpc.imports.throttle._FIRST_TRANSACTION_SECONDS", 0)
    book.queue_customers()
    book.work(max_rows_per_call=2)
    assert sizes == [2] * 25


@pytest.mark.parametrize(
    ("calls_come", "part_seconds", "least", "most"), [(True, 0.03, 2, 3), (True, 0.001, 2, 2), (False, 0.03, 8, 8)]
)
@pytest.mark.usefixtures("file")
def test_rows_that_take_long_are_imported_by_fewer_at_a_time_while_calls_come(
    book, monkeypatch, calls_come, part_seconds, least, most
):
    monkeypatch.setattr("almeno_grpc.imports.throttle._CALL_SECONDS", part_seconds)
    monkeypatch.setattr("almeno_grpc.imports.throttle._MIN_SHARE", 4)
    parts: list[int] = []
    upsert = worker_module.upsert_batch

    def land_slowly(tx, queue_number, batch_parts, now, today):
        def slowly():
            for part in batch_parts:
                parts.append(len(part))
                # A row takes a hundredth of a second.
                time.sleep(0.01 * len(part))
                yield part

        return upsert(tx, queue_number, slowly(), now, today)

    monkeypatch.setattr(worker_module, "upsert_batch", land_slowly)
    monkeypatch.setattr(SqlTransaction, "is_contended", lambda _: calls_come)
    book.queue_customers()
    book.work(max_rows_per_call=8)
    assert parts[0] == 8
    assert least <= parts[2] <= most


def test_worker_that_fails_in_a_batch_that_was_cut_short_goes_on_behind_its_last_part(book, file):
    queued = book.queue_customers()
    looks = itertools.count()

    def is_contended(_tx: SqlTransaction) -> bool:
        if next(looks) == 7:
            raise StoreUnavailable("away")
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqlTransaction, "is_contended", is_contended)
        book.work(max_rows_per_call=2)
    assert file.jobs == [("customers.csv", 0), ("customers.csv", 14)]
    ended = book.imports.get(queued.import_id)
    assert (ended.state, ended.rows) == (ImportState.SUCCEEDED, RowCounts(inserted=50, adjusted=5))
    assert [issue[0] for issue in book.issues(ended)] == [2, 12, 22, 32, 42]
