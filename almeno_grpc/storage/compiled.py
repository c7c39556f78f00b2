"""Statements that are written once, and then run by the driver itself.

SQLAlchemy knows how each database writes a statement and stores a type, and is asked once. To send each run of a small
statement through it would cost several times what the database takes for it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    Delete,
    Dialect,
    Insert,
    Select,
    Table,
    TextClause,
    Update,
    bindparam,
    insert,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Row = tuple[Any, ...]

_DIALECTS: dict[str, tuple[Any, str]] = {
    "sqlite": (sqlite.dialect, "qmark"),
    "postgresql": (psycopg.dialect, "format"),
}
"""Of the databases, each with what it calls parameters that are known by their places."""


class Statement:
    """A statement of which many are run, each for itself."""

    def __init__(self, clause: Select[Any] | Insert | Update | Delete | TextClause, *parameters: str) -> None:
        """Takes the statement.

        Args:
            clause: What it says.
            parameters: The names of its parameters, in their places.
        """
        self._clause = clause
        self._parameters = parameters
        self._written: dict[str, _Written] = {}

    def rows(self, connection: Connection, *parameters: Any) -> list[Row]:
        """Runs the statement and gives its rows.

        Raises:
            DBAPIError: The database has refused, or was lost.
        """
        written, driver = self.written_for(connection)
        try:
            cursor = driver.execute(written.sql, written.stored(parameters))
            return cursor.fetchall() if written.has_rows else []
        except written.driver_error as error:
            raise refusal_of(connection, written.sql, error) from error

    def row(self, connection: Connection, *parameters: Any) -> Row | None:
        """Runs the statement and gives its first row, if there is one; raises as `rows` does."""
        rows = self.rows(connection, *parameters)
        return rows[0] if rows else None

    def written_for(self, connection: Connection) -> "tuple[_Written, Any]":
        """The statement as the driver takes it, and the driver's connection."""
        dialect = connection.dialect
        return self._written.get(dialect.name) or self._write(dialect), connection.connection.driver_connection

    def _write(self, dialect: Dialect) -> "_Written":
        compiled = self._clause.compile(dialect=dialect_of(dialect.name))
        # Only statements with parameters by their places have it.
        places: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        count = len(self._parameters)
        literals = tuple(compiled.params[name] for name in places[count:])
        if tuple(places[:count]) != self._parameters or None in literals:
            raise ValueError(f"the parameters are {', '.join(places)}, in this order: {compiled}")
        columns = () if isinstance(self._clause, TextClause) else self._clause.exported_columns
        if any(column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns):
            raise ValueError(f"a column comes back as something else than it is: {compiled}")
        types = [compiled.binds[name].type.dialect_impl(dialect) for name in self._parameters]
        processors = enumerate(_processor(each, dialect) for each in types)
        conversions = [(place, processor) for place, processor in processors if processor]
        written = _Written(str(compiled), literals, conversions, dialect.loaded_dbapi.Error, len(columns) > 0)
        self._written[dialect.name] = written
        return written


class Insertion(Statement):
    """A statement that adds a row to a table."""

    def __init__(self, table: Table, columns: Iterable[Column[Any]], returning: Column[Any] | None) -> None:
        names = [column.name for column in columns]
        clause = insert(table).values({name: bindparam(name) for name in names})
        super().__init__(clause if returning is None else clause.returning(returning), *names)
        self.place = table.metadata.sorted_tables.index(table)
        """Of the table, behind those that its rows refer to."""

    def add_all(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Adds many rows, of which none comes back; raises as `rows` does."""
        written, driver = self.written_for(connection)
        try:
            driver.cursor().executemany(written.sql, map(written.stored, rows))
        except written.driver_error as error:
            raise refusal_of(connection, written.sql, error) from error


def add_at_once(connection: Connection, additions: Sequence[tuple[Insertion, Row]]) -> None:
    """Adds rows to any tables by one statement, on PostgreSQL, which checks what they refer to when all are there.

    Raises:
        DBAPIError: The database has refused, or was lost. None of the rows was added.
    """
    # The order they are added in is the database's own: nothing but a reference may need a row to be there already.
    each = [(insertion.written_for(connection)[0], row) for insertion, row in additions]
    sql = _joined(tuple(written.sql for written, _ in each))
    run_by_driver(connection, sql, [value for written, row in each for value in written.stored(row)])


@lru_cache(maxsize=64)
def _joined(insertions: tuple[str, ...]) -> str:
    *others, last = insertions
    named = ", ".join(f"added_{number} AS ({sql})" for number, sql in enumerate(others))
    return f"WITH {named} {last}" if named else last


def run_by_driver(connection: Connection, sql: str, values: Sequence[Any] = ()) -> None:
    """Runs a statement at a fraction of what SQLAlchemy takes for it; raises what that would."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(sql, values)
    except connection.dialect.loaded_dbapi.Error as error:
        raise refusal_of(connection, sql, error) from error


def dialect_of(name: str) -> Dialect:
    """How the driver of the database takes statements whose parameters are known by their places."""
    make, paramstyle = _DIALECTS[name]
    dialect: Dialect = make(paramstyle=paramstyle)
    return dialect


def refusal_of(connection: Connection, sql: str, error: Any) -> BaseException:
    """What SQLAlchemy calls an error of the driver."""
    dialect = connection.dialect
    refusal: BaseException = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=dialect.is_disconnect(error, connection.connection.driver_connection, None),
        dialect=dialect,
    )
    return refusal


def _processor(column_type: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """What turns a value into what the database stores, if that is something else."""
    processor = column_type.bind_processor(dialect)
    # Most rows are of today, and to write a day out takes as long as a third of a row.
    return lru_cache(maxsize=16)(processor) if processor and isinstance(column_type, Date) else processor


def insertion(table: Table, columns: Iterable[Column[Any]], returning: Column[Any] | None = None) -> Insertion:
    """The statement that adds a row, from a value for each of the columns in order."""
    return Insertion(table, columns, returning)


@dataclass(frozen=True, slots=True)
class _Written:
    """A statement as a driver takes it."""

    sql: str
    literals: Row
    """Parameters that are the same each time; they come behind the others."""
    conversions: Sequence[tuple[int, Callable[[Any], Any]]]
    """Of values that the database stores as something else, by their places."""
    driver_error: Any
    has_rows: bool

    def stored(self, parameters: Row) -> Sequence[Any]:
        """The parameters as the driver takes them."""
        if not self.conversions and not self.literals:
            return parameters
        values = [*parameters, *self.literals]
        for place, convert in self.conversions:
            values[place] = convert(values[place])
        return values
