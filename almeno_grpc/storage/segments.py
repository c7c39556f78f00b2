"""The segments of schedules that have changed, in the database: inserted once, never updated."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, select

from almeno_grpc.domain.loan import Loan, Segment
from almeno_grpc.domain.money import rate_from_scaled, scaled_rate
from almeno_grpc.service.store import SegmentRecord
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keys import key_rows
from almeno_grpc.storage.loan_rows import COLUMNS, loan_of
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import loan_segment as table
from almeno_grpc.storage.tables import repayment_reversal

INSERT = TableWrite(table, tuple(table.c))
_NAMES = [column.name for column in COLUMNS]
_COUNT, _LOAN_ID, _CUSTOMER_ID = (_NAMES.index(name) for name in ("segment_count", "loan_id", "customer_id"))
_OF_LOAN = CompiledStatement(
    select(table)
    .where(table.c.customer_id == bindparam("customer_id"), table.c.loan_id == bindparam("loan_id"))
    .order_by(table.c.number),
    "customer_id",
    "loan_id",
)


def _standing(dialect: str) -> Select[Any]:
    keys, (customer_id, loan_id) = key_rows(dialect, "keys", 2)
    reversal = repayment_reversal.c
    is_reversed = and_(
        reversal.customer_id == table.c.customer_id,
        reversal.loan_id == table.c.loan_id,
        reversal.number == table.c.repayment_number,
    )
    return (
        select(table)
        .select_from(keys.join(table, and_(table.c.customer_id == customer_id, table.c.loan_id == loan_id)))
        .where(~select(reversal.number).where(is_reversed).exists())
        .order_by(table.c.loan_id, table.c.number)
    )


_STANDING = CompiledStatement(_standing, "keys")


def loans_of(connection: Connection, rows: Sequence[Row]) -> list[Loan]:
    """The loans of rows; where segments stand, with these, which are read by one statement."""
    keys = [(row[_CUSTOMER_ID], row[_LOAN_ID]) for row in rows if row[_COUNT]]
    if not keys:
        return list(map(loan_of, rows))
    found = groupby(_STANDING.rows(connection, keys), itemgetter(1))
    by_loan = {loan_id: tuple(map(_segment, own)) for loan_id, own in found}
    return [loan_of(row, by_loan[row[_LOAN_ID]] if row[_COUNT] else ()) for row in rows]


def of_loan(connection: Connection, loan: Loan) -> list[SegmentRecord]:
    """All segments of a loan, also those that do not stand."""
    rows = _OF_LOAN.rows(connection, loan.customer_id, loan.loan_id)
    return [SegmentRecord(row[0], row[1], row[2], _segment(row), row[-1]) for row in rows]


def row_of(new: SegmentRecord) -> Row:
    """The row of a segment, for `INSERT`."""
    segment = new.segment
    return (
        new.customer_id,
        new.loan_id,
        new.number,
        segment.first_installment,
        segment.opening_principal,
        scaled_rate(segment.interest_rate),
        segment.installments,
        segment.monthly_installment,
        new.repayment_number,
    )


def _segment(row: Row) -> Segment:
    _, _, _, first, principal, rate, installments, emi, _ = row
    return Segment(first, principal, rate_from_scaled(rate), installments, emi)
