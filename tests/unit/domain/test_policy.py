from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from almeno_grpc.domain.errors import NoPolicyInEffect
from almeno_grpc.domain.policy import Policy, Step, StepTable, policy_in_effect


@pytest.mark.parametrize(
    ("on", "version"), [(date(2026, 3, 31), "1"), (date(2026, 4, 1), "2"), (date(2030, 1, 1), "2")]
)
def test_the_newest_policy_in_effect_decides(policy: Policy, on: date, version: str) -> None:
    older = replace(policy, version="1", effective_date=date(2026, 1, 1))
    newer = replace(policy, version="2", effective_date=date(2026, 4, 1))
    assert policy_in_effect([newer, older], on).version == version
    assert policy_in_effect([older, newer], on).version == version


def test_of_two_policies_of_one_day_the_later_version_decides(policy: Policy) -> None:
    one, other = replace(policy, version="a"), replace(policy, version="b")
    assert policy_in_effect([one, other], date(2026, 1, 1)) is other
    assert policy_in_effect([other, one], date(2026, 1, 1)) is other


def test_before_any_policy_takes_effect_there_is_no_decision(policy: Policy) -> None:
    with pytest.raises(NoPolicyInEffect, match="no credit policy is in effect on 2025-12-31") as refused:
        policy_in_effect([replace(policy, effective_date=date(2026, 1, 1))], date(2025, 12, 31))
    assert refused.value.metadata == {"business_date": "2025-12-31"}


@pytest.mark.parametrize(
    ("score", "min_rate"),
    [(100, 0), (51, 0), (50, 12), (31, 12), (30, 16), (11, 16), (10, None), (9, None), (0, None)],
)
def test_each_score_falls_in_the_band_it_is_above(policy: Policy, score: int, min_rate: int | None) -> None:
    band = policy.band(score)
    assert (band and band.min_rate) == min_rate


def test_a_step_holds_up_to_and_including_its_bound() -> None:
    table = StepTable(9, (Step(Fraction(1, 3), 9), Step(Fraction(1, 2), 4), Step(None, 1)))
    values = [Fraction(0), Fraction(1, 3), Fraction(34, 100), Fraction(1, 2), Fraction(51, 100), 7]
    assert [table.points(value.numerator, value.denominator) for value in values] == [9, 9, 4, 4, 1, 1]
