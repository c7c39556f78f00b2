"""Statements over all rows of a table, a range of them at a time, so that none takes as long as all rows do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, bindparam, func, select

from almeno_grpc.storage.compiled import Row

_NO_PARAMETERS: Mapping[str, Any] = {}


class Ranges:
    """A statement over rows of a table, by ranges of a column that has an index.

    A range ends with the value of the last of so many rows: those that have a value in common are never divided.
    """

    def __init__(self, column: Column[Any], statement: Select[Any]) -> None:
        """Takes the statement over all rows, which may group them."""
        after = column > bindparam("after", type_=column.type)
        self._statement = statement.where(after, column <= bindparam("last", type_=column.type))
        behind = select(column.label("value")).where(after).order_by(column).limit(bindparam("count"))
        self._last = _greatest(behind)
        self._last_before = _greatest(behind.where(column < bindparam("before", type_=column.type)))

    def last(self, connection: Connection, after: Any, count: int, *, before: Any = None) -> Any:
        """Where a range ends.

        Args:
            connection: In a transaction.
            after: The value behind which it begins.
            count: Of how many rows it is, if there are so many.
            before: Only of rows below the value; None for all.

        Returns:
            The column's value in its last row; None where it has none.
        """
        statement = self._last if before is None else self._last_before
        values = {"after": after, "count": count} | ({} if before is None else {"before": before})
        return connection.execute(statement, values).scalar_one()

    def rows(
        self, connection: Connection, after: Any, last: Any, parameters: Mapping[str, Any] = _NO_PARAMETERS
    ) -> Sequence[Row]:
        """What the statement gives of a range, behind a value and up to another."""
        return connection.execute(self._statement, {**parameters, "after": after, "last": last}).all()

    def all_rows(
        self, connection: Connection, after: Any, count: int, parameters: Mapping[str, Any] = _NO_PARAMETERS
    ) -> Iterator[Row]:
        """What the statement gives of all rows behind a value, range by range, each of so many rows."""
        while (last := self.last(connection, after, count)) is not None:
            yield from self.rows(connection, after, last, parameters)
            after = last


def _greatest(values: Select[Any]) -> Select[Any]:
    return select(func.max(values.subquery().c.value))
