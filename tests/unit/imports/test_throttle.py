"""How long the transactions of an import last, and how much is imported between two looks at who waits."""

import pytest

from almeno_grpc.imports import throttle as throttle_module
from almeno_grpc.imports.throttle import MAX_ROWS_PER_CALL, ImportThrottle


class Waiting:
    """A transaction for which others wait, or none do."""

    def __init__(self) -> None:
        self.others = False

    def is_contended(self) -> bool:
        return self.others


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        seconds = 100.0

        def monotonic(self) -> float:
            return self.seconds

        def sleep(self, _seconds: float) -> None:
            pass

    clock = Clock()
    monkeypatch.setattr(throttle_module, "time", clock)
    return clock


def lengths(throttle: ImportThrottle, clock, tx: Waiting, count: int) -> list[float]:
    """Seconds that so many transactions last, with a look each millisecond."""
    found = []
    for _ in range(count):
        began = clock.seconds
        for _ in throttle.calls(tx, 0, 10**9):
            clock.seconds += 0.001
        found.append(round(clock.seconds - began, 3))
    return found


def test_transactions_become_longer_up_to_a_tenth_of_a_second_while_nobody_waits(clock):
    found = lengths(ImportThrottle(), clock, Waiting(), 8)
    assert found[0] == pytest.approx(0.004, abs=0.0011)
    assert found == sorted(found)
    assert found[-2:] == pytest.approx([0.1, 0.1], abs=0.0011)


def test_they_end_at_each_look_while_calls_come_and_start_short_again_after_a_second_without(clock):
    throttle, tx = ImportThrottle(), Waiting()
    lengths(throttle, clock, tx, 8)
    tx.others = True
    assert lengths(throttle, clock, tx, 2) == [0.001, 0.001]
    tx.others = False
    assert lengths(throttle, clock, tx, 5) == [0.001] * 5
    clock.seconds += 1
    assert lengths(throttle, clock, tx, 1) == pytest.approx([0.004], abs=0.0011)


def test_while_calls_come_as_much_is_imported_at_a_time_as_takes_a_millisecond_but_not_too_little(clock):
    throttle, tx = ImportThrottle(), Waiting()
    tx.others = True
    for seconds, expected in ((0.005, 100), (0.5, -(-MAX_ROWS_PER_CALL // 32)), (0.000_5, MAX_ROWS_PER_CALL)):
        for here in throttle.calls(tx, 0, 500):
            clock.seconds += seconds * (here.stop - here.start) / 500
        assert next(throttle.calls(tx, 0, 500)).stop == pytest.approx(expected, abs=1)
    clock.seconds += 2
    assert next(throttle.calls(tx, 0, 500)).stop == MAX_ROWS_PER_CALL
