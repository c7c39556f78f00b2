"""The background worker: files in order, one at a time, batch by batch, and nothing lost however it ends."""

import itertools
import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from itertools import pairwise

import pytest
from support.servers import eventually

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.domain.imports import BookCustomers, ImportKind, ImportState, IssueOutcome, RowCounts, RowIssue
from almeno_grpc.imports import worker as worker_module
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.frames import LoanNumbers, RowBatch
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.storage.imports import Imports
from almeno_grpc.storage.store import BookStore, BookTransaction

BATCH = 10
FIRST_DAY = date(2026, 4, 10)


class FakeFile:
    """A file of 50 customers, read without a process. What `before_batch` does comes before each batch."""

    def __init__(self, rows_of):
        self.rows_total = 50
        self.before_batch = lambda _: None
        self.before_reading = lambda _: None
        self.opened = []
        self.working = self.most_working = 0
        self._rows_of = rows_of

    @contextmanager
    def open(self, job, *, while_waiting, start_reader):
        del start_reader
        self.opened.append((job.file_name, job.skip_rows))
        self.working += 1
        self.most_working = max(self.working, self.most_working)
        try:
            self.content = job.path.read_bytes()
            self.before_reading(while_waiting)
            self._skip = job.skip_rows
            yield self
        finally:
            self.working -= 1

    def loan_numbers(self):
        return LoanNumbers(array("q"), array("q"))

    def batches(self):
        for start in range(self._skip, self.rows_total, BATCH):
            self.before_batch(start)
            numbers = range(start + 1, min(start + BATCH, self.rows_total) + 1)
            adjusted = [number for number in numbers if number % 10 == 2]
            issues = [RowIssue(number, IssueOutcome.ADJUSTED, "Age", "as a test") for number in adjusted]
            customers = BookCustomers.of([self._rows_of.customer(number) for number in numbers])
            yield RowBatch(len(numbers), customers, issues)


@pytest.fixture
def file(monkeypatch, rows_of):
    fake = FakeFile(rows_of)
    monkeypatch.setattr("almeno_grpc.imports.worker.open_book_file", fake.open)
    monkeypatch.setattr("almeno_grpc.imports.worker._RETRY_SECONDS", 0.01)
    monkeypatch.setattr("almeno_grpc.imports.worker._IDLE_SECONDS", 0.01)
    monkeypatch.setattr("almeno_grpc.imports.pace._PART_SECONDS", 60)
    monkeypatch.setattr("almeno_grpc.imports.pace._LONG_SECONDS", 60)
    monkeypatch.setattr("almeno_grpc.imports.pace._FIRST_SECONDS", 60)
    monkeypatch.setattr("almeno_grpc.imports.pace._CALM_SECONDS", 60)
    return fake


def queue(book, name="customers.csv", content=b"content", **header):
    return book.queue(ImportKind.CUSTOMERS, content, name, **header)


def now(book, queued):
    return book.imports.get(queued.import_id)


def test_import_ends_with_every_row_accounted_for_and_lets_go_of_the_upload(book, file):
    queued = queue(book, content=b"x" * 3_000_000)
    assert queued.state is ImportState.QUEUED
    assert len(book.rows("import_content")) == 1
    book.work()
    ended = now(book, queued)
    assert file.content == b"x" * 3_000_000
    assert (ended.state, ended.error, ended.rows_total) == (ImportState.SUCCEEDED, "", 50)
    assert ended.rows == RowCounts(inserted=50, adjusted=5)
    assert [issue[0] for issue in book.issues(ended)] == [2, 12, 22, 32, 42]
    assert ended.create_time <= ended.start_time <= ended.end_time
    assert book.rows("import_content") == []


