"""The business dates on which something was recorded, in the database: of interest is the latest."""

from datetime import date

from sqlalchemy import Connection, func, select

from almeno_grpc.service.store import Changes
from almeno_grpc.storage.compiled import CompiledStatement, Row
from almeno_grpc.storage.table_write import TableWrite
from almeno_grpc.storage.tables import business_day as table

INSERT = TableWrite(table, tuple(table.c))
_LATEST = CompiledStatement(select(func.max(table.c.business_date)))


def latest_business_date(connection: Connection) -> date | None:
    """By the primary key, whose last entry it is."""
    row = _LATEST.row(connection)
    return row[0] if row else None


def rows_of(changes: Changes) -> list[Row]:
    """A row where decisions, or changes of loans, are the first of their day that the transaction knows of."""
    recorded = [each.decision_id for each in changes.decisions] or [str(each.loan_id) for each in changes.updated_loans]
    return [(changes.business_date, recorded[0])] if changes.business_date and recorded else []
