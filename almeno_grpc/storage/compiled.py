"""Statements that SQLAlchemy compiles once and the driver then executes.

SQLAlchemy Core takes 50 to 80 microseconds to execute a small statement, most of it in its Result; SQLite takes 9 for
all of a customer's credit position. So SQLAlchemy is asked once how the dialect writes a statement and stores a type.
To be deleted when `Connection.execute` costs no more than the driver does.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Date, Delete, Dialect, Insert, LargeBinary, Select, TextClause, Update
from sqlalchemy.dialects import registry
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.selectable import CompoundSelect

from almeno_grpc.storage.keys import parameter_of

Row = tuple[Any, ...]
Clause = Select[Any] | CompoundSelect[Any] | Insert | Update | Delete | TextClause

_DIALECTS = {"sqlite": ("sqlite", "qmark"), "postgresql": ("postgresql.psycopg", "numeric_dollar")}
"""The name of each in SQLAlchemy's registry, and its paramstyle for positional parameters."""
CURSOR = "almeno_cursor"
"""Where a connection of the pool keeps its cursor."""


class CompiledStatement:
    """A statement with positional parameters, compiled once for each dialect."""

    def __init__(self, clause: Clause | Callable[[str], Clause], *parameters: str) -> None:
        """Takes the statement.

        Args:
            clause: The statement, or what makes it for the name of a dialect.
            parameters: The names of its bind parameters, in the order in which they will be passed.
        """
        self._clause = clause
        self._parameters = parameters
        self._by_dialect: dict[str, DialectStatement] = {}

    def rows(self, connection: Connection, *parameters: Any) -> list[Row]:
        """Executes the statement and fetches its rows.

        Raises:
            DBAPIError: The database has refused, or was lost.
        """
        statement = self.for_dialect(connection.dialect)
        cursor = execute_raw(connection, statement.sql, statement.arrange(parameters))
        return statement.fetch(cursor) if statement.has_rows else []

    def row(self, connection: Connection, *parameters: Any) -> Row | None:
        """Executes the statement and fetches its first row, if there is one; raises as `rows` does."""
        rows = self.rows(connection, *parameters)
        return rows[0] if rows else None

    def execute_many(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Executes the statement for each row of parameters; raises as `rows` does."""
        statement = self.for_dialect(connection.dialect)
        try:
            _cursor_of(connection).executemany(statement.sql, map(statement.arrange, rows))
        except connection.dialect.loaded_dbapi.Error as error:
            raise wrap_dbapi_error(connection, statement.sql, error) from error

    def for_dialect(self, dialect: Dialect) -> "DialectStatement":
        """The statement as the dialect's driver takes it."""
        return self._by_dialect.get(dialect.name) or self._compile(dialect)

    def _compile(self, dialect: Dialect) -> "DialectStatement":
        clause = self._clause(dialect.name) if callable(self._clause) else self._clause
        compiled: Any = clause.compile(dialect=dialect_of(dialect.name))
        positions: Sequence[str] = compiled.positiontup or ()
        literals = {name: compiled.params[name] for name in positions if parameter_of(name) not in self._parameters}
        if None in literals.values() or not {*map(parameter_of, positions)} >= {*self._parameters}:
            raise ValueError(f"the parameters are {', '.join(positions)}: {compiled}")
        names = [*self._parameters, *literals]
        processors = [compiled.binds[name].type.dialect_impl(dialect) for name in positions]
        columns = () if isinstance(clause, TextClause) else clause.exported_columns
        statement = DialectStatement(
            sql=str(compiled),
            literals=tuple(literals.values()),
            pick=_picker([names.index(name if name in literals else parameter_of(name)) for name in positions]),
            bind_processors=_numbered(_bind_processor(each, dialect) for each in processors),
            result_processors=_numbered(
                column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns
            ),
            has_rows=len(columns) > 0,
        )
        self._by_dialect[dialect.name] = statement
        return statement


_Processors = Sequence[tuple[int, Callable[[Any], Any]]]


@dataclass(frozen=True)
class DialectStatement:
    """A statement as a driver takes it."""

    sql: str
    literals: Row
    """Parameters that are the same each time, behind the others."""
    pick: Callable[[Row], Row] | None
    """Brings the parameters to their positions, where they are passed in another order."""
    bind_processors: _Processors
    """What turns values into what the driver stores, by position; only where that is something else."""
    result_processors: _Processors
    has_rows: bool

    def arrange(self, parameters: Row) -> Sequence[Any]:
        """The parameters as the driver takes them."""
        values = parameters + self.literals if self.literals else parameters
        if self.pick is not None:
            values = self.pick(values)
        if not self.bind_processors:
            return values
        processed = list(values)
        for position, process in self.bind_processors:
            processed[position] = process(processed[position])
        return processed

    def fetch(self, cursor: Any) -> list[Row]:
        """The rows of the driver's cursor."""
        rows: list[Row] = cursor.fetchall()
        return [self._processed(row) for row in rows] if self.result_processors else rows

    def _processed(self, row: Row) -> Row:
        processed = list(row)
        for position, process in self.result_processors:
            processed[position] = process(processed[position])
        return tuple(processed)


def execute_raw(connection: Connection, sql: str, values: Sequence[Any] = ()) -> Any:
    """Executes a statement of the driver's own paramstyle, and gives the cursor: to be fetched from before the next.

    Raises:
        DBAPIError: The database has refused, or was lost.
    """
    cursor = _cursor_of(connection)
    try:
        cursor.execute(sql, values)
    except connection.dialect.loaded_dbapi.Error as error:
        raise wrap_dbapi_error(connection, sql, error) from error
    return cursor


def _cursor_of(connection: Connection) -> Any:
    """The cursor that the driver's connection keeps: to make one would cost as much as half a small statement."""
    proxied = connection.connection
    cursor = proxied.info.get(CURSOR)
    if cursor is None:
        cursor = proxied.info[CURSOR] = proxied.cursor()
    return cursor


def wrap_dbapi_error(connection: Connection, sql: str, error: Any) -> BaseException:
    """An error of the driver as SQLAlchemy raises it."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    wrapped: BaseException = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
    return wrapped


def dialect_of(name: str) -> Dialect:
    """The dialect of a database, with positional parameters."""
    registered, paramstyle = _DIALECTS[name]
    dialect: Dialect = registry.load(registered)(paramstyle=paramstyle)
    return dialect


def compiled_text(clause: ClauseElement, dialect_name: str) -> str:
    """A clause as the dialect writes it."""
    return str(clause.compile(dialect=dialect_of(dialect_name)))


def _picker(order: Sequence[int]) -> Callable[[Row], Row] | None:
    if list(order) == list(range(len(order))):
        return None
    # With a single index an itemgetter gives the item alone.
    return itemgetter(*order) if len(order) > 1 else lambda values: (values[order[0]],)


def _numbered(processors: Iterable[Callable[[Any], Any] | None]) -> _Processors:
    return [(position, process) for position, process in enumerate(processors) if process]


def _bind_processor(column_type: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(column_type, LargeBinary):
        # Both drivers take bytes as they are; to wrap them first takes as long as to bind five numbers.
        return None
    processor: Callable[[Any], Any] | None = column_type.bind_processor(dialect)
    # Most rows are of today, and to write a date out takes as long as a third of a row.
    return lru_cache(maxsize=16)(processor) if processor and isinstance(column_type, Date) else processor
