"""The replay of stored decisions: each is taken again from its snapshot, and compared field by field."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from almeno_grpc.domain.decision import decide
from almeno_grpc.domain.errors import PolicyNotFound, TermsDoNotAmortize
from almeno_grpc.domain.money import format_rupees
from almeno_grpc.domain.policy import Policy, policy_of_version
from almeno_grpc.service.decision_snapshot import (
    DecisionUnreadable,
    StoredDecision,
    decision_record,
    printable,
    read_snapshot,
    snapshot_sha256,
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
        "outside.monthly_obligations",
    }
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a decision whose stored value is not the one that the replay gives."""

    field: str
    """The field's name in the answer to a caller; `snapshot` for the snapshot as a whole."""
    stored: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of taking a stored decision again."""

    decision: StoredDecision | None
    """As the replay takes it; None where the snapshot is too damaged for that."""
    differences: Sequence[Difference]

    @property
    def matches(self) -> bool:
        """Whether the replay gives every field as it is stored."""
        return not self.differences


def replay(record: DecisionRecord, policies: Sequence[Policy]) -> Replay:
    """Takes a stored decision again under the policy that took it, and compares."""
    sha256 = snapshot_sha256(record.snapshot)
    edited = [] if sha256 == record.snapshot_sha256 else [_snapshot_difference(record.snapshot_sha256, sha256)]
    try:
        stored = read_snapshot(record.snapshot)
        policy = policy_of_version(policies, stored.decision.policy_version)
        decision = decide(stored.decision.request, stored.decision.borrower, policy, stored.decision.business_date)
    except DecisionUnreadable as error:
        return Replay(None, [*edited, Difference(_SNAPSHOT, str(error), "")])
    except PolicyNotFound:
        return Replay(None, [*edited, Difference("policy_version", printable(stored.decision.policy_version), "")])
    except TermsDoNotAmortize:
        installment = format_rupees(stored.decision.monthly_installment)
        return Replay(None, [*edited, Difference("monthly_installment", installment, "")])
    replayed = stored_decision_of(record.decision_id, decision, policy, record.create_time)
    replayed_record = decision_record(replayed)
    replayed_values = flatten(json.loads(replayed_record.snapshot))
    differences = [
        *edited,
        *_differences(flatten(json.loads(record.snapshot)), replayed_values),
        *_differences(_columns(record), replayed_values, all_fields=False),
    ]
    if not differences and replayed_record.snapshot_sha256 != sha256:
        # No field differs: the order does, or the white space, or how a number is written.
        differences.append(_snapshot_difference(sha256, replayed_record.snapshot_sha256))
    return Replay(replayed, _first_of_each_field(differences))


def flatten(content: Any, path: str = "") -> dict[str, str]:
    """Each value of a snapshot as text, by its path: `credit_score`, `score_components.past_loans.points`.

    The objects of a list go by their `name` or `reason`; what is null is left out.
    """
    if isinstance(content, dict):
        entries = content.items()
    elif isinstance(content, list) and content and isinstance(content[0], dict):
        entries = {entry.get("name") or entry.get("reason"): entry for entry in content}.items()
    else:
        return {} if content is None else {path: _format(path, content)}
    return {
        name: text for key, value in entries for name, text in flatten(value, f"{path}.{key}" if path else key).items()
    }


def _format(path: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if path in _AMOUNTS:
        return format_rupees(value)
    return printable(",".join(value) if isinstance(value, list) else str(value))


def _columns(record: DecisionRecord) -> dict[str, str]:
    """The columns that stand beside the snapshot, as `flatten` gives its values."""
    return flatten(
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


def _differences(
    stored: Mapping[str, str], replayed: Mapping[str, str], *, all_fields: bool = True
) -> Iterator[Difference]:
    fields = {**replayed, **stored} if all_fields else stored
    for field in fields:
        if stored.get(field) != replayed.get(field):
            yield Difference(field, stored.get(field, ""), replayed.get(field, ""))


def _first_of_each_field(differences: Sequence[Difference]) -> list[Difference]:
    by_field: dict[str, Difference] = {}
    for difference in differences:
        by_field.setdefault(difference.field, difference)
    return list(by_field.values())


def _snapshot_difference(stored: str, replayed: str) -> Difference:
    return Difference(_SNAPSHOT, f"SHA-256 {printable(stored)}", f"SHA-256 {replayed}")
