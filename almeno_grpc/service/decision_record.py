"""Decisions as they are stored: whole, exact, readable without this program and without the policy."""

import hashlib
import json
from functools import lru_cache
from typing import NamedTuple

from almeno_grpc.domain.decision import Decision
from almeno_grpc.domain.gates import Gate, gates_of
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.service.store import DecisionRecord

# Of what stands in a snapshot, only the version of a policy is text that was written elsewhere, and may need quoting.
_POSITION = "{" + ",".join(f'"{name}":%d' for name in CreditPosition._fields) + "}"
_COMPONENT = '{"name":"%s","points":"%s","max_points":%d,"observed":"%s"}'
_GATE = '{"reason":"%s","passed":%s,"observed":"%s","allowed":"%s"}'
_BOOLEANS = ("false", "true")


class StoredDecision(NamedTuple):
    """A decision with what is stored beside it."""

    decision_id: str
    decision: Decision
    gates: tuple[Gate, ...]
    message: str
    """The outcome in one sentence, in the words in which it was told."""
    create_time: int
    """When it was taken, in microseconds since the epoch."""


def stored_decision_of(decision_id: str, decision: Decision, policy: Policy, create_time: int) -> StoredDecision:
    """A decision as it is going to be stored, with every gate of the policy that took it."""
    return StoredDecision(decision_id, decision, gates_of(decision, policy), decision.message, create_time)


def decision_record(stored: StoredDecision) -> DecisionRecord:
    """The record of a decision."""
    decision = stored.decision
    snapshot = decision_snapshot(stored)
    return DecisionRecord(
        stored.decision_id,
        decision.request.customer_id,
        decision.business_date.isoformat(),
        decision.policy_version,
        decision.policy_sha256,
        decision.approved,
        decision.credit_score,
        ",".join(decision.reasons),
        snapshot,
        sha256_of(snapshot),
        stored.create_time,
    )


def sha256_of(snapshot: str) -> str:
    """The SHA-256 of a snapshot, in hexadecimal."""
    return hashlib.sha256(snapshot.encode()).hexdigest()


def decision_snapshot(stored: StoredDecision) -> str:
    """Everything the decision was taken from and came to, as JSON, by the names of the answer to a caller.

    Amounts are in paise; rates and points are exact, as text. It is put together from its pieces, in a quarter of the
    time that an encoder takes for them, for every booking waits for it under the lock.
    """
    decision = stored.decision
    request, borrower = decision.request, decision.borrower
    rate, corrected = request.interest_rate, decision.corrected_interest_rate
    rate_text = f"{rate:f}"
    corrected_text = rate_text if corrected is rate else f"{corrected:f}"
    highest = "null" if request.max_interest_rate is None else f'"{request.max_interest_rate:f}"'
    components = ",".join([_COMPONENT % component for component in decision.score_components])
    gates = ",".join(
        [_GATE % (reason, _BOOLEANS[passed], observed, allowed) for reason, passed, observed, allowed in stored.gates]
    )
    reasons = ",".join([f'"{reason}"' for reason in decision.reasons])
    offer = "null" if decision.counter_offer is None else decision.counter_offer
    return (
        f'{{"decision_id":"{stored.decision_id}","create_time":{stored.create_time}'
        f',"business_date":"{decision.business_date.isoformat()}","policy_version":{_quoted(decision.policy_version)}'
        f',"policy_sha256":"{decision.policy_sha256}","customer_id":{request.customer_id}'
        f',"loan_amount":{request.loan_amount},"interest_rate":"{rate_text}"'
        f',"tenure_months":{request.tenure_months},"max_interest_rate":{highest}'
        f',"monthly_income":{borrower.monthly_income},"approved_limit":{borrower.approved_limit}'
        f',"position":{_POSITION % borrower.position},"credit_score":{decision.credit_score}'
        f',"score_components":[{components}]'
        f',"corrected_interest_rate":"{corrected_text}"'
        f',"monthly_installment":{decision.monthly_installment},"installment_method":"{decision.installment_method}"'
        f',"gates":[{gates}],"approved":{_BOOLEANS[decision.approved]},"reasons":[{reasons}],"counter_offer":{offer}'
        f',"message":"{stored.message}"}}'
    )


@lru_cache(maxsize=16)
def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
