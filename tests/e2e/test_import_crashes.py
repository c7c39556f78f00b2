"""Imports whose processes are killed: they go on, and end with the rows of one that nobody has disturbed."""

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.book_files import CUSTOMER_HEADINGS, LOAN_HEADINGS, csv_file, customer_row, loan_row
from support.calls import SECONDS, applicant, check_of
from support.servers import (
    CUSTOMERS,
    LOANS,
    RunningServer,
    StartServer,
    descendants,
    eventually,
    is_alive,
    kill,
)

from almeno_grpc.api import import_pb2

CUSTOMER_COUNT, LOAN_COUNT, BATCH_ROWS = 100, 5_000, 50
KILLS = 3
SMALL_STEPS = {"ALMENO_IMPORT_BATCH_ROWS": str(BATCH_ROWS)}


def loan_rows() -> Iterator[list[object]]:
    """Good rows, some whose number stands twice, some to be adjusted and some to be rejected."""
    rng = random.Random(2026)
    for number in range(1, LOAN_COUNT + 1):
        borrower = rng.randint(1, CUSTOMER_COUNT)
        repeated = number % 40 == 0
        row = loan_row(
            borrower,
            number - 17 if repeated else number,
            loan_amount=rng.randint(1, 10) * 100_000,
            tenure=rng.randint(6, 60),
            end_date="",
        )
        if number % 97 == 0:
            row[0] = 999_999
        if number % 101 == 0:
            row[4] = "dear"
        yield row


CUSTOMER_FILE = csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1, CUSTOMER_COUNT + 1)))
LOAN_FILE = csv_file(LOAN_HEADINGS, loan_rows())


def loans_by_source(server: RunningServer) -> list[dict[str, object]]:
    return server.rows("SELECT * FROM loan ORDER BY customer_id, source_loan_id")


def all_issues(server: RunningServer) -> list[dict[str, object]]:
    return server.rows("SELECT * FROM import_issue ORDER BY queue_number, row_number, number")


def counts(file: import_pb2.Import) -> tuple[int, ...]:
    rows = (file.rows_total, file.rows_inserted, file.rows_updated, file.rows_unchanged, file.rows_rejected)
    assert rows[0] == sum(rows[1:])
    return *rows, file.rows_adjusted


@pytest.fixture(scope="module")
def undisturbed(start_shared_server: StartServer) -> tuple[RunningServer, import_pb2.Import]:
    """A server with the book, and the import of its loans."""
    server = start_shared_server(**SMALL_STEPS)
    server.load(CUSTOMERS, CUSTOMER_FILE)
    loans = server.load(LOANS, LOAN_FILE)
    assert loans.state == import_pb2.IMPORT_STATE_SUCCEEDED
    assert loans.rows_rejected > 90
    assert loans.rows_inserted > 4_800
    return server, loans


ROWS_DONE = """
    SELECT rows_inserted + rows_updated + rows_unchanged + rows_rejected FROM import_file
    ORDER BY queue_number DESC LIMIT 1
"""


def copies_of_uploads(server: RunningServer) -> list[Path]:
    """What the workers have left in the folder for temporary files, which is the server's own here."""
    return list(server.folder.glob("tmp*"))


def begin(server: RunningServer) -> str:
    """Loads the customers, and lets the import of the loans begin."""
    server.load(CUSTOMERS, CUSTOMER_FILE)
    return server.upload(LOANS, LOAN_FILE).import_id


