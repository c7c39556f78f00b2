"""How PostgreSQL is given many rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import repeat
from typing import Any

from sqlalchemy import Column, Connection, String, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from almeno_grpc.storage.compiled import Row, dialect_of, execute_raw, wrap_dbapi_error
from almeno_grpc.storage.keys import array_literal
from almeno_grpc.storage.table_write import TableWrite


@dataclass(frozen=True)
class CopyInsert:
    """COPY, which takes 125 customers in two thirds of the time of an INSERT, and refuses rows whose key is taken.

    In text format: in the binary one the driver cuts a whole number to what its column holds.
    """

    table: Table
    fixed: Mapping[str, Any]

    def insert(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Inserts the rows, given by the columns that are not fixed."""
        driver: Any = connection.connection.dbapi_connection
        statement = self._statement
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for row in zip(*columns, *map(repeat, self.fixed.values()), strict=False):
                    copy.write_row(row)
        except connection.dialect.loaded_dbapi.Error as error:
            raise wrap_dbapi_error(connection, statement, error) from error

    @cached_property
    def _statement(self) -> str:
        given = [column.name for column in self.table.c if column.name not in self.fixed]
        return f"COPY {self.table.name} ({', '.join([*given, *self.fixed])}) FROM STDIN"


@dataclass(frozen=True)
class UnnestInsert:
    """INSERT … SELECT FROM unnest, with an array for each column: the same statement for any number of rows."""

    table: Table
    on_conflict: str

    def insert(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Inserts the rows, given by all columns."""
        execute_raw(connection, self._statement, list(map(array_literal, columns)))

    @cached_property
    def _statement(self) -> str:
        return f"{_insert(self.table, tuple(self.table.c))} {self.on_conflict}"


def write_rows(connection: Connection, writes: Sequence[tuple[TableWrite, Sequence[Row]]]) -> None:
    """Executes all writes by one statement, which checks foreign keys when all its rows are there.

    The order in which it writes is the database's own.

    Raises:
        DBAPIError: The database has refused, or was lost. Nothing was written.
    """
    if writes:
        sql = _joined(tuple(write for write, _ in writes))
        execute_raw(
            connection, sql, [array_literal(column) for _, rows in writes for column in zip(*rows, strict=True)]
        )


@lru_cache(maxsize=64)
def _joined(writes: tuple[TableWrite, ...]) -> str:
    *others, last = map(_statement_of, writes)
    named = ", ".join(f"write_{number} AS ({sql})" for number, sql in enumerate(others))
    return f"WITH {named} {last}" if named else last


def _statement_of(write: TableWrite) -> str:
    table = write.table
    if not write.keys:
        return _insert(table, write.columns)
    values = ", ".join(f"{column.name} = given.{column.name}" for column in write.columns[len(write.keys) :])
    keys = " AND ".join(f"{table.name}.{key.name} = given.{key.name}" for key in write.keys)
    given = _given(write.columns, hidden=len(write.keys))
    return f"UPDATE {table.name} SET {values} FROM {given} WHERE {keys}"  # noqa: S608


def _insert(table: Table, columns: Sequence[Column[Any]]) -> str:
    names = ", ".join(column.name for column in columns)
    return f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {_given(columns)}"  # noqa: S608


def _given(columns: Sequence[Column[Any]], hidden: int = 0) -> str:
    """The rows as a table.

    Args:
        columns: Their columns.
        hidden: Of how many of them the planner is not to know the length, as `almeno_grpc.storage.keys` explains.
    """
    dialect = dialect_of("postgresql")
    # A cast to a bounded text would cut what is too long instead of refusing it.
    types = [Text() if isinstance(column.type, String) else column.type for column in columns]
    names = [ARRAY(each).compile(dialect=dialect) for each in types]
    arrays = [f"CAST(%s AS {name})" for name in names]
    arrays[:hidden] = [f"CAST((SELECT {array}) AS {name})" for array, name in zip(arrays[:hidden], names, strict=False)]
    return f"unnest({', '.join(arrays)}) AS given ({', '.join(column.name for column in columns)})"


def pairs_missing(
    key: Column[int], other: Column[int], keys: Sequence[int], others: Sequence[int]
) -> tuple[str, Sequence[Any]]:
    """The statement that finds a pair of values which no row has, and its parameters."""
    return _pairs_missing(key, other), [array_literal(keys), array_literal(others)]


@lru_cache(maxsize=16)
def _pairs_missing(key: Column[int], other: Column[int]) -> str:
    given = "unnest(CAST(%s AS BIGINT[]), CAST(%s AS BIGINT[])) AS given (own, beside)"
    found = f"SELECT 1 FROM {key.table.name} WHERE {key.name} = given.own AND {other.name} = given.beside"  # noqa: S608
    return f"SELECT 1 FROM {given} WHERE NOT EXISTS ({found}) LIMIT 1"  # noqa: S608
