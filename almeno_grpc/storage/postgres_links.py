"""Connections to PostgreSQL, held open and lent to whoever has work for one.

The service begins and ends its transactions itself, by libpq's own calls: that halves what they cost, and lets it look
at how a commit was answered.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import Connection, Engine

from almeno_grpc.domain.errors import StoreUnavailable, WriteConflict
from almeno_grpc.storage.postgres.errors import is_unavailable

_WAIT_SECONDS = 10
"""How long to wait for a connection that another thread works with."""


def run(pgconn: PGconn, statement: bytes) -> PGresult:
    """Runs statements without parameters.

    Raises:
        psycopg.Error: The database has refused, or was lost.
    """
    return checked(pgconn, pgconn.exec_(statement))


def checked(pgconn: PGconn, result: PGresult) -> PGresult:
    """The result of a statement that went well.

    Raises:
        psycopg.Error: It did not.
    """
    if result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
        return result
    if pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError("the connection to the database was lost")
    raise error_from_result(result)


def pgconn_of(connection: Connection) -> PGconn:
    """What libpq calls a connection."""
    driver: psycopg.Connection | None = connection.connection.driver_connection
    if driver is None:
        raise psycopg.OperationalError("the connection to the database was lost")
    return driver.pgconn


class Link:
    """A connection, used by one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        """Opens it.

        Raises:
            DBAPIError: The database cannot be reached.
        """
        self.connection = engine.connect()
        driver = self.connection.connection.driver_connection
        if not isinstance(driver, psycopg.Connection):
            raise TypeError(f"{driver} is no connection of psycopg")
        self.pgconn = driver.pgconn
        self._warnings: list[str] = []
        driver.add_notice_handler(self._note)

    @property
    def is_idle(self) -> bool:
        """Whether it is open, with no transaction on it."""
        return bool(self.pgconn.transaction_status == TransactionStatus.IDLE) and not self.connection.invalidated

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """What is done in a transaction already begun; commits it, or undoes it all when the body fails.

        Raises:
            StoreUnavailable: Whether the transaction was committed is not known.
        """
        transaction = self.connection.begin()
        try:
            yield self.connection
            self._commit()
        except BaseException:
            self._undo()
            raise
        finally:
            # For SQLAlchemy's books only: the database has no transaction any more.
            if self.is_idle:
                transaction.commit()

    def close(self) -> None:
        """Closes it, whatever state it is in."""
        self.connection.invalidate()
        self.connection.close()

    def _commit(self) -> None:
        self._warnings.clear()
        try:
            result = run(self.pgconn, b"COMMIT")
        except psycopg.Error as error:
            if not is_unavailable(error):
                raise
            raise StoreUnavailable(
                "the database was lost while it stored the request; send it again with the same request_id"
            ) from error
        if self._warnings:
            # The wait for the standby was cut short: the primary has the transaction, and may be all that has it.
            raise StoreUnavailable(
                "it is not known whether the standby database has the request; send it again with the same request_id"
            )
        if result.command_status != b"COMMIT":
            raise WriteConflict("the database has undone the transaction; send the request again")

    def _undo(self) -> None:
        if not self.is_idle:
            # What is still not idle is not lent again, and the database undoes what its connection leaves behind.
            with suppress(psycopg.Error):
                run(self.pgconn, b"ROLLBACK")

    def _note(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.sqlstate or "")


class Links:
    """The connections of a process, as many as it has come to need at a time."""

    def __init__(self, engine: Engine, most: int, prepared: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Opens none yet.

        Args:
            engine: Opens them.
            most: How many there are at most.
            prepared: Statements, by name, that each connection has prepared.
        """
        self._engine = engine
        self._prepared = prepared
        self._idle: deque[Link] = deque()
        self._free = threading.BoundedSemaphore(most)
        self._is_closed = False

    @contextmanager
    def lent(self, first: bytes = b"") -> Iterator[Link]:
        """Lends a connection.

        Args:
            first: A statement to run on it first, such as the beginning of a transaction. One whose connection turns
                out to be lost is run on a new one: the old ones all end when the database is started anew.

        Raises:
            StoreUnavailable: All are in use for too long.
            DBAPIError: The database cannot be reached.
        """
        if not self._free.acquire(timeout=_WAIT_SECONDS):
            raise StoreUnavailable("too many calls wait for the database; send the request again")
        try:
            link = self._take(first)
            try:
                yield link
            finally:
                self._give_back(link)
        finally:
            self._free.release()

    def close(self) -> None:
        """Closes those that are not in use, and the others once they come back."""
        self._is_closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Closes those that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _take(self, first: bytes) -> Link:
        if self._idle:
            link = self._idle.pop()
            try:
                if first:
                    run(link.pgconn, first)
            except psycopg.Error as error:
                link.close()
                if not is_unavailable(error):
                    raise
                self.close_idle()
            else:
                return link
        link = Link(self._engine)
        try:
            for name, statement in self._prepared:
                checked(link.pgconn, link.pgconn.prepare(name, statement))
            if first:
                run(link.pgconn, first)
        except BaseException:
            link.close()
            raise
        return link

    def _give_back(self, link: Link) -> None:
        if link.is_idle and not self._is_closed:
            self._idle.append(link)
        else:
            link.close()
