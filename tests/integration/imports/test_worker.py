"""The background worker: files in order, one at a time, batch by batch, and nothing lost however it ends."""

import contextlib
import errno
import tempfile
import threading
import time
from itertools import pairwise

import pytest
from sqlalchemy import text

from almeno_grpc.domain.errors import ImportNotFound, StoreUnavailable
from almeno_grpc.domain.imports import ImportKind, ImportState, RowCounts
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.worker import ImportWorker
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.import_queue import ImportQueue


def now(book, queued):
    return book.imports.get(queued.import_id)


def test_import_ends_with_every_row_accounted_for_and_lets_go_of_the_upload(book, file):
    queued = book.queue_customers(content=b"x" * 3_000_000)
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
def test_uploads_whose_process_died_are_dropped_after_an_hour_and_the_others_kept(book):
    now_us = book.clock.now_microseconds()
    names = {minutes: new_identifier(now_us + minutes * 60 * 1_000_000) for minutes in (-61, -59, 0)}
    for name in names.values():
        for number in range(6):
            book.store.write(lambda tx, name=name, number=number: tx.imports.add_content(name, number, b"x"))
    book.queue_customers()
    book.work(until=lambda: book.is_idle() and len(book.rows("import_content")) == 12)
    assert {row["import_id"] for row in book.rows("import_content")} == {names[-59], names[0]}


def test_files_are_taken_in_the_order_they_were_queued(book, file):
    queued = [book.queue_customers(f"{number}.csv") for number in range(4)]
    book.work()
    assert file.jobs == [(f"{number}.csv", 0) for number in range(4)]
    ends = [now(book, each) for each in queued]
    assert [each.rows for each in ends] == [RowCounts(inserted=50, adjusted=5)] + 3 * [
        RowCounts(unchanged=50, adjusted=5)
    ]
    assert all(earlier.end_time <= later.start_time for earlier, later in pairwise(ends))


def test_file_that_is_refused_fails_with_the_reason_and_the_next_goes_on(book, file):
    def refuse(_):
        if file.jobs[-1][0] == "bad.csv":
            raise FileRefusedError("the file has no heading Age")

    file.before_reading = refuse
    bad, good = book.queue_customers("bad.csv"), book.queue_customers("good.csv")
    book.work()
    assert (now(book, bad).state, now(book, bad).error) == (ImportState.FAILED, "the file has no heading Age")
    assert now(book, bad).rows == RowCounts()
    assert now(book, good).state is ImportState.SUCCEEDED


@pytest.mark.parametrize("changed", [b"x" * 499, b"x" * 500 + b"y", b"x" * 499 + b"y"])
def test_stored_file_that_is_not_what_was_uploaded_fails_before_a_row_is_imported(book, file, changed):
    content = b"x" * 500
    queued = book.queue_customers(content=content)
    with book.store.engine.begin() as connection:
        connection.execute(text("UPDATE import_content SET content = :changed"), {"changed": changed})
    book.work()
    ended = now(book, queued)
    assert ended.state is ImportState.FAILED
    assert ended.error.startswith("the stored file is not what was uploaded: it has ")
    assert file.jobs == []
    assert book.rows("customer") == []


@pytest.mark.usefixtures("file")
def test_import_waits_while_the_temporary_folder_is_full(book, monkeypatch):
    full = [OSError(errno.ENOSPC, "No space left on device")] * 2
    write = ImportWorker._write_upload

    def write_if_there_is_room(*arguments):
        write(*arguments)
        if full:
            # The last bytes are written when the file is closed.
            raise full.pop()

    monkeypatch.setattr(ImportWorker, "_write_upload", write_if_there_is_room)
    queued = book.queue_customers()
    book.work()
    assert not full
    assert now(book, queued).state is ImportState.SUCCEEDED


def test_fault_of_the_server_fails_the_import_without_telling_of_it(book, file):
    def fail(at):
        if at == 20:
            raise ZeroDivisionError("secret +919999999999")

    file.before_batch = fail
    queued = book.queue_customers()
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
    queued = book.queue_customers()
    book.work()
    assert now(book, queued).rows == RowCounts(inserted=50, adjusted=5)
    assert file.jobs == [("customers.csv", 0), ("customers.csv", 0), ("customers.csv", 10)]


def test_queued_import_is_cancelled_at_once_and_never_read(book, file):
    queued, after = book.queue_customers(), book.queue_customers("after.csv")
    cancelled = book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id))
    assert cancelled.state is ImportState.CANCELLED
    book.work()
    assert book.rows("import_content") == []
    assert file.jobs == [("after.csv", 0)]
    assert now(book, queued) == cancelled
    assert now(book, after).state is ImportState.SUCCEEDED


