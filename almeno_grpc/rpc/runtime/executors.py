"""Threads for calls."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from almeno_grpc.logs import log_event


class _Arrival(threading.local):
    seconds = 0.0


_arrival = _Arrival()


def arrival_seconds() -> float:
    """When the call that this thread runs arrived, by `time.perf_counter`: before it waited for the thread."""
    return _arrival.seconds


def run_work(work: Callable[[], object], arrived_seconds: float) -> None:
    """Runs work of a call that arrived at that moment; what it raises is logged, for nobody else would see it."""
    _arrival.seconds = arrived_seconds
    try:
        work()
    except BaseException as error:
        log_event("call_broke_off", logging.ERROR, error=error)


class _Threads(ThreadPoolExecutor):
    """A thread pool that tells how much work waits."""

    def waiting(self) -> int:
        """Work that no thread has taken on yet."""
        return self._work_queue.qsize()


class CallExecutor:
    """A thread pool for calls.

    Attributes:
        name: Begins the names of its threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        self.name = name
        self._threads = _Threads(threads, thread_name_prefix=name)

    def waiting(self) -> int:
        """Calls that wait for a thread."""
        return self._threads.waiting()

    def run(self, work: Callable[[], object]) -> Future[None]:
        """Runs work of a call, now or later.

        Raises:
            RuntimeError: The executor is shut down, or the system has no thread left.
        """
        arrived_seconds = time.perf_counter()
        # ThreadPoolExecutor keeps the work in its queue even where it raises, since no thread could be started.
        given_up: list[RuntimeError] = []

        def run() -> None:
            if not given_up:
                run_work(work, arrived_seconds)

        try:
            return self._threads.submit(run)
        except RuntimeError as error:
            given_up.append(error)
            raise

    def shutdown(self) -> None:
        """Takes on no further work, and waits for what runs."""
        self._threads.shutdown()


class InlineExecutor:
    """No threads: rejects calls on gRPC's event thread, where nothing may wait.

    So rejections never wait behind the calls that fill the server.
    """

    def run(self, work: Callable[[], object]) -> Future[None]:
        """Runs the work before it returns."""
        run_work(work, time.perf_counter())
        done: Future[None] = Future()
        done.set_result(None)
        return done
