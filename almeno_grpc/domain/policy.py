"""A credit policy: how a loan request is scored, priced and decided, as dated data."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from almeno_grpc.domain.errors import NoPolicyInEffect, PolicyNotFound
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.money import Rounding
from almeno_grpc.domain.rule_file import newest_in_effect


@dataclass(frozen=True, slots=True)
class Step:
    """Points for values up to and including `up_to`; the last step of a table has no upper bound."""

    up_to: Fraction | None
    points: int


# The two rules below compare by identity: so they are cheap keys for the caches of `scoring`.
@dataclass(frozen=True, slots=True, eq=False)
class StepTable:
    """Points by steps, lowest values first."""

    max_points: int
    steps: tuple[Step, ...]
    _bounds: tuple[tuple[int, int, int], ...] = field(init=False, repr=False)
    """Of each step but the last: numerator and denominator of `up_to`, and the points."""

    def __post_init__(self) -> None:
        # As integers: every decision looks up the approved volume, and comparing fractions costs ten times as much.
        bounds = (
            (step.up_to.numerator, step.up_to.denominator, step.points) for step in self.steps if step.up_to is not None
        )
        object.__setattr__(self, "_bounds", tuple(bounds))

    def points(self, numerator: int, denominator: int = 1) -> int:
        """The points of the first step that reaches the value numerator/denominator."""
        for bound_numerator, bound_denominator, points in self._bounds:
            if numerator * bound_denominator <= bound_numerator * denominator:
                return points
        return self.steps[-1].points


@dataclass(frozen=True, slots=True, eq=False)
class OnTimePayments:
    """Points for the share of due instalments that were paid on time, in proportion between two shares."""

    max_points: int
    min_share: Fraction
    full_share: Fraction
    while_nothing_was_due: int

    def points(self, on_time: int, due: int) -> Fraction | int:
        """The exact points for `on_time` of `due` instalments.

        max_points × (on_time/due − min_share) / (full_share − min_share), within 0 and max_points.
        """
        if due == 0:
            return self.while_nothing_was_due
        above, span = Fraction(on_time, due) - self.min_share, self.full_share - self.min_share
        if above <= 0:
            return 0
        return self.max_points if above >= span else self.max_points * above / span


@dataclass(frozen=True, slots=True)
class Band:
    """Scores above a bound, and the minimum rate they are lent at in per cent a year."""

    above: int
    min_rate: Decimal


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates that a loan has to pass besides the score. A policy need not have those that have a default."""

    debt_within_limit: bool
    new_loan_within_limit: bool
    max_emi_share_of_income: Fraction
    new_emi_counts: bool
    outside_obligations_count: bool = False
    """Whether instalments to other lenders count among those that take a share of the income."""
    max_days_past_due: int | None = None
    non_performing_declines: bool = False
    min_bureau_score: int | None = None
    bureau_report_required: bool = False
    max_bureau_report_age_days: int | None = None
    has_conduct_gates: bool = field(init=False, repr=False)
    """Whether there is a gate on arrears or on a bureau's report: one look tells a decision that there is none."""

    def __post_init__(self) -> None:
        limits = (self.max_days_past_due, self.min_bureau_score, self.max_bureau_report_age_days)
        has_limit = any(limit is not None for limit in limits)
        object.__setattr__(
            self, "has_conduct_gates", has_limit or self.non_performing_declines or self.bureau_report_required
        )


@dataclass(frozen=True, slots=True)
class PolicyRounding:
    """How a policy rounds exact results to integers."""

    score: Rounding
    """Of the sum of the points."""
    installment: Rounding
    """Of the monthly instalment, to the paisa."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy."""

    version: str
    effective_date: date
    sha256: str
    """Of the file's bytes, in hexadecimal."""
    toml: str = field(repr=False)
    """The file itself."""
    on_time_payments: OnTimePayments
    past_loans: StepTable
    current_year_activity: StepTable
    approved_volume: StepTable
    volume_points_without_loans: int
    debt_above_limit_scores_zero: bool
    bands: tuple[Band, ...]
    """From the highest scores down."""
    gates: Gates
    installment_method: InstallmentMethod
    rounding: PolicyRounding

    def band(self, score: int) -> Band | None:
        """The band that holds the score; None when it is too low for any."""
        for band in self.bands:
            if score > band.above:
                return band
        return None


def policy_in_effect(policies: Iterable[Policy], on: date) -> Policy:
    """The newest policy in effect on the day.

    Raises:
        NoPolicyInEffect: Each takes effect later.
    """
    policy = newest_in_effect(policies, on)
    if policy is None:
        raise NoPolicyInEffect(f"no credit policy is in effect on {on}", metadata={"business_date": str(on)})
    return policy


def policy_of_version(policies: Iterable[Policy], version: str) -> Policy:
    """The policy with the version.

    Raises:
        PolicyNotFound: None has it.
    """
    for policy in policies:
        if policy.version == version:
            return policy
    raise PolicyNotFound(version)
