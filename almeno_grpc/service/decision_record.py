"""Decisions as they are stored: whole, exact, readable without this program and without the policy."""

import hashlib
import json
from typing import Any, NamedTuple

from almeno_grpc.domain.decision import Decision
from almeno_grpc.domain.gates import Gate, gates_of
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.service.store import DecisionRecord

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_POSITION = CreditPosition._fields


class StoredDecision(NamedTuple):
    """A decision with what is stored beside it."""

    decision_id: str
    decision: Decision
    gates: tuple[Gate, ...]
    message: str
    """The outcome in one sentence, in the words in which it was told."""
    create_time: int
    """When it was taken, in microseconds since the epoch."""


def explained(decision_id: str, decision: Decision, policy: Policy, create_time: int) -> StoredDecision:
    """A decision as it is going to be stored, with every gate of the policy that took it."""
    return StoredDecision(decision_id, decision, gates_of(decision, policy), decision.message, create_time)


def decision_record(stored: StoredDecision) -> DecisionRecord:
    """The record of a decision."""
    decision = stored.decision
    snapshot = _to_json(decision_snapshot(stored))
    return DecisionRecord(
        decision_id=stored.decision_id,
        customer_id=decision.request.customer_id,
        business_date=str(decision.business_date),
        policy_version=decision.policy_version,
        policy_sha256=decision.policy_sha256,
        approved=decision.approved,
        credit_score=decision.credit_score,
        reasons=",".join(decision.reasons),
        snapshot=snapshot,
        snapshot_sha256=sha256_of(snapshot),
        create_time=stored.create_time,
    )


def sha256_of(snapshot: str) -> str:
    """The SHA-256 of a snapshot, in hexadecimal."""
    return hashlib.sha256(snapshot.encode()).hexdigest()


def decision_snapshot(stored: StoredDecision) -> dict[str, Any]:
    """Everything the decision was taken from and came to, by the names of the answer to a caller.

    Amounts are in paise; rates and points are exact, as text.
    """
    decision = stored.decision
    request, borrower, position = decision.request, decision.borrower, decision.borrower.position
    return {
        "decision_id": stored.decision_id,
        "create_time": stored.create_time,
        "business_date": str(decision.business_date),
        "policy_version": decision.policy_version,
        "policy_sha256": decision.policy_sha256,
        "customer_id": request.customer_id,
        "loan_amount": request.loan_amount,
        "interest_rate": f"{request.interest_rate:f}",
        "tenure_months": request.tenure_months,
        "max_interest_rate": None if request.max_interest_rate is None else f"{request.max_interest_rate:f}",
        "monthly_income": borrower.monthly_income,
        "approved_limit": borrower.approved_limit,
        "position": dict(zip(_POSITION, position, strict=True)),
        "credit_score": decision.credit_score,
        "score_components": [
            {"name": name, "points": str(points), "max_points": most, "observed": observed}
            for name, points, most, observed in decision.score_components
        ],
        "corrected_interest_rate": f"{decision.corrected_interest_rate:f}",
        "monthly_installment": decision.monthly_installment,
        "installment_method": decision.installment_method,
        "gates": [
            {"reason": reason, "passed": passed, "observed": observed, "allowed": allowed}
            for reason, passed, observed, allowed in stored.gates
        ],
        "approved": decision.approved,
        "reasons": list(decision.reasons),
        "counter_offer": decision.counter_offer,
        "message": stored.message,
    }
