"""The credit score: exact points for each part of the position, added up and rounded once."""

from fractions import Fraction
from typing import NamedTuple

from almeno_grpc.domain.money import round_half_up, rounded
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition


class ScoreComponent(NamedTuple):
    """One part of the score."""

    name: str
    points: Fraction | int
    max_points: int
    observed: str
    """The figure the points were given for, for people and records."""


class CreditScore(NamedTuple):
    """A score from 0 to 100 and its parts."""

    score: int
    components: tuple[ScoreComponent, ...]


def credit_score(position: CreditPosition, approved_limit: int, policy: Policy) -> CreditScore:
    """Scores a position. The limit is in paise.

    Debt above the limit makes the score 0 where the policy says so; the parts are told all the same.
    """
    on_time, past, this_year = policy.on_time_payments, policy.past_loans, policy.current_year_activity
    loans, loans_this_year = position.loan_count, position.loans_this_year
    due, paid_on_time = position.emis_due, position.emis_paid_on_time
    on_time_points = on_time.points(paid_on_time, due)
    past_points, this_year_points = past.points(loans), this_year.points(loans_this_year)
    volume_points, share = _approved_volume(position, approved_limit, policy)
    components = (
        ScoreComponent("on_time_payments", on_time_points, on_time.max_points, f"{paid_on_time}/{due}"),
        ScoreComponent("past_loans", past_points, past.max_points, str(loans)),
        ScoreComponent("current_year_activity", this_year_points, this_year.max_points, str(loans_this_year)),
        ScoreComponent("approved_volume", volume_points, policy.approved_volume.max_points, share),
    )
    if policy.debt_above_limit_scores_zero and position.current_debt > approved_limit:
        return CreditScore(0, components)
    numerator, denominator = on_time_points.numerator, on_time_points.denominator
    numerator += (past_points + this_year_points + volume_points) * denominator
    return CreditScore(rounded(numerator, denominator, policy.rounding.score), components)


def _approved_volume(position: CreditPosition, approved_limit: int, policy: Policy) -> tuple[int, str]:
    """The points for the volume, and the share of the limit they were given for."""
    table, volume = policy.approved_volume, position.approved_volume
    if position.loan_count == 0:
        return policy.volume_points_without_loans, "no loan yet"
    if approved_limit == 0:
        return table.steps[-1].points, "above a limit of 0"
    share, ten_thousandths = divmod(round_half_up(volume * 10_000, approved_limit), 10_000)
    return table.points(volume, approved_limit), f"{share}.{ten_thousandths:04d}"
