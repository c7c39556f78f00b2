"""A credit policy: how a loan request is scored, priced and decided, as dated data."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from almeno_grpc.domain.errors import NoPolicyInEffect, PolicyNotFound
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.money import Rounding

MAX_KNOWN = 4096
"""Parts of scores that a table remembers: those of all ordinary customers. They follow from the figures alone."""


class ScoreComponent(NamedTuple):
    """One part of a score."""

    name: str
    points: Fraction | int
    max_points: int
    observed: str
    """The figure the points were given for, for people and records."""


@dataclass(frozen=True, slots=True)
class Step:
    """Points for figures up to and including `up_to`; the last step of a table has no end."""

    up_to: Fraction | None
    points: int


@dataclass(frozen=True, slots=True)
class StepTable:
    """Points by steps, lowest figures first."""

    max_points: int
    steps: tuple[Step, ...]
    _ends: tuple[tuple[int, int, int], ...] = field(init=False, repr=False, compare=False)
    _known: dict[tuple[str, int], ScoreComponent] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        # As whole numbers: every decision comes through here, and comparing fractions costs ten times as much.
        ends = (
            (step.up_to.numerator, step.up_to.denominator, step.points) for step in self.steps if step.up_to is not None
        )
        object.__setattr__(self, "_ends", tuple(ends))

    def points(self, numerator: int, denominator: int = 1) -> int:
        """The points of the first step that reaches the figure, which is numerator/denominator."""
        for end_numerator, end_denominator, points in self._ends:
            if numerator * end_denominator <= end_numerator * denominator:
                return points
        return self.steps[-1].points

    def component(self, name: str, figure: int) -> ScoreComponent:
        """The part of the score that a whole figure gives."""
        known = self._known.get((name, figure))
        if known is None:
            known = ScoreComponent(name, self.points(figure), self.max_points, str(figure))
            if len(self._known) < MAX_KNOWN:
                self._known[name, figure] = known
        return known


@dataclass(frozen=True, slots=True)
class OnTimePayments:
    """Points for the share of due instalments that were paid on time, in proportion between two shares."""

    max_points: int
    min_share: Fraction
    full_share: Fraction
    while_nothing_was_due: int
    _whole: tuple[int, int, int] = field(init=False, repr=False, compare=False)
    _known: dict[tuple[int, int], ScoreComponent] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        # Both shares as whole numbers of the same unit, for every decision comes through here.
        none, full = self.min_share, self.full_share
        unit = none.denominator * full.denominator
        whole = unit, none.numerator * full.denominator, full.numerator * none.denominator
        object.__setattr__(self, "_whole", whole)

    def points(self, on_time: int, due: int) -> Fraction | int:
        """The exact points for `on_time` of `due` instalments: max_points × (on_time/due − none) / (all − none)."""
        if due == 0:
            return self.while_nothing_was_due
        unit, none, full = self._whole
        above, span = on_time * unit - due * none, (full - none) * due
        if above <= 0:
            return 0
        return self.max_points if above >= span else Fraction(self.max_points * above, span)

    def component(self, on_time: int, due: int) -> ScoreComponent:
        """The part of the score that `on_time` of `due` instalments give."""
        known = self._known.get((on_time, due))
        if known is None:
            points = self.points(on_time, due)
            known = ScoreComponent("on_time_payments", points, self.max_points, f"{on_time}/{due}")
            if len(self._known) < MAX_KNOWN:
                self._known[on_time, due] = known
        return known


@dataclass(frozen=True, slots=True)
class Band:
    """Scores above a number, and the least rate they are lent at in per cent a year."""

    above: int
    min_rate: Decimal


@dataclass(frozen=True, slots=True)
class Gates:
    """What a loan has to pass besides the score."""

    debt_within_limit: bool
    new_loan_within_limit: bool
    max_emi_share_of_income: Fraction
    new_emi_counts: bool


@dataclass(frozen=True, slots=True)
class PolicyRounding:
    """How a policy's exact figures become whole numbers."""

    score: Rounding
    """Of the sum of the points."""
    installment: Rounding
    """Of the monthly instalment, to the paisa."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, checked and ready to decide by."""

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
        """The band the score falls in; None when it is too low for any."""
        for band in self.bands:
            if score > band.above:
                return band
        return None


def policy_in_effect(policies: Iterable[Policy], on: date) -> Policy:
    """The newest policy in effect on the day.

    Raises:
        NoPolicyInEffect: Each takes effect later.
    """
    in_effect = [policy for policy in policies if policy.effective_date <= on]
    if not in_effect:
        raise NoPolicyInEffect(f"no credit policy is in effect on {on}", metadata={"business_date": str(on)})
    return max(in_effect, key=lambda policy: (policy.effective_date, policy.version))


def policy_of_version(policies: Iterable[Policy], version: str) -> Policy:
    """The policy with the version.

    Raises:
        PolicyNotFound: None has it.
    """
    for policy in policies:
        if policy.version == version:
            return policy
    raise PolicyNotFound(version)