@pytest.mark.usefixtures("file")
def test_uploads_that_came_to_nothing_are_dropped_after_a_day_and_the_others_kept(book):
    now_us = book.clock.now_microseconds()
    day_us = 24 * 3600 * 1_000_000
    names = {hours: new_identifier(now_us + hours * day_us // 24) for hours in (-25, -23, 0)}
    for name in names.values():
        for number in range(6):
            book.store.write(lambda tx, name=name, number=number: tx.imports.add_content(name, number, b"x"))
    queue(book)
    book.work(until=lambda: book.is_idle() and len(book.rows("import_content")) == 12)
    assert {row["import_id"] for row in book.rows("import_content")} == {names[-23], names[0]}


def test_files_are_taken_in_the_order_they_were_queued(book, file):
    queued = [queue(book, f"{number}.csv") for number in range(4)]
    book.work()
    assert file.opened == [(f"{number}.csv", 0) for number in range(4)]
    ends = [now(book, each) for each in queued]
    assert [each.rows for each in ends] == [RowCounts(inserted=50, adjusted=5)] + 3 * [
        RowCounts(unchanged=50, adjusted=5)
    ]
    assert all(earlier.end_time <= later.start_time for earlier, later in pairwise(ends))


def test_file_that_is_refused_fails_with_the_reason_and_the_next_goes_on(book, file):
    def refuse(_):
        if file.opened[-1][0] == "bad.csv":
            raise FileRefusedError("the file has no heading Age")

    file.before_reading = refuse
    bad, good = queue(book, "bad.csv"), queue(book, "good.csv")
    book.work()
    assert (now(book, bad).state, now(book, bad).error) == (ImportState.FAILED, "the file has no heading Age")
    assert now(book, bad).rows == RowCounts()
    assert now(book, good).state is ImportState.SUCCEEDED


def test_fault_of_the_server_fails_the_import_without_telling_of_it(book, file):
    def fail(at):
        if at == 20:
            raise ZeroDivisionError("secret +919999999999")

    file.before_batch = fail
    queued = queue(book)
    book.work()
    ended = now(book, queued)
    assert ended.state is ImportState.FAILED
    assert ended.error == "the import failed by a fault of the server; its log says why"
    assert ended.rows.inserted == 20


def test_database_that_is_away_for_a_while_delays_the_import_only(book, file):
    failures = iter([True, False, True, *[False] * 20])

    def fail(_):
        if next(failures):
            raise StoreUnavailable("away")

    file.before_batch = fail
    queued = queue(book)
    book.work()
    assert now(book, queued).rows == RowCounts(inserted=50, adjusted=5)
    assert file.opened == [("customers.csv", 0), ("customers.csv", 0), ("customers.csv", 10)]


def test_queued_import_is_cancelled_at_once_and_never_read(book, file):
    queued, after = queue(book), queue(book, "after.csv")
    cancelled = book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id))
    assert cancelled.state is ImportState.CANCELLED
    book.work()
    assert book.rows("import_content") == []
    assert file.opened == [("after.csv", 0)]
    assert now(book, queued) == cancelled
    assert now(book, after).state is ImportState.SUCCEEDED


def test_running_import_is_cancelled_at_its_next_batch_and_keeps_what_has_landed(book, file):
    queued, after = queue(book), queue(book, "after.csv")

    def cancel(at):
        if at == 20 and file.opened[-1][0] == "customers.csv":
            answer = book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id))
            assert (answer.state, answer.cancel_requested) == (ImportState.RUNNING, True)

    file.before_batch = cancel
    book.work()
    ended = now(book, queued)
    assert (ended.state, ended.error) == (ImportState.CANCELLED, "")
    assert ended.rows == RowCounts(inserted=20, adjusted=2)
    assert now(book, after).rows == RowCounts(inserted=30, unchanged=20, adjusted=5)


def test_import_is_cancelled_while_its_file_is_still_being_read(book, file):
    queued = queue(book)

    def read_for_ever(while_waiting):
        book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id))
        for _ in range(100):
            while_waiting()
            time.sleep(0.01)

    file.before_reading = read_for_ever
    book.work()
    assert now(book, queued).state is ImportState.CANCELLED
    assert book.rows("customer") == []


@pytest.mark.usefixtures("file")
def test_who_waits_to_write_comes_in_the_middle_of_a_batch(book, open_store, monkeypatch):
    if book.store.engine.dialect.name != "sqlite":
        # Nobody who writes waits for all the others there.
        assert not book.store.write(lambda tx: tx.others_wait())
        return
    queued, others = queue(book), [open_store() for _ in range(3)]
    came_at: list[int] = []
    others_wait = BookTransaction.others_wait
    # Each comes while a part of a batch lands, and stands in line by the time that the worker looks.
    parts = iter([None, *others])

    def come_and_look(tx: BookTransaction) -> bool:
        if (other := next(parts, None)) is None:
            return others_wait(tx)
        pool.submit(other.write, lambda tx: came_at.append(tx.imports.get(queued.import_id).rows.seen))
        eventually(lambda: others_wait(tx))
        return others_wait(tx)

    monkeypatch.setattr(BookTransaction, "others_wait", come_and_look)
    with ThreadPoolExecutor(3) as pool:
        book.work(part_rows=2)
    # Batches of 10 land by twos and twos; nobody came at the first part.
    assert came_at == [4, 6, 8]
    ended = now(book, queued)
    assert (ended.state, ended.rows) == (ImportState.SUCCEEDED, RowCounts(inserted=50, adjusted=5))
    assert [issue[0] for issue in book.issues(ended)] == [2, 12, 22, 32, 42]


