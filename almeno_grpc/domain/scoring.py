"""The credit score: exact points for each part of the position, added up and rounded once."""

from dataclasses import dataclass
from fractions import Fraction

from almeno_grpc.domain.money import round_fraction, round_half_up
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition


@dataclass(frozen=True, slots=True)
class ScoreComponent:
    """One part of the score."""

    name: str
    points: Fraction | int
    max_points: int
    observed: str
    """The figure the points were given for, for people and records."""


@dataclass(frozen=True, slots=True)
class CreditScore:
    """A score from 0 to 100 and its parts."""

    score: int
    components: tuple[ScoreComponent, ...]


def credit_score(position: CreditPosition, approved_limit: int, policy: Policy) -> CreditScore:
    """Scores a position. The limit is in paise.

    Debt above the limit makes the score 0 where the policy says so; the parts are told all the same.
    """
    components = (
        ScoreComponent(
            "on_time_payments",
            policy.on_time_payments.points(position.emis_paid_on_time, position.emis_due),
            policy.on_time_payments.max_points,
            f"{position.emis_paid_on_time}/{position.emis_due}",
        ),
        ScoreComponent(
            "past_loans",
            policy.past_loans.points(position.loan_count),
            policy.past_loans.max_points,
            str(position.loan_count),
        ),
        ScoreComponent(
            "current_year_activity",
            policy.current_year_activity.points(position.loans_this_year),
            policy.current_year_activity.max_points,
            str(position.loans_this_year),
        ),
        _approved_volume(position, approved_limit, policy),
    )
    if policy.debt_above_limit_scores_zero and position.current_debt > approved_limit:
        return CreditScore(0, components)
    return CreditScore(_rounded_sum(components), components)


def _rounded_sum(components: tuple[ScoreComponent, ...]) -> int:
    """The sum of the points, rounded once, halves up."""
    whole, fractions = 0, Fraction(0)
    for part in components:
        if isinstance(part.points, int):
            whole += part.points
        else:
            fractions += part.points
    return whole + round_fraction(fractions)


def _approved_volume(position: CreditPosition, approved_limit: int, policy: Policy) -> ScoreComponent:
    table = policy.approved_volume
    if position.loan_count == 0:
        points, observed = policy.volume_points_without_loans, "no loan yet"
    elif approved_limit == 0:
        points, observed = table.steps[-1].points, "above a limit of 0"
    else:
        points = table.points(Fraction(position.approved_volume, approved_limit))
        share, ten_thousandths = divmod(round_half_up(position.approved_volume * 10_000, approved_limit), 10_000)
        observed = f"{share}.{ten_thousandths:04d}"
    return ScoreComponent("approved_volume", points, table.max_points, observed)
