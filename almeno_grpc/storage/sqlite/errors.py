"""The domain errors that SQLite's errors stand for."""

from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from almeno_grpc.domain.errors import PhoneNumberTaken, StoreUnavailable, WriteConflict
from almeno_grpc.storage.sqlite.private_files import UnsafeFile

_INTERRUPT, _CORRUPT, _NOT_A_DATABASE = 9, 11, 26
"""SQLite's primary result codes."""


def is_damage(error: Exception) -> bool:
    """Whether SQLite has found that the file of the database is damaged."""
    return _code_of(error) in (_CORRUPT, _NOT_A_DATABASE)


def is_no_database(error: Exception) -> bool:
    """Whether the file does not begin as a SQLite database does."""
    return _code_of(error) == _NOT_A_DATABASE


def is_interrupt(error: Exception) -> bool:
    """Whether the statement was interrupted by this process."""
    return _code_of(error) == _INTERRUPT


def _code_of(error: Exception) -> int | None:
    code: int | None = getattr(error.orig, "sqlite_errorcode", None) if isinstance(error, DBAPIError) else None
    return code & 0xFF if code is not None else None


def domain_error(error: Exception) -> Exception:
    """The domain error that an error of the database, or of its files, stands for; the error itself where none does."""
    match error:
        case IntegrityError() if "UNIQUE" in str(error.orig):
            if "phone_number" in str(error.orig):
                return PhoneNumberTaken()
            return WriteConflict("another transaction changed the same rows first; send the request again")
        case DatabaseError() if is_damage(error):
            message = "the database is damaged; its operator has to restore it"
        case UnsafeFile():
            message = f"{error}"
        case OSError():
            # A lock cannot be had, or a folder has no room.
            message = "the disk cannot take the request at the moment; send it again"
        case OperationalError() | PoolTimeout():
            message = "the database cannot take the request at the moment; send it again"
        case DBAPIError() if error.connection_invalidated:
            message = "the connection to the database was lost; send the request again"
        case _:
            return error
    return StoreUnavailable(message)
