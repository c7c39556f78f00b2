"""SQLAlchemy's dialect for psycopg, with commits whose outcome is looked at.

Transactions and savepoints are commanded by libpq's PQexec, which takes half of what a cursor of psycopg takes. It also
leaves alone the prepared statements of the connection: psycopg drops all at a ROLLBACK of its own.
"""

from contextlib import suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from almeno_grpc.domain.errors import CommitOutcomeUnknown, WriteConflict
from almeno_grpc.storage.postgres.cursor import checked
from almeno_grpc.storage.postgres.errors import is_unavailable
from almeno_grpc.storage.postgres.timelines import Timelines

DRIVER_NAME = "postgresql+almeno"
"""Of URLs for engines with this dialect."""
registry.register("postgresql.almeno", __name__, "PostgresDialect")

_WARNINGS, _TIMELINES = "almeno_warnings", "almeno_timelines"


class PostgresDialect(PGDialect_psycopg):
    """The dialect. A connection of it commits each statement by itself unless a transaction was begun."""

    driver = "almeno"
    supports_statement_cache = True

    def do_commit(self, dbapi_connection: Any) -> None:
        """Commits.

        Raises:
            CommitOutcomeUnknown: The connection was lost, or the standby may not have the transaction.
            WriteConflict: The database has rolled the transaction back.
            psycopg.Error: A deferred constraint was violated.
        """
        if dbapi_connection.pgconn.transaction_status == TransactionStatus.IDLE:
            return
        kept: dict[str, Any] = dbapi_connection.dbapi_connection.__dict__
        warnings: list[str] = kept[_WARNINGS]
        warnings.clear()
        timelines: Timelines = kept[_TIMELINES]
        try:
            with timelines.watched_commit():
                result = execute_command(dbapi_connection, "COMMIT")
        except psycopg.Error as error:
            if not is_unavailable(error):
                raise
            raise CommitOutcomeUnknown(
                "the database was lost while it stored the request; send it again with the same request_id"
            ) from error
        if warnings:
            timelines.look_soon()
            # 01000: the wait for the standby was cancelled. The primary has the transaction, maybe nobody else.
            raise CommitOutcomeUnknown(
                "it is not known whether the standby database has the request; send it again with the same request_id"
            )
        if result.command_status != b"COMMIT":
            raise WriteConflict("the database has rolled the transaction back; send the request again")

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Rolls back, if there is something to; a connection that is lost has been rolled back by the database."""
        if dbapi_connection.pgconn.transaction_status != TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                execute_command(dbapi_connection, "ROLLBACK")

    def do_savepoint(self, connection: Connection, name: str) -> None:
        """Makes a savepoint."""
        execute_command(connection.connection, f"SAVEPOINT {name}")

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        """Rolls back to it."""
        execute_command(connection.connection, f"ROLLBACK TO SAVEPOINT {name}")

    def do_release_savepoint(self, connection: Connection, name: str) -> None:
        """Releases it."""
        execute_command(connection.connection, f"RELEASE SAVEPOINT {name}")


def watch_commits(timelines: Timelines, dbapi_connection: Any, _record: Any) -> None:
    """Has a connection keep what `do_commit` looks at; a listener for the event "connect".

    That is the SQLSTATE of each warning, and the timelines, to be looked at where a commit is slow.
    """
    warnings = dbapi_connection.__dict__.setdefault(_WARNINGS, [])
    dbapi_connection.__dict__[_TIMELINES] = timelines

    def keep(notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            warnings.append(notice.sqlstate or "")

    dbapi_connection.add_notice_handler(keep)


def execute_command(dbapi_connection: Any, command: str) -> PGresult:
    """Executes a command without parameters.

    Raises:
        psycopg.Error: The database has refused, or was lost.
    """
    pgconn = dbapi_connection.pgconn
    return checked(pgconn, pgconn.exec_(command.encode()))


def is_idle(connection: Connection) -> bool:
    """Whether the connection is open, with no transaction on it."""
    driver: Any = None if connection.invalidated else connection.connection.dbapi_connection
    return driver is not None and driver.pgconn.transaction_status == TransactionStatus.IDLE
