"""How SQLite is given many rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, bindparam, insert, literal, literal_column

from almeno_grpc.storage.compiled import Row, compiled_text, dialect_of, execute_raw
from almeno_grpc.storage.table_write import TableWrite


@dataclass(frozen=True)
class ValuesInsert:
    """INSERT … VALUES with a parameter for each value that is not the same in every row.

    Those that are stand in the statement: the driver takes longer over a None or a text than over all the numbers of a
    row.
    """

    table: Table
    on_conflict: str
    fixed: Mapping[str, Any]
    usual_rows: int
    """For so many the statement is kept."""

    def insert(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Inserts the rows, given by the columns that are not fixed."""
        rows = len(columns[0])
        execute_raw(connection, self._usual if rows == self.usual_rows else self._for_rows(rows), by_row(columns))

    @cached_property
    def _usual(self) -> str:
        return self._for_rows(self.usual_rows)

    def _for_rows(self, rows: int) -> str:
        head, row = self._head_and_row
        return f"{head} VALUES {', '.join([row] * rows)} {self.on_conflict}"

    @cached_property
    def _head_and_row(self) -> Sequence[str]:
        return compiled_text(insert(self.table).values(list(map(self._value, self.table.c))), "sqlite").split(
            " VALUES "
        )

    def _value(self, column: Column[Any]) -> ColumnElement[Any]:
        if column.name not in self.fixed:
            return bindparam(column.name)
        value = literal(self.fixed[column.name], column.type)
        return literal_column(str(value.compile(dialect=dialect_of("sqlite"), compile_kwargs={"literal_binds": True})))


def write_rows(connection: Connection, writes: Sequence[tuple[TableWrite, Sequence[Row]]]) -> None:
    """Executes each write once for all its rows, which the driver goes through.

    Raises:
        DBAPIError: The database has refused.
    """
    for write, rows in writes:
        write.by_row.execute_many(connection, rows)


def pairs_missing(
    key: Column[int], other: Column[int], keys: Sequence[int], others: Sequence[int]
) -> tuple[str, Sequence[Any]]:
    """The statement that finds a pair of values which no row has, and its parameters."""
    return _pairs_missing(key, other, len(keys)), by_row((keys, others))


@lru_cache(maxsize=256)
def _pairs_missing(key: Column[int], other: Column[int], count: int) -> str:
    given = f"(VALUES {', '.join(['(?, ?)'] * count)}) AS given"
    found = f"SELECT 1 FROM {key.table.name} WHERE {key.name} = given.column1 AND {other.name} = given.column2"  # noqa: S608
    return f"SELECT 1 FROM {given} WHERE NOT EXISTS ({found}) LIMIT 1"  # noqa: S608


def by_row(columns: Sequence[Sequence[Any]]) -> list[Any]:
    """The values of columns of the same length, row by row."""
    rows, width = len(columns[0]), len(columns)
    values: list[Any] = [None] * (rows * width)
    for position, column in enumerate(columns):
        values[position::width] = column
    return values
