"""Pins of terms in the database: inserted once, never updated."""

from sqlalchemy import select

from almeno_grpc.domain.terms import Terms
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import Row
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import terms_pin as table

INSERT = TableWrite(table, tuple(table.c))


def row_of(terms: Terms) -> Row:
    """The row of a pin, in the order of `INSERT`."""
    return terms.version, terms.toml, terms.sha256


class TermsPins:
    """The pins of terms, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def all(self) -> dict[str, str]:
        """There are few."""
        return {row.version: row.sha256 for row in self._connection.execute(select(table.c.version, table.c.sha256))}

    def content(self, version: str) -> str | None:
        """By key."""
        return self._connection.execute(select(table.c.content).where(table.c.version == version)).scalar()
