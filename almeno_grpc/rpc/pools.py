"""The threads that run calls, and how many calls they take on."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class _Arrival(threading.local):
    seconds = 0.0


_arrival = _Arrival()


def arrival_seconds() -> float:
    """When the call that this thread runs had arrived, by `time.perf_counter`."""
    return _arrival.seconds


class CallPool(ThreadPoolExecutor):
    """Threads for calls, which counts the calls under way, waiting ones included.

    gRPC submits every call that it lets in exactly once, so the count neither leaks nor lags, whatever becomes of the
    call: cancelled before it ran, out of time, or failed.
    """

    def __init__(self, threads: int, most_calls: int, name: str) -> None:
        super().__init__(max_workers=threads, thread_name_prefix=name)
        self._most_calls = most_calls
        self._calls = 0
        self._count_lock = threading.Lock()

    @property
    def calls(self) -> int:
        """Calls under way, waiting ones included."""
        return self._calls

    @property
    def is_full(self) -> bool:
        """Whether a further call has to be refused."""
        return self._calls >= self._most_calls

    # The base class types its parameters by a ParamSpec that an override with parameters of its own cannot repeat.
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queues a call."""
        with self._count_lock:
            self._calls += 1
        try:
            return super().submit(self._run, time.perf_counter(), fn, args, kwargs)
        except BaseException:
            self._count_down()
            raise

    def _run(
        self, arrived_seconds: float, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        _arrival.seconds = arrived_seconds
        try:
            return fn(*args, **kwargs)
        finally:
            self._count_down()

    def _count_down(self) -> None:
        with self._count_lock:
            self._calls -= 1


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
