"""Idempotency records in the database: inserted once, never updated."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, delete, literal, select, tuple_

from almeno_grpc.service.store import IdempotencyRecord
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import idempotency_record as table

INSERT = TableWrite(table, tuple(table.c))
# The lock makes the transaction one that changes something, so that its commit waits for the standby as the first one
# did, whose wait may have been cancelled.
_BY_IDS = KeyedStatement(select(*table.c).with_for_update(read=True, key_share=True), table.c.request_id)

_KEY = tuple(table.primary_key.columns)
_TIMES = select(*_KEY, table.c.create_time_us).order_by(*_KEY)
_FORGET = delete(table).where(and_(*(column == bindparam(f"of_{column.name}") for column in _KEY)))


class IdempotencyRecords:
    """The idempotency records, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def get_many(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], IdempotencyRecord]:
        """By the first column of the primary key, in a transaction that writes: few callers have the same UUID."""
        rows = _BY_IDS.rows(self._connection, [request_id for _, request_id in keys])
        records = map(IdempotencyRecord._make, rows)
        wanted = frozenset(keys)
        return {key: record for record in records if (key := (record.principal, record.request_id)) in wanted}

    def create_times(self, after: tuple[Any, ...] | None, count: int) -> list[tuple[tuple[Any, ...], int]]:
        """In the order of the primary key."""
        query = _TIMES.limit(count)
        if after is not None:
            place = tuple_(*(literal(part, column.type) for part, column in zip(after, _KEY, strict=True)))
            query = query.where(tuple_(*_KEY) > place)
        return [(tuple(key), create_time) for *key, create_time in self._connection.execute(query)]

    def forget(self, keys: Sequence[tuple[Any, ...]]) -> None:
        """One by one."""
        names = [f"of_{column.name}" for column in _KEY]
        self._connection.execute(_FORGET, [dict(zip(names, key, strict=True)) for key in keys])
