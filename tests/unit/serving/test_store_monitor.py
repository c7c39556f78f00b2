"""What a server tells of its store, as calls and probes find it."""

import threading
from collections.abc import Callable, Iterator

import pytest
from support.servers import eventually

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.serving import store_monitor
from almeno_grpc.serving.store_monitor import StoreMonitor, StoreState


class FakeStore:
    """A store that fails as it is told to."""

    def __init__(self) -> None:
        self.has_failed = threading.Event()
        self.reads = self.writes = True
        self.hang: threading.Event | None = None
        self.hanging_write: threading.Event | None = None

    def probe_reads(self) -> None:
        if self.hang is not None:
            self.hang.wait(30)
        if not self.reads:
            raise StoreUnavailable("the file is gone")

    def probe_writes(self) -> None:
        if self.hanging_write is not None:
            self.hanging_write.wait(30)
        if not self.writes:
            raise StoreUnavailable("the disk is full")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    monkeypatch.setattr(store_monitor, "MIN_PROBE_SECONDS", 0.001)
    monkeypatch.setattr(store_monitor, "PROBE_SECONDS", 0.01)
    return FakeStore()


@pytest.fixture
def watch(store: FakeStore) -> Iterator[Callable[[], tuple[StoreMonitor, list[StoreState]]]]:
    """Starts a monitor; gives it, and the list of the states that it tells of."""
    monitors: list[StoreMonitor] = []

    def start() -> tuple[StoreMonitor, list[StoreState]]:
        told: list[StoreState] = []
        monitors.append(StoreMonitor(store, told.append))
        monitors[-1].start()
        return monitors[-1], told

    yield start
    for monitor in monitors:
        monitor.stop()


@pytest.mark.parametrize(
    ("reads", "writes", "state"),
    [
        (True, True, StoreState.WORKS),
        (True, False, StoreState.READ_ONLY),
        (False, False, StoreState.UNAVAILABLE),
        (False, True, StoreState.UNAVAILABLE),
    ],
)
def test_state_is_known_before_the_server_serves(
    store: FakeStore, watch: Callable, *, reads: bool, writes: bool, state: StoreState
) -> None:
    store.reads, store.writes = reads, writes
    monitor, told = watch()
    assert (monitor.state, told) == (state, [state])


def test_state_follows_the_store_and_is_told_once_each_time(store: FakeStore, watch: Callable) -> None:
    monitor, told = watch()
    for writes, state in ((False, StoreState.READ_ONLY), (True, StoreState.WORKS)):
        store.writes = writes
        eventually(lambda state=state: monitor.state is state)
    assert told == [StoreState.WORKS, StoreState.READ_ONLY, StoreState.WORKS]


def test_failed_call_is_followed_by_a_probe_at_once(
    monkeypatch: pytest.MonkeyPatch, store: FakeStore, watch: Callable
) -> None:
    monkeypatch.setattr(store_monitor, "PROBE_SECONDS", 3600)
    monitor, _ = watch()
    store.reads = False
    store.has_failed.set()
    eventually(lambda: monitor.state is StoreState.UNAVAILABLE, seconds=5)


def test_probe_that_does_not_end_is_a_failed_one(
    monkeypatch: pytest.MonkeyPatch, store: FakeStore, watch: Callable
) -> None:
    monitor, told = watch()
    store.hang = threading.Event()
    monkeypatch.setattr(store_monitor, "MAX_PROBE_SECONDS", 0.05)

    def is_noticed() -> bool:
        monitor.notice_hang()
        return monitor.state is StoreState.UNAVAILABLE

    eventually(is_noticed)
    hang, store.hang = store.hang, None
    hang.set()
    eventually(lambda: monitor.state is StoreState.WORKS)
    assert told == [StoreState.WORKS, StoreState.UNAVAILABLE, StoreState.WORKS]


def test_write_that_does_not_end_leaves_reads_serving(
    monkeypatch: pytest.MonkeyPatch, store: FakeStore, watch: Callable
) -> None:
    monitor, _ = watch()
    store.hanging_write = hang = threading.Event()
    monkeypatch.setattr(store_monitor, "MAX_PROBE_SECONDS", 0.05)

    def is_noticed() -> bool:
        monitor.notice_hang()
        return monitor.state is StoreState.READ_ONLY

    eventually(is_noticed)
    store.hanging_write = None
    hang.set()
    eventually(lambda: monitor.state is StoreState.WORKS)
