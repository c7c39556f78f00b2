"""Fields of requests, checked: messages become values of the domain, or an error that names every bad field."""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message
from google.type import date_pb2, decimal_pb2, money_pb2

from almeno_grpc.domain import limits
from almeno_grpc.domain.errors import FieldViolation, InvalidField
from almeno_grpc.domain.money import PAISE_PER_RUPEE, format_rupees, rate_from_scaled, scaled_rate
from almeno_grpc.domain.names import clean_code, clean_name, clean_reason
from almeno_grpc.service.phone_numbers import to_e164

T = TypeVar("T")
V = TypeVar("V")
S = TypeVar("S", bound=str)

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000

_NANOS_PER_PAISA = 10_000_000
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_MAX_DECIMAL_CHARACTERS = 64
_MAX_VERSION_CHARACTERS = 64
_NO_RATE = Decimal(0)


class FieldReader:
    """Reads the fields of one request and keeps what is wrong with them.

    Each method returns a value to go on with even where the field is invalid; `raise_if_invalid` raises in the end.
    """

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []

    def raise_if_invalid(self) -> None:
        """Raises InvalidField when any field read so far was bad."""
        if self._violations:
            raise InvalidField(*self._violations)

    def add_violation(self, field: str, description: str) -> None:
        """Notes a bad field."""
        self._violations.append(FieldViolation(field, description))

    def number(self, field: str, value: int, minimum: int, maximum: int) -> int:
        """A whole number within bounds, both inclusive."""
        if not minimum <= value <= maximum:
            self.add_violation(field, f"must be {minimum} to {maximum}")
        return value

    def identifier(self, field: str, value: int) -> int:
        """The id of a customer or a loan."""
        if value <= 0:
            self.add_violation(field, "must be above zero")
        return value

    def name(self, field: str, value: str) -> str:
        """A person's name, trimmed."""
        return self._read(field, clean_name, value, "")

    def reason(self, field: str, value: str) -> str:
        """The reason for a change, trimmed."""
        return self._read(field, clean_reason, value, "")

    def optional_code(self, field: str, value: str, max_characters: int) -> str:
        """A reference or a code, trimmed; empty when there is none."""
        return self._read(field, lambda text: clean_code(text, max_characters), value, "") if value else ""

    def member(self, field: str, value: int, values: Mapping[S, int], enum: EnumTypeWrapper) -> S:
        """The one of the members that a value of a proto enumeration stands for."""
        for member, known in values.items():
            if value == known:
                return member
        self.add_violation(field, f"must be one of {', '.join(map(enum.Name, values.values()))}")
        return next(iter(values))

    def phone_number(self, field: str, value: str) -> str:
        """A phone number, in E.164 form."""
        return self._read(field, to_e164, value, "")

    def amount(self, field: str, value: money_pb2.Money, *, min_paise: int, max_paise: int | None = None) -> int:
        """An amount in rupees within bounds given in paise, both inclusive; in paise. None for no upper bound."""
        units: int = value.units
        nanos: int = value.nanos
        if value.currency_code not in ("INR", ""):
            self.add_violation(f"{field}.currency_code", "must be INR or left out")
        if abs(nanos) > 999_999_999 or units * nanos < 0:
            self.add_violation(f"{field}.nanos", "must be within ±999,999,999 and of the same sign as units")
            return min_paise
        paise, rest = divmod(nanos, _NANOS_PER_PAISA)
        if rest:
            self.add_violation(f"{field}.nanos", "must be whole paise, a multiple of 10,000,000")
            return min_paise
        paise += units * PAISE_PER_RUPEE
        if paise < min_paise or (max_paise is not None and paise > max_paise):
            upper = "or more" if max_paise is None else f"to {format_rupees(max_paise)}"
            self.add_violation(field, f"must be {format_rupees(min_paise)} {upper}")
            return min_paise
        return paise

    def rate(self, field: str, value: decimal_pb2.Decimal) -> Decimal:
        """A rate in per cent a year."""
        try:
            return _rate(value.value)
        except ValueError as error:
            self.add_violation(field, str(error))
            return _NO_RATE

    def optional_date(self, field: str, message: Message) -> dt.date | None:
        """A date with all three parts, or None where the message, whose field the path ends with, has none."""
        name = field.rpartition(".")[2]
        return self.date(field, getattr(message, name)) if message.HasField(name) else None

    def date(self, field: str, value: date_pb2.Date) -> date:
        """A date with all three parts."""
        return self._read(field, _date, value, date.min)

    def request_id(self, field: str, value: str) -> str:
        """An optional UUID, in its usual form; empty when there is none."""
        return self.uuid(field, value) if value else ""

    def uuid(self, field: str, value: str) -> str:
        """A UUID, in its usual form."""
        return self._read(field, _uuid, value, "")

    def rule_version(self, field: str, value: str) -> str:
        """The version of a policy or of terms, whether there is one or not."""
        if not 1 <= len(value) <= _MAX_VERSION_CHARACTERS or not value.isprintable():
            self.add_violation(field, f"must be 1 to {_MAX_VERSION_CHARACTERS} printable characters")
        return value

    def page_size(self, value: int) -> int:
        """How many rows a page may have."""
        if value < 0:
            self.add_violation("page_size", "must not be negative")
        return min(value or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)

    def _read(self, field: str, read: Callable[[V], T], value: V, otherwise: T) -> T:
        try:
            return read(value)
        except ValueError as error:
            self.add_violation(field, str(error))
            return otherwise


@lru_cache(maxsize=1024)
def _rate(text: str) -> Decimal:
    if not text:
        raise ValueError("must be set, to a number such as 10.5")
    if len(text) > _MAX_DECIMAL_CHARACTERS or not _DECIMAL.fullmatch(text):
        raise ValueError("must be a number such as 10.5")
    rate = Decimal(text)
    if not limits.MIN_INTEREST_RATE <= rate <= limits.MAX_INTEREST_RATE:
        raise ValueError(f"must be {limits.MIN_INTEREST_RATE} to {limits.MAX_INTEREST_RATE} per cent a year")
    try:
        return rate_from_scaled(scaled_rate(rate))
    except ValueError:
        raise ValueError(f"must have at most {limits.RATE_DECIMAL_PLACES} decimal places") from None


def _date(value: date_pb2.Date) -> date:
    try:
        return date(value.year, value.month, value.day)
    except ValueError:
        raise ValueError("must be a day of the calendar, with year, month and day") from None


def _uuid(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text, re.ASCII):
        raise ValueError("must be a UUID such as 123e4567-e89b-42d3-a456-426614174000")
    return str(uuid.UUID(text))
