"""Stored decisions, read back.

What is stored may have been damaged, or edited, in the years since it was. Nothing is taken for granted: each figure is
held against the bounds within which it can be decided on and answered.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

from almeno_grpc.domain import limits
from almeno_grpc.domain.decision import Borrower, Decision, DecisionReason, LoanRequest
from almeno_grpc.domain.gates import Gate
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.policy import ScoreComponent
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.service.decision_record import StoredDecision

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

_MAX_AMOUNT = 2**63 - 1
_MAX_COUNT = 2**31 - 1
_MAX_SCORE = 100
_MAX_TEXT_CHARACTERS = 1000
_MAX_ENTRIES = 100
_MAX_TIME = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""


class DecisionUnreadable(ValueError):
    """What is stored of a decision is damaged; the message names the part and what it has to be."""


def snapshot_of(text: str) -> dict[str, Any]:
    """A snapshot's content.

    Raises:
        DecisionUnreadable: It is not an object of JSON.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise DecisionUnreadable("the snapshot is not JSON") from None
    if not isinstance(content, dict):
        raise DecisionUnreadable("the snapshot is not an object of JSON")
    return content


def stored_decision(content: Mapping[str, Any]) -> StoredDecision:
    """The decision that a snapshot holds.

    Raises:
        DecisionUnreadable: A part of it is missing or is not what it has to be.
    """
    part = _Part("", content)
    # Told by the reasons; a replay finds out where the two disagree.
    part.value("approved", _boolean)
    stored = StoredDecision(
        decision_id=part.value("decision_id", _text),
        decision=Decision(
            request=_request(part),
            borrower=_borrower(part),
            credit_score=part.whole("credit_score", _MAX_SCORE),
            score_components=tuple(map(_component, part.parts("score_components"))),
            corrected_interest_rate=part.value("corrected_interest_rate", _rate),
            monthly_installment=part.whole("monthly_installment", _MAX_AMOUNT),
            installment_method=part.value("installment_method", _one_of(InstallmentMethod)),
            reasons=tuple(part.value("reasons", _reasons)),
            counter_offer=part.optional("counter_offer", _whole(0, _MAX_AMOUNT)),
            policy_version=part.value("policy_version", _text),
            policy_sha256=part.value("policy_sha256", _text),
            business_date=part.value("business_date", _date),
        ),
        gates=tuple(map(_gate, part.parts("gates"))),
        message=part.value("message", _text),
        create_time=part.whole("create_time", _MAX_TIME),
    )
    part.refuse_unknown()
    return stored


class _Part:
    """An object of the snapshot, by its name."""

    def __init__(self, name: str, content: Any) -> None:
        self._name = name
        if not isinstance(content, dict):
            raise DecisionUnreadable(f"{name} must be an object")
        self._content = content
        self._known: set[str] = set()

    def value(self, key: str, read: Callable[[Any], T]) -> T:
        """The key's value as `read` takes it."""
        self._known.add(key)
        name = f"{self._name}.{key}" if self._name else key
        if key not in self._content:
            raise DecisionUnreadable(f"{name} is missing")
        try:
            return read(self._content[key])
        except ValueError as error:
            raise DecisionUnreadable(f"{name} {error}") from None

    def optional(self, key: str, read: Callable[[Any], T]) -> T | None:
        """The key's value, or None where that is null."""
        return self.value(key, lambda value: None if value is None else read(value))

    def whole(self, key: str, most: int, least: int = 0) -> int:
        """A whole number within bounds."""
        return self.value(key, _whole(least, most))

    def parts(self, key: str) -> Iterable["_Part"]:
        """The objects of a list."""
        entries = self.value(key, _entries)
        return [_Part(f"{key}[{number}]", entry) for number, entry in enumerate(entries, start=1)]

    def refuse_unknown(self) -> None:
        """Raises DecisionUnreadable where there is more than was asked for."""
        if self._content.keys() != self._known:
            raise DecisionUnreadable(f"{self._name or 'the snapshot'} holds more than a decision has")


def _request(part: _Part) -> LoanRequest:
    return LoanRequest(
        customer_id=part.whole("customer_id", limits.MAX_ID, 1),
        loan_amount=part.whole("loan_amount", _MAX_AMOUNT, 1),
        interest_rate=part.value("interest_rate", _rate),
        tenure_months=part.whole("tenure_months", limits.MAX_TENURE_MONTHS, limits.MIN_TENURE_MONTHS),
        max_interest_rate=part.optional("max_interest_rate", _rate),
    )


def _borrower(part: _Part) -> Borrower:
    position = _Part("position", part.value("position", lambda value: value))
    borrower = Borrower(
        monthly_income=part.whole("monthly_income", _MAX_AMOUNT),
        approved_limit=part.whole("approved_limit", _MAX_AMOUNT),
        position=CreditPosition(
            loan_count=position.whole("loan_count", _MAX_COUNT),
            active_loan_count=position.whole("active_loan_count", _MAX_COUNT),
            loans_this_year=position.whole("loans_this_year", _MAX_COUNT),
            approved_volume=position.whole("approved_volume", _MAX_AMOUNT),
            current_debt=position.whole("current_debt", _MAX_AMOUNT),
            monthly_obligation=position.whole("monthly_obligation", _MAX_AMOUNT),
            emis_due=position.whole("emis_due", _MAX_COUNT),
            emis_paid_on_time=position.whole("emis_paid_on_time", _MAX_COUNT),
        ),
    )
    position.refuse_unknown()
    return borrower


def _component(part: _Part) -> ScoreComponent:
    component = ScoreComponent(
        name=part.value("name", _text),
        points=part.value("points", _points),
        max_points=part.whole("max_points", _MAX_SCORE),
        observed=part.value("observed", _text),
    )
    part.refuse_unknown()
    return component


def _gate(part: _Part) -> Gate:
    gate = Gate(
        reason=part.value("reason", _one_of(DecisionReason)),
        passed=part.value("passed", _boolean),
        observed=part.value("observed", _text),
        allowed=part.value("allowed", _text),
    )
    part.refuse_unknown()
    return gate


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    return read


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT_CHARACTERS or not value.isprintable():
        raise ValueError(f"must be text of at most {_MAX_TEXT_CHARACTERS} printable characters")
    return value


def _rate(value: Any) -> Decimal:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,4})?", value):
        raise ValueError('must be a rate written as text, such as "10.5"')
    rate = Decimal(value)
    if rate > limits.MAX_INTEREST_RATE:
        raise ValueError(f"must be at most {limits.MAX_INTEREST_RATE}")
    return rate


def _points(value: Any) -> Fraction:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,100}(/0*[1-9][0-9]{0,99})?", value):
        raise ValueError('must be points written as text, such as "200/21"')
    points = Fraction(value)
    if points > _MAX_SCORE:
        raise ValueError(f"must be at most {_MAX_SCORE}")
    return points


def _date(value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("must be a date, such as 2026-01-01")
    return date.fromisoformat(value)


def _one_of(names: type[E]) -> Callable[[Any], E]:
    def read(value: Any) -> E:
        if value not in list(names):
            raise ValueError(f"must be one of {', '.join(names)}")
        return names(value)

    return read


def _entries(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MAX_ENTRIES:
        raise ValueError(f"must be a list of at most {_MAX_ENTRIES}")
    return value


def _reasons(value: Any) -> list[DecisionReason]:
    return [_one_of(DecisionReason)(entry) for entry in _entries(value)]
