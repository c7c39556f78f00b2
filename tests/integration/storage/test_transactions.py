"""Writes that wait together share a transaction on SQLite: one commit for all, and what fails harms no other."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from almeno_grpc.storage.group_commit import MAX_PIECES
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from almeno_grpc.domain.errors import DeadlineExceeded, PhoneNumberTaken, StoreUnavailable
from almeno_grpc.service.customers import Applicant
from almeno_grpc.service.store import always
from almeno_grpc.storage.store import BookTransaction, SqlStore

SECONDS = 30
Work = Callable[[BookTransaction], Any]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path / 'book.db'}", threads=40)
    store.migrate()
    yield store
    store.close()


class Commits:
    """Counts the commits of a store, and lets those fail that are told to."""

    def __init__(self, store: SqlStore) -> None:
        self.count = 0
        self.failing: set[int] = set()
        self.before_each: Callable[[], None] = lambda: None
        event.listen(store.engine, "commit", self._before_commit)

    def _before_commit(self, _connection: object) -> None:
        self.count += 1
        self.before_each()
        if self.count in self.failing:
            raise OperationalError("COMMIT", None, Exception("disk I/O error"))


@pytest.fixture
def commits(store: SqlStore) -> Commits:
    return Commits(store)


@contextmanager
def turn_taken(store: SqlStore, pool: ThreadPoolExecutor) -> Iterator[None]:
    """The writer is busy with other work, so that what comes has to wait."""
    begun, released = threading.Event(), threading.Event()

    def hold(_tx: BookTransaction) -> None:
        begun.set()
        assert released.wait(SECONDS)

    holding = pool.submit(store.write, hold)
    assert begun.wait(SECONDS)
    yield
    released.set()
    holding.result(SECONDS)


def queue(store: SqlStore, pool: ThreadPoolExecutor, work: Work, wanted: Callable[[], bool] = always) -> Future[Any]:
    """Begins a write and comes back when it waits."""
    waiting = store._database._writer._waiting
    before, deadline = len(waiting), time.monotonic() + SECONDS
    future = pool.submit(store.write, work, wanted=wanted)
    while len(waiting) == before:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return future


def outcome(future: Future[Any]) -> Any:
    """What a write has come to: its result or its error."""
    return future.exception(SECONDS) or future.result()


@pytest.fixture
def register(book) -> Callable[..., Work]:
    """Makes the work that registers a customer, by a number that becomes the last of the phone number."""

    def of(number: int, age: int = 30) -> Work:
        applicant = Applicant("Asha", "Rao", age, 5_000_000, f"+91{9_000_000_000 + number}")
        return lambda tx: book.customers.register(tx, applicant).customer_id

    return of


def phone_numbers(book) -> list[int]:
    """The numbers of the customers in the book, by customer_id."""
    return [row["phone_digits"] % 10**9 for row in book.rows("customer")]


def test_writes_that_wait_together_are_committed_together_in_their_order(store, book, register, commits):
    with ThreadPoolExecutor(21) as pool:
        with turn_taken(store, pool):
            futures = [queue(store, pool, register(number)) for number in range(20)]
        ids = [outcome(future) for future in futures]
    assert commits.count == 2
    assert ids == sorted(ids)
    assert phone_numbers(book) == list(range(20))


def test_writers_who_come_back_at_once_are_committed_many_at_a_time(store, commits):
    writers, writes = 16, 10
    # As long as a disk takes, so that the others come back meanwhile.
    commits.before_each = lambda: time.sleep(0.005)

    def keep_writing() -> None:
        for _ in range(writes):
            store.write(lambda _tx: None)

    with ThreadPoolExecutor(writers) as pool:
        for future in [pool.submit(keep_writing) for _ in range(writers)]:
            future.result(SECONDS)
    assert commits.count <= writers * writes / 4


def test_writes_beyond_the_most_of_a_transaction_wait_for_the_next(store, book, register, commits):
    count = 2 * MAX_PIECES + 1
    assert MAX_PIECES == 128
    with ThreadPoolExecutor(count + 1) as pool:
        with turn_taken(store, pool):
            futures = [queue(store, pool, register(number)) for number in range(count)]
        assert len({outcome(future) for future in futures}) == count
    assert commits.count == 1 + 3
    assert phone_numbers(book) == list(range(count))


def test_write_that_is_alone_is_undone_when_it_fails(store, book, register):
    with pytest.raises(ZeroDivisionError):
        store.write(lambda tx: register(1)(tx) // 0)
    assert phone_numbers(book) == []
    assert store.write(register(2)) > 0


def fails_by_itself(register) -> tuple[Work, Callable[[], bool], type[BaseException]]:
    return lambda tx: register(1)(tx) // 0, always, ZeroDivisionError


def ends_the_program(register) -> tuple[Work, Callable[[], bool], type[BaseException]]:
    def work(tx: BookTransaction) -> None:
        register(1)(tx)
        raise SystemExit

    return work, always, SystemExit


def was_given_up_while_it_waited(_register) -> tuple[Work, Callable[[], bool], type[BaseException]]:
    return lambda _: pytest.fail("nobody wants it"), lambda: False, DeadlineExceeded


def is_given_up_while_it_runs(register) -> tuple[Work, Callable[[], bool], type[BaseException]]:
    answers = chain([True], repeat(False))
    return register(1), lambda: next(answers), DeadlineExceeded


def registers_a_phone_number_of_the_same_batch(register) -> tuple[Work, Callable[[], bool], type[BaseException]]:
    return register(100), always, PhoneNumberTaken


def breaks_a_check_of_the_schema(register) -> tuple[Work, Callable[[], bool], type[BaseException]]:
    def work(tx: BookTransaction) -> None:
        register(1)(tx)
        register(2, age=7)(tx)

    return work, always, Exception


NEIGHBOURS = (
    fails_by_itself,
    ends_the_program,
    was_given_up_while_it_waited,
    is_given_up_while_it_runs,
    registers_a_phone_number_of_the_same_batch,
    breaks_a_check_of_the_schema,
)


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_write_that_fails_leaves_its_neighbours(store, book, register, commits, neighbour):
    work, wanted, error = neighbour(register)
    with ThreadPoolExecutor(5) as pool:
        with turn_taken(store, pool):
            good = [queue(store, pool, register(100))]
            bad = queue(store, pool, work, wanted)
            good += [queue(store, pool, register(number)) for number in (101, 102)]
        assert all(isinstance(outcome(future), int) for future in good)
        assert isinstance(outcome(bad), error)
    assert commits.count == 2
    assert phone_numbers(book) == [100, 101, 102]
    # The writer goes on.
    assert store.write(register(103)) > 0


def test_write_that_fails_before_it_has_changed_anything_costs_its_neighbours_no_second_run(store, book, register):
    runs: list[int] = []

    def work(tx: BookTransaction) -> int:
        runs.append(1)
        return register(1)(tx)

    with ThreadPoolExecutor(3) as pool:
        with turn_taken(store, pool):
            good = queue(store, pool, work)
            bad = queue(store, pool, lambda _: 1 // 0)
        assert isinstance(outcome(good), int)
        assert isinstance(outcome(bad), ZeroDivisionError)
    assert runs == [1]
    assert phone_numbers(book) == [1]


def test_system_without_a_thread_left_fails_a_write_and_not_those_after_it(store, book, register, monkeypatch):
    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    reopened = SqlStore(str(store.engine.url))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            reopened.write(register(1))
    assert reopened.write(register(2)) > 0
    assert phone_numbers(book) == [2]
    reopened.close()


def test_each_write_that_fails_gets_its_own_error(store, book, register):
    parts = [neighbour(register) for neighbour in NEIGHBOURS]
    with ThreadPoolExecutor(len(parts) + 2) as pool:
        with turn_taken(store, pool):
            good = queue(store, pool, register(100))
            bad = [queue(store, pool, work, wanted) for work, wanted, _ in parts]
        assert isinstance(outcome(good), int)
        found = list(map(outcome, bad))
    assert all(isinstance(error, kind) for error, (_, _, kind) in zip(found, parts, strict=True))
    assert len(set(map(id, found))) == len(found)
    assert phone_numbers(book) == [100]


def test_answer_leaves_only_after_the_commit(store, register, commits):
    with ThreadPoolExecutor(6) as pool:
        with turn_taken(store, pool):
            futures = [queue(store, pool, register(number)) for number in range(5)]
            done_before: list[bool] = []

            def look() -> None:
                time.sleep(0.05)
                done_before.extend(future.done() for future in futures)

            commits.before_each = look
        assert all(isinstance(outcome(future), int) for future in futures)
    assert done_before == [False] * 10  # as the turn before was committed, and as theirs was


def test_commit_that_fails_fails_every_write_of_it_and_nothing_is_there(store, book, register, commits):
    commits.failing = {2}
    with ThreadPoolExecutor(6) as pool:
        with turn_taken(store, pool):
            futures = [queue(store, pool, register(number)) for number in range(4)]
            own = queue(store, pool, lambda _: 1 // 0)
        assert [type(outcome(future)) for future in futures] == [StoreUnavailable] * 4
        assert isinstance(outcome(own), ZeroDivisionError)
    assert phone_numbers(book) == []
    assert [store.write(register(number)) > 0 for number in range(4)] == [True] * 4
    assert phone_numbers(book) == list(range(4))


def limit_pages(store: SqlStore, more: int) -> None:
    """Lets the file grow by so many pages, as far as its writer goes."""

    def limit(tx: BookTransaction) -> None:
        run = tx.customers._connection.exec_driver_sql
        run(f"PRAGMA max_page_count = {run('PRAGMA page_count').scalar_one() + more}")

    store.write(limit)


def test_disk_that_is_full_fails_every_write_of_the_transaction_and_the_next_one_works(store, book, register):
    limit_pages(store, 0)

    def fill(tx: BookTransaction) -> None:
        tx.imports.add_content("an upload", 0, b"x" * 2**20)

    with ThreadPoolExecutor(4) as pool:
        with turn_taken(store, pool):
            futures = [queue(store, pool, work) for work in (register(1), fill, register(2))]
        assert [type(outcome(future)) for future in futures] == [StoreUnavailable] * 3
    assert book.counts()["customer"] == book.counts()["import_content"] == 0
    limit_pages(store, 10_000)
    store.write(fill)
    assert store.write(register(3)) > 0
    assert (phone_numbers(book), len(book.rows("import_content"))) == ([3], 1)
