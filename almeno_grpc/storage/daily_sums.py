"""Decisions and repayments summed a day: what was added up once is not read again for a summary of the book.

The sums have the rows of each source up to a place, in the order in which those come: of decisions and repayments that
of their ids, which begin with a time, of reversals that of their times. Whoever asks for sums gets them with what is
behind the place. No booking writes a sum, for all would wait for the same few rows: who keeps house adds up what is
finished, before which nothing may come any more. Ids and times are made by a server's clock before its transaction
commits, whose statements and pauses have a limit of 60 s each: what is a day old is finished, as long as the clocks of
servers do not differ by a day.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, Insert, and_, bindparam, cast, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import DailySum, SummedRange, SumSource
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.ranges import Ranges
from almeno_grpc.storage.tables import daily_sum as table
from almeno_grpc.storage.tables import daily_sum_place, decision, repayment, repayment_reversal

ROWS_PER_STATEMENT = 50_000
"""Of the rows behind the place: those of a day, or all of a book that is from before there were sums.

Each may be a page that comes from the disk, of which a small one reads some thousand a second.
"""
_d, _r, _reversal = decision.c, repayment.c, repayment_reversal.c
_DECISIONS = select(_d.business_date, _d.reasons, func.count(), literal(0)).group_by(_d.business_date, _d.reasons)
_AMOUNT = cast(func.sum(_r.amount_paise), BigInteger)
_REPAYMENTS = select(_r.payment_date, literal(""), func.count(), _AMOUNT).group_by(_r.payment_date)
_TAKEN_BACK = repayment_reversal.join(
    repayment,
    and_(_r.customer_id == _reversal.customer_id, _r.loan_id == _reversal.loan_id, _r.number == _reversal.number),
)
_REVERSALS = (
    select(_r.payment_date, literal(""), -func.count(), -_AMOUNT).select_from(_TAKEN_BACK).group_by(_r.payment_date)
)


@dataclass(frozen=True)
class _Source:
    """Rows that are summed."""

    ranges: Ranges
    """In the order in which they come."""
    value_of: Callable[[str], Any]
    """The value of that order's column which a place stands for."""
    value_at: Callable[[int], Any]
    """The value that a row gets at a time, in microseconds since the epoch."""
    name: SumSource
    """The name of their sums."""


_SOURCES = {
    SumSource.DECISIONS: _Source(Ranges(_d.decision_id, _DECISIONS), str, new_identifier, SumSource.DECISIONS),
    SumSource.REPAYMENTS: _Source(Ranges(_r.repayment_id, _REPAYMENTS), str, new_identifier, SumSource.REPAYMENTS),
    SumSource.REVERSALS: _Source(
        Ranges(_reversal.create_time_us, _REVERSALS), lambda place: int(place or 0), int, SumSource.REPAYMENTS
    ),
}
_PLACE = select(daily_sum_place.c.place).where(daily_sum_place.c.source == bindparam("of_source"))
_MOVE = (
    update(daily_sum_place)
    .where(daily_sum_place.c.source == bindparam("of_source"), daily_sum_place.c.place == bindparam("from_place"))
    .values(place=bindparam("to_place"))
)
_SUMS = select(table.c.day, table.c.label, table.c.row_count, table.c.amount_paise).where(
    table.c.name == bindparam("of_name")
)


def _adding(dialect: str) -> Insert:
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    added = {name: table.c[name] + insert.excluded[name] for name in ("row_count", "amount_paise")}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=added)


_ADD = CompiledStatement(_adding, *table.c.keys())


class DailySums:
    """The sums, as one transaction sees them."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection

    def place(self, source: SumSource) -> str:
        """By a row of its own."""
        place: str = self._connection.execute(_PLACE, {"of_source": source.value}).scalar_one()
        return place

    def has_all(self, source: SumSource, before: int) -> bool:
        """By the index of the order."""
        rows = _SOURCES[source]
        after = rows.value_of(self.place(source))
        return rows.ranges.last(self._connection, after, 1, before=rows.value_at(before)) is None

    def next_range(self, source: SumSource, before: int, count: int) -> SummedRange | None:
        """By the index of the order, which is read twice."""
        rows, place = _SOURCES[source], self.place(source)
        after = rows.value_of(place)
        last = rows.ranges.last(self._connection, after, count, before=rows.value_at(before))
        if last is None:
            return None
        sums = list(map(DailySum._make, rows.ranges.rows(self._connection, after, last)))
        return SummedRange(source, place, str(last), sums)

    def add(self, summed: SummedRange) -> None:
        """The place first: another who adds the same range waits for it, and then finds that it has moved."""
        source = summed.source
        values = {"of_source": source.value, "from_place": summed.after, "to_place": summed.last}
        if self._connection.execute(_MOVE, values).rowcount != 1:
            raise WriteConflict(f"another server has added up {source.lower()}")
        name = _SOURCES[source].name.value
        _ADD.execute_many(self._connection, [(name, *each) for each in summed.sums])

    def totals(self, name: SumSource, on: date) -> dict[tuple[date, str], tuple[int, int]]:
        """Rows and their amount in paise of each day up to a date, by day and label; only where there are any.

        Args:
            name: Decisions; or repayments, without those that are reversed.
            on: The date.
        """
        totals: defaultdict[tuple[date, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
        found: list[Row] = list(self._connection.execute(_SUMS, {"of_name": name.value}))
        for source, rows in _SOURCES.items():
            if rows.name is name:
                after = rows.value_of(self.place(source))
                found += rows.ranges.all_rows(self._connection, after, ROWS_PER_STATEMENT)
        for day, label, count, amount in found:
            rows_before, amount_before = totals[day, label]
            totals[day, label] = rows_before + count, amount_before + amount
        return {key: total for key, total in totals.items() if total[0] and key[0] <= on}
