"""The lock of the processes that write to a SQLite database: waiters are seen, and go first."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.servers import eventually

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.storage.sqlite import fair_file_lock
from almeno_grpc.storage.sqlite.fair_file_lock import FairFileLock

SECONDS = 30


@pytest.fixture
def open_lock(tmp_path: Path) -> Iterator[Callable[[], FairFileLock]]:
    """Opens the lock as often as processes would."""
    opened: list[FairFileLock] = []

    def open_another() -> FairFileLock:
        opened.append(FairFileLock(tmp_path / "lock", tmp_path / "waiters"))
        return opened[-1]

    yield open_another
    for each in opened:
        each.close()


class Waiting:
    """A holder in a thread, which releases the lock when it is told to."""

    def __init__(self, own: FairFileLock) -> None:
        self.has_it, self.let_go = threading.Event(), threading.Event()
        self._own = own
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        with self._own.held(timeout_milliseconds=1000 * SECONDS):
            self.has_it.set()
            assert self.let_go.wait(SECONDS)

    def end(self) -> None:
        self.let_go.set()
        self._thread.join(SECONDS)


def test_lock_that_nobody_else_wants_has_no_waiters(open_lock):
    own = open_lock()
    open_lock()
    with own.held(timeout_milliseconds=1000 * SECONDS):
        assert not own.has_waiters()
    assert not own.has_waiters()


def test_waiter_is_seen_until_it_holds_the_lock(open_lock):
    own, other = open_lock(), open_lock()
    with own.held(timeout_milliseconds=1000 * SECONDS):
        waiting = Waiting(other)
        eventually(own.has_waiters)
        assert own.has_waiters()
        assert not waiting.has_it.is_set()
    assert waiting.has_it.wait(SECONDS)
    assert not own.has_waiters()
    waiting.end()


def test_waiters_hold_the_lock_before_the_process_that_saw_them_takes_it_again(open_lock, monkeypatch):
    waiting_files: list[object] = []
    lock = fair_file_lock.fcntl.flock

    def note_waiters(file, operation):
        lock(file, operation)
        if operation == fair_file_lock.fcntl.LOCK_SH:
            waiting_files.append(file)

    monkeypatch.setattr(fair_file_lock.fcntl, "flock", note_waiters)
    monkeypatch.setattr(fair_file_lock, "_MAX_YIELD_SECONDS", SECONDS)
    own = open_lock()
    for _ in range(20):
        waiting_files.clear()
        with own.held(timeout_milliseconds=1000 * SECONDS):
            waiting = [Waiting(open_lock()) for _ in range(2)]
            for each in waiting:
                each.let_go.set()
            eventually(lambda: len(waiting_files) == 2)
            assert own.has_waiters()
        with own.held(timeout_milliseconds=1000 * SECONDS):
            assert all(each.has_it.is_set() for each in waiting)
        for each in waiting:
            each.end()


def test_lock_that_is_always_waited_for_is_taken_late_and_held_for_a_while(open_lock, monkeypatch):
    monkeypatch.setattr(fair_file_lock, "_MAX_YIELD_SECONDS", 0.05)
    monkeypatch.setattr(fair_file_lock, "_MIN_HELD_SECONDS", 0.1)
    own = open_lock()
    monkeypatch.setattr(own, "_is_waited_for", lambda: True)
    ends_early, came_late = [], []
    for _ in range(4):
        before = time.monotonic()
        with own.held(timeout_milliseconds=1000 * SECONDS):
            came_late.append(time.monotonic() - before >= 0.05)
            ends_early.append(own.has_waiters())
            if not ends_early[-1]:
                eventually(own.has_waiters)
    assert came_late == [False, True, True, True]
    assert ends_early == [True, False, False, False]


def test_lock_that_stays_held_is_waited_for_no_longer_than_the_timeout_and_had_once_it_is_free(open_lock):
    own, other = open_lock(), open_lock()
    with own.held(timeout_milliseconds=0):
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="kept all others from writing"):
                other.held(timeout_milliseconds=10).__enter__()
        # Who has given up is no waiter any more.
        assert not own.has_waiters()
    for holder, waiter in ((other, own), (own, other)):
        with holder.held(timeout_milliseconds=0), pytest.raises(StoreUnavailable):
            waiter.held(timeout_milliseconds=0).__enter__()
