"""How a limit is shared: whoever wants everything leaves room for others."""

from collections import Counter, deque

import pytest

from almeno_grpc.rpc.runtime.quotas import FEW, Quota


def taken_by(quota: Quota, caller: str) -> int:
    taken = 0
    while quota.take(caller):
        taken += 1
    return taken


def test_caller_alone_gets_half() -> None:
    assert taken_by(Quota(1000), "one") == 500
    assert taken_by(Quota(1), "one") == 1


def test_few_callers_who_want_everything_leave_room_for_the_next() -> None:
    quota = Quota(1000)
    # Again and again, as callers do who are refused.
    taken = [taken_by(quota, caller) for _ in range(3) for caller in ("one", "two", "three", "four")]
    assert taken == [500, 250, 125, 63, *[0] * 8]
    assert taken_by(quota, "five") == 31


def test_callers_who_come_again_and_again_get_equal_shares() -> None:
    quota = Quota(1000)
    held: deque[str] = deque()
    for number in range(20_000):
        caller = str(number % 20)
        if quota.take(caller):
            held.append(caller)
        if len(held) > 900:
            quota.release(held.popleft())
    numbers = Counter(held)
    assert max(numbers.values()) <= 1000 // 20 + 1
    assert taken_by(quota, "new") >= 40


def test_what_a_caller_gets_is_bounded_however_much_is_free() -> None:
    assert taken_by(Quota(64, max_of_caller=8), "one") == 8


def test_amounts_are_shared_as_numbers_are() -> None:
    quota = Quota(200)
    assert quota.take("one", 60)
    assert quota.take("one", 60)
    assert not quota.take("one", 60)
    assert quota.take("two", 60)
    assert not quota.take("three", 60)
    quota.release("one", 60)
    quota.release("one", 60)
    assert quota.take("three", 60)
    assert quota.taken == 120
    assert quota.free_share == pytest.approx(0.4)


def test_caller_who_holds_few_may_take_the_place_of_others() -> None:
    quota = Quota(4)
    assert [taken_by(quota, caller) for caller in ("one", "two", "three")] == [2, 1, 1]
    assert not quota.take("four")
    assert [quota.take_over("four") for _ in range(FEW + 1)] == [True] * FEW + [False]
    assert quota.free_share == 0
    quota.release("one")
    assert not quota.take("four")


def test_callers_who_are_not_known_have_the_whole_limit_together() -> None:
    quota = Quota(4, max_of_caller=1)
    assert [quota.take(None) for _ in range(5)] == [True] * 4 + [False]
