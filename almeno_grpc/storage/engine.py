"""Which databases the service runs on, by their URLs."""

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from almeno_grpc.storage.backend import Backend, DatabaseUnusable
from almeno_grpc.storage.postgres.backend import PostgresBackend
from almeno_grpc.storage.postgres.engine import open_postgres_engine, postgres_url
from almeno_grpc.storage.sqlite.backend import SqliteBackend
from almeno_grpc.storage.sqlite.engine import open_sqlite_engine, sqlite_url

__all__ = ["DatabaseUnusable", "open_backend", "open_engine", "parse_url"]


def parse_url(database_url: str) -> URL:
    """Reads a database URL.

    Raises:
        DatabaseUnusable: It is not one, or not of a database the service runs on.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise DatabaseUnusable(
            "ALMENO_DATABASE_URL is not a database URL such as sqlite:///almeno.db or postgresql://user@host/almeno "
            "(several hosts are written as postgresql://user@/almeno?host=first:5432&host=second:5432)"
        ) from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        return sqlite_url(url)
    if backend == "postgresql":
        return postgres_url(url)
    raise DatabaseUnusable(f"ALMENO_DATABASE_URL names {backend}; the service runs on sqlite and postgresql")


def open_backend(url: URL, threads: int) -> Backend:
    """The database of a URL, for one process. Connections do not survive a fork: each process opens its own.

    Args:
        url: As `parse_url` gives it.
        threads: How many threads are to work on it at the same time.

    Raises:
        DatabaseUnusable: The environment cannot use it.
    """
    if url.get_backend_name() == "sqlite":
        return SqliteBackend(url, threads)
    return PostgresBackend(url, threads)


def open_engine(url: URL) -> Engine:
    """An engine for those who look at the database itself.

    Args:
        url: As `parse_url` gives it.

    Raises:
        DatabaseUnusable: The environment cannot use it.
    """
    return open_sqlite_engine(url) if url.get_backend_name() == "sqlite" else open_postgres_engine(url)
