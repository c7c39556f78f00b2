"""Decisions, policy pins and answered requests in the database: written once, never changed."""

from sqlalchemy import Connection, bindparam, insert, select

from almeno_grpc.service.store import AnsweredRequest, DecisionRecord
from almeno_grpc.storage.tables import answered_request, decision, policy_pin

# The lock makes the transaction one that changes something, so that repeating an answer waits for the standby as giving
# it does: the first time may have been cut short while it waited.
_REQUEST = (
    select(answered_request.c.fingerprint, answered_request.c.answer)
    .where(answered_request.c.request_id == bindparam("request_id"))
    .with_for_update(read=True, key_share=True)
)


class Decisions:
    """The decisions, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, record: DecisionRecord) -> None:
        """Stores a decision."""
        self._connection.execute(
            insert(decision),
            {
                "decision_id": record.decision_id,
                "customer_id": record.customer_id,
                "business_date": record.business_date,
                "policy_version": record.policy_version,
                "policy_sha256": record.policy_sha256,
                "approved": record.approved,
                "credit_score": record.credit_score,
                "snapshot": record.snapshot,
                "create_time_us": record.create_time,
            },
        )


class PolicyPins:
    """Which policy files decisions were taken by, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> dict[str, str]:
        """The SHA-256 of each policy file that has decided, by version."""
        return {row.version: row.sha256 for row in self._connection.execute(select(policy_pin))}

    def add(self, version: str, sha256: str) -> None:
        """Notes the file a version stands for."""
        self._connection.execute(insert(policy_pin), {"version": version, "sha256": sha256})


class AnsweredRequests:
    """The requests that were answered, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, request_id: str) -> AnsweredRequest | None:
        """The request with the id and its answer, if there was one."""
        row = self._connection.execute(_REQUEST, {"request_id": request_id}).first()
        return AnsweredRequest(request_id, row.fingerprint, row.answer) if row else None

    def add(self, request: AnsweredRequest, create_time: int) -> None:
        """Remembers a request and its answer."""
        self._connection.execute(
            insert(answered_request),
            {
                "request_id": request.request_id,
                "fingerprint": request.fingerprint,
                "answer": request.answer,
                "create_time_us": create_time,
            },
        )
