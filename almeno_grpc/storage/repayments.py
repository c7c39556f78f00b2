"""Repayments in the database: inserted once, never updated."""

from collections.abc import Collection
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, Select, and_, bindparam, or_, select

from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.repayment import Repayment, Standing
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement
from almeno_grpc.storage.keys import key_rows
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import repayment as table

INSERT = TableWrite(table, tuple(table.c))
_OF_LOAN = (
    select(table)
    .where(table.c.customer_id == bindparam("customer_id"), table.c.loan_id == bindparam("loan_id"))
    .order_by(table.c.number)
)
# A page token may hold a number beyond any that the column holds.
_PAGE = CompiledStatement(
    _OF_LOAN.where(table.c.number > bindparam("after", type_=BigInteger)).limit(bindparam("count")),
    "customer_id",
    "loan_id",
    "after",
    "count",
)
_COMPLETING = CompiledStatement(_OF_LOAN.where(table.c.emis_paid > table.c.emis_paid_before), "customer_id", "loan_id")


def _first_and_latest(dialect: str) -> Select[Any]:
    keys, (customer_id, loan_id, latest) = key_rows(dialect, "keys", 3)
    of_loan = and_(table.c.customer_id == customer_id, table.c.loan_id == loan_id)
    return (
        select(table)
        .select_from(keys.join(table, and_(of_loan, or_(table.c.number == 1, table.c.number == latest))))
        .order_by(table.c.loan_id, table.c.number)
    )


_FIRST_AND_LATEST = CompiledStatement(_first_and_latest, "keys")


class Repayments:
    """The repayments, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def first_and_latest(self, loans: Collection[Loan]) -> dict[int, tuple[Repayment, Repayment]]:
        """By one statement."""
        keys = [(loan.customer_id, loan.loan_id, loan.repayment_count) for loan in loans if loan.repayment_count]
        if not keys:
            return {}
        found = map(_repayment, _FIRST_AND_LATEST.rows(self._connection, keys))
        by_loan = ((loan_id, list(own)) for loan_id, own in groupby(found, lambda repayment: repayment.loan_id))
        return {loan_id: (own[0], own[-1]) for loan_id, own in by_loan}

    def page(self, loan: Loan, after: int, count: int) -> list[Repayment]:
        """In the order of the primary key."""
        return list(map(_repayment, _PAGE.rows(self._connection, loan.customer_id, loan.loan_id, after, count)))

    def completing(self, loan: Loan) -> list[Repayment]:
        """In the order of the primary key."""
        if not loan.repayment_count:
            return []
        return list(map(_repayment, _COMPLETING.rows(self._connection, loan.customer_id, loan.loan_id)))


def row_of(repayment: Repayment) -> tuple[Any, ...]:
    """The row of a repayment, for `INSERT`."""
    return (
        repayment.customer_id,
        repayment.loan_id,
        repayment.number,
        repayment.repayment_id,
        repayment.amount,
        repayment.payment_date,
        *_standing(repayment.before),
        *_standing(repayment.after),
        repayment.closes_loan,
        repayment.create_time,
    )


def _standing(standing: Standing) -> tuple[int, int, int, int]:
    """Its columns, in order."""
    return standing.emis_paid, standing.emis_paid_on_time, standing.paid_toward_next, standing.outstanding_principal


def _repayment(row: Any) -> Repayment:
    customer_id, loan_id, number, repayment_id, amount, payment_date, *standings, closes_loan, create_time = row
    return Repayment(
        repayment_id=repayment_id,
        loan_id=loan_id,
        customer_id=customer_id,
        number=number,
        amount=amount,
        payment_date=payment_date,
        before=Standing(*standings[:4]),
        after=Standing(*standings[4:]),
        closes_loan=closes_loan,
        create_time=create_time,
    )