def moments() -> list[tuple[int, float]]:
    """When to kill: once so many rows were imported, and a random moment later."""
    rng = random.Random()
    return [(LOAN_COUNT * kill_number // (KILLS + 1), rng.uniform(0, 0.02)) for kill_number in range(KILLS)]


def wait_for_rows(server: RunningServer, rows: int, then_seconds: float) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{server.folder}/almeno.db?mode=ro", uri=True)) as connection:

        def rows_done() -> int:
            (done,) = connection.execute(ROWS_DONE).fetchone()
            return int(done)

        eventually(lambda: rows_done() >= rows, pause_seconds=0.002)
        time.sleep(then_seconds)
        assert rows_done() < LOAN_COUNT, "the import was over before it could be disturbed"


def assert_as_undisturbed(
    server: RunningServer, import_id: str, undisturbed: tuple[RunningServer, import_pb2.Import]
) -> None:
    other, expected = undisturbed
    ended = server.wait_for_import(import_id)
    assert (ended.state, ended.error) == (import_pb2.IMPORT_STATE_SUCCEEDED, "")
    assert counts(ended) == counts(expected)
    assert loans_by_source(server) == loans_by_source(other)
    assert all_issues(server) == all_issues(other)
    assert server.credit.CheckEligibility(check_of(1, 1_000), timeout=SECONDS).decision.position.loan_count > 10


@contextlib.contextmanager
def writing_meanwhile(server: RunningServer) -> Iterator[list[int]]:
    """Somebody registers one customer after the other, so that batches are cut short; yields their numbers."""
    registered: list[int] = []
    stop = threading.Event()

    def register() -> None:
        while not stop.is_set():
            answer = server.credit.RegisterCustomer(applicant(), timeout=SECONDS)
            registered.append(answer.customer.customer_id)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(register)
        try:
            yield registered
        finally:
            stop.set()
        writing.result(SECONDS)


def test_import_goes_on_after_its_worker_was_killed_again_and_again_while_others_write(
    start_server: StartServer, undisturbed: tuple[RunningServer, import_pb2.Import]
) -> None:
    server = start_server(**SMALL_STEPS)
    import_id = begin(server)
    with writing_meanwhile(server) as registered:
        for number, (rows, then_seconds) in enumerate(moments(), start=1):
            wait_for_rows(server, rows, then_seconds)
            worker = server.process_id("import")
            readers = descendants(worker)
            kill(worker)
            server.wait_for_event("process_restarted", count=number)
            eventually(lambda readers=readers: not any(map(is_alive, readers)))
        assert_as_undisturbed(server, import_id, undisturbed)
    assert len(server.rows("SELECT * FROM customer")) == CUSTOMER_COUNT + len(set(registered))
    assert len(server.events("process_died")) == KILLS
    assert copies_of_uploads(server) == []
    assert server.stop() == 0


def test_import_goes_on_after_the_whole_server_was_killed_again_and_again(
    start_server: StartServer, undisturbed: tuple[RunningServer, import_pb2.Import]
) -> None:
    server = start_server(**SMALL_STEPS)
    import_id = begin(server)
    for rows, then_seconds in moments():
        wait_for_rows(server, rows, then_seconds)
        server.kill_all()
        server.start()
    assert_as_undisturbed(server, import_id, undisturbed)
    assert copies_of_uploads(server) == []
    assert server.stop() == 0


def test_import_goes_on_after_the_supervisor_alone_was_killed(
    start_server: StartServer, undisturbed: tuple[RunningServer, import_pb2.Import]
) -> None:
    server = start_server(**SMALL_STEPS)
    import_id = begin(server)
    wait_for_rows(server, 500, 0)
    orphans = descendants(server.process.pid)
    assert len(orphans) >= 3
    kill(server.process.pid)
    server.process.wait(SECONDS)
    # The next server does not wait for what is left of the last one.
    server.start()
    assert_as_undisturbed(server, import_id, undisturbed)
    eventually(lambda: not any(map(is_alive, orphans)))
    assert server.stop() == 0


def reader_of(server: RunningServer) -> list[int]:
    return [child for child in descendants(server.process_id("import")) if is_alive(child)]


def test_import_goes_on_after_the_process_that_reads_the_file_was_killed(
    start_server: StartServer, undisturbed: tuple[RunningServer, import_pb2.Import]
) -> None:
    server = start_server(**SMALL_STEPS)
    import_id = begin(server)
    for rows in (500, 2_500):
        wait_for_rows(server, rows, 0)
        for reader in reader_of(server):
            kill(reader)
    assert_as_undisturbed(server, import_id, undisturbed)
    assert server.events("process_died") == []
    assert server.stop() == 0


def test_import_whose_reader_is_killed_every_time_fails_and_leaves_no_trace(start_server: StartServer) -> None:
    server = start_server(**SMALL_STEPS)
    server.load(CUSTOMERS, CUSTOMER_FILE)
    import_id = server.upload(LOANS, LOAN_FILE).import_id

    def ends_if_its_readers_die() -> bool:
        for reader in reader_of(server):
            kill(reader)
        return server.get_import(import_id).state == import_pb2.IMPORT_STATE_FAILED

    eventually(ends_if_its_readers_die, pause_seconds=0)
    ended = server.get_import(import_id)
    assert "could not be read" in ended.error
    assert counts(ended) == (0, 0, 0, 0, 0, 0)
    assert server.rows("SELECT * FROM loan") == []
    # Nothing stands in the way of the next one.
    again = server.load(LOANS, LOAN_FILE)
    assert again.state == import_pb2.IMPORT_STATE_SUCCEEDED
    assert server.stop() == 0


def test_import_that_runs_when_the_server_stops_goes_on_at_its_next_start(
    start_server: StartServer, undisturbed: tuple[RunningServer, import_pb2.Import]
) -> None:
    server = start_server(**SMALL_STEPS)
    import_id = begin(server)
    for rows in (500, 2_500):
        wait_for_rows(server, rows, 0)
        assert server.stop() == 0
        server.start()
    assert_as_undisturbed(server, import_id, undisturbed)
    assert server.stop() == 0
    assert copies_of_uploads(server) == []


def test_cancelled_running_import_keeps_what_was_imported_and_stops(start_server: StartServer) -> None:
    server = start_server(**SMALL_STEPS)
    import_id = begin(server)
    wait_for_rows(server, 500, 0)
    with server.client() as client:
        client.cancel_import(import_id)
    ended = server.wait_for_import(import_id)
    assert ended.state == import_pb2.IMPORT_STATE_CANCELLED
    done = ended.rows_inserted + ended.rows_updated + ended.rows_unchanged + ended.rows_rejected
    assert 500 <= done < LOAN_COUNT
    assert len(server.rows("SELECT * FROM loan")) == ended.rows_inserted
    # Loaded again, the rest follows, and what was imported is known.
    again = server.load(LOANS, LOAN_FILE)
    assert again.rows_unchanged >= ended.rows_inserted
    assert server.stop() == 0