@pytest.fixture
def sizes(monkeypatch) -> list[int]:
    """How many rows each transaction lands."""
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
    monkeypatch.setattr(BookTransaction, "others_wait", lambda _: next(looks) == 3)
    queue(book)
    book.work(part_rows=2)
    assert sizes == [8, 2, *[2] * 20]


@pytest.mark.usefixtures("file")
def test_log_is_brought_in_by_steps_for_as_long_as_calls_come(book, sizes, monkeypatch):
    tidied: list[bool] = []
    after_transactions: list[bool] = []
    monkeypatch.setattr(BookStore, "tidy_up", lambda _, *, in_steps=False: tidied.append(in_steps))
    monkeypatch.setattr(BookStore, "notice_growth", lambda _: after_transactions.append(tidied[-1]))
    looks = itertools.count()
    # Somebody waits at the last look of the second transaction.
    monkeypatch.setattr(BookTransaction, "others_wait", lambda _: next(looks) == 9)
    queue(book)
    book.work(part_rows=2)
    assert after_transactions == [False, *[True] * (len(sizes) - 1)]


@pytest.mark.usefixtures("file")
def test_transaction_is_not_long_though_nobody_is_seen_waiting(book, sizes, monkeypatch):
    monkeypatch.setattr("almeno_grpc.imports.pace._LONG_SECONDS", 0)
    monkeypatch.setattr("almeno_grpc.imports.pace._FIRST_SECONDS", 0)
    queue(book)
    book.work(part_rows=2)
    assert sizes == [2] * 25


@pytest.mark.parametrize(
    ("calls_come", "part_seconds", "least", "most"), [(True, 0.03, 2, 3), (True, 0.001, 2, 2), (False, 0.03, 8, 8)]
)
@pytest.mark.usefixtures("file")
def test_rows_that_take_long_land_by_fewer_at_a_time_while_calls_come(
    book, monkeypatch, calls_come, part_seconds, least, most
):
    monkeypatch.setattr("almeno_grpc.imports.pace._PART_SECONDS", part_seconds)
    monkeypatch.setattr("almeno_grpc.imports.pace._LEAST_SHARE", 4)
    parts: list[int] = []
    land = worker_module.land_batch

    def land_slowly(tx, queue_number, batch_parts, now, **options):
        def slowly():
            for rows, issues in batch_parts:
                parts.append(len(rows))
                # A row takes a hundredth of a second.
                time.sleep(0.01 * len(rows))
                yield rows, issues

        return land(tx, queue_number, slowly(), now, **options)

    monkeypatch.setattr(worker_module, "land_batch", land_slowly)
    monkeypatch.setattr(BookTransaction, "others_wait", lambda _: calls_come)
    queue(book)
    book.work(part_rows=8)
    assert parts[0] == 8
    assert least <= parts[2] <= most


def test_worker_that_fails_in_a_batch_that_was_cut_short_goes_on_behind_its_last_part(book, file):
    queued = queue(book)
    looks = itertools.count()

    def others_wait(_tx: BookTransaction) -> bool:
        if next(looks) == 7:
            raise StoreUnavailable("away")
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BookTransaction, "others_wait", others_wait)
        book.work(part_rows=2)
    assert file.opened == [("customers.csv", 0), ("customers.csv", 14)]
    ended = now(book, queued)
    assert (ended.state, ended.rows) == (ImportState.SUCCEEDED, RowCounts(inserted=50, adjusted=5))
    assert [issue[0] for issue in book.issues(ended)] == [2, 12, 22, 32, 42]


@pytest.mark.parametrize("state", [ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED])
def test_import_that_has_ended_stays_as_it_is_when_cancelled(book, state):
    queued = queue(book)
    book.store.write(lambda tx: tx.imports.end(queued.queue_number, state, 1))
    assert book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id)).state is state


