"""Adding many rows at once, whatever their number."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    String,
    Table,
    Text,
    bindparam,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError

from almeno_grpc.giving_way import give_way
from almeno_grpc.storage.lookups import DIALECTS
from almeno_grpc.storage.postgres_links import pgconn_of, run
from almeno_grpc.storage.statements import refusal_of

ROWS_AT_ONCE = 125
"""Of one statement: to run it costs as much as to store two rows, and calls wait for a processor while it is run.

SQLite bounds the parameters of a statement at 32,766.
"""


def added_whole(connection: Connection, add: Callable[[], None]) -> bool:
    """Whether rows could be added as they are: none of them if a key, a reference or a check stands in the way."""
    _command(connection, "SAVEPOINT addition")
    try:
        add()
        is_whole = True
    except IntegrityError:
        _command(connection, "ROLLBACK TO addition")
        is_whole = False
    _command(connection, "RELEASE addition")
    return is_whole


def _command(connection: Connection, command: str) -> None:
    if connection.dialect.name == "sqlite":
        _run_by_driver(connection, command)
    else:
        # Past psycopg, which takes this for the end of the transaction and drops the connection's statements.
        run(pgconn_of(connection), command.encode())


def _run_by_driver(connection: Connection, sql: str, values: Sequence[Any] = ()) -> None:
    """Runs a statement on SQLite at a fraction of what SQLAlchemy takes for it; raises what that would."""
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(sql, values)
    except connection.dialect.loaded_dbapi.Error as error:
        raise refusal_of(connection, sql, error) from error


class Addition:
    """What adds rows to a table, any number at a time, some to a statement."""

    def __init__(
        self, table: Table, *, on_conflict: str = "", postgresql_rows_at_once: int = ROWS_AT_ONCE, **fixed: Any
    ) -> None:
        """Takes what is the same each time.

        Args:
            table: Where the rows belong.
            on_conflict: What is to happen to a row whose key is taken, in SQL; else it is refused.
            postgresql_rows_at_once: Of one statement on PostgreSQL, where rows take longer that refer to others, and
                the server's process goes before calls that have come for its processor until the statement ends.
            fixed: The values of columns that are the same in every row, and stand in the statement: a driver takes
                longer over a None or a text than over all the numbers of a row.
        """
        self._table = table
        self._on_conflict = on_conflict
        self._rows_at_once = {"sqlite": ROWS_AT_ONCE, "postgresql": postgresql_rows_at_once}
        self._fixed = fixed

    def add(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Adds rows, given by columns: those of the table that are not fixed, in order.

        The driver is handed the values as they are: to make a statement's parameters of them takes several times as
        long as the database takes to store them. Rows that are to replace others have a key each.

        Raises:
            ValueError: The columns differ in length.
            DBAPIError: The database has refused. Rows of statements before may be in the transaction.
        """
        if len(set(map(len, columns))) != 1:
            raise ValueError("the columns differ in length")
        database = connection.dialect.name
        add = self._add_by_values if database == "sqlite" else self._add_by_arrays
        at_once = self._rows_at_once[database]
        for start in range(0, len(columns[0]), at_once):
            give_way()
            add(connection, [column[start : start + at_once] for column in columns])

    def _add_by_values(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        _run_by_driver(connection, *self._with_values.statement_for(columns))

    def _add_by_arrays(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        # An array a column: the same statement for any number of rows, with as many parameters as columns.
        connection.exec_driver_sql(self._with_arrays, tuple(map(_array, columns)))

    @cached_property
    def _with_values(self) -> "_Written":
        dialect = _dialect("sqlite")
        clause = insert(self._table).values(
            [self._value(column, dialect, bindparam(column.name)) for column in self._table.c]
        )
        head, row = str(clause.compile(dialect=dialect)).split(" VALUES ")
        return _Written(head, row, self._on_conflict)

    @cached_property
    def _with_arrays(self) -> str:
        dialect = _dialect("postgresql")
        given = [column for column in self._table.c if column.name not in self._fixed]
        # A cast to a bounded text would cut what is too long instead of refusing it.
        bare = [Text() if isinstance(column.type, String) else column.type for column in given]
        types = [ARRAY(kind).compile(dialect=dialect) for kind in bare]
        arrays = ", ".join(f"%s::{array_type}" for array_type in types)
        names = ", ".join(column.name for column in given)
        values = select(*(self._value(column, dialect, literal_column(column.name)) for column in self._table.c))
        into = insert(self._table).from_select([column.name for column in self._table.c], values)
        return f"{into.compile(dialect=dialect)} FROM unnest({arrays}) AS given ({names}) {self._on_conflict}"

    def _value(self, column: Column[Any], dialect: Dialect, given: ColumnElement[Any]) -> ColumnElement[Any]:
        """What stands in the statement for the column: its value, where that is fixed."""
        if column.name not in self._fixed:
            return given
        written = literal(self._fixed[column.name], column.type)
        return literal_column(str(written.compile(dialect=dialect, compile_kwargs={"literal_binds": True})))


def _array(values: Sequence[Any]) -> list[Any] | str:
    """The values for psycopg; numbers side by side as PostgreSQL writes an array, for the driver looks at each."""
    return "{" + ",".join(map(str, values)) + "}" if isinstance(values, array) else list(values)


def _dialect(name: str) -> Dialect:
    make, paramstyle = DIALECTS[name]
    dialect: Dialect = make(paramstyle=paramstyle)
    return dialect


@dataclass(frozen=True)
class _Written:
    """A statement as a driver takes it, in pieces."""

    head: str
    row: str
    tail: str

    def statement(self, rows: int) -> str:
        """The statement for so many rows."""
        return self._full if rows == ROWS_AT_ONCE else self._for_rows(rows)

    def statement_for(self, columns: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """The statement for rows that are given by columns, and its parameters."""
        rows, width = len(columns[0]), len(columns)
        values: list[Any] = [None] * (rows * width)
        for place, column in enumerate(columns):
            values[place::width] = column
        return self.statement(rows), values

    @cached_property
    def _full(self) -> str:
        return self._for_rows(ROWS_AT_ONCE)

    def _for_rows(self, rows: int) -> str:
        return f"{self.head} VALUES {', '.join([self.row] * rows)} {self.tail}"
