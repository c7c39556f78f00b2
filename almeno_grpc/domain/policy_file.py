"""Policy files: TOML, validated as a whole.

`almeno_grpc/policies/README.md` explains each key. A key that is unknown or missing, steps out of order or points
beyond the maximum, bands that overlap or leave a gap are errors that say where and why.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.limits import MAX_BUREAU_SCORE, MAX_INTEREST_RATE, MIN_BUREAU_SCORE
from almeno_grpc.domain.money import RATE_SCALE, Rounding, plain
from almeno_grpc.domain.policy import Band, Gates, OnTimePayments, Policy, PolicyRounding, Step, StepTable

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_FULL_SCORE = 100
_MAX_DAYS = 36_500
_MAX_LINE_BYTES = 1000
"""A key lies in one line, and the TOML reader's time grows with the square of a key's parts, of which a line of 64 KiB
has room for 16 seconds."""


class PolicyError(ValueError):
    """An invalid policy file; the message names the key and what it has to be."""


def parse_policy(content: bytes) -> Policy:
    """Reads and checks a policy file.

    Raises:
        PolicyError: The file is not TOML, or a key is missing, unknown or out of bounds.
    """
    if any(len(line) > _MAX_LINE_BYTES for line in content.split(b"\n")):
        raise PolicyError(f"a line must have at most {_MAX_LINE_BYTES} bytes")
    try:
        toml = content.decode("utf-8")
        root = _Table("", tomllib.loads(toml))
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"not a TOML file in UTF-8: {error}") from error
    score, booking = root.table("score"), root.table("booking")
    volume, debt = score.table("approved_volume"), score.table("debt")
    volume_points_without_loans = volume.value("without_loans", _points_up_to(volume.value("max_points", _max_points)))
    policy = Policy(
        version=root.value("version", _version),
        effective_date=root.value("effective_date", _date),
        sha256=hashlib.sha256(content).hexdigest(),
        toml=toml,
        on_time_payments=_on_time_payments(score.table("on_time_payments")),
        past_loans=_step_table(score.table("past_loans"), _count),
        current_year_activity=_step_table(score.table("current_year_activity"), _count),
        approved_volume=_step_table(volume, _share),
        volume_points_without_loans=volume_points_without_loans,
        debt_above_limit_scores_zero=debt.value("above_limit_scores_zero", _boolean),
        bands=_bands(root),
        gates=_gates(root.table("gates")),
        installment_method=booking.value("installment_method", _one_of(InstallmentMethod)),
        rounding=_rounding(root.table("rounding")),
    )
    for table in (debt, score, booking, root):
        table.raise_if_unknown()
    full = sum(
        part.max_points
        for part in (policy.on_time_payments, policy.past_loans, policy.current_year_activity, policy.approved_volume)
    )
    if full != _FULL_SCORE:
        raise PolicyError(f"score: the max_points of the four parts add up to {full} instead of {_FULL_SCORE}")
    return policy


class _Table:
    """A table of the file that records which of its keys have been read."""

    def __init__(self, path: str, content: Mapping[str, Any]) -> None:
        self._path = path
        self._content = content
        self._read_keys: set[str] = set()

    def path(self, key: str) -> str:
        """The key's dotted path."""
        return f"{self._path}.{key}" if self._path else key

    def value(self, key: str, read: Callable[[Any], T]) -> T:
        """The key's value, converted by `read`; a ValueError of `read` becomes a PolicyError with the key's path."""
        self._read_keys.add(key)
        if key not in self._content:
            raise PolicyError(f"{self.path(key)} is missing")
        try:
            return read(self._content[key])
        except ValueError as error:
            raise PolicyError(f"{self.path(key)} {error}") from None

    def optional(self, key: str, read: Callable[[Any], T]) -> T | None:
        """The key's value, or None where the key is absent."""
        self._read_keys.add(key)
        return self.value(key, read) if key in self._content else None

    def table(self, key: str) -> "_Table":
        """The table under the key."""
        return _Table(self.path(key), self.value(key, _mapping))

    def tables(self, key: str) -> list["_Table"]:
        """The list of tables under the key."""
        rows = self.value(key, _mappings)
        return [_Table(f"{self.path(key)}[{number}]", row) for number, row in enumerate(rows, start=1)]

    def raise_if_unknown(self) -> None:
        """Raises PolicyError if the table has a key that has not been read."""
        unknown = sorted(set(self._content) - self._read_keys)
        if unknown:
            raise PolicyError(f"{self.path(unknown[0])} is not a key of a policy")


def _on_time_payments(table: _Table) -> OnTimePayments:
    max_points = table.value("max_points", _max_points)
    part = OnTimePayments(
        max_points,
        table.value("min_share", _share),
        table.value("full_share", _share),
        table.value("while_nothing_was_due", _points_up_to(max_points)),
    )
    if part.min_share >= part.full_share:
        raise PolicyError(f"{table.path('min_share')} must be below full_share")
    table.raise_if_unknown()
    return part


