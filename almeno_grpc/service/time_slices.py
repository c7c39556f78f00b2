"""Long computations in short slices, so that the calls beside them go on."""

import threading
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TypeVar

T = TypeVar("T")

_SLICE_SECONDS = 1e-3
"""How long a computation keeps the GIL. Where it does not give it up, a waiting thread gets it after 5 ms, each time it
needs it: the switch interval."""
_PAUSE_SECONDS = 50e-6
"""Long enough that a thread which waits for the GIL is woken, in a process that is pinned to one core."""

_turn = threading.Lock()
"""However many computations a process runs, one of them at a time contends with its calls."""


def slices(results: Iterable[T]) -> Iterator[list[T]]:
    """Computes results one by one, as the iterable gives them; yields those of a slice of time, and pauses after it."""
    remaining = iter(results)
    while True:
        computed: list[T] = []
        with _turn:
            end_seconds = time.perf_counter() + _SLICE_SECONDS
            for result in remaining:
                computed.append(result)
                if time.perf_counter() >= end_seconds:
                    break
            else:
                break
        yield computed
        time.sleep(_PAUSE_SECONDS)
    yield computed


def computed_in_slices(results: Iterable[T]) -> list[T]:
    """The results of all slices."""
    return list(chain.from_iterable(slices(results)))