def test_worker_that_was_stopped_midway_goes_on_behind_the_last_batch(book, file):
    queued = queue(book)
    paused = threading.Event()

    def pause(at):
        if at == 30:
            paused.set()
            time.sleep(0.2)

    file.before_batch = pause
    book.work(until=paused.is_set)
    halfway = now(book, queued)
    assert halfway.state is ImportState.RUNNING
    assert 30 <= halfway.rows.inserted < 50
    assert len(book.rows("import_content")) == 1
    file.before_batch = lambda _: None
    book.work()
    ended = now(book, queued)
    assert file.opened == [("customers.csv", 0), ("customers.csv", halfway.rows.inserted)]
    assert (ended.state, ended.rows) == (ImportState.SUCCEEDED, RowCounts(inserted=50, adjusted=5))
    assert ended.start_time == halfway.start_time


def test_worker_that_was_stopped_while_reading_ends_the_reading(book, file):
    queued = queue(book)
    reading = threading.Event()

    def read_for_ever(while_waiting):
        reading.set()
        while True:
            while_waiting()
            time.sleep(0.01)

    file.before_reading = read_for_ever
    book.work(until=reading.is_set)
    assert now(book, queued).state is ImportState.RUNNING


def test_cancellation_that_no_worker_lived_to_see_is_seen_by_the_next(book, file):
    queued = queue(book)
    book.store.write(lambda tx: tx.imports.start(queued.queue_number, 1))
    book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id))
    book.work()
    assert now(book, queued).state is ImportState.CANCELLED
    assert file.opened == []


def test_two_workers_on_one_database_never_work_at_the_same_time(book, open_store, file):
    for number in range(6):
        queue(book, f"{number}.csv")
    file.before_batch = lambda _: time.sleep(0.002)
    other = type(book)(open_store(), book.clock)
    threads = [threading.Thread(target=each.work) for each in (book, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.most_working == 1
    assert file.opened == [(f"{number}.csv", 0) for number in range(6)]


def test_worker_that_was_killed_loses_nothing_and_doubles_nothing(book, real_book, start_process):
    customers = book.queue(ImportKind.CUSTOMERS, (real_book / "customer_data.xlsx").read_bytes(), "customers.xlsx")
    loans = book.queue(ImportKind.LOANS, (real_book / "loan_data.xlsx").read_bytes(), "loans.xlsx")
    seen = -1
    for _ in range(2):
        worker = start_process("work", batch_rows=3)
        worker.wait_until_ready()
        worker.go()
        deadline = time.monotonic() + 30
        while (rows := now(book, loans).rows.seen) < seen + 60:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        worker.kill()
        seen = rows
    assert now(book, loans).state is ImportState.RUNNING
    book.work()
    assert now(book, customers).rows == RowCounts(inserted=300)
    assert now(book, loans).rows == RowCounts(inserted=782, adjusted=29)
    assert now(book, loans).state is ImportState.SUCCEEDED
    assert len(book.rows("loan")) == 782
    assert len(book.rows("import_issue")) == 29


@pytest.fixture
def later(book):
    """The same book a year later."""
    return type(book)(book.store, Clock(FIRST_DAY.replace(year=2027), book.clock.timezone))


def test_book_date_is_the_business_date_and_that_of_the_first_time_for_the_same_file(book, later):
    first = queue(book, sha256="a" * 64)
    assert first.book_date == FIRST_DAY
    assert queue(later, sha256="a" * 64).book_date == FIRST_DAY
    assert queue(later, sha256="b" * 64).book_date == FIRST_DAY.replace(year=2027)
    assert later.queue(ImportKind.LOANS, b"", sha256="a" * 64).book_date == FIRST_DAY.replace(year=2027)


def test_book_date_that_is_stated_wins(book):
    queue(book, sha256="a" * 64)
    stated = date(2025, 3, 31)
    assert queue(book, sha256="a" * 64, book_date=stated).book_date == stated
    assert queue(book, sha256="a" * 64).book_date == FIRST_DAY


def test_book_date_of_a_file_that_failed_does_not_count(book, later):
    first = queue(book, sha256="a" * 64)
    book.store.write(lambda tx: tx.imports.end(first.queue_number, ImportState.FAILED, 1, "unsound"))
    assert queue(later, sha256="a" * 64).book_date == FIRST_DAY.replace(year=2027)
