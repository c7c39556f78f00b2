"""Natural batching: calls that arrive while a batch is under way make the next batch.

As in a group commit there is no timer: a call that comes alone is a batch of one and waits for nothing. The busier the
service, the larger the batches, and the cheaper each call of one.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from almeno_grpc.domain.errors import TooManyCalls
from almeno_grpc.metrics import CALLS_WAITING, NO_METRICS, Metrics

C = TypeVar("C")


def no_keys(_call: object) -> Iterable[Hashable]:
    """The keys of calls of which any may stand in one batch."""
    return ()


class BatchQueue(Generic[C]):
    """A queue of calls, and the thread that runs all that wait as one batch."""

    def __init__(
        self,
        name: str,
        run: Callable[[Callable[[], list[C]]], None],
        *,
        max_calls: int,
        keys_of: Callable[[C], Iterable[Hashable]] = no_keys,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        """Makes the queue; its thread starts with the first call.

        Args:
            name: Name of the thread.
            run: Runs a batch and completes its calls. It is given a function that takes the batch off the queue, to be
                called once, as late as it can: what arrives before is in it. It must not raise.
            max_calls: The most calls of a batch.
            keys_of: A batch holds at most one call of each key; the others stay in the queue, in their order.
            metrics: Where batches are counted, under the name of the queue.
        """
        self._name = name
        self._run = run
        self._max_calls = max_calls
        self._keys_of = keys_of
        self._arrived: SimpleQueue[C | None] = SimpleQueue()
        self._waiting: deque[C] = deque()
        """Calls that the thread has taken off the queue; it alone looks at them."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._count_batch = metrics.batch_sizes(name)
        metrics.gauge(CALLS_WAITING, lambda: self._arrived.qsize() + len(self._waiting), name)

    def submit(self, call: C) -> None:
        """Queues a call for the next batch.

        Raises:
            TooManyCalls: The system has no thread left.
            RuntimeError: The queue is closed.
        """
        if self._thread is None:
            self._start()
        self._arrived.put(call)

    def first(self) -> C:
        """The call that has waited longest, for the function that runs a batch, before it takes that."""
        return self._waiting[0]

    def close(self) -> None:
        """Ends the thread once it has run what waits."""
        with self._lock:
            thread, self._is_closed = self._thread, True
        if thread is not None:
            self._arrived.put(None)
            thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._is_closed:
                raise RuntimeError(f"the queue {self._name} is closed")
            if self._thread is None:
                thread = threading.Thread(target=self._run_batches, name=self._name, daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    raise TooManyCalls("the server has no thread left for the call; send it again") from error
                self._thread = thread

    def _run_batches(self) -> None:
        while True:
            if not self._waiting:
                call = self._arrived.get()
                if call is None:
                    return
                self._waiting.append(call)
            self._run(self._take)

    def _take(self) -> list[C]:
        """Takes the next batch: all calls that wait, up to the limit, in their order, one of each key."""
        with suppress(Empty):
            while (call := self._arrived.get_nowait()) is not None:
                self._waiting.append(call)
            # The end of the queue: to be found again once what waits has run.
            self._arrived.put(None)
        batch: list[C] = []
        left: deque[C] = deque()
        seen: set[Hashable] = set()
        for call in self._waiting:
            keys = tuple(self._keys_of(call))
            if len(batch) < self._max_calls and seen.isdisjoint(keys):
                batch.append(call)
            else:
                left.append(call)
            seen.update(keys)
        self._waiting = left
        self._count_batch(len(batch))
        return batch
