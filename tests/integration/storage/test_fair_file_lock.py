"""The turns of the processes that write to a SQLite database: who waits is seen, and let through."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.servers import eventually

from almeno_grpc.storage import turns
from almeno_grpc.storage.sqlite.fair_file_lock import Turns

SECONDS = 30


@pytest.fixture
def take_part(tmp_path: Path) -> Iterator[Callable[[], Turns]]:
    """Opens the turns as often as processes would."""
    opened: list[Turns] = []

    def open_another() -> Turns:
        opened.append(Turns(tmp_path / "lock", tmp_path / "line"))
        return opened[-1]

    yield open_another
    for each in opened:
        each.close()


class Waiting:
    """One that takes a turn in a thread, and keeps it until told to let go."""

    def __init__(self, own: Turns) -> None:
        self.has_it, self.let_go = threading.Event(), threading.Event()
        self._own = own
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        with self._own.taken():
            self.has_it.set()
            assert self.let_go.wait(SECONDS)

    def end(self) -> None:
        self.let_go.set()
        self._thread.join(SECONDS)


def test_nobody_waits_for_a_turn_that_nobody_wants(take_part):
    own = take_part()
    take_part()
    with own.taken():
        assert not own.are_waited_for()
    assert not own.are_waited_for()


def test_one_that_waits_is_seen_until_it_has_its_turn(take_part):
    own, other = take_part(), take_part()
    with own.taken():
        waiting = Waiting(other)
        eventually(own.are_waited_for)
        assert own.are_waited_for()
        assert not waiting.has_it.is_set()
    assert waiting.has_it.wait(SECONDS)
    assert not own.are_waited_for()
    waiting.end()


def test_those_who_stand_in_line_have_their_turns_before_the_next_one_here(take_part, monkeypatch):
    in_line: list[object] = []
    lock = turns.fcntl.flock

    def note_who_stands_in_line(file, operation):
        lock(file, operation)
        if operation == turns.fcntl.LOCK_SH:
            in_line.append(file)

    monkeypatch.setattr(turns.fcntl, "flock", note_who_stands_in_line)
    monkeypatch.setattr(turns, "_MAX_PATIENCE_SECONDS", SECONDS)
    own = take_part()
    for _ in range(20):
        in_line.clear()
        with own.taken():
            waiting = [Waiting(take_part()) for _ in range(2)]
            for each in waiting:
                each.let_go.set()
            eventually(lambda: len(in_line) == 2)
            assert own.are_waited_for()
        with own.taken():
            assert all(each.has_it.is_set() for each in waiting)
        for each in waiting:
            each.end()


def test_where_somebody_always_waits_each_further_turn_comes_late_and_lasts_a_while(take_part, monkeypatch):
    monkeypatch.setattr(turns, "_MAX_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(turns, "_MIN_TURN_SECONDS", 0.1)
    own = take_part()
    monkeypatch.setattr(own, "_somebody_waits", lambda: True)
    ends_early, came_late = [], []
    for _ in range(4):
        before = time.monotonic()
        with own.taken():
            came_late.append(time.monotonic() - before >= 0.05)
            ends_early.append(own.are_waited_for())
            if not ends_early[-1]:
                eventually(own.are_waited_for)
    assert came_late == [False, True, True, True]
    assert ends_early == [True, False, False, False]
