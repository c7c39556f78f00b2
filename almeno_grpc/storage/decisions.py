"""Decisions in the database: inserted once, never updated."""

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
    delete,
    insert,
    select,
    type_coerce,
    update,
)

from almeno_grpc.service.identifiers import first_identifier
from almeno_grpc.service.store import DecisionRecord
from almeno_grpc.storage.audit_rows import DECISION_CUT
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import decision, decision_cut

INSERT = TableWrite(decision, tuple(decision.c))
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
_DECISION_BY_ID = CompiledStatement(_DECISION.where(_d.decision_id == bindparam("decision_id")), "decision_id")
_DECISIONS = CompiledStatement(
    _DECISION.where(_d.customer_id == bindparam("customer_id"), _d.decision_id > bindparam("after"))
    .order_by(_d.decision_id)
    .limit(bindparam("count")),
    "customer_id",
    "after",
    "count",
)


_PLACE = 1


class Decisions:
    """The decisions, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._backend = transaction.backend
        self._audit = transaction.audit

    def get(self, decision_id: str) -> DecisionRecord | None:
        """By index."""
        row = _DECISION_BY_ID.row(self._connection, decision_id)
        return _decision(row) if row else None

    def page(self, customer_id: int, after: str, count: int) -> list[DecisionRecord]:
        """In the order of the primary key."""
        return list(map(_decision, _DECISIONS.rows(self._connection, customer_id, after, count)))

    def remove(self, before: int, count: int, *, is_asked: bool = False, keeps: bool = False) -> bool:
        """The oldest partition, where there are some and all of it is so old; else by the index of ids."""
        if self._backend.divides_history:
            partition = self._backend.partition_before(self._connection, decision, before, any_of_them=is_asked)
            if partition is None:
                has_removed = self._backend.remove_strays(self._connection, decision, before) > 0
            else:
                has_removed = self._backend.remove_partition(self._connection, partition, keeps=keeps)
            if not has_removed:
                return False
            cut = first_identifier(partition.end if partition else before)
        else:
            cut = first_identifier(before)
            oldest = select(_d.decision_id).where(_d.decision_id < cut).order_by(_d.decision_id).limit(count)
            if not self._connection.execute(delete(decision).where(_d.decision_id.in_(oldest))).rowcount:
                return False
        self._move_cut(cut)
        return True

    def _move_cut(self, to: str) -> None:
        """Has the transaction's event vouch for it: decisions below it may be missing from now on."""
        found = removed_before(self._connection)
        row = (_PLACE, to)
        if not found:
            self._connection.execute(insert(decision_cut), {"place": _PLACE, "decision_id": to})
            self._audit.note(DECISION_CUT.inserted([row]))
        elif found < to:
            self._connection.execute(update(decision_cut).values(decision_id=to))
            self._audit.note(DECISION_CUT.updated([(_PLACE, found)], [row]))


def removed_before(connection: Connection) -> str:
    """The id below which decisions may be missing; empty where none is."""
    return connection.execute(select(decision_cut.c.decision_id)).scalar() or ""


def row_of(record: DecisionRecord) -> tuple[Any, ...]:
    """The row of a decision, for `INSERT`."""
    return (
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


_day = lru_cache(maxsize=16)(date.fromisoformat)


def _decision(row: tuple[Any, ...]) -> DecisionRecord:
    decision_id, customer_id, day, version, policy_sha256, approved, *rest = row
    return DecisionRecord(decision_id, customer_id, str(day), version, policy_sha256, bool(approved), *rest)
