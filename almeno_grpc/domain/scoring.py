"""The credit score: exact points for each component of the position, added up and rounded once."""

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from almeno_grpc.domain.money import round_half_up, rounded
from almeno_grpc.domain.policy import OnTimePayments, Policy, StepTable
from almeno_grpc.domain.position import CreditPosition

_MAX_CACHED_COMPONENTS = 8192
"""Score components that a cache holds: those of all ordinary customers under two policies, as a simulation has them."""


class ScoreComponent(NamedTuple):
    """One component of a score."""

    name: str
    points: Fraction | int
    max_points: int
    observed: str
    """The value the points were given for, for people and records."""


class CreditScore(NamedTuple):
    """A score from 0 to 100 and its components."""

    score: int
    components: tuple[ScoreComponent, ...]


def credit_score(position: CreditPosition, approved_limit: int, policy: Policy) -> CreditScore:
    """Scores a position. The limit is in paise.

    Debt above the limit makes the score 0 where the policy says so; the components keep their points.
    """
    on_time = _on_time_payments(policy.on_time_payments, position.emis_paid_on_time, position.emis_due)
    past_loans = _loan_count(policy.past_loans, "past_loans", position.loan_count)
    this_year = _loan_count(policy.current_year_activity, "current_year_activity", position.loans_this_year)
    volume_points, share = _approved_volume(position, approved_limit, policy)
    volume = ScoreComponent("approved_volume", volume_points, policy.approved_volume.max_points, share)
    components = (on_time, past_loans, this_year, volume)
    if policy.debt_above_limit_scores_zero and position.current_debt > approved_limit:
        return CreditScore(0, components)
    numerator, denominator = on_time.points.numerator, on_time.points.denominator
    numerator += int(past_loans.points + this_year.points + volume_points) * denominator
    return CreditScore(rounded(numerator, denominator, policy.rounding.score), components)


@lru_cache(_MAX_CACHED_COMPONENTS)
def _on_time_payments(rule: OnTimePayments, on_time: int, due: int) -> ScoreComponent:
    return ScoreComponent("on_time_payments", rule.points(on_time, due), rule.max_points, f"{on_time}/{due}")


@lru_cache(_MAX_CACHED_COMPONENTS)
def _loan_count(table: StepTable, name: str, loans: int) -> ScoreComponent:
    return ScoreComponent(name, table.points(loans), table.max_points, str(loans))


def _approved_volume(position: CreditPosition, approved_limit: int, policy: Policy) -> tuple[int, str]:
    """The points for the volume, and the share of the limit they were given for."""
    table, volume = policy.approved_volume, position.approved_volume
    if position.loan_count == 0:
        return policy.volume_points_without_loans, "no loan yet"
    if approved_limit == 0:
        return table.steps[-1].points, "above a limit of 0"
    share, ten_thousandths = divmod(round_half_up(volume * 10_000, approved_limit), 10_000)
    return table.points(volume, approved_limit), f"{share}.{ten_thousandths:04d}"
