"""Policy pins in the database: inserted once, never updated."""

from sqlalchemy import select

from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import policy_pin as table

INSERT = TableWrite(table, tuple(table.c))


class PolicyPins:
    """The policy pins, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def all(self) -> dict[str, str]:
        """There are few."""
        return {row.version: row.sha256 for row in self._connection.execute(select(table))}
