"""A connection in a transaction, with rows that the transaction is going to add.

A request adds a row to each of several tables, and on SQLite many requests are written in one transaction. To run a
statement for a row takes longer than to add the row, and on PostgreSQL the answer to each is waited for. So rows wait,
and are added together: before anything is read that they would change, and before the transaction ends.
"""

from collections.abc import Hashable
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, column, select, table

from almeno_grpc.storage.compiled import Insertion, Row, Statement, add_at_once
from almeno_grpc.storage.tables import loan_number

_LAST_LOAN_NUMBER = Statement(
    select(column("seq")).select_from(table("sqlite_sequence")).where(column("name") == loan_number.name)
)
_PLACE = attrgetter("place")


class BookConnection:
    """A connection in a transaction."""

    def __init__(self, connection: Connection, *, gathers: bool = False, is_alone: bool = False) -> None:
        """Takes the connection.

        Args:
            connection: In a transaction, or about to be.
            gathers: Whether rows may wait.
            is_alone: Whether nobody else may write until the transaction has ended.
        """
        self._connection = connection
        self._driver: Any = connection.connection.driver_connection
        self._gathers = gathers
        self.is_alone = is_alone
        self._waiting: dict[Insertion, list[Row]] = {}
        self._waiting_keys: set[Hashable] = set()
        self._last_loan_number = 0
        """0 when it is not known."""
        self._changes = 0
        self._failure: BaseException | None = None

    @property
    def connection(self) -> Connection:
        """The connection, for statements of any kind: all rows have been added."""
        self.add_waiting()
        return self._connection

    def connection_to_read(self, key: Hashable) -> Connection:
        """The connection, for a statement that reads nothing but what is known by the key."""
        if key in self._waiting_keys:
            self.add_waiting()
        return self._connection

    @property
    def connection_beside(self) -> Connection:
        """The connection, for a statement to which it makes no difference whether the rows that wait were added."""
        return self._connection

    def add(self, statement: Insertion, row: Row, key: Hashable) -> None:
        """Adds a row, now or later.

        Args:
            statement: What adds it.
            row: Its parameters.
            key: What is read by this key changes with the row: a customer_id or a request_id.
        """
        if not self._gathers:
            statement.rows(self._connection, *row)
            return
        rows = self._waiting.get(statement)
        if rows is None:
            rows = self._waiting[statement] = []
        rows.append(row)
        self._waiting_keys.add(key)
        self._changes += 1

    def last_plus_one_loan_id(self) -> int:
        """The number behind that of the last loan, for a row that is then added; only where nobody else may write."""
        if not self._last_loan_number:
            # Where it is not known, no row with a number waits.
            [(self._last_loan_number,)] = _LAST_LOAN_NUMBER.rows(self._connection)
        self._last_loan_number += 1
        return self._last_loan_number

    def add_waiting(self) -> None:
        """Adds the rows that wait, on SQLite each table's behind those that they refer to."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        self._waiting_keys = set()
        # Others may number loans as well.
        self._last_loan_number = 0
        try:
            in_order = [(statement, waiting[statement]) for statement in sorted(waiting, key=_PLACE)]
            if self._connection.dialect.name == "sqlite":
                for statement, rows in in_order:
                    statement.add_all(self._connection, rows)
            else:
                add_at_once(self._connection, [(statement, row) for statement, rows in in_order for row in rows])
        except BaseException as error:
            self._failure = error
            raise

    def check(self) -> None:
        """Adds the rows that wait, and raises what has ever stood in the way of some, even if that was hidden."""
        self.add_waiting()
        if self._failure is not None:
            raise self._failure

    @property
    def has_failed(self) -> bool:
        """Whether rows could not be added; whose they were is not known."""
        return self._failure is not None

    def forget(self) -> None:
        """Gives up the rows that wait, as a transaction begins anew or goes back to a savepoint."""
        self._waiting = {}
        self._waiting_keys = set()
        self._last_loan_number = 0
        self._failure = None

    @property
    def changes(self) -> tuple[int, int]:
        """Grows with each row that is changed, or is going to be; on SQLite."""
        return self._changes, self._driver.total_changes

    @property
    def is_in_transaction(self) -> bool:
        """Whether the transaction is still there: a SQLite database whose disk is full undoes it."""
        in_transaction: bool = self._driver.in_transaction
        return in_transaction
