"""Looking up and adding many rows at once, whatever their number."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Column, ColumnElement, Connection, FromClause, Table, bindparam, insert, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import IntegrityError

from almeno_grpc.storage.postgres_links import pgconn_of, run

K = TypeVar("K")

_MOST_KEYS = 5_000
"""In one statement. Databases bound the parameters of a statement: SQLite at 32,766, PostgreSQL at 65,535; a key may
take two."""
_KEYS_AT_ONCE = 500
"""Of a statement that is written once and used again and again."""
_DIALECTS: dict[str, tuple[Any, str]] = {
    "sqlite": (sqlite.dialect, "qmark"),
    "postgresql": (psycopg.dialect, "format"),
}
"""How the databases' drivers take statements whose parameters are known by their places."""


def in_pieces(keys: Iterable[K], size: int = _MOST_KEYS) -> Iterator[list[K]]:
    """Yields all keys, as lists that fit into one statement each."""
    rest = iter(keys)
    while piece := list(islice(rest, size)):
        yield piece


def present(
    connection: Connection, column: Column[int], keys: Iterable[int], source: FromClause | None = None
) -> set[int]:
    """Those of the keys that stand in the column, as the source shows it, which is its table if none is named."""
    statement = _selection(column, column.table if source is None else source, connection.dialect.name)
    found: set[int] = set()
    # In order, neighbours are found on the same pages.
    for piece in in_pieces(sorted(keys), _KEYS_AT_ONCE):
        # A short list is filled up with a key of its own, so that the statement is always the same.
        filled = (*piece, *piece[-1:] * (_KEYS_AT_ONCE - len(piece)))
        found.update(connection.exec_driver_sql(statement, filled).scalars().all())
    return found


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
        connection.exec_driver_sql(command)
    else:
        # Past psycopg, which takes this for the end of the transaction and drops the connection's statements.
        run(pgconn_of(connection), command.encode())


def add_rows(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]], on_conflict: str = "") -> None:
    """Adds rows, each with a value for every column of the table, in order.

    The driver is handed the rows as they are: to make a statement's parameters of them takes several times as long as
    the database takes to store them.
    """
    connection.exec_driver_sql(f"{_insertion(table, connection.dialect.name)} {on_conflict}", list(rows))


@lru_cache(maxsize=16)
def _selection(column: Column[int], source: FromClause, dialect_name: str) -> str:
    keys: list[ColumnElement[int]] = [bindparam(f"key_{number}") for number in range(_KEYS_AT_ONCE)]
    return _written(select(column).select_from(source).where(column.in_(keys)), dialect_name)


@lru_cache(maxsize=16)
def _insertion(table: Table, dialect_name: str) -> str:
    return _written(insert(table).values([bindparam(column.name) for column in table.c]), dialect_name)


def _written(statement: ClauseElement, dialect_name: str) -> str:
    dialect, paramstyle = _DIALECTS[dialect_name]
    return str(statement.compile(dialect=dialect(paramstyle=paramstyle)))
