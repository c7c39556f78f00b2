"""When a process is replaced, and when it is only busy."""

import os
from types import SimpleNamespace

import pytest

from almeno_grpc.serving import watchdog
from almeno_grpc.serving.watchdog import LOOK_SECONDS, MAX_START_SECONDS, Watchdog, memory_bytes

MAX_SILENCE_SECONDS = 15
MAX_MEMORY_BYTES = 2**30


class FakeWorker(SimpleNamespace):
    def ask(self) -> None:
        self.unanswered += 1

    def kill(self) -> None:
        self.is_killed = True


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker(role="rpc-0", process_id=1, is_ready=True, is_killed=False, unanswered=0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    fake = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: fake.now)
    monkeypatch.setattr(watchdog, "memory_bytes", lambda _process_id: 0)
    return fake


def look_for(seconds: float, clock: SimpleNamespace, worker: FakeWorker) -> None:
    dog = Watchdog([worker], MAX_SILENCE_SECONDS, MAX_MEMORY_BYTES)
    end = clock.now + seconds
    while clock.now < end:
        clock.now += LOOK_SECONDS
        dog.look()


def test_process_that_is_busy_for_less_than_the_bound_is_left_alone(clock: SimpleNamespace, worker: FakeWorker) -> None:
    look_for(MAX_SILENCE_SECONDS - 1, clock, worker)
    assert not worker.is_killed
    worker.unanswered = 0
    look_for(MAX_SILENCE_SECONDS - 1, clock, worker)
    assert not worker.is_killed


def test_process_that_answers_nothing_for_longer_is_killed_once(clock: SimpleNamespace, worker: FakeWorker) -> None:
    look_for(MAX_SILENCE_SECONDS + 1, clock, worker)
    assert worker.is_killed
    asked = worker.unanswered
    look_for(10, clock, worker)
    assert worker.unanswered == asked


def test_process_that_starts_has_longer(clock: SimpleNamespace, worker: FakeWorker) -> None:
    worker.is_ready = False
    look_for(MAX_START_SECONDS - 1, clock, worker)
    assert not worker.is_killed
    look_for(2, clock, worker)
    assert worker.is_killed


def test_pause_of_the_whole_machine_is_no_silence(clock: SimpleNamespace, worker: FakeWorker) -> None:
    dog = Watchdog([worker], MAX_SILENCE_SECONDS, MAX_MEMORY_BYTES)
    for _ in range(3):
        clock.now += 3600
        dog.look()
    assert not worker.is_killed


@pytest.mark.parametrize(("held_bytes", "is_killed"), [(MAX_MEMORY_BYTES, False), (MAX_MEMORY_BYTES + 1, True)])
def test_process_with_more_memory_than_the_bound_is_killed(
    clock: SimpleNamespace, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch, held_bytes: int, *, is_killed: bool
) -> None:
    monkeypatch.setattr(watchdog, "memory_bytes", lambda _process_id: held_bytes)
    look_for(1, clock, worker)
    assert worker.is_killed == is_killed


def test_memory_is_what_the_process_holds_for_itself() -> None:
    before = memory_bytes(os.getpid())
    held = b"x" * 64 * 2**20
    assert memory_bytes(os.getpid()) - before > len(held) // 2
    assert memory_bytes(2**22 + 1) == 0
