"""What is PostgreSQL's: a database that the servers of several machines share.

Nothing here outlives a transaction on its connection but prepared statements, so that a pooler may stand between; see
`almeno_grpc.storage.postgres.engine.postgres_url` for what it then needs.
"""

import hashlib
import random
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, TypeVar

import psycopg
from psycopg.pq.abc import PGconn
from sqlalchemy import URL, BigInteger, Connection, Dialect, Engine, bindparam, cast, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError

from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.errors import DeadlineExceeded, StoreUnavailable
from almeno_grpc.service.store import Lock
from almeno_grpc.storage.book_connection import BookConnection
from almeno_grpc.storage.borrowers import OF_CUSTOMER, BorrowerQuery, borrower_of
from almeno_grpc.storage.backend import settle
from almeno_grpc.storage.postgres.engine import open_postgres_engine, prepares
from almeno_grpc.storage.postgres.errors import cause_of, is_conflict, is_unavailable, refusal_of
from almeno_grpc.storage.postgres_links import Link, Links, checked, pgconn_of, run
from almeno_grpc.storage.postgres.analyze import renew_statistics
from almeno_grpc.storage.tables import customer

T = TypeVar("T")
U = TypeVar("U")

MAX_CONNECTIONS = 24
"""A process holds: more do not make a database of a few cores faster, and it is to serve many processes."""
MAX_RUNS = 5
"""How often work is run that meets other work."""

_OF_CUSTOMERS = customer.c.customer_id == func.any(cast(bindparam("who"), ARRAY(BigInteger)))
_LIMITS = (
    b"; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '60s'"
    b"; SET LOCAL idle_in_transaction_session_timeout = '60s'"
)
_BEGIN_READING = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" + _LIMITS
# Each statement sees what is committed when it begins; what must not change meanwhile is locked. A commit waits for the
# standby, if there is one, however the database is set up by default. Pages that a session writes out to make room, as
# one that imports does, go on to the disk as they come: half a minute's of them at once would keep commits waiting.
_BEGIN_WRITING = (
    b"BEGIN ISOLATION LEVEL READ COMMITTED"
    + _LIMITS
    + b"; SET LOCAL synchronous_commit = on; SET LOCAL backend_flush_after = '1MB'"
)
_BEGIN_MIGRATING = (
    b"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0"
    b"; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL synchronous_commit = on"
)
# The transaction lasts as long as the name is held. It sees nothing and so keeps nothing from being cleaned up.
_BEGIN_HOLDING = (
    b"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0"
    b"; SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5; SET LOCAL tcp_keepalives_count = 3"
)


@dataclass(frozen=True)
class _LockedName:
    """A lock of a transaction, which stays as long as its connection."""

    link: Link
    has_it: bool

    def is_held(self) -> bool:
        if not self.has_it:
            return False
        try:
            run(self.link.pgconn, b"SELECT 1")
        except psycopg.Error:
            return False
        return True


class _Statement:
    """A query as libpq takes it: everything as bytes."""

    def __init__(self, name: bytes, query: BorrowerQuery) -> None:
        self.name = name
        self.sql = query.sql.encode()
        self._query = query

    def parameters(self, who: bytes, on: date) -> list[bytes]:
        return [*(b"%d" % value for value in self._query.of_day(on)), who]


