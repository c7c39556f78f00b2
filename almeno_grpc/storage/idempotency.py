"""Idempotency records in the database: inserted once, never updated."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, delete, literal, select, tuple_

from almeno_grpc.service.store import IdempotencyRecord
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import idempotency_answer
from almeno_grpc.storage.tables import idempotency_record as table

INSERT = TableWrite(table, tuple(table.c))
_INSERT_ALONE = TableWrite(table, (table.c.request_id, table.c.fingerprint, table.c.create_time_us, table.c.principal))
_INSERT_ANSWER = TableWrite(idempotency_answer, tuple(idempotency_answer.c))
# The lock makes the transaction one that changes something, so that its commit waits for the standby as the first one
# did, whose wait may have been cancelled.
_BY_IDS = KeyedStatement(select(*table.c).with_for_update(read=True, key_share=True), table.c.request_id)

_ANSWER = CompiledStatement(
    select(idempotency_answer.c.answer).where(
        *(column == bindparam(column.name, type_=column.type) for column in idempotency_answer.primary_key)
    ),
    *(column.name for column in idempotency_answer.primary_key),
)

_KEY = tuple(table.primary_key.columns)
_TIMES = select(*_KEY, table.c.create_time_us).order_by(*_KEY)
# By the time, too: another may have forgotten it, and the request may have come again since.
_FORGET = delete(table).where(
    and_(*(column == bindparam(f"of_{column.name}") for column in _KEY)), table.c.create_time_us < bindparam("before")
)


class IdempotencyRecords:
    """The idempotency records, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._backend = transaction.backend

    def get_many(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], IdempotencyRecord]:
        """By the first column of the primary key, in a transaction that writes: few callers have the same UUID."""
        rows: list[Any] = _BY_IDS.rows(self._connection, [request_id for _, request_id in keys])
        wanted = frozenset(keys)
        found: dict[tuple[str, str], IdempotencyRecord] = {}
        for request_id, fingerprint, answer, create_time, principal in rows:
            if (principal, request_id) in wanted:
                given = self._answer(create_time, request_id, principal) if answer is None else answer
                record = IdempotencyRecord(request_id, fingerprint, given, create_time, principal)
                found[principal, request_id] = record
        return found

    def _answer(self, *key: Any) -> bytes:
        # One by one: few requests are repeated, and a join would visit every week's answers for all that are not.
        row = _ANSWER.row(self._connection, *key)
        if row is None:
            raise LookupError(f"the answer to the request {key[1]} is gone, and its record is not")
        return bytes(row[0])

    def create_times(self, after: tuple[Any, ...] | None, count: int) -> list[tuple[tuple[Any, ...], int]]:
        """In the order of the primary key."""
        query = _TIMES.limit(count)
        if after is not None:
            place = tuple_(*(literal(part, column.type) for part, column in zip(after, _KEY, strict=True)))
            query = query.where(tuple_(*_KEY) > place)
        return [(tuple(key), create_time) for *key, create_time in self._connection.execute(query)]

    def remove_answers(self, before: int) -> bool:
        """The oldest partition, if all of it is so old; else they are gone with their records."""
        partition = self._backend.partition_before(self._connection, idempotency_answer, before)
        if partition is None:
            return self._backend.remove_strays(self._connection, idempotency_answer, before) > 0
        return self._backend.remove_partition(self._connection, partition)

    def forget(self, keys: Sequence[tuple[Any, ...]], before: int) -> None:
        """One by one."""
        names = [f"of_{column.name}" for column in _KEY]
        self._connection.execute(_FORGET, [dict(zip(names, key, strict=True), before=before) for key in keys])


def writes_of(records: Sequence[IdempotencyRecord], *, answers_apart: bool) -> list[tuple[TableWrite, Sequence[Row]]]:
    """The rows to write of records.

    Args:
        records: The records.
        answers_apart: Whether their answers stand in a table of their own: where that has partitions. Else it would be
            an insert more for nothing.
    """
    if not answers_apart:
        return [(INSERT, records)]
    return [
        (_INSERT_ALONE, [(each.request_id, each.fingerprint, each.create_time, each.principal) for each in records]),
        (_INSERT_ANSWER, [(each.create_time, each.request_id, each.principal, each.answer) for each in records]),
    ]
