"""Repayments in the database: written once, never changed."""

from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, or_, select

from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.repayment import Repayment, Standing
from almeno_grpc.storage.compiled import insertion
from almeno_grpc.storage.tables import repayment as table

_OF_LOAN = (
    select(table)
    .where(table.c.customer_id == bindparam("customer_id"), table.c.loan_id == bindparam("loan_id"))
    .order_by(table.c.number)
)
_ENDS = _OF_LOAN.where(or_(table.c.number == 1, table.c.number == bindparam("latest")))
# A caller's place may be beyond any number there is.
_PAGE = _OF_LOAN.where(table.c.number > bindparam("after", type_=BigInteger)).limit(bindparam("count"))
_COMPLETING = _OF_LOAN.where(table.c.emis_paid > table.c.emis_paid_before)
_ADD = insertion(table, table.c)


class Repayments:
    """The repayments, as one transaction sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, repayment: Repayment) -> None:
        """Stores a repayment."""
        _ADD.rows(
            self._connection,
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

    def ends(self, loan: Loan) -> tuple[Repayment, Repayment] | None:
        """The first and the latest repayment of a loan, which may be the same; None where there is none."""
        if loan.repayment_count == 0:
            return None
        found = self._of(loan, _ENDS, latest=loan.repayment_count)
        return found[0], found[-1]

    def page(self, loan: Loan, after: int, count: int) -> list[Repayment]:
        """Up to `count` of a loan's repayments with a number above `after`, in their order."""
        return self._of(loan, _PAGE, after=after, count=count)

    def completing(self, loan: Loan) -> list[Repayment]:
        """Those of a loan's repayments that paid off an instalment wholly, in their order."""
        return self._of(loan, _COMPLETING) if loan.repayment_count else []

    def _of(self, loan: Loan, statement: Any, **values: int) -> list[Repayment]:
        names = {"customer_id": loan.customer_id, "loan_id": loan.loan_id}
        return list(map(_repayment, self._connection.execute(statement, {**names, **values})))


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
