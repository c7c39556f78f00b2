"""Charges and waivers of loans in the database: inserted once, never updated."""

from collections.abc import Collection
from itertools import groupby
from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from almeno_grpc.domain.charge import ChargeEntry, ChargeKind
from almeno_grpc.domain.loan import Loan
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keys import key_rows
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


def _of_loans(dialect: str) -> Select[Any]:
    keys, (customer_id, loan_id) = key_rows(dialect, "keys", 2)
    found = keys.join(table, and_(table.c.customer_id == customer_id, table.c.loan_id == loan_id))
    return select(table).select_from(found).order_by(table.c.loan_id, table.c.number)


_OF_LOANS = CompiledStatement(_of_loans, "keys")


class Charges:
    """The charges and waivers, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def of_loan(self, loan: Loan) -> list[ChargeEntry]:
        """In the order of the primary key; by no statement where there are none."""
        if not loan.charge_count:
            return []
        return list(map(_entry, _OF_LOAN.rows(self._connection, loan.customer_id, loan.loan_id)))

    def of_loans(self, loans: Collection[Loan]) -> dict[int, list[ChargeEntry]]:
        """By one statement, or none where there are none."""
        keys = [(loan.customer_id, loan.loan_id) for loan in loans if loan.charge_count]
        found = map(_entry, _OF_LOANS.rows(self._connection, keys)) if keys else ()
        return {loan_id: list(own) for loan_id, own in groupby(found, lambda entry: entry.loan_id)}


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
