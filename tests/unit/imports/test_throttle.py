"""How long the transactions of an import last, and how much lands between two looks at who waits."""

import pytest

from almeno_grpc.imports import throttle as pace_module
from almeno_grpc.imports.throttle import MAX_PART_ROWS, Pace


class Waiting:
    """A transaction for which others wait, or none do."""

    def __init__(self) -> None:
        self.others = False

    def others_wait(self) -> bool:
        return self.others


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        seconds = 100.0

        def monotonic(self) -> float:
            return self.seconds

    clock = Clock()
    monkeypatch.setattr(pace_module, "time", clock)
    return clock


def lengths(pace: Pace, clock, tx: Waiting, count: int) -> list[float]:
    """Seconds that so many transactions last, with a look each millisecond."""
    found = []
    for _ in range(count):
        pace.begin()
        began = clock.seconds
        clock.seconds += 0.001
        while not pace.has_to_end(tx):
            clock.seconds += 0.001
        found.append(round(clock.seconds - began, 3))
    return found


def test_transactions_become_longer_up_to_a_tenth_of_a_second_while_nobody_waits(clock):
    found = lengths(Pace(), clock, Waiting(), 8)
    assert found[0] == pytest.approx(0.004, abs=0.0011)
    assert found == sorted(found)
    assert found[-2:] == pytest.approx([0.1, 0.1], abs=0.0011)


def test_they_end_at_each_look_while_calls_come_and_start_short_again_after_a_second_without(clock):
    pace, tx = Pace(), Waiting()
    lengths(pace, clock, tx, 8)
    tx.others = True
    assert lengths(pace, clock, tx, 2) == [0.001, 0.001]
    tx.others = False
    assert lengths(pace, clock, tx, 5) == [0.001] * 5
    clock.seconds += 1
    assert lengths(pace, clock, tx, 1) == pytest.approx([0.004], abs=0.0011)


def test_while_calls_come_as_much_lands_at_a_time_as_takes_a_millisecond_but_not_too_little(clock):
    pace, tx = Pace(), Waiting()
    tx.others = True
    for seconds, expected in ((0.005, 100), (0.5, -(-MAX_PART_ROWS // 32)), (0.000_5, MAX_PART_ROWS)):
        pace.begin()
        clock.seconds += seconds
        pace.note(500)
        pace.has_to_end(tx)
        assert pace.part_rows(MAX_PART_ROWS) == pytest.approx(expected, abs=1)
    clock.seconds += 2
    assert pace.part_rows(MAX_PART_ROWS) == MAX_PART_ROWS
