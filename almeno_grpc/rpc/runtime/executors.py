"""Threads for calls, and the count of the calls under way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from almeno_grpc.logs import log_event


class Executor(Protocol):
    """Runs calls."""

    def run_call(self, work: Callable[[], object]) -> Future[None]:
        """Counts a call and runs its work, now or later; counts it no more when the work has ended.

        Raises:
            RuntimeError: The executor is shut down, or the system has no thread left.
        """


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


class CallExecutor:
    """A thread pool, and the number of calls under way, waiting ones included.

    A call is under way from `begin_call` to `end_call`. It need not hold a thread in between: its request may be on the
    way, or its answer may wait for a commit.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._calls_under_way = 0

    @property
    def calls_under_way(self) -> int:
        """Calls that run or wait."""
        return self._calls_under_way

    def begin_call(self) -> None:
        """Counts a call."""
        with self._lock:
            self._calls_under_way += 1

    def end_call(self) -> None:
        """Counts a call no more."""
        with self._lock:
            self._calls_under_way -= 1

    def run_call(self, work: Callable[[], object]) -> Future[None]:
        """Runs the work of a call, which is under way until it has ended; errors as `Executor.run_call`."""
        self.begin_call()

        def run() -> None:
            try:
                work()
            finally:
                self.end_call()

        try:
            return self.run(run)
        except RuntimeError:
            self.end_call()
            raise

    def run(self, work: Callable[[], object]) -> Future[None]:
        """Runs work of a call that is counted already; errors as `Executor.run_call`."""
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
    """No threads: runs calls on gRPC's event thread, where they must not wait for anything.

    Calls are rejected there: they never wait behind those that fill the server, and need not be counted.
    """

    def run_call(self, work: Callable[[], object]) -> Future[None]:
        """Runs the work before it returns."""
        run_work(work, time.perf_counter())
        done: Future[None] = Future()
        done.set_result(None)
        return done