def _step_table(table: _Table, read_bound: Callable[[Any], Fraction]) -> StepTable:
    max_points = table.value("max_points", _max_points)
    rows = table.tables("steps")
    steps: list[Step] = []
    for number, row in enumerate(rows, start=1):
        step = Step(row.optional("up_to", read_bound), row.value("points", _points_up_to(max_points)))
        row.raise_if_unknown()
        if (step.up_to is None) != (number == len(rows)):
            raise PolicyError(f"{row.path('up_to')}: every step but the last ends at a number, and the last has none")
        before = steps[-1].up_to if steps else None
        if step.up_to is not None and before is not None and step.up_to <= before:
            raise PolicyError(f"{row.path('up_to')} must be above that of the step before")
        steps.append(step)
    table.raise_if_unknown()
    return StepTable(max_points, tuple(steps))


def _bands(root: _Table) -> tuple[Band, ...]:
    bands: list[Band] = []
    for row in root.tables("bands"):
        band = Band(row.value("above", _band_floor), row.value("min_rate", _rate))
        up_to = row.value("up_to", _score)
        row.raise_if_unknown()
        upper_bound = bands[-1].above if bands else _FULL_SCORE
        if up_to > upper_bound:
            raise PolicyError(f"{row.path('up_to')} overlaps: scores above {upper_bound} are in the band before")
        if up_to < upper_bound:
            raise PolicyError(
                f"{row.path('up_to')} leaves a gap: scores above {up_to} and up to {upper_bound} are in no band"
            )
        if band.above >= up_to:
            raise PolicyError(f"{row.path('above')} must be below up_to")
        if bands and band.min_rate < bands[-1].min_rate:
            raise PolicyError(f"{row.path('min_rate')} must not be below that of the better band before")
        bands.append(band)
    return tuple(bands)


def _gates(table: _Table) -> Gates:
    gates = Gates(
        table.value("debt_within_limit", _boolean),
        table.value("new_loan_within_limit", _boolean),
        table.value("max_emi_share_of_income", _share),
        table.value("new_emi_counts", _boolean),
        outside_obligations_count=table.optional("outside_obligations_count", _boolean) or False,
        max_days_past_due=table.optional("max_days_past_due", _days),
        non_performing_declines=table.optional("non_performing_declines", _boolean) or False,
        min_bureau_score=table.optional("min_bureau_score", _bureau_score),
        bureau_report_required=table.optional("bureau_report_required", _boolean) or False,
        max_bureau_report_age_days=table.optional("max_bureau_report_age_days", _days),
    )
    table.raise_if_unknown()
    return gates


def _rounding(table: _Table) -> PolicyRounding:
    rounding = PolicyRounding(
        table.value("score", _one_of(Rounding)),
        table.value("installment", _one_of(Rounding)),
    )
    table.raise_if_unknown()
    return rounding


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    return value


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(row, dict) for row in value):
        raise ValueError("must be a list of one or more tables")
    return value


def _version(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}", value):
        raise ValueError("must be text of 1 to 64 letters, digits, dots, dashes and underscores")
    return value


def _date(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("must be a date, such as 2026-01-01")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _one_of(names: type[E]) -> Callable[[Any], E]:
    def read(value: Any) -> E:
        if value not in list(names):
            raise ValueError(f"must be one of {', '.join(names)}")
        return names(value)

    return read


def _whole_number(value: Any, minimum: int, maximum: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise ValueError(f"must be a whole number from {minimum} to {maximum}")
    return value


def _max_points(value: Any) -> int:
    return _whole_number(value, 0, _FULL_SCORE)


def _points_up_to(maximum: int) -> Callable[[Any], int]:
    return lambda value: _whole_number(value, 0, maximum)


def _score(value: Any) -> int:
    return _whole_number(value, 0, _FULL_SCORE)


def _band_floor(value: Any) -> int:
    return _whole_number(value, 0, _FULL_SCORE - 1)


def _count(value: Any) -> Fraction:
    return Fraction(_whole_number(value, 0, 1_000_000))


def _days(value: Any) -> int:
    return _whole_number(value, 0, _MAX_DAYS)


def _bureau_score(value: Any) -> int:
    return _whole_number(value, MIN_BUREAU_SCORE, MAX_BUREAU_SCORE)


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
        raise ValueError('must be a number written as text, such as "0.60"')
    return Decimal(value)


def _share(value: Any) -> Fraction:
    return Fraction(_decimal(value))


def _rate(value: Any) -> Decimal:
    rate = _decimal(value)
    if rate > MAX_INTEREST_RATE or rate * RATE_SCALE != int(rate * RATE_SCALE):
        raise ValueError(f"must be 0 to {MAX_INTEREST_RATE} with at most four decimals")
    return plain(rate)
