"""Stored decisions, taken again from what is stored of them, and compared part by part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from almeno_grpc.domain.decision import decide
from almeno_grpc.domain.errors import PolicyNotFound, TermsDoNotAmortize
from almeno_grpc.domain.money import format_rupees
from almeno_grpc.domain.policy import Policy, policy_of_version
from almeno_grpc.service.decision_reading import DecisionUnreadable, snapshot_of, stored_decision
from almeno_grpc.service.decision_record import (
    StoredDecision,
    decision_record,
    sha256_of,
    stored_decision_of,
)
from almeno_grpc.service.store import DecisionRecord

_SNAPSHOT = "snapshot"
_AMOUNTS = frozenset(
    {
        "loan_amount",
        "monthly_income",
        "approved_limit",
        "monthly_installment",
        "counter_offer",
        "position.approved_volume",
        "position.current_debt",
        "position.monthly_obligation",
    }
)
_MAX_TEXT_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a decision that is stored otherwise than the replay gives it."""

    field: str
    """The field's name in the answer to a caller; `snapshot` for what is stored as a whole."""
    stored: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What taking a stored decision again came to."""

    decision: StoredDecision | None
    """As the replay takes it; None where what is stored is too damaged for that."""
    differences: Sequence[Difference]

    @property
    def matches(self) -> bool:
        """Whether the replay gives what is stored, in every part."""
        return not self.differences


def replay(record: DecisionRecord, policies: Sequence[Policy]) -> Replay:
    """Takes a stored decision again by the policy that took it, and compares."""
    written = sha256_of(record.snapshot)
    edited = [] if written == record.snapshot_sha256 else [_snapshot(record.snapshot_sha256, written)]
    try:
        content = snapshot_of(record.snapshot)
        stored = stored_decision(content)
        policy = policy_of_version(policies, stored.decision.policy_version)
        taken = decide(stored.decision.request, stored.decision.borrower, policy, stored.decision.business_date)
    except DecisionUnreadable as error:
        return Replay(None, [*edited, Difference(_SNAPSHOT, str(error), "")])
    except PolicyNotFound:
        return Replay(None, [*edited, Difference("policy_version", stored.decision.policy_version, "")])
    except TermsDoNotAmortize:
        installment = format_rupees(stored.decision.monthly_installment)
        return Replay(None, [*edited, Difference("monthly_installment", installment, "")])
    replayed = stored_decision_of(record.decision_id, taken, policy, record.create_time)
    again = decision_record(replayed)
    told = _told(snapshot_of(again.snapshot))
    differences = [*edited, *_differences(_told(content), told), *_differences(_columns(record), told, among_all=False)]
    if not differences and again.snapshot_sha256 != written:
        # Nothing that has a name differs: the order, or how it is written.
        differences.append(_snapshot(written, again.snapshot_sha256))
    return Replay(replayed, _first_of_each_field(differences))


def _differences(
    stored: Mapping[str, str], replayed: Mapping[str, str], *, among_all: bool = True
) -> Iterator[Difference]:
    names = {**replayed, **stored} if among_all else stored
    for name in names:
        if stored.get(name) != replayed.get(name):
            yield Difference(name, stored.get(name, ""), replayed.get(name, ""))


def _first_of_each_field(differences: Sequence[Difference]) -> list[Difference]:
    by_field: dict[str, Difference] = {}
    for difference in differences:
        by_field.setdefault(difference.field, difference)
    return list(by_field.values())


def _columns(record: DecisionRecord) -> dict[str, str]:
    """What stands beside the snapshot, in the words of `_told`."""
    return _told(
        {
            "customer_id": record.customer_id,
            "business_date": record.business_date,
            "policy_version": record.policy_version,
            "policy_sha256": record.policy_sha256,
            "approved": record.approved,
            "credit_score": record.credit_score,
            "reasons": record.reasons,
        }
    )


def _told(content: Any, name: str = "") -> dict[str, str]:
    """Each figure of a snapshot as text, by its name: `credit_score`, `score_components.past_loans.points`."""
    if isinstance(content, dict):
        parts = content.items()
    elif isinstance(content, list) and content and isinstance(content[0], dict):
        parts = {entry.get("name") or entry.get("reason"): entry for entry in content}.items()
    else:
        return {} if content is None else {name: _figure(name, content)}
    return {
        key: text for part, value in parts for key, text in _told(value, f"{name}.{part}" if name else part).items()
    }


def _figure(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if name in _AMOUNTS:
        return format_rupees(value)
    return _printed(",".join(value) if isinstance(value, list) else str(value))


def _printed(text: str) -> str:
    """Text that can be answered, whatever was stored."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:_MAX_TEXT_CHARACTERS])


def _snapshot(stored: str, replayed: str) -> Difference:
    return Difference(_SNAPSHOT, f"SHA-256 {_printed(stored)}", f"SHA-256 {replayed}")
