"""Loans and decisions, aggregated by the database: exact sums of whole numbers."""

from collections.abc import Iterator
from datetime import date

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    type_coerce,
)

from almeno_grpc.domain.decision import DecisionReason
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.money import scaled_rate
from almeno_grpc.domain.months import day_number
from almeno_grpc.domain.norms import PERCENT_SCALE, Norms, ProvisionCategory
from almeno_grpc.domain.portfolio import DecisionGroup, DisbursementGroup, LoanGroup, Month, RepaymentGroup
from almeno_grpc.service.store import SumSource
from almeno_grpc.storage import segments
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.daily_sums import DailySums
from almeno_grpc.storage.loan_rows import COLUMNS, counts, date_of, is_in
from almeno_grpc.storage.ranges import Ranges
from almeno_grpc.storage.tables import loan

LOANS_PER_STATEMENT = 100_000
"""As of other rows. Of fewer loans hardly any two would be of one group."""
_l = loan.c
# The columns are of 16 bits, the numbers made of them are not.
_YEAR, _MONTH = type_coerce(_l.approval_year, Integer), type_coerce(_l.approval_month, Integer)
_APPROVED_BY_DATE = (
    _YEAR * literal_column("10000", Integer) + _MONTH * literal_column("100", Integer) + _l.approval_day
) <= bindparam("day_number", type_=Integer)
_GROUP = (_l.approval_year, _l.approval_month, _l.state, _l.next_due_day, _l.non_performing_since_day)
_IS_EXPIRED = is_in(LoanState.EXPIRED).label("is_expired")
_IS_LATE = and_(_l.next_due_day < bindparam("today", type_=Integer), counts())


def _provisions(category: ProvisionCategory) -> ColumnElement[int]:
    """The sum of each loan's provision at the percentage of a category, rounded as `norms.provision` does.

    An amount of 10¹¹ paise times a share of 10⁶ millionths, doubled, is below 2⁶³.
    """
    doubled = 2 * _l.outstanding_principal_paise * bindparam(category.name, type_=BigInteger)
    rounded = (doubled + PERCENT_SCALE) // (2 * PERCENT_SCALE)
    return cast(func.sum(rounded), BigInteger)


_LOANS = (
    select(
        *_GROUP,
        _IS_EXPIRED,
        func.count(),
        cast(func.sum(_l.loan_amount_paise), BigInteger),
        cast(func.sum(_l.outstanding_principal_paise), BigInteger),
        *map(_provisions, ProvisionCategory),
    )
    .where(_APPROVED_BY_DATE)
    .group_by(*_GROUP, literal_column(_IS_EXPIRED.name))
)
_LATE_LOANS = select(*COLUMNS).where(_IS_LATE).order_by(_l.customer_id, _l.loan_id)
_DISBURSED = (
    type_coerce(_l.disbursement_year, Integer) * literal_column("10000", Integer)
    + type_coerce(_l.disbursement_month, Integer) * literal_column("100", Integer)
    + _l.disbursement_day
)
# Loans without a disbursement have no number, and no number is not up to any other.
_DISBURSEMENTS = (
    select(
        _l.disbursement_year,
        _l.disbursement_month,
        func.count(),
        cast(func.sum(_l.loan_amount_paise), BigInteger),
    )
    .where(bindparam("day_number", type_=Integer) >= _DISBURSED)
    .group_by(_l.disbursement_year, _l.disbursement_month)
)
_LOANS_IN_RANGES = Ranges(_l.customer_id, _LOANS)
_DISBURSEMENTS_IN_RANGES = Ranges(_l.customer_id, _DISBURSEMENTS)


class Statistics:
    """The book's aggregates, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._daily_sums = DailySums(transaction)

    def loans(self, on: date, norms: Norms) -> Iterator[LoanGroup]:
        """Grouped by columns that the portfolio's statistics follow from, some customers after the others."""
        percents = {category.name: scaled_rate(norms.percent(category)) for category in ProvisionCategory}
        values = {"day_number": day_number(on), "today": on.toordinal(), **percents}
        keys = len(_GROUP)
        for row in _LOANS_IN_RANGES.all_rows(self._connection, 0, LOANS_PER_STATEMENT, values):
            is_expired, loans, loan_amount, outstanding, *provisions = row[keys:]
            year, month, state, *days = row[:keys]
            next_due, non_performing_since = map(date_of, days)
            yield LoanGroup(
                Month(year, month),
                LoanState.EXPIRED if is_expired else LoanState(state),
                next_due,
                non_performing_since,
                loans,
                loan_amount,
                outstanding,
                tuple(provisions),
            )

    def late_loans(self, after: Loan | None, count: int, on: date) -> list[Loan]:
        """By customer and loan_id."""
        query = _LATE_LOANS.limit(count)
        if after is not None:
            place = tuple_(literal(after.customer_id, BigInteger), literal(after.loan_id, BigInteger))
            query = query.where(tuple_(_l.customer_id, _l.loan_id) > place)
        return segments.loans_of(self._connection, self._connection.execute(query, {"today": on.toordinal()}).all())

    def disbursements(self, on: date) -> Iterator[DisbursementGroup]:
        """By month, some customers after the others; exited loans were disbursed too."""
        values = {"day_number": day_number(on)}
        rows = _DISBURSEMENTS_IN_RANGES.all_rows(self._connection, 0, LOANS_PER_STATEMENT, values)
        for year, month, *sums in rows:
            yield DisbursementGroup(Month(year, month), *sums)

    def repayments(self, on: date) -> Iterator[RepaymentGroup]:
        """By payment date, without those that are reversed."""
        for (payment_date, _), total in self._daily_sums.totals(SumSource.REPAYMENTS, on).items():
            yield RepaymentGroup(payment_date, *total)

    def decisions(self, on: date) -> Iterator[DecisionGroup]:
        """Grouped likewise."""
        for (business_date, reasons), (decisions, _) in self._daily_sums.totals(SumSource.DECISIONS, on).items():
            named = tuple(DecisionReason(reason) for reason in reasons.split(",") if reason)
            yield DecisionGroup(business_date, named, decisions)
