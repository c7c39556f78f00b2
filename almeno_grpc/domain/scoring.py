"""The credit score: exact points for each part of the position, added up and rounded once."""

from typing import NamedTuple

from almeno_grpc.domain.money import round_half_up, rounded
from almeno_grpc.domain.policy import Policy, ScoreComponent
from almeno_grpc.domain.position import CreditPosition


class CreditScore(NamedTuple):
    """A score from 0 to 100 and its parts."""

    score: int
    components: tuple[ScoreComponent, ...]


def credit_score(position: CreditPosition, approved_limit: int, policy: Policy) -> CreditScore:
    """Scores a position. The limit is in paise.

    Debt above the limit makes the score 0 where the policy says so; the parts are told all the same.
    """
    volume_points, share = _approved_volume(position, approved_limit, policy)
    on_time = policy.on_time_payments.component(position.emis_paid_on_time, position.emis_due)
    past = policy.past_loans.component("past_loans", position.loan_count)
    this_year = policy.current_year_activity.component("current_year_activity", position.loans_this_year)
    volume = ScoreComponent("approved_volume", volume_points, policy.approved_volume.max_points, share)
    components = (on_time, past, this_year, volume)
    if policy.debt_above_limit_scores_zero and position.current_debt > approved_limit:
        return CreditScore(0, components)
    numerator, denominator = on_time.points.numerator, on_time.points.denominator
    numerator += int(past.points + this_year.points + volume_points) * denominator
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
