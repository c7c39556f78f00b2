"""Which databases the service runs on, by their URLs.

A database's package is imported when a URL names it: a process on SQLite starts without the driver of PostgreSQL,
which is a fifth of all that it would import.
"""

import importlib
from typing import Any

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError

from almeno_grpc.extras import ExtraMissing, require_extra
from almeno_grpc.storage.backend import Backend, DatabaseUnusable

_PACKAGES = {"sqlite": "almeno_grpc.storage.sqlite", "postgresql": "almeno_grpc.storage.postgres"}

__all__ = ["DatabaseUnusable", "open_backend", "open_engine", "parse_url"]


def parse_url(database_url: str) -> URL:
    """Reads a database URL.

    Raises:
        DatabaseUnusable: It is not one, not of a database the service runs on, or of one whose driver is not installed.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise DatabaseUnusable(
            "ALMENO_DATABASE_URL is not a database URL such as sqlite:///almeno.db or postgresql://user@host/almeno "
            "(several hosts are written as postgresql://user@/almeno?host=first:5432&host=second:5432)"
        ) from None
    backend = url.get_backend_name()
    if backend not in _PACKAGES:
        raise DatabaseUnusable(f"ALMENO_DATABASE_URL names {backend}; the service runs on sqlite and postgresql")
    if backend == "postgresql":
        try:
            require_extra("postgres", "the driver of PostgreSQL")
        except ExtraMissing as missing:
            raise DatabaseUnusable(str(missing)) from None
    completed: URL = _module(url, "engine").complete_url(url)
    return completed


def open_backend(url: URL, threads: int, *, read_only: bool = False) -> Backend:
    """The database of a URL, for one process. Connections do not survive a fork: each process opens its own.

    Args:
        url: As `parse_url` gives it.
        threads: How many threads are to work on it at the same time.
        read_only: Whether nothing is ever written.

    Raises:
        DatabaseUnusable: The environment cannot use it.
    """
    backend: Backend = _module(url, "backend").open_backend(url, threads, read_only=read_only)
    return backend


def open_engine(url: URL) -> Engine:
    """An engine for those who look at the database itself.

    Args:
        url: As `parse_url` gives it.

    Raises:
        DatabaseUnusable: The environment cannot use it.
    """
    engine: Engine = _module(url, "engine").open_engine(url)
    return engine


def _module(url: URL, name: str) -> Any:
    """A module of the database's package; both packages have the same functions."""
    return importlib.import_module(f"{_PACKAGES[url.get_backend_name()]}.{name}")
