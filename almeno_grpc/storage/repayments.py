"""Repayments and their reversals in the database: inserted once, never updated."""

from collections.abc import Collection
from itertools import groupby
from typing import Any

from sqlalchemy import BigInteger, Select, and_, bindparam, or_, select

from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.repayment import (
    PrepaymentEffect,
    Repayment,
    RepaymentChannel,
    RepaymentKind,
    Reversal,
    ReversalReason,
    Standing,
)
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.keys import key_rows
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import repayment as table
from almeno_grpc.storage.tables import repayment_reversal

INSERT = TableWrite(table, tuple(table.c))
INSERT_REVERSAL = TableWrite(repayment_reversal, tuple(repayment_reversal.c))
_REVERSAL = tuple(repayment_reversal.c)[3:]
_NO_REVERSAL = (None,) * len(_REVERSAL)
_ROWS = select(*table.c, *_REVERSAL)
_WITH_REVERSAL = and_(
    repayment_reversal.c.customer_id == table.c.customer_id,
    repayment_reversal.c.loan_id == table.c.loan_id,
    repayment_reversal.c.number == table.c.number,
)
_ALL = _ROWS.select_from(table.outerjoin(repayment_reversal, _WITH_REVERSAL))
_ORDERED = _ALL.where(
    table.c.customer_id == bindparam("customer_id"), table.c.loan_id == bindparam("loan_id")
).order_by(table.c.number)
_OF_LOAN = CompiledStatement(_ORDERED, "customer_id", "loan_id")
_BY_ID = CompiledStatement(_ALL.where(table.c.repayment_id == bindparam("repayment_id")), "repayment_id")
# A page token may hold a number beyond any that the column holds.
_PAGE = CompiledStatement(
    _ORDERED.where(table.c.number > bindparam("after", type_=BigInteger)).limit(bindparam("count")),
    "customer_id",
    "loan_id",
    "after",
    "count",
)
_STANDING = _ORDERED.where(repayment_reversal.c.number.is_(None))
_WITH_REFERENCE = CompiledStatement(
    _STANDING.where(table.c.external_reference == bindparam("external_reference")),
    "customer_id",
    "loan_id",
    "external_reference",
)


def _first_and_latest(dialect: str) -> Select[Any]:
    keys, (customer_id, loan_id, latest) = key_rows(dialect, "keys", 3)
    of_loan = and_(table.c.customer_id == customer_id, table.c.loan_id == loan_id)
    found = keys.join(table, and_(of_loan, or_(table.c.number == 1, table.c.number == latest)))
    return _ROWS.select_from(found.outerjoin(repayment_reversal, _WITH_REVERSAL)).order_by(
        table.c.loan_id, table.c.number
    )


_FIRST_AND_LATEST = CompiledStatement(_first_and_latest, "keys")


def _of_loans(dialect: str) -> Select[Any]:
    keys, (customer_id, loan_id) = key_rows(dialect, "keys", 2)
    found = keys.join(table, and_(table.c.customer_id == customer_id, table.c.loan_id == loan_id))
    return _ROWS.select_from(found.outerjoin(repayment_reversal, _WITH_REVERSAL)).order_by(
        table.c.loan_id, table.c.number
    )


_OF_LOANS = CompiledStatement(_of_loans, "keys")


class Repayments:
    """The repayments, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def first_and_latest(self, loans: Collection[Loan]) -> dict[int, tuple[Repayment, Repayment | None]]:
        """By one statement."""
        repaid = {loan.loan_id: loan for loan in loans if loan.repayment_count}
        if not repaid:
            return {}
        keys = [(loan.customer_id, loan.loan_id, loan.latest_repayment) for loan in repaid.values()]
        found = map(repayment_of, _FIRST_AND_LATEST.rows(self._connection, keys))
        by_loan = ((loan_id, list(own)) for loan_id, own in groupby(found, lambda repayment: repayment.loan_id))
        return {loan_id: (own[0], own[-1] if repaid[loan_id].latest_repayment else None) for loan_id, own in by_loan}

    def of_loan(self, loan: Loan) -> list[Repayment]:
        """In the order of the primary key; by no statement where there are none."""
        if not loan.repayment_count:
            return []
        return list(map(repayment_of, _OF_LOAN.rows(self._connection, loan.customer_id, loan.loan_id)))

    def of_loans(self, loans: Collection[Loan]) -> dict[int, list[Repayment]]:
        """By one statement, or none where there are none."""
        keys = [(loan.customer_id, loan.loan_id) for loan in loans if loan.repayment_count]
        found = map(repayment_of, _OF_LOANS.rows(self._connection, keys)) if keys else ()
        return {loan_id: list(own) for loan_id, own in groupby(found, lambda repayment: repayment.loan_id)}

    def find(self, repayment_id: str) -> Repayment | None:
        """By the index of ids."""
        row = _BY_ID.row(self._connection, repayment_id)
        return repayment_of(row) if row else None

    def standing_with_reference(self, loan: Loan, reference: str) -> Repayment | None:
        """Every repayment of the loan is visited."""
        row = _WITH_REFERENCE.row(self._connection, loan.customer_id, loan.loan_id, reference)
        return repayment_of(row) if row else None

    def page(self, loan: Loan, after: int, count: int) -> list[Repayment]:
        """In the order of the primary key."""
        return list(map(repayment_of, _PAGE.rows(self._connection, loan.customer_id, loan.loan_id, after, count)))


def row_of(repayment: Repayment) -> Row:
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
        repayment.kind.value,
        repayment.effect and repayment.effect.value,
        repayment.charges_paid,
        repayment.channel and repayment.channel.value,
        repayment.external_reference,
    )


def reversal_row_of(repayment: Repayment) -> Row:
    """The row of a repayment's reversal, for `INSERT_REVERSAL`.

    Raises:
        ValueError: It has none.
    """
    reversal = repayment.reversal
    if reversal is None:
        raise ValueError(f"repayment {repayment.repayment_id} is not reversed")
    return (
        repayment.customer_id,
        repayment.loan_id,
        repayment.number,
        reversal.reversal_date,
        reversal.reason.value,
        reversal.return_code,
        reversal.create_time,
    )


def with_reversal(row: Row, reversal: Row | None) -> Row:
    """The row of a repayment with the columns of its reversal, for `repayment_of`."""
    return *row, *(reversal[3:] if reversal else _NO_REVERSAL)


def _standing(standing: Standing) -> tuple[int, int, int, int]:
    """Its columns, in order."""
    return standing.emis_paid, standing.emis_paid_on_time, standing.paid_toward_next, standing.outstanding_principal


def repayment_of(row: Any) -> Repayment:
    """The repayment of a row, which has the columns of its reversal behind its own."""
    customer_id, loan_id, number, repayment_id, amount, payment_date, *standings = row[:14]
    closes_loan, create_time, kind, effect, charges_paid, channel, external_reference, *reversal = row[14:]
    reversal_date, reason, return_code, reversal_time = reversal
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
        kind=RepaymentKind(kind),
        effect=effect and PrepaymentEffect(effect),
        charges_paid=charges_paid,
        channel=channel and RepaymentChannel(channel),
        external_reference=external_reference,
        reversal=reversal_date and Reversal(reversal_date, ReversalReason(reason), return_code, reversal_time),
    )
