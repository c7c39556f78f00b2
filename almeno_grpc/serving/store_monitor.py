"""Whether the store can work: asked again and again, and at once when a call has found that it cannot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum

from almeno_grpc.logs import log_event
from almeno_grpc.serving.application import CheckedStore

PROBE_SECONDS = 2.0
"""Between two probes; less where a call has failed, but never so little that probes are a load of their own."""
MIN_PROBE_SECONDS = 0.2
MAX_PROBE_SECONDS = 12.0
"""A probe that takes longer hangs, as on a disk that does not answer."""


class StoreState(Enum):
    """What the store can do."""

    WORKS = "works"
    READ_ONLY = "read only"
    """What is asked is answered, but no write is taken: the disk is full, or another process keeps all from writing."""
    UNAVAILABLE = "unavailable"


class StoreMonitor:
    """Probes a store on a thread of its own, and tells when what it can do has changed."""

    def __init__(self, store: CheckedStore, on_change: Callable[[StoreState], None]) -> None:
        """Makes the monitor; `start` begins.

        Args:
            store: The store.
            on_change: Told the new state, by the thread that probes, or by the one that calls `notice_hang`.
        """
        self._store = store
        self._on_change = on_change
        self._state: StoreState | None = None
        self._has_probed = threading.Event()
        self._lock = threading.Lock()
        self._is_stopped = threading.Event()
        self._probed_at_seconds = 0.0
        self._is_probing = False
        self._proven = StoreState.UNAVAILABLE
        """What the probe that is under way has shown so far."""

    @property
    def state(self) -> StoreState:
        """What the store could do at the last probe."""
        return self._state or StoreState.UNAVAILABLE

    def start(self) -> None:
        """Probes once, then goes on probing until `stop`."""
        threading.Thread(target=self._run, name="store-monitor", daemon=True).start()
        self._has_probed.wait(MAX_PROBE_SECONDS)

    def stop(self) -> None:
        """Stops; a probe that is under way ends by itself."""
        self._is_stopped.set()
        self._store.has_failed.set()

    def notice_hang(self) -> None:
        """Takes a probe that does not end for a failed one."""
        if self._is_probing and time.monotonic() > self._probed_at_seconds + MAX_PROBE_SECONDS:
            self._set(self._proven)

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            self._probed_at_seconds, self._is_probing = time.monotonic(), True
            state = self._probe()
            self._is_probing = False
            self._set(state)
            self._has_probed.set()
            self._is_stopped.wait(MIN_PROBE_SECONDS)
            if state is StoreState.WORKS:
                self._store.has_failed.wait(PROBE_SECONDS)
            else:
                self._is_stopped.wait(PROBE_SECONDS)
            self._store.has_failed.clear()

    def _probe(self) -> StoreState:
        self._proven = StoreState.UNAVAILABLE
        try:
            self._store.probe_reads()
            self._proven = StoreState.READ_ONLY
            self._store.probe_writes()
        except Exception as error:
            if self._state in (None, StoreState.WORKS) and not self._is_stopped.is_set():
                log_event("store_failed", logging.ERROR, error=error)
            return self._proven
        return StoreState.WORKS

    def _set(self, state: StoreState) -> None:
        with self._lock:
            if state is self._state or self._is_stopped.is_set():
                return
            is_first, self._state = self._state is None, state
        if not (is_first and state is StoreState.WORKS):
            level = logging.INFO if state is StoreState.WORKS else logging.ERROR
            log_event("store_state_changed", level, state=state.value)
        self._on_change(state)
