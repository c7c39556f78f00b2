"""Long computations give way: what waits for the interpreter gets it between two slices."""

import threading
import time
from collections.abc import Iterator

from almeno_grpc.service.time_slices import computed_in_slices


def busy(results: int, seconds: float) -> Iterator[int]:
    for number in range(results):
        end_seconds = time.perf_counter() + seconds
        while time.perf_counter() < end_seconds:
            pass
        yield number


def test_results_come_in_their_order() -> None:
    assert computed_in_slices(busy(20, 2e-4)) == list(range(20))
    assert computed_in_slices([]) == []


def test_thread_that_waits_gets_its_turns_while_several_compute() -> None:
    stop = threading.Event()
    turns = 0

    def take_turns() -> None:
        nonlocal turns
        while not stop.is_set():
            # Gives up the interpreter, and waits for it again, as a call does some ten times.
            time.sleep(1e-6)
            turns += 1

    waiting = threading.Thread(target=take_turns)
    computing = [threading.Thread(target=lambda: computed_in_slices(busy(400, 2e-4))) for _ in range(4)]
    for thread in (waiting, *computing):
        thread.start()
    for thread in computing:
        thread.join()
    stop.set()
    waiting.join()
    # 320 ms of computing: without slices the waiting thread gets a turn after every 5 ms of each that computes.
    assert turns > 80
