"""How SQLite is given many rows: as the values of an INSERT."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Dialect, Table, bindparam, insert, literal, literal_column

from almeno_grpc.storage.statements import dialect_of, run_by_driver


@dataclass(frozen=True)
class ByValues:
    """An INSERT with a parameter for each value that is not the same in every row.

    Those that are stand in the statement: the driver takes longer over a None or a text than over all the numbers of a
    row.
    """

    table: Table
    on_conflict: str
    fixed: Mapping[str, Any]
    usual_rows: int
    """For so many the statement is kept."""

    def add(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Adds the rows, which the columns give that are not fixed."""
        rows, values = len(columns[0]), row_by_row(columns)
        run_by_driver(connection, self._usual if rows == self.usual_rows else self._for_rows(rows), values)

    @cached_property
    def _usual(self) -> str:
        return self._for_rows(self.usual_rows)

    def _for_rows(self, rows: int) -> str:
        head, row = self._head_and_row
        return f"{head} VALUES {', '.join([row] * rows)} {self.on_conflict}"

    @cached_property
    def _head_and_row(self) -> Sequence[str]:
        dialect = dialect_of("sqlite")
        clause = insert(self.table).values([self._value(column, dialect) for column in self.table.c])
        return str(clause.compile(dialect=dialect)).split(" VALUES ")

    def _value(self, column: Column[Any], dialect: Dialect) -> ColumnElement[Any]:
        if column.name not in self.fixed:
            return bindparam(column.name)
        written = literal(self.fixed[column.name], column.type)
        return literal_column(str(written.compile(dialect=dialect, compile_kwargs={"literal_binds": True})))


def row_by_row(columns: Sequence[Sequence[Any]]) -> list[Any]:
    """The values of columns of the same length as the parameters of a statement that has them row by row."""
    rows, width = len(columns[0]), len(columns)
    values: list[Any] = [None] * (rows * width)
    for place, column in enumerate(columns):
        values[place::width] = column
    return values
