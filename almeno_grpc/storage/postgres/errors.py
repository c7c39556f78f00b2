"""The domain errors that PostgreSQL's errors stand for."""

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from almeno_grpc.domain.errors import PhoneNumberTaken, StoreUnavailable, WriteConflict

_CONFLICTS = (errors.UniqueViolation, errors.SerializationFailure, errors.DeadlockDetected)
"""Another transaction changed the same rows. Run again the work sees what that has done."""

_UNAVAILABLE = (
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.ReadOnlySqlTransaction,
    errors.UndefinedTable,
    errors.IdleInTransactionSessionTimeout,
)
LOST_STATEMENTS = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)
"""A prepared statement is not where it was prepared, or is where it was not: a pooler gives out other connections."""
POOLER_REMEDY = (
    "a pooler before the database loses prepared statements: set max_prepared_statements of pgbouncer (1.22 or newer), "
    "or add prepare_threshold=none to the query of ALMENO_DATABASE_URL"
)
_UNAVAILABLE_CLASSES = (
    "08",  # connection exception
    "53",  # insufficient resources: connections, memory, disk
    "57",  # operator intervention: shutdown, start-up, failover
    "58",  # system error: the disk
    "XX",  # internal error: a page or an index is damaged
)


def cause_of(error: BaseException) -> psycopg.Error | None:
    """The driver's error behind an error, if there is one."""
    if isinstance(error, DBAPIError):
        return error.orig if isinstance(error.orig, psycopg.Error) else None
    return error if isinstance(error, psycopg.Error) else None


def is_unavailable(error: BaseException) -> bool:
    """Whether the database cannot work at the moment, for whatever the work is."""
    cause = cause_of(error)
    if cause is None:
        return False
    if cause.sqlstate is None:
        # The connection could not be made, or was lost.
        return isinstance(cause, psycopg.OperationalError)
    return isinstance(cause, _UNAVAILABLE) or cause.sqlstate[:2] in _UNAVAILABLE_CLASSES


def domain_error(error: Exception) -> Exception:
    """The domain error that an error of the database stands for; the error itself where there is none."""
    cause = cause_of(error)
    if isinstance(cause, errors.UniqueViolation) and "phone_number" in (cause.diag.constraint_name or ""):
        return PhoneNumberTaken()
    if isinstance(cause, _CONFLICTS):
        return WriteConflict("another transaction changed the same rows first; send the request again")
    if isinstance(error, PoolTimeout):
        return StoreUnavailable("too many calls wait for the database; send the request again")
    if isinstance(cause, LOST_STATEMENTS):
        return StoreUnavailable(POOLER_REMEDY)
    if is_unavailable(error):
        return StoreUnavailable("the database cannot take the request at the moment; send it again")
    return error
