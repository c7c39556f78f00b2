"""Policy files: TOML, validated as a whole.

`almeno_grpc/policies/README.md` explains each key. A key that is unknown or missing, steps out of order or points
beyond the maximum, bands that overlap or leave a gap are errors that say where and why.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from almeno_grpc.domain import rule_values as values
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.limits import MAX_BUREAU_SCORE, MIN_BUREAU_SCORE
from almeno_grpc.domain.money import Rounding
from almeno_grpc.domain.policy import Band, Gates, OnTimePayments, Policy, PolicyRounding, Step, StepTable
from almeno_grpc.domain.rule_file import RuleFileError, RuleTable, read_rule_file

_FULL_SCORE = 100
_MAX_DAYS = 36_500


def parse_policy(content: bytes) -> Policy:
    """Reads and checks a policy file.

    Raises:
        RuleFileError: The file is not TOML, or a key is missing, unknown or out of bounds.
    """
    root, toml, sha256 = read_rule_file(content)
    score, booking = root.table("score"), root.table("booking")
    volume, debt = score.table("approved_volume"), score.table("debt")
    volume_points_without_loans = volume.value("without_loans", _points_up_to(volume.value("max_points", _max_points)))
    policy = Policy(
        version=root.value("version", values.version),
        effective_date=root.value("effective_date", values.day),
        sha256=sha256,
        toml=toml,
        on_time_payments=_on_time_payments(score.table("on_time_payments")),
        past_loans=_step_table(score.table("past_loans"), _count),
        current_year_activity=_step_table(score.table("current_year_activity"), _count),
        approved_volume=_step_table(volume, values.share),
        volume_points_without_loans=volume_points_without_loans,
        debt_above_limit_scores_zero=debt.value("above_limit_scores_zero", values.boolean),
        bands=_bands(root),
        gates=_gates(root.table("gates")),
        installment_method=booking.value("installment_method", values.one_of(InstallmentMethod)),
        rounding=_rounding(root.table("rounding")),
    )
    for table in (debt, score, booking, root):
        table.raise_if_unknown()
    full = sum(
        part.max_points
        for part in (policy.on_time_payments, policy.past_loans, policy.current_year_activity, policy.approved_volume)
    )
    if full != _FULL_SCORE:
        raise RuleFileError(f"score: the max_points of the four parts add up to {full} instead of {_FULL_SCORE}")
    return policy


def _on_time_payments(table: RuleTable) -> OnTimePayments:
    max_points = table.value("max_points", _max_points)
    part = OnTimePayments(
        max_points,
        table.value("min_share", values.share),
        table.value("full_share", values.share),
        table.value("while_nothing_was_due", _points_up_to(max_points)),
    )
    if part.min_share >= part.full_share:
        raise RuleFileError(f"{table.path('min_share')} must be below full_share")
    table.raise_if_unknown()
    return part


def _step_table(table: RuleTable, read_bound: Callable[[Any], Fraction]) -> StepTable:
    max_points = table.value("max_points", _max_points)
    rows = table.tables("steps")
    steps: list[Step] = []
    for number, row in enumerate(rows, start=1):
        step = Step(row.optional("up_to", read_bound), row.value("points", _points_up_to(max_points)))
        row.raise_if_unknown()
        if (step.up_to is None) != (number == len(rows)):
            raise RuleFileError(f"{row.path('up_to')}: every step but the last ends at a number, and the last has none")
        before = steps[-1].up_to if steps else None
        if step.up_to is not None and before is not None and step.up_to <= before:
            raise RuleFileError(f"{row.path('up_to')} must be above that of the step before")
        steps.append(step)
    table.raise_if_unknown()
    return StepTable(max_points, tuple(steps))


def _bands(root: RuleTable) -> tuple[Band, ...]:
    bands: list[Band] = []
    for row in root.tables("bands"):
        band = Band(row.value("above", _band_floor), row.value("min_rate", values.rate))
        up_to = row.value("up_to", _score)
        row.raise_if_unknown()
        upper_bound = bands[-1].above if bands else _FULL_SCORE
        if up_to > upper_bound:
            raise RuleFileError(f"{row.path('up_to')} overlaps: scores above {upper_bound} are in the band before")
        if up_to < upper_bound:
            raise RuleFileError(
                f"{row.path('up_to')} leaves a gap: scores above {up_to} and up to {upper_bound} are in no band"
            )
        if band.above >= up_to:
            raise RuleFileError(f"{row.path('above')} must be below up_to")
        if bands and band.min_rate < bands[-1].min_rate:
            raise RuleFileError(f"{row.path('min_rate')} must not be below that of the better band before")
        bands.append(band)
    return tuple(bands)


def _gates(table: RuleTable) -> Gates:
    gates = Gates(
        table.value("debt_within_limit", values.boolean),
        table.value("new_loan_within_limit", values.boolean),
        table.value("max_emi_share_of_income", values.share),
        table.value("new_emi_counts", values.boolean),
        outside_obligations_count=table.optional("outside_obligations_count", values.boolean) or False,
        max_days_past_due=table.optional("max_days_past_due", _days),
        non_performing_declines=table.optional("non_performing_declines", values.boolean) or False,
        min_bureau_score=table.optional("min_bureau_score", _bureau_score),
        bureau_report_required=table.optional("bureau_report_required", values.boolean) or False,
        max_bureau_report_age_days=table.optional("max_bureau_report_age_days", _days),
    )
    table.raise_if_unknown()
    return gates


def _rounding(table: RuleTable) -> PolicyRounding:
    rounding = PolicyRounding(
        table.value("score", values.one_of(Rounding)),
        table.value("installment", values.one_of(Rounding)),
    )
    table.raise_if_unknown()
    return rounding


def _max_points(value: Any) -> int:
    return values.whole_number(value, 0, _FULL_SCORE)


def _points_up_to(maximum: int) -> Callable[[Any], int]:
    return lambda value: values.whole_number(value, 0, maximum)


def _score(value: Any) -> int:
    return values.whole_number(value, 0, _FULL_SCORE)


def _band_floor(value: Any) -> int:
    return values.whole_number(value, 0, _FULL_SCORE - 1)


def _count(value: Any) -> Fraction:
    return Fraction(values.whole_number(value, 0, 1_000_000))


def _days(value: Any) -> int:
    return values.whole_number(value, 0, _MAX_DAYS)


def _bureau_score(value: Any) -> int:
    return values.whole_number(value, MIN_BUREAU_SCORE, MAX_BUREAU_SCORE)
