"""Loans and decisions, aggregated by the database: exact sums of whole numbers."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import BigInteger, Integer, bindparam, case, cast, func, literal_column, null, select, type_coerce

from almeno_grpc.domain.decision import DecisionReason
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.months import day_number
from almeno_grpc.domain.portfolio import DecisionGroup, LoanGroup
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.loan_rows import counts
from almeno_grpc.storage.tables import decision, loan

_l = loan.c
# The columns are of 16 bits, the numbers made of them are not.
_APPROVED_BY_DATE = (
    type_coerce(_l.approval_year, Integer) * literal_column("10000", Integer)
    + type_coerce(_l.approval_month, Integer) * literal_column("100", Integer)
    + _l.approval_day
) <= bindparam("day_number", type_=Integer)
# Closed loans are not distinguished: what they once were behind by is over.
_INSTALLMENTS_PAID = case((_l.emis_paid < _l.tenure_months, _l.emis_paid), else_=null()).label("emis_paid")
_LOANS = (
    select(
        _l.approval_year,
        _l.approval_month,
        _l.approval_day,
        _INSTALLMENTS_PAID,
        func.count(),
        cast(func.sum(_l.loan_amount_paise), BigInteger),
        cast(func.sum(_l.outstanding_principal_paise), BigInteger),
    )
    .where(_APPROVED_BY_DATE, counts())
    .group_by(_l.approval_year, _l.approval_month, _l.approval_day, _INSTALLMENTS_PAID)
)
_d = decision.c
_DECISIONS = (
    select(_d.business_date, _d.reasons, func.count())
    .where(_d.business_date <= bindparam("on"))
    .group_by(_d.business_date, _d.reasons)
)


class Statistics:
    """The book's aggregates, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def loans(self, on: date) -> Iterator[LoanGroup]:
        """Grouped by columns that the portfolio's statistics follow from."""
        rows = self._connection.execute(_LOANS, {"day_number": day_number(on), "today": on.toordinal()})
        for year, month, day, emis_paid, loans, loan_amount, outstanding in rows:
            state = LoanState.CLOSED if emis_paid is None else LoanState.ACTIVE
            yield LoanGroup(date(year, month, day), state, emis_paid or 0, loans, loan_amount, outstanding)

    def decisions(self, on: date) -> Iterator[DecisionGroup]:
        """Grouped likewise."""
        for business_date, reasons, decisions in self._connection.execute(_DECISIONS, {"on": on}):
            named = tuple(DecisionReason(reason) for reason in reasons.split(",") if reason)
            yield DecisionGroup(business_date, named, decisions)
