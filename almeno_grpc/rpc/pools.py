"""The threads that run calls, and how many calls they take on."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from almeno_grpc.logs import log_event


class _Arrival(threading.local):
    seconds = 0.0


_arrival = _Arrival()


def arrival_seconds() -> float:
    """When the call that this thread runs had arrived, by `time.perf_counter`."""
    return _arrival.seconds


def run_at_once(work: Callable[[], object]) -> None:
    """Runs work for a call that has just arrived, on this thread; whatever it raises goes to the log."""
    _run(time.perf_counter(), work)


def _run(arrived_seconds: float, work: Callable[[], object]) -> None:
    _arrival.seconds = arrived_seconds
    try:
        work()
    except Exception as error:
        log_event("call_broke_off", logging.ERROR, error=error)


class CallPool(ThreadPoolExecutor):
    """Threads for calls, which counts the calls under way, waiting ones included.

    gRPC takes nothing but a ThreadPoolExecutor. Queue and threads are our own, for those of the base class cost a busy
    server 6 µs a call rather than 3.5: a thread is started while there is more to run than threads, and lives as long
    as the pool.
    """

    def __init__(self, threads: int, max_calls: int, name: str) -> None:
        super().__init__(max_workers=threads, thread_name_prefix=name)
        self._most_threads = threads
        self._most_calls = max_calls
        self._name = name
        self._calls = 0
        self._tasks = 0
        """What runs or waits for a thread."""
        self._lock = threading.Lock()
        self._waiting: SimpleQueue[tuple[float, Callable[[], object]] | None] = SimpleQueue()
        self._running: list[threading.Thread] = []
        self._is_shut_down = False

    @property
    def calls(self) -> int:
        """Calls under way, waiting ones included."""
        return self._calls

    @property
    def is_full(self) -> bool:
        """Whether a further call has to be refused."""
        return self._calls >= self._most_calls

    def begin_call(self) -> None:
        """Counts a call that is under way from now on."""
        with self._lock:
            self._calls += 1

    def end_call(self) -> None:
        """Counts a call no more."""
        with self._lock:
            self._calls -= 1

    # The base class types its parameters by a ParamSpec that an override with parameters of its own cannot repeat.
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queues a call, which is under way until it has run.

        Raises:
            RuntimeError: The pool is shut down, or the system has no thread left.
        """
        future: Future[Any] = Future()

        def run() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                self.end_call()
                future.set_exception(error)
            else:
                self.end_call()
                future.set_result(result)

        self.begin_call()
        try:
            self.enqueue(run)
        except RuntimeError:
            self.end_call()
            raise
        return future

    def enqueue(self, work: Callable[[], object]) -> None:
        """Queues work for a call that is under way.

        Raises:
            RuntimeError: The pool is shut down, or the system has no thread left.
        """
        with self._lock:
            if self._is_shut_down:
                raise RuntimeError("the pool is shut down")
            if len(self._running) < min(self._tasks + 1, self._most_threads):
                self._start_thread()
            self._tasks += 1
            self._waiting.put((time.perf_counter(), work))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - as in the base class
        """Takes on no further calls, and ends the threads once those taken on have run."""
        with self._lock:
            if not self._is_shut_down:
                self._is_shut_down = True
                for _ in self._running:
                    self._waiting.put(None)
        if wait:
            for thread in self._running:
                thread.join()

    def _start_thread(self) -> None:
        name = f"{self._name}_{len(self._running)}"
        # A process that ends does not wait for calls; who wants to wait shuts the pool down.
        thread = threading.Thread(target=self._run_calls, name=name, daemon=True)
        thread.start()
        self._running.append(thread)

    def _run_calls(self) -> None:
        while (task := self._waiting.get()) is not None:
            _run(*task)
            # While the thread waits for the next call nothing of this one stays.
            del task
            with self._lock:
                self._tasks -= 1


class AtOnce(ThreadPoolExecutor):
    """No threads at all: runs what is submitted before `submit` returns, on the thread that submits.

    Refusals are answered so: they never wait behind the calls that fill the server, and never pile up themselves.
    """

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Runs the function, which must not wait for anything."""
        future: Future[Any] = Future()
        _arrival.seconds = time.perf_counter()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
