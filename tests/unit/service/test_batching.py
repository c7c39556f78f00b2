import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from almeno_grpc.domain.errors import TooManyCalls
from almeno_grpc.service.batching import BatchQueue

PATIENCE_SECONDS = 10


class Batches:
    """Takes batches off a queue; the first one is held until it is let go."""

    def __init__(self) -> None:
        self.taken: list[list[str]] = []
        self.first_is_taken = threading.Event()
        self.first_may_end = threading.Event()
        self.calls_left = threading.Semaphore(0)

    def run(self, take: Callable[[], list[str]]) -> None:
        batch = take()
        self.taken.append(batch)
        if len(self.taken) == 1:
            self.first_is_taken.set()
            assert self.first_may_end.wait(PATIENCE_SECONDS)
        for _ in batch:
            self.calls_left.release()

    def wait_for(self, calls: int) -> list[list[str]]:
        for _ in range(calls):
            assert self.calls_left.acquire(timeout=PATIENCE_SECONDS)
        return self.taken


@contextmanager
def queue_of(batches: Batches, max_calls: int = 100) -> Iterator[BatchQueue[str]]:
    queue = BatchQueue("test", batches.run, max_calls=max_calls, keys_of=lambda call: call.split()[:1])
    try:
        yield queue
    finally:
        batches.first_may_end.set()
        queue.close()


def test_a_call_that_comes_alone_is_a_batch_of_one() -> None:
    batches = Batches()
    batches.first_may_end.set()
    with queue_of(batches) as queue:
        queue.submit("a")
        assert batches.wait_for(1) == [["a"]]
        queue.submit("b")
        assert batches.wait_for(1) == [["a"], ["b"]]


def test_calls_that_arrive_while_a_batch_is_under_way_make_the_next_one() -> None:
    batches = Batches()
    with queue_of(batches) as queue:
        queue.submit("a")
        assert batches.first_is_taken.wait(PATIENCE_SECONDS)
        for call in ("b", "c", "d"):
            queue.submit(call)
        batches.first_may_end.set()
        assert batches.wait_for(4) == [["a"], ["b", "c", "d"]]


def test_a_batch_holds_no_more_calls_than_its_limit() -> None:
    batches = Batches()
    with queue_of(batches, max_calls=2) as queue:
        queue.submit("a")
        assert batches.first_is_taken.wait(PATIENCE_SECONDS)
        for call in ("b", "c", "d"):
            queue.submit(call)
        batches.first_may_end.set()
        assert batches.wait_for(4) == [["a"], ["b", "c"], ["d"]]


def test_a_batch_holds_one_call_of_a_key_and_the_others_keep_their_order() -> None:
    batches = Batches()
    with queue_of(batches) as queue:
        queue.submit("first")
        assert batches.first_is_taken.wait(PATIENCE_SECONDS)
        for call in ("anna 1", "anna 2", "boris 1", "anna 3"):
            queue.submit(call)
        batches.first_may_end.set()
        assert batches.wait_for(5) == [["first"], ["anna 1", "boris 1"], ["anna 2"], ["anna 3"]]


def test_a_batch_is_taken_when_its_lock_is_there_and_holds_what_has_come_meanwhile() -> None:
    lock, waiting, taken = threading.Event(), threading.Event(), threading.Event()
    batches: list[list[str]] = []

    def run(take: Callable[[], list[str]]) -> None:
        waiting.set()
        assert lock.wait(PATIENCE_SECONDS)
        batches.append(take())
        taken.set()

    queue: BatchQueue[str] = BatchQueue("test", run, max_calls=100)
    try:
        queue.submit("a")
        assert waiting.wait(PATIENCE_SECONDS)
        queue.submit("b")
        lock.set()
        assert taken.wait(PATIENCE_SECONDS)
    finally:
        queue.close()
    assert batches == [["a", "b"]]


def test_closing_runs_what_waits_and_takes_nothing_more() -> None:
    batches = Batches()
    with queue_of(batches) as queue:
        queue.submit("a")
        assert batches.first_is_taken.wait(PATIENCE_SECONDS)
        queue.submit("a again")
        queue.submit("b")
        closing = threading.Thread(target=queue.close)
        closing.start()
        batches.first_may_end.set()
        closing.join(PATIENCE_SECONDS)
    assert batches.taken == [["a"], ["a again", "b"]]


def test_a_closed_queue_that_never_ran_refuses_calls() -> None:
    queue: BatchQueue[str] = BatchQueue("test", lambda _take: None, max_calls=1)
    queue.close()
    with pytest.raises(RuntimeError, match="closed"):
        queue.submit("a")


def test_a_system_without_a_thread_left_fails_one_call_and_not_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = Batches()
    batches.first_may_end.set()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with queue_of(batches) as queue:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(TooManyCalls):
                queue.submit("a")
        queue.submit("b")
        assert batches.wait_for(1) == [["b"]]


def test_calls_that_start_the_thread_at_the_same_time_start_one() -> None:
    batches = Batches()
    batches.first_may_end.set()
    with queue_of(batches) as queue:
        queue.submit("a")
        # As a second call does that has seen no thread yet.
        queue._start()
        assert [thread.name for thread in threading.enumerate()].count("test") == 1
