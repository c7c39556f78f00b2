"""Looking up many rows at once, whatever their number."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Column, ColumnElement, Connection, FromClause, bindparam, select

from almeno_grpc.storage.additions import ROWS_AT_ONCE
from almeno_grpc.storage.postgres_additions import array_of
from almeno_grpc.storage.sqlite_additions import row_by_row
from almeno_grpc.storage.statements import dialect_of

K = TypeVar("K")

_MAX_KEYS = 5_000
"""In one statement. Databases bound the parameters of a statement: SQLite at 32,766, PostgreSQL at 65,535; a key may
take four."""
_KEYS_AT_ONCE = 500
"""Of a statement that is written once and used again and again."""


def in_pieces(keys: Iterable[K], size: int = _MAX_KEYS) -> Iterator[list[K]]:
    """Yields all keys, as lists that fit into one statement each."""
    left = iter(keys)
    while piece := list(islice(left, size)):
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


def all_beside(
    connection: Connection, key: Column[int], keys: Sequence[int], other: Column[int], others: Sequence[int]
) -> bool:
    """Whether each of the keys stands in its column, which has each once, beside the number that it comes with."""
    for start in range(0, len(keys), ROWS_AT_ONCE):
        some, beside = keys[start : start + ROWS_AT_ONCE], others[start : start + ROWS_AT_ONCE]
        if connection.dialect.name == "sqlite":
            values: Sequence[Any] = row_by_row((some, beside))
        else:
            values = (array_of(some), array_of(beside))
        statement = _stranger(key, other, connection.dialect.name, len(some))
        if connection.exec_driver_sql(statement, tuple(values)).first():
            return False
    return True


@lru_cache(maxsize=2 * ROWS_AT_ONCE)
def _stranger(key: Column[int], other: Column[int], dialect_name: str, count: int) -> str:
    """Finds a pair of numbers that do not stand beside each other in the columns."""
    if dialect_name == "sqlite":
        given = f"(VALUES {', '.join(['(?, ?)'] * count)}) AS given"
        own, beside = "given.column1", "given.column2"
    else:
        given = "unnest(%s::bigint[], %s::bigint[]) AS given (own, beside)"
        own, beside = "given.own", "given.beside"
    found = f"SELECT 1 FROM {key.table.name} WHERE {key.name} = {own} AND {other.name} = {beside}"  # noqa: S608
    return f"SELECT 1 FROM {given} WHERE NOT EXISTS ({found}) LIMIT 1"  # noqa: S608


@lru_cache(maxsize=16)
def _selection(column: Column[int], source: FromClause, dialect_name: str) -> str:
    keys: list[ColumnElement[int]] = [bindparam(f"key_{number}") for number in range(_KEYS_AT_ONCE)]
    return _written(select(column).select_from(source).where(column.in_(keys)), dialect_name)


def _written(statement: ClauseElement, dialect_name: str) -> str:
    return str(statement.compile(dialect=dialect_of(dialect_name)))
