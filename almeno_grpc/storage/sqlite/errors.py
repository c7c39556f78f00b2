"""The domain errors that SQLite's errors stand for."""

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from almeno_grpc.domain.errors import PhoneNumberTaken, StoreUnavailable, WriteConflict
from almeno_grpc.storage.sqlite.private_files import UnsafeFile


def domain_error(error: Exception) -> Exception:
    """The domain error that an error of the database stands for; the error itself where there is none."""
    match error:
        case IntegrityError() if "UNIQUE" in str(error.orig):
            if "phone_number" in str(error.orig):
                return PhoneNumberTaken()
            return WriteConflict("another transaction changed the same rows first; send the request again")
        case OperationalError() | PoolTimeout():
            return StoreUnavailable("the database cannot take the request at the moment; send it again")
        case DBAPIError() if error.connection_invalidated:
            return StoreUnavailable("the connection to the database was lost; send the request again")
        case UnsafeFile():
            return StoreUnavailable(f"{error}")
    return error
