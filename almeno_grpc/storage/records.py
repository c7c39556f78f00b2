"""Decisions, policy pins and answered requests in the database: written once, never changed."""

from sqlalchemy import Connection, bindparam, insert, select

from almeno_grpc.service.store import AnsweredRequest, DecisionRecord
from almeno_grpc.storage.statements import Statement, insertion
from almeno_grpc.storage.tables import answered_request, decision, policy_pin

# The lock makes the transaction one that changes something, so that repeating an answer waits for the standby as giving
# it does: the first time may have been cut short while it waited.
_REQUEST = Statement(
    select(answered_request.c.fingerprint, answered_request.c.answer)
    .where(answered_request.c.request_id == bindparam("request_id"))
    .with_for_update(read=True, key_share=True),
    "request_id",
)
_ADD_REQUEST = insertion(answered_request, answered_request.c)
_ADD_DECISION = insertion(decision, decision.c)


class Decisions:
    """The decisions, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, record: DecisionRecord) -> None:
        """Stores a decision."""
        _ADD_DECISION.rows(
            self._connection,
            record.decision_id,
            record.customer_id,
            record.business_date,
            record.policy_version,
            record.policy_sha256,
            record.approved,
            record.credit_score,
            record.snapshot,
            record.create_time,
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
        row = _REQUEST.row(self._connection, request_id)
        return AnsweredRequest(request_id, *row) if row else None

    def add(self, request: AnsweredRequest, create_time: int) -> None:
        """Remembers a request and its answer."""
        _ADD_REQUEST.rows(self._connection, request.request_id, request.fingerprint, request.answer, create_time)
