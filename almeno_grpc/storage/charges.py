"""Charges and waivers of loans in the database: inserted once, never updated."""

from typing import Any

from sqlalchemy import bindparam, select

from almeno_grpc.domain.charge import ChargeEntry, ChargeKind
from almeno_grpc.domain.loan import Loan
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import loan_charge as table

INSERT = TableWrite(table, tuple(table.c))
_OF_LOAN = CompiledStatement(
    select(table)
    .where(table.c.customer_id == bindparam("customer_id"), table.c.loan_id == bindparam("loan_id"))
    .order_by(table.c.number),
    "customer_id",
    "loan_id",
)


class Charges:
    """The charges and waivers, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def of_loan(self, loan: Loan) -> list[ChargeEntry]:
        """In the order of the primary key; by no statement where there are none."""
        if not loan.charge_count:
            return []
        return list(map(_entry, _OF_LOAN.rows(self._connection, loan.customer_id, loan.loan_id)))


def row_of(entry: ChargeEntry) -> Row:
    """The row of a charge or a waiver, for `INSERT`."""
    return (
        entry.customer_id,
        entry.loan_id,
        entry.number,
        entry.kind.value,
        entry.amount,
        entry.reason,
        entry.entry_date,
        entry.repayment_count,
        entry.create_time,
    )


def _entry(row: Any) -> ChargeEntry:
    customer_id, loan_id, number, kind, *others = row
    return ChargeEntry(customer_id, loan_id, number, ChargeKind(kind), *others)