def test_running_import_is_cancelled_at_its_next_batch_and_keeps_what_was_imported(book, file):
    queued, after = book.queue_customers(), book.queue_customers("after.csv")

    def cancel(at):
        if at == 20 and file.jobs[-1][0] == "customers.csv":
            answer = book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id))
            assert (answer.state, answer.cancel_requested) == (ImportState.RUNNING, True)

    file.before_batch = cancel
    book.work()
    ended = now(book, queued)
    assert (ended.state, ended.error) == (ImportState.CANCELLED, "")
    assert ended.rows == RowCounts(inserted=20, adjusted=2)
    assert now(book, after).rows == RowCounts(inserted=30, unchanged=20, adjusted=5)


def test_import_is_cancelled_while_its_file_is_still_being_read(book, file):
    queued = book.queue_customers()

    def read_for_ever(while_waiting):
        book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id))
        for _ in range(100):
            while_waiting()
            time.sleep(0.01)

    file.before_reading = read_for_ever
    book.work()
    assert now(book, queued).state is ImportState.CANCELLED
    assert book.rows("customer") == []


@pytest.mark.parametrize("state", [ImportState.SUCCEEDED, ImportState.FAILED, ImportState.CANCELLED])
def test_import_that_has_ended_stays_as_it_is_when_cancelled(book, state):
    queued = book.queue_customers()
    book.store.write(lambda tx: tx.imports.end(queued.queue_number, state, 1))
    assert book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id)).state is state


def test_worker_that_was_stopped_midway_goes_on_behind_the_last_batch(book, file):
    queued = book.queue_customers()
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
    assert file.jobs == [("customers.csv", 0), ("customers.csv", halfway.rows.inserted)]
    assert (ended.state, ended.rows) == (ImportState.SUCCEEDED, RowCounts(inserted=50, adjusted=5))
    assert ended.start_time == halfway.start_time


def test_worker_that_was_stopped_while_reading_ends_the_reading(book, file):
    queued = book.queue_customers()
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
    queued = book.queue_customers()
    book.store.write(lambda tx: tx.imports.start(queued.queue_number, 1))
    book.store.write(lambda tx: book.imports.cancel(tx, queued.import_id))
    book.work()
    assert now(book, queued).state is ImportState.CANCELLED
    assert file.jobs == []


def test_two_workers_on_one_database_never_work_at_the_same_time(book, open_store, file):
    for number in range(6):
        book.queue_customers(f"{number}.csv")
    file.before_batch = lambda _: time.sleep(0.002)
    other = type(book)(open_store(), book.clock)
    threads = [threading.Thread(target=each.work) for each in (book, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.max_concurrent == 1
    assert file.jobs == [(f"{number}.csv", 0) for number in range(6)]


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


def test_import_that_has_ended_keeps_its_end(book):
    book.queue_customers()
    queue = ImportQueue(book.store, book.clock)
    file = queue.take()
    queue.end(file, ImportState.CANCELLED, "")
    queue.end(file, ImportState.FAILED, "comes too late")
    ended = book.imports.get(file.import_id)
    assert (ended.state, ended.error) == (ImportState.CANCELLED, "")


def test_import_that_there_is_not_is_not_found(book):
    with pytest.raises(ImportNotFound):
        book.imports.get("01a2287b-ec2f-72f6-afe0-6c4d1a2f5597")


def test_upload_that_is_read_has_no_name_that_could_be_left_behind(book, file, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = []
    file.before_batch = lambda _: left.extend(tmp_path.iterdir())
    queued = book.queue_customers()
    book.work()
    assert now(book, queued).state is ImportState.SUCCEEDED
    assert left == []


def test_import_waits_while_there_is_no_room_for_its_file(book, file, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda open_one=tempfile.TemporaryFile: rooms.pop()(open_one()))
    rooms = [lambda upload: upload, FullFile]
    queued = book.queue_customers()
    book.work()
    assert (now(book, queued).state, rooms, len(file.jobs)) == (ImportState.SUCCEEDED, [], 1)


class FullFile(contextlib.AbstractContextManager):
    """A file on a disk that is full."""

    def __init__(self, upload):
        self._upload = upload

    def write(self, _content):
        raise OSError(errno.ENOSPC, "no space left on device")

    def __exit__(self, *_error):
        self._upload.close()
