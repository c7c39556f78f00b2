"""Decisions, policy pins and answered requests in the database: written once, never changed."""

from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    String,
    Text,
    bindparam,
    cast,
    insert,
    select,
    type_coerce,
)

from almeno_grpc.service.store import DecisionRecord, IdempotencyRecord
from almeno_grpc.storage.book_connection import BookConnection
from almeno_grpc.storage.compiled import Statement, insertion
from almeno_grpc.storage.tables import decision, idempotency_record, policy_pin

# The lock makes the transaction one that changes something, so that repeating an answer waits for the standby as giving
# it does: the first time may have been cut short while it waited.
_REQUEST = Statement(
    select(idempotency_record.c.fingerprint, idempotency_record.c.answer)
    .where(idempotency_record.c.request_id == bindparam("request_id"))
    .with_for_update(read=True, key_share=True),
    "request_id",
)
_ADD_REQUEST = insertion(idempotency_record, idempotency_record.c)
_ADD_DECISION = insertion(decision, decision.c)
_d = decision.c
# Cast, for a file of SQLite may hold anything in any column: whoever has edited a decision has to be found out by the
# replay, not by a failure to read it.
_COLUMNS: tuple[ColumnElement[Any], ...] = (
    cast(_d.decision_id, String),
    cast(_d.customer_id, BigInteger),
    # As it comes: PostgreSQL writes days out as its DateStyle says.
    type_coerce(_d.business_date, String),
    cast(_d.policy_version, String),
    cast(_d.policy_sha256, String),
    cast(_d.approved, Integer),
    cast(_d.credit_score, Integer),
    cast(_d.reasons, String),
    cast(_d.snapshot, Text),
    cast(_d.snapshot_sha256, String),
    cast(_d.create_time_us, BigInteger),
)
_DECISION = select(*_COLUMNS)
_DECISION_BY_ID = Statement(_DECISION.where(_d.decision_id == bindparam("decision_id")), "decision_id")
_DECISIONS = Statement(
    _DECISION.where(_d.customer_id == bindparam("customer_id"), _d.decision_id > bindparam("after"))
    .order_by(_d.decision_id)
    .limit(bindparam("count")),
    "customer_id",
    "after",
    "count",
)


class Decisions:
    """The decisions, as one transaction sees them."""

    def __init__(self, connection: BookConnection) -> None:
        self._connection = connection

    def add(self, record: DecisionRecord) -> None:
        """Stores a decision."""
        row = (
            record.decision_id,
            record.customer_id,
            _day(record.business_date),
            record.policy_version,
            record.policy_sha256,
            record.approved,
            record.credit_score,
            record.reasons,
            record.snapshot,
            record.snapshot_sha256,
            record.create_time,
        )
        self._connection.add(_ADD_DECISION, row, key=record.customer_id)

    def get(self, decision_id: str) -> DecisionRecord | None:
        """The decision with the name, if there is one."""
        row = _DECISION_BY_ID.row(self._connection.connection, decision_id)
        return _decision(row) if row else None

    def page(self, customer_id: int, after: str, count: int) -> list[DecisionRecord]:
        """Up to `count` decisions on a customer whose names sort behind `after`, the oldest first."""
        rows = _DECISIONS.rows(self._connection.connection, customer_id, after, count)
        return [_decision(row) for row in rows]


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


class IdempotencyRecords:
    """The requests that were answered, as one transaction sees them."""

    def __init__(self, connection: BookConnection) -> None:
        self._connection = connection

    def get(self, request_id: str) -> IdempotencyRecord | None:
        """The request with the id and its answer, if there was one."""
        row = _REQUEST.row(self._connection.connection_to_read(request_id), request_id)
        return IdempotencyRecord(request_id, *row) if row else None

    def add(self, request: IdempotencyRecord, create_time: int) -> None:
        """Remembers a request and its answer."""
        row = (request.request_id, request.fingerprint, request.answer, create_time)
        self._connection.add(_ADD_REQUEST, row, key=request.request_id)


_day = lru_cache(maxsize=16)(date.fromisoformat)


def _decision(row: tuple[Any, ...]) -> DecisionRecord:
    decision_id, customer_id, day, version, policy_sha256, approved, *rest = row
    return DecisionRecord(decision_id, customer_id, str(day), version, policy_sha256, bool(approved), *rest)
