"""How often a principal may call."""

import pytest

from almeno_grpc.domain.access import ANYONE, Caller, Limits
from almeno_grpc.domain.errors import RateLimited
from almeno_grpc.rpc.runtime.rates import Rates


class Clock:
    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def caller(principal: str = "branch-pune", rate: int = 10, burst: int | None = 3) -> Caller:
    return Caller(principal, "k", frozenset(), Limits(calls_per_second=rate, burst=burst))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> Rates:
    return Rates(clock)


def test_burst_is_let_in_at_once_and_the_next_call_told_when_to_come(rates: Rates, clock: Clock) -> None:
    for _ in range(3):
        rates.count(caller())
    with pytest.raises(RateLimited) as caught:
        rates.count(caller())
    assert caught.value.retry_delay_milliseconds in (100, 101)
    clock.seconds += caught.value.retry_delay_milliseconds / 1000
    rates.count(caller())


def test_over_a_while_no_more_calls_come_than_the_rate(rates: Rates, clock: Clock) -> None:
    let_in = 0
    for _ in range(1000):
        clock.seconds += 0.01
        try:
            rates.count(caller())
            let_in += 1
        except RateLimited:
            pass
    assert 100 <= let_in <= 103


def test_without_a_burst_a_second_of_calls_may_come_at_once(rates: Rates) -> None:
    for _ in range(10):
        rates.count(caller(burst=None))
    with pytest.raises(RateLimited):
        rates.count(caller(burst=None))


def test_rate_is_the_principals_and_nobody_elses(rates: Rates) -> None:
    for _ in range(3):
        rates.count(caller())
    rates.count(caller("branch-delhi"))
    for _ in range(100):
        rates.count(ANYONE)
    with pytest.raises(RateLimited):
        rates.count(Caller("branch-pune", "another key", frozenset(), caller().limits))