class PostgresDatabase:
    """A PostgreSQL database."""

    waits_to_submit: ClassVar[bool] = True

    def __init__(self, url: URL, threads: int) -> None:
        self._engine = open_postgres_engine(url)
        dialect: Callable[..., Dialect] = url.get_dialect()
        own = dialect(paramstyle="numeric_dollar")
        self._of_customer = _Statement(b"almeno_borrower", BorrowerQuery(own, OF_CUSTOMER))
        self._of_customers = _Statement(b"almeno_borrowers", BorrowerQuery(own, _OF_CUSTOMERS))
        self._prepares = prepares(url)
        statements = (self._of_customer, self._of_customers) if self._prepares else ()
        prepared = [(statement.name, statement.sql) for statement in statements]
        self._links = Links(self._engine, min(threads + 1, MAX_CONNECTIONS), prepared)

    @property
    def engine(self) -> Engine:
        """See `almeno_grpc.storage.backend.Database.engine`."""
        return self._engine

    def borrower(self, customer_id: int, on: date) -> Borrower | None:
        """See `almeno_grpc.storage.backend.Database.borrower`."""
        rows = self._read_borrowers(self._of_customer, b"%d" % customer_id, on)
        return borrower_of(rows[0]) if rows else None

    def borrowers(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """See `almeno_grpc.storage.backend.Database.borrowers`."""
        who = b"{" + b",".join(b"%d" % number for number in customer_ids) + b"}"
        rows = self._read_borrowers(self._of_customers, who, on)
        return {row[0]: borrower_of(row) for row in rows}

    def borrower_in(self, connection: Connection, customer_id: int, on: date) -> Borrower | None:
        """See `almeno_grpc.storage.backend.Database.borrower_in`."""
        rows = self._run(pgconn_of(connection), self._of_customer, b"%d" % customer_id, on)
        return borrower_of(rows[0]) if rows else None

    def _read_borrowers(self, statement: "_Statement", who: bytes, on: date) -> list[list[int]]:
        try:
            try:
                with self._links.lent() as link:
                    return self._run(link.pgconn, statement, who, on)
            except psycopg.Error as error:
                if not is_unavailable(error):
                    raise
                # It may have been idle while the database was started anew, and the others with it.
                self._links.close_idle()
                with self._links.lent() as link:
                    return self._run(link.pgconn, statement, who, on)
        except Exception as error:
            raise refusal_of(error) from error

    def _run(self, pgconn: PGconn, statement: "_Statement", who: bytes, on: date) -> list[list[int]]:
        # Past psycopg's cursor, at two thirds of its cost.
        parameters = statement.parameters(who, on)
        if self._prepares:
            result = checked(pgconn, pgconn.exec_prepared(statement.name, parameters))
        else:
            result = checked(pgconn, pgconn.exec_params(statement.sql, parameters))
        columns = range(result.nfields)
        return [[int(result.get_value(row, column) or 0) for column in columns] for row in range(result.ntuples)]

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See `almeno_grpc.storage.backend.Database.read`."""
        with _translated(), self._links.lent(_BEGIN_READING) as link, link.transaction() as connection:
            yield connection

    def submit(
        self, work: Callable[[BookConnection], T], then: Callable[[T], U], wanted: Callable[[], bool]
    ) -> Future[U]:
        """See `almeno_grpc.storage.backend.Database.submit`. The caller's thread waits for the database."""
        end: Future[U] = Future()
        settle(end, lambda: then(self._write(work, wanted)))
        return end

    def _write(self, work: Callable[[BookConnection], T], wanted: Callable[[], bool]) -> T:
        with _translated():
            for run_number in range(1, MAX_RUNS):
                try:
                    return self._write_once(work, wanted)
                except Exception as error:
                    if not is_conflict(error):
                        raise
                # Those that met do not meet again when each waits for another while.
                time.sleep(random.uniform(0, run_number / 200))  # noqa: S311
            return self._write_once(work, wanted)

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """See `almeno_grpc.storage.backend.Database.migrating`."""
        try:
            link = Link(self._engine)
        except DBAPIError as error:
            raise StoreUnavailable(f"the database cannot be reached: {cause_of(error)}") from error
        try:
            with _translated():
                run(link.pgconn, _BEGIN_MIGRATING)
                with link.transaction() as connection:
                    run(link.pgconn, b"SELECT pg_advisory_xact_lock(%d)" % _lock_number("migration"))
                    # Servers of the version before may be at work on the tables.
                    run(link.pgconn, b"SET LOCAL lock_timeout = '30s'")
                    yield connection
        finally:
            link.close()

    def checkpoint(self, *, in_steps: bool = False) -> None:
        """See `almeno_grpc.storage.backend.Database.checkpoint`: the server does so by itself."""

    def analyze(self) -> None:
        """See `almeno_grpc.storage.backend.Database.analyze`."""
        with _translated(), self._links.lent(_BEGIN_WRITING) as link, link.transaction():
            renew_statistics(link.pgconn)

    @contextmanager
    def hold(self, name: str) -> Iterator[Lock]:
        """See `almeno_grpc.storage.backend.Database.hold`."""
        with _translated():
            link = Link(self._engine)
        try:
            with _translated():
                run(link.pgconn, _BEGIN_HOLDING)
                result = run(link.pgconn, b"SELECT pg_try_advisory_xact_lock(%d)" % _lock_number(name))
            yield _LockedName(link, has_it=result.get_value(0, 0) == b"t")
        finally:
            link.close()

    def close(self) -> None:
        """See `almeno_grpc.storage.backend.Database.close`."""
        self._links.close()
        self._engine.dispose()

    def others_wait(self) -> bool:
        """See `almeno_grpc.storage.backend.Database.others_wait`: here only who wants the same rows ever waits."""
        return False

    def _write_once(self, work: Callable[[BookConnection], T], wanted: Callable[[], bool]) -> T:
        _check_wanted(wanted)
        with self._links.lent(_BEGIN_WRITING) as link, link.transaction() as connection:
            book_connection = BookConnection(connection, gathers=True)
            result = work(book_connection)
            book_connection.check()
            _check_wanted(wanted)
        return result


def _check_wanted(wanted: Callable[[], bool]) -> None:
    if not wanted():
        raise DeadlineExceeded("nobody waits for the answer any more; nothing was changed")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is error:
            raise
        raise refusal from error


def _lock_number(name: str) -> int:
    """The number that stands for a name among the database's advisory locks, whoever else takes some."""
    return int.from_bytes(hashlib.sha256(f"almeno {name}".encode()).digest()[:8], "big", signed=True)
