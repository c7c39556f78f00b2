"""Audit events of a transaction: which rows it has written, and the chains that its connection appends to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from almeno_grpc.domain.audit import AuditEntry
from almeno_grpc.service.audit_chain import AuditChain, values_of
from almeno_grpc.storage.audit_rows import RowChanges, packed
from almeno_grpc.storage.compiled import Row
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import audit_event

INSERT = TableWrite(audit_event, tuple(audit_event.c))
_CHAINS = "almeno_audit_chains"
"""Where a connection of the pool keeps the ends of its chains, by whether they are of writes."""


class AuditWrites:
    """What a transaction adds to the audit trail. A connection that is lost loses its chains, and opens others."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._changes: list[RowChanges] = []
        self._appended: dict[bool, AuditChain] = {}
        self._chains: dict[bool, AuditChain] = {}

    def note(self, changes: RowChanges) -> None:
        """Has the next event vouch for rows, which the transaction has written by itself."""
        self._changes.append(changes)

    def row_of(self, entry: AuditEntry, changes: Sequence[RowChanges] = ()) -> Row:
        """Appends an event, which vouches for the rows and for those noted, and gives its row for `INSERT`."""
        if self._changes:
            changes = [*self._changes, *changes]
            self._changes.clear()
        chain = self._chain(entry)
        values = values_of(chain.stream_id, chain.sequence + 1, entry, packed(changes))
        return *values, chain.append(values)

    def committed(self) -> None:
        """Moves the ends of the chains, once the transaction is durable."""
        self._chains.update(self._appended)

    def abandon(self) -> None:
        """Appends nothing to the chains any more: it is not known where they end."""
        for is_write in self._appended:
            self._chains.pop(is_write, None)

    def _chain(self, entry: AuditEntry) -> AuditChain:
        is_write = entry.kind.is_write
        chain = self._appended.get(is_write)
        if chain is None:
            info: dict[str, Any] = self._connection.connection.info
            self._chains = info.setdefault(_CHAINS, {})
            end = self._chains.get(is_write)
            chain = self._appended[is_write] = AuditChain.open() if end is None else replace(end)
        return chain
