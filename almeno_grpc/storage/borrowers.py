"""What a decision has to know of a customer, in one statement.

The position is added up by the database: a check then costs one round trip and one row, whether the customer has three
loans or three hundred. This is the one place that adds it up; checks, bookings and answers all come here.
"""

from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Dialect, and_, bindparam, case, cast, func, select
from sqlalchemy.exc import DBAPIError

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.storage.tables import customer, loan

_LAST_DAY = 31


def _sum(amount: ColumnElement[int]) -> ColumnElement[int]:
    """The sum over the loans, zero without any."""
    return cast(func.coalesce(func.sum(amount), 0), BigInteger)


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return _sum(case((condition, 1), else_=0))


def _sum_if(condition: ColumnElement[bool], amount: ColumnElement[int]) -> ColumnElement[int]:
    return _sum(case((condition, amount), else_=0))


def _smaller(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    return case((one < other, one), else_=other)


_l = loan.c
_taken = _l.approval_year * 10_000 + _l.approval_month * 100 + _l.approval_day <= bindparam("day_number")
_months = (
    (bindparam("year", type_=_l.approval_year.type) - _l.approval_year) * 12
    + bindparam("month", type_=_l.approval_month.type)
    - _l.approval_month
    - case((_l.approval_day > bindparam("due_day"), 1), else_=0)
)
_due = _smaller(_months, _l.tenure_months)
_active = _l.emis_paid < _l.tenure_months

BORROWER = (
    select(
        customer.c.monthly_income_paise,
        customer.c.approved_limit_paise,
        func.count(_l.loan_id),
        _count_if(and_(_l.loan_id.is_not(None), _active)),
        _count_if(_l.approval_year == bindparam("year")),
        _sum(_l.loan_amount_paise),
        _sum_if(_active, _l.outstanding_principal_paise),
        _sum_if(_active, _l.monthly_installment_paise),
        _sum(_due),
        _sum(_smaller(_due, _l.emis_paid_on_time)),
    )
    .select_from(customer.outerjoin(loan, and_(_l.customer_id == customer.c.customer_id, _taken)))
    .where(customer.c.customer_id == bindparam("customer_id"))
    .group_by(customer.c.customer_id)
)


_LOCK = select(customer.c.customer_id).where(customer.c.customer_id == bindparam("customer_id")).with_for_update()


class BorrowerQuery:
    """The statement as the driver takes it: written once, for writing it anew would cost more than running it."""

    def __init__(self, dialect: Dialect) -> None:
        compiled = BORROWER.compile(dialect=dialect)
        self._sql = str(compiled)
        self._literals = {name: value for name, value in compiled.params.items() if value is not None}
        self._dialect = dialect
        self._driver: Any = dialect.loaded_dbapi
        self._names: list[str] | None = getattr(compiled, "positiontup", None)

    def run(self, cursor: Any, customer_id: int, on: date) -> Borrower | None:
        """The borrower on a business date; None when no customer has the number.

        Args:
            cursor: Of the driver. One statement sees one state of the book, in a transaction or without one.
            customer_id: The customer.
            on: Loans approved after the day are left out.
        """
        parameters = {**self._literals, **_parameters(on), "customer_id": customer_id}
        try:
            if self._names is None:
                cursor.execute(self._sql, parameters)
            else:
                cursor.execute(self._sql, [parameters[name] for name in self._names])
            row = cursor.fetchone()
        except self._driver.Error as error:
            lost = self._dialect.is_disconnect(error, cursor.connection, cursor)
            raise DBAPIError.instance(
                self._sql, None, error, self._driver.Error, connection_invalidated=lost, dialect=self._dialect
            ) from error
        return None if row is None else Borrower(row[0], row[1], CreditPosition(*row[2:]))


class Borrowers:
    """The borrowers, as one transaction sees them."""

    def __init__(self, connection: Connection, query: BorrowerQuery) -> None:
        self._connection = connection
        self._query = query

    def get(self, customer_id: int, on: date) -> Borrower | None:
        """The borrower on a business date; None when no customer has the number."""
        return self._query.run(self._connection.connection.cursor(), customer_id, on)

    def get_locked(self, customer_id: int, on: date) -> Borrower | None:
        """The borrower on a business date, on whom no other transaction decides until this one has ended."""
        if self._connection.dialect.name != "sqlite":
            # A transaction that writes has the whole of a SQLite database to itself.
            self._connection.execute(_LOCK, {"customer_id": customer_id})
        return self.get(customer_id, on)


@lru_cache(maxsize=8)
def _parameters(on: date) -> dict[str, int]:
    month_ends = on.day == monthrange(on.year, on.month)[1]
    return {
        "day_number": on.year * 10_000 + on.month * 100 + on.day,
        "year": on.year,
        "month": on.month,
        # On the last day of a month everything of that month has fallen due, that of its missing days too.
        "due_day": _LAST_DAY if month_ends else on.day,
    }
