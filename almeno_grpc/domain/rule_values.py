"""Values of rule files: each function gives what a key holds, or raises ValueError with what it has to hold."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

from almeno_grpc.domain.limits import MAX_INTEREST_RATE
from almeno_grpc.domain.money import RATE_SCALE, plain

E = TypeVar("E", bound=StrEnum)


def version(value: Any) -> str:
    """The version of a file."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}", value):
        raise ValueError("must be text of 1 to 64 letters, digits, dots, dashes and underscores")
    return value


def day(value: Any) -> date:
    """A date."""
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("must be a date, such as 2026-01-01")
    return value


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def one_of(names: type[E]) -> Callable[[Any], E]:
    """Makes the reader of one of the names."""

    def read(value: Any) -> E:
        if value not in list(names):
            raise ValueError(f"must be one of {', '.join(names)}")
        return names(value)

    return read


def whole_number(value: Any, minimum: int, maximum: int) -> int:
    """A whole number from a minimum to a maximum."""
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise ValueError(f"must be a whole number from {minimum} to {maximum}")
    return value


def decimal(value: Any) -> Decimal:
    """A number of zero or more, exactly."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value):
        raise ValueError('must be a number written as text, such as "0.60"')
    return Decimal(value)


def share(value: Any) -> Fraction:
    """A share, exactly."""
    return Fraction(decimal(value))


def rate(value: Any) -> Decimal:
    """A rate or a share in per cent."""
    found = decimal(value)
    if found > MAX_INTEREST_RATE or found * RATE_SCALE != int(found * RATE_SCALE):
        raise ValueError(f"must be 0 to {MAX_INTEREST_RATE} with at most four decimals")
    return plain(found)
