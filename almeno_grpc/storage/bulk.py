"""Inserting and looking up many rows of an import, by columns.

A driver is handed the values as they are: to make a tuple of parameters for each row takes several times as long as the
database takes to store it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, Connection, Table, select
from sqlalchemy.exc import IntegrityError

from almeno_grpc.storage.compiled import execute_raw
from almeno_grpc.storage.keyed import KeyedStatement
from almeno_grpc.storage.postgres.bulk import CopyInsert, UnnestInsert
from almeno_grpc.storage.postgres.bulk import pairs_missing as pairs_missing_on_postgres
from almeno_grpc.storage.sqlite.bulk import ValuesInsert
from almeno_grpc.storage.sqlite.bulk import pairs_missing as pairs_missing_on_sqlite

K = TypeVar("K")

ROWS_PER_STATEMENT = 125
"""A statement costs as much as storing two rows, and calls wait for a processor while it runs.

SQLite bounds the parameters of a statement at 32,766.
"""
_KEYS_PER_STATEMENT = 500
_PAIRS_MISSING = {"sqlite": pairs_missing_on_sqlite, "postgresql": pairs_missing_on_postgres}


class _Insert(Protocol):
    """How a database is given the rows of a statement."""

    def insert(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Inserts them; raises as `BulkInsert.insert` does."""


class BulkInsert:
    """An insert of any number of rows into a table, some to a statement."""

    def __init__(
        self, table: Table, *, on_conflict: str = "", postgresql_rows: int = ROWS_PER_STATEMENT, **fixed: Any
    ) -> None:
        """Takes what is the same each time.

        Args:
            table: The table.
            on_conflict: An ON CONFLICT clause; else a row whose key is taken is refused.
            postgresql_rows: Rows of a statement on PostgreSQL, where those that refer to others take longer.
            fixed: The values of columns that are the same in every row.

        Raises:
            ValueError: There are both fixed values and an ON CONFLICT clause.
        """
        if on_conflict and fixed:
            raise ValueError("no column is fixed where rows may exist already")
        on_postgresql = UnnestInsert(table, on_conflict) if on_conflict else CopyInsert(table, fixed)
        self._inserts: dict[str, tuple[_Insert, int]] = {
            "sqlite": (ValuesInsert(table, on_conflict, fixed, ROWS_PER_STATEMENT), ROWS_PER_STATEMENT),
            "postgresql": (on_postgresql, postgresql_rows),
        }

    def insert(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Inserts rows, given by columns: those of the table that are not fixed, in order.

        Where there is an ON CONFLICT clause that updates, each row has a key of its own.

        Raises:
            ValueError: The columns differ in length.
            DBAPIError: The database has refused. Rows of statements before may be in the transaction.
            OverflowError: A number is larger than any that the database holds; as above.
        """
        if len(set(map(len, columns))) != 1:
            raise ValueError("the columns differ in length")
        insert, rows = self._inserts[connection.dialect.name]
        for start in range(0, len(columns[0]), rows):
            insert.insert(connection, [column[start : start + rows] for column in columns])


def inserted_whole(connection: Connection, insert: Callable[[], None]) -> bool:
    """Whether rows could be inserted: none of them if a key, a foreign key or a check refuses one."""
    try:
        with connection.begin_nested():
            insert()
    except IntegrityError:
        return False
    return True


def existing_keys(connection: Connection, column: Column[int], keys: Iterable[int]) -> set[int]:
    """Those of the keys that exist in the column."""
    statement = _existing(column)
    found: set[int] = set()
    # In order, neighbours are found on the same pages.
    for some in batches_of(sorted(keys), _KEYS_PER_STATEMENT):
        found.update(key for (key,) in statement.rows(connection, some))
    return found


def pairs_exist(
    connection: Connection, key: Column[int], keys: Sequence[int], other: Column[int], others: Sequence[int]
) -> bool:
    """Whether each of the keys, which are unique in their column, exists in a row with the value it comes with."""
    for start in range(0, len(keys), ROWS_PER_STATEMENT):
        pairs = keys[start : start + ROWS_PER_STATEMENT], others[start : start + ROWS_PER_STATEMENT]
        sql, values = _PAIRS_MISSING[connection.dialect.name](key, other, *pairs)
        if execute_raw(connection, sql, values).fetchone():
            return False
    return True


def batches_of(keys: Iterable[K], size: int = _KEYS_PER_STATEMENT) -> Iterator[list[K]]:
    """Yields all keys, as lists for one statement each."""
    left = iter(keys)
    while some := list(islice(left, size)):
        yield some


@lru_cache(maxsize=16)
def _existing(column: Column[int]) -> KeyedStatement:
    return KeyedStatement(select(column), column)
