"""Adding many rows at once, whatever their number."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, Table
from sqlalchemy.exc import IntegrityError

from almeno_grpc.storage.postgres.bulk import ByArrays, ByCopy
from almeno_grpc.storage.postgres_links import pgconn_of, run
from almeno_grpc.storage.sqlite.bulk import ByValues
from almeno_grpc.storage.compiled import run_by_driver

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
        run_by_driver(connection, command)
    else:
        # Past psycopg, which takes this for the end of the transaction and drops the connection's statements.
        run(pgconn_of(connection), command.encode())


class _Way(Protocol):
    """How a database is given the rows of a statement."""

    def add(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Adds them.

        Raises:
            DBAPIError: The database has refused.
            OverflowError: A number is larger than any that the database holds.
        """


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
            fixed: The values of columns that are the same in every row.

        Raises:
            ValueError: There are values for columns, and something is to happen to rows whose key is taken.
        """
        if on_conflict and fixed:
            raise ValueError("no column is fixed where rows may stand already")
        on_postgresql = ByArrays(table, on_conflict) if on_conflict else ByCopy(table, fixed)
        self._ways: dict[str, tuple[_Way, int]] = {
            "sqlite": (ByValues(table, on_conflict, fixed, ROWS_AT_ONCE), ROWS_AT_ONCE),
            "postgresql": (on_postgresql, postgresql_rows_at_once),
        }

    def add(self, connection: Connection, columns: Sequence[Sequence[Any]]) -> None:
        """Adds rows, given by columns: those of the table that are not fixed, in order.

        The driver is handed the values as they are: to make a statement's parameters of them takes several times as
        long as the database takes to store them. Rows that are to replace others have a key each.

        Raises:
            ValueError: The columns differ in length.
            DBAPIError: The database has refused. Rows of statements before may be in the transaction.
            OverflowError: A number is larger than any that the database holds; as above.
        """
        if len(set(map(len, columns))) != 1:
            raise ValueError("the columns differ in length")
        way, at_once = self._ways[connection.dialect.name]
        for start in range(0, len(columns[0]), at_once):
            way.add(connection, [column[start : start + at_once] for column in columns])
