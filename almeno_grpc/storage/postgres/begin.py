"""How transactions begin: by BEGIN, and by a statement that sets the limits of the transaction, in one round trip.

Each is a message of its own, for what stands between, such as a proxy or the coordinator of a distributed database, may
take a string of several commands for one of them.
"""

import time
from dataclasses import dataclass

import psycopg
from sqlalchemy import Connection, select

from almeno_grpc.deadline import current_deadline
from almeno_grpc.storage.backend import BEGIN
from almeno_grpc.storage.compiled import CURSOR, compiled_text, wrap_dbapi_error
from almeno_grpc.storage.tables import access_state

MAX_STATEMENT_SECONDS = 60
"""A statement ends at the deadline of those it is for, and at the latest after so long."""
MIN_STATEMENT_SECONDS = 0.1
"""Nobody makes the database seem out of order by a deadline of a millisecond."""
_BEGIN_VALUE = "almeno_begin_value"
"""In the info of a connection: what the statement that began its transaction has selected, in bytes; else None."""


@dataclass(frozen=True)
class Begin:
    """What begins a transaction, as the value of the execution option BEGIN."""

    command: str
    statement: str
    """Sets what holds until the transaction ends, and selects a value before it."""
    has_deadline: bool
    """Whether the statement takes a `statement_timeout`, in milliseconds."""


def _begin(isolation_level: str, value: str = "NULL", **settings: str) -> Begin:
    limits = ", ".join(f"set_config('{name}', {setting}, true)" for name, setting in settings.items())
    return Begin(f"BEGIN ISOLATION LEVEL {isolation_level}", f"SELECT ({value}), {limits}", "$1" in limits)


_LIMITS = {"lock_timeout": "'10s'", "statement_timeout": "$1", "idle_in_transaction_session_timeout": "'60s'"}
READING = _begin("REPEATABLE READ READ ONLY", **_LIMITS)
# Each statement sees what is committed when it begins; what must not change meanwhile is locked. A commit waits for the
# standby, if there is one, whatever the database's default. Pages that a session writes out to make room, as one that
# imports does, are flushed to the disk as they come: half a minute's of them at once would keep commits waiting.
WRITING = _begin(
    "READ COMMITTED",
    # For `access_version`: without a trip of its own.
    compiled_text(select(access_state.c.version), "postgresql"),
    **_LIMITS,
    synchronous_commit="'on'",
    backend_flush_after="'1MB'",
)
MIGRATING = _begin(
    "READ COMMITTED", **dict.fromkeys(_LIMITS, "'0'"), synchronous_commit="'on'", backend_flush_after="'1MB'"
)
# The transaction lasts as long as the lock. It has no snapshot and so keeps no row from being vacuumed.
LOCKING = _begin(
    "READ COMMITTED",
    idle_in_transaction_session_timeout="'0'",
    tcp_keepalives_idle="'10'",
    tcp_keepalives_interval="'5'",
    tcp_keepalives_count="'3'",
)


def begin(connection: Connection) -> None:
    """Begins a transaction as the execution option says, without it none; a listener for the event "begin"."""
    how: Begin | None = connection.get_execution_options().get(BEGIN)
    if how is None:
        return
    cursor = connection.connection.info[CURSOR]
    values = [_statement_milliseconds()] if how.has_deadline else ()
    try:
        connection.info[_BEGIN_VALUE] = cursor.execute_together([(how.command, ()), (how.statement, values)])
    except psycopg.Error as error:
        raise wrap_dbapi_error(connection, how.command, error) from error


def _statement_milliseconds() -> bytes:
    deadline = current_deadline()
    left_seconds = deadline.seconds - time.monotonic() if deadline.is_final else MAX_STATEMENT_SECONDS
    return b"%d" % (1000 * min(MAX_STATEMENT_SECONDS, max(MIN_STATEMENT_SECONDS, left_seconds)))


def begin_value(connection: Connection) -> int:
    """The number that the statement which began the transaction of the connection has selected."""
    return int(connection.info[_BEGIN_VALUE])
