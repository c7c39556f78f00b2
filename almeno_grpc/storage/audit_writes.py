"""Audit events of a transaction: which rows it has written, and the chains that its connection appends to."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from almeno_grpc.domain.audit import AuditEntry
from almeno_grpc.service.audit_chain import AuditChain, values_of
from almeno_grpc.storage.audit_rows import RowChanges, packed
from almeno_grpc.storage.compiled import Row
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import audit_event

_columns = (column for column in audit_event.c if column.name not in ("rows", "hash"))
INSERT = TableWrite(audit_event, (*_columns, audit_event.c.rows, audit_event.c.hash))
_CHAINS = "almeno_audit_chains"
"""Where a connection of the pool keeps its chains: one that is lost loses them, and the next one opens others."""


@dataclass
class _Chains:
    """The chains that a connection appends to, by whether they are of writes."""

    ends: dict[bool, AuditChain] = field(default_factory=dict)
    """As they were committed."""
    appended: dict[bool, AuditChain] = field(default_factory=dict)
    """As the transaction that is open has moved them."""

    def appendable(self, *, is_write: bool) -> AuditChain:
        chain = self.appended.get(is_write)
        if chain is None:
            end = self.ends.get(is_write)
            chain = self.appended[is_write] = AuditChain.open() if end is None else replace(end)
        return chain

    def keep(self) -> None:
        """The transaction is durable."""
        self.ends |= self.appended
        self.appended.clear()

    def undo(self) -> None:
        """The transaction was rolled back."""
        self.appended.clear()

    def abandon(self) -> None:
        """It is not known where the chains end."""
        for is_write in self.appended:
            self.ends.pop(is_write, None)
        self.appended.clear()


@contextmanager
def chained(connection: Connection, transaction: AbstractContextManager[object]) -> Iterator[None]:
    """A transaction that writes, with the chains of its connection, which move on once it is durable.

    As long as the context lasts nobody else may use the connection: who came between the commit and the move would
    append to the place that has just been taken.
    """
    is_complete = False
    try:
        with transaction:
            # Of a transaction that has left without a word, such as a migration.
            _chains_of(connection).undo()
            yield
            is_complete = True
    except BaseException:
        if not connection.invalidated:
            chains = _chains_of(connection)
            chains.abandon() if is_complete else chains.undo()
        raise
    if not connection.invalidated:
        _chains_of(connection).keep()


class AuditWrites:
    """What a transaction adds to the audit trail."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._chains: _Chains | None = None
        self._changes: list[RowChanges] = []

    def note(self, changes: RowChanges) -> None:
        """Has the next event vouch for rows, which the transaction has written by itself."""
        self._changes.append(changes)

    def row_of(self, entry: AuditEntry, changes: Sequence[RowChanges] = ()) -> Row:
        """Appends an event, which vouches for the rows and for those noted, and gives its row for `INSERT`."""
        if self._changes:
            changes = [*self._changes, *changes]
            self._changes.clear()
        if self._chains is None:
            self._chains = _chains_of(self._connection)
        chain = self._chains.appendable(is_write=entry.kind.is_write)
        values = values_of(chain.stream_id, chain.sequence + 1, entry, packed(changes))
        return *values, chain.append(values)

    def abandon(self) -> None:
        """Appends nothing to the chains any more: somebody else may have."""
        _chains_of(self._connection).abandon()


def _chains_of(connection: Connection) -> _Chains:
    info = connection.connection.info
    chains: _Chains | None = info.get(_CHAINS)
    if chains is None:
        chains = info[_CHAINS] = _Chains()
    return chains
