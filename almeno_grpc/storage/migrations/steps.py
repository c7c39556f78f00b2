"""The steps of a revision, each in a transaction of its own, which servers of the version before may book beside.

What a step has done is noted in its own transaction, so that an upgrade that was interrupted goes on behind it. On
PostgreSQL no step keeps others waiting for long: a change of a table gives up a lock that it does not get at once and
tries again, an index is built by CREATE INDEX CONCURRENTLY, a check is added NOT VALID and validated afterwards, and
rows are filled in by batches. On SQLite all of it is written under the lock of the one that migrates.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, text
from sqlalchemy.exc import DBAPIError

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.storage.audit_writes import chained
from almeno_grpc.storage.compiled import wrap_dbapi_error

T = TypeVar("T")
Place = Sequence[int | str]
"""The key of a row, up to which a table is filled in."""

PROGRESS = "migration_step"
"""The table of what is done of the revision at hand; there while a migration is."""
ROWS_PER_BATCH = 2_000
"""Rows filled in by a transaction: calls that change one of them wait for its end."""
_LOCK_MILLISECONDS = 200
"""How long a change waits for a table, and calls behind it. The database looks for deadlocks after a second."""
_SNAPSHOT_SECONDS = 60
"""How long an index waits for transactions with old snapshots, which keeps nobody waiting; then it is built again."""
_MOVE_SECONDS = 0.02
_SMALL_BYTES = 2**24
"""Of a table whose index takes a tenth of a second to build."""
_ATTEMPT_SECONDS = 0.3
"""Between two attempts."""
_MAX_ATTEMPTS = 600
_REST = 0.5
"""How long to rest after a batch, as a share of the time that it took: others want the disk, too."""
_RETRIED = {
    "55P03",  # lock not available
    "40P01",  # deadlock detected
    "40001",  # serialization failure
}
"""SQLSTATEs of what comes through another time."""


class Steps:
    """The steps of a revision, taken one after the other; those that are done are left out."""

    def __init__(self, connection: Connection, revision: str) -> None:
        """Begins, or goes on with, a revision.

        Args:
            connection: A connection outside of transactions, under the lock of the one that migrates.
            revision: The revision.
        """
        self.connection = connection
        self._revision = revision
        self._taken = 0
        with chained(connection, connection.begin()):
            self._execute(
                f"CREATE TABLE IF NOT EXISTS {PROGRESS}"
                " (revision VARCHAR(32) PRIMARY KEY, done INTEGER NOT NULL, place TEXT NOT NULL)"
            )
            found = f"SELECT done, place FROM {PROGRESS} WHERE revision = :revision"  # noqa: S608 - a name of our own
            row = self._execute(found, revision=revision).first()
            if row is None:
                self._execute(f"INSERT INTO {PROGRESS} VALUES (:revision, 0, '')", revision=revision)  # noqa: S608 - as above
            self._done, self._place = tuple(row) if row else (0, "")

    @property
    def is_on_sqlite(self) -> bool:
        """Whether the database is SQLite; else it is PostgreSQL."""
        return self.connection.dialect.name == "sqlite"

    def transaction(self, work: Callable[[], object], *, tables: Sequence[str] = ()) -> None:
        """Takes a step in one transaction, which is to be short.

        Args:
            work: What it does, by `alembic.op` or the connection. It may be run again, after a rollback.
            tables: Tables that were there before whose definition it changes, or that it refers to by foreign keys: on
                PostgreSQL vacuum is kept away from them, which would else keep the change waiting.
        """

        def step() -> None:
            work()
            self._note("", is_done=True)

        if self._is_next():
            self._attempt(step, tables)

    def batches(self, work: Callable[[Place | None], Place | None]) -> None:
        """Takes a step in as many transactions as it has batches, each of some thousand rows.

        Args:
            work: Works on the rows behind a place, None for the beginning, and returns the place of the last one; None
                where there are no more. It may be run again, after a rollback.
        """
        if not self._is_next():
            return
        # Of the step that was interrupted, which is the first to be taken.
        place: Place | None = json.loads(self._place) if self._place and self._taken == self._done + 1 else None

        def batch() -> Place | None:
            reached = work(place)
            self._note(json.dumps(list(reached)) if reached else "", is_done=reached is None)
            return reached

        while True:
            began = time.monotonic()
            place = self._attempt(batch)
            if place is None:
                return
            if not self.is_on_sqlite:
                time.sleep((time.monotonic() - began) * _REST)

    def fill(self, table: str, key: Sequence[str], work: Callable[[str, Mapping[str, object]], object]) -> None:
        """Takes a step that goes through all rows of a table, by batches in the order of a key.

        Args:
            table: The table.
            key: The columns of its primary key, in the key's order.
            work: Works on the rows that a condition names, which it is given with its parameters, as in
                `WHERE {condition}`.
        """
        row = ", ".join(key)

        def batch(after: Place | None) -> Place | None:
            parameters: dict[str, object] = {}
            behind = "true"
            if after is not None:
                parameters |= {f"after_{name}": value for name, value in zip(key, after, strict=True)}
                behind = f"({row}) > ({', '.join(f':after_{name}' for name in key)})"
            page = f"SELECT {row} FROM {table} WHERE {behind} ORDER BY {row} LIMIT {ROWS_PER_BATCH}"  # noqa: S608 - names of our own
            last = self._execute(page, **parameters).all()[-1:]
            if not last:
                return None
            parameters |= {f"last_{name}": value for name, value in zip(key, last[0], strict=True)}
            # Of the comparisons of rows alone PostgreSQL thinks that they name a large part of the table.
            part = f"{key[0]} <= :last_{key[0]}" + ("" if after is None else f" AND {key[0]} >= :after_{key[0]}")
            up_to = f"({row}) <= ({', '.join(f':last_{name}' for name in key)})"
            work(f"{part} AND {behind} AND {up_to}", parameters)
            return list(last[0])

        self.batches(batch)

    def create_index(self, name: str, table: str, columns: Sequence[str], *, unique: bool = False) -> None:
        """Takes the step that creates an index of a table that may be large."""
        kind, on = "UNIQUE INDEX" if unique else "INDEX", f"{table} ({', '.join(columns)})"
        if self._is_small(table):
            statements = (f"DROP INDEX IF EXISTS {name}", f"CREATE {kind} {name} ON {on}")
            self.transaction(lambda: list(map(self._execute, statements)), tables=[table])
            return

        def build() -> None:
            # One that was interrupted has left an index that is not valid.
            self._execute_alone(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            self._execute_alone(f"CREATE {kind} CONCURRENTLY {name} ON {on}")

        if self._is_next():
            with self._moving_snapshots():
                self._retry(build)
            self._attempt(lambda: self._note("", is_done=True))

    def _is_small(self, table: str) -> bool:
        """Whether an index of the table is built while calls wait: always on SQLite."""
        with self.connection.begin():
            return self.is_on_sqlite or (
                self._execute("SELECT pg_table_size(CAST(:name AS regclass))", name=table).scalar_one() < _SMALL_BYTES
            )

    @contextmanager
    def _moving_snapshots(self) -> Iterator[None]:
        """Has transactions come and go, and whoever takes a snapshot after another see it.

        CREATE INDEX CONCURRENTLY waits for the end of transactions whose latest snapshot is older than the index. The
        import worker of version 0.1.0 has one that never ends, and takes snapshots again and again. While no other
        transaction writes, all its snapshots are as old as the first.
        """
        is_over = threading.Event()

        def move() -> None:
            # Where the connection is lost, the other one soon is.
            with suppress(DBAPIError), self.connection.engine.connect() as connection:
                while not is_over.wait(_MOVE_SECONDS):
                    with connection.begin():
                        connection.exec_driver_sql("SELECT pg_current_xact_id()")

        thread = threading.Thread(target=move, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def replace_checks(self, table: str, checks: Mapping[str, str], dropped: Sequence[str] = ()) -> None:
        """Takes the steps that add check constraints to a table that may be large, and drop others.

        Args:
            table: The table, whose rows keep the new checks.
            checks: The conditions, by their names without `ck_` and the table's.
            dropped: The names of those that go. One that gets another condition is among them.
        """
        gone, added = ([f"ck_{table}_{name}" for name in names] for names in (dropped, checks))
        conditions = dict(zip(added, checks.values(), strict=True))
        if self.is_on_sqlite:
            edit = partial(_with_checks, table=table, gone=gone, added=conditions)
            self.transaction(lambda: edit_tables(self.connection, {table: edit}))
            return
        changes = [f"DROP CONSTRAINT {name}" for name in gone]
        changes += [f"ADD CONSTRAINT {name} CHECK ({check}) NOT VALID" for name, check in conditions.items()]
        self.alter(table, changes)
        self.alter(table, [f"VALIDATE CONSTRAINT {name}" for name in added])

    def alter(self, table: str, changes: Sequence[str]) -> None:
        """Takes the step that makes changes of ALTER TABLE to a table that may be large."""
        self.transaction(lambda: self._execute(f"ALTER TABLE {table} {', '.join(changes)}"), tables=[table])

    def finish(self) -> None:
        """Forgets the steps, in the transaction that notes the revision as the database's."""
        forgotten = f"DELETE FROM {PROGRESS} WHERE revision = :revision"  # noqa: S608 - as above
        if self._execute(forgotten, revision=self._revision).rowcount != 1:
            raise StoreUnavailable("another process has gone on with the migration; start again")

    def _is_next(self) -> bool:
        """Whether the next step is yet to be taken."""
        self._taken += 1
        return bool(self._taken > self._done)

    def _note(self, place: str, *, is_done: bool) -> None:
        """Notes how far the step has come, in its transaction."""
        done = self._taken if is_done else self._taken - 1
        noted = self._execute(
            f"UPDATE {PROGRESS} SET done = :done, place = :place WHERE revision = :revision AND done = :before",  # noqa: S608 - a name of our own
            done=done,
            place=place,
            revision=self._revision,
            before=self._taken - 1,
        )
        if noted.rowcount != 1:
            # The lock goes with its connection.
            raise StoreUnavailable("another process has gone on with the migration; start again")

    def _attempt(self, work: Callable[[], T], tables: Sequence[str] = ()) -> T:
        """Does something in a transaction, again where it has waited for a lock for too long."""

        def attempt() -> T:
            with self._transaction(tables):
                return work()

        return self._retry(attempt)

    def _retry(self, work: Callable[[], T]) -> T:
        for _ in range(_MAX_ATTEMPTS):
            try:
                return work()
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _RETRIED:
                    raise
                time.sleep(_ATTEMPT_SECONDS)
        raise StoreUnavailable(
            "the schema cannot be upgraded: some other session, such as a dump, keeps a table locked; start again later"
        )

    @contextmanager
    def _transaction(self, tables: Sequence[str]) -> Iterator[None]:
        with chained(self.connection, self.connection.begin()):
            if not self.is_on_sqlite:
                # No call waits behind this lock, and vacuum gives way to it after a second.
                self._execute("SET LOCAL lock_timeout = '30s'")
                for table in tables:
                    self._execute(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")
                self._execute(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
            yield

    def _execute(self, sql: str, **parameters: object) -> CursorResult[Any]:
        return self.connection.execute(text(sql), parameters)

    def _execute_alone(self, sql: str) -> None:
        """Executes what may not be in a transaction."""
        driver: Any = self.connection.connection.dbapi_connection
        try:
            driver.execute("SET statement_timeout = 0")
            driver.execute(f"SET lock_timeout = '{_SNAPSHOT_SECONDS}s'")
            try:
                driver.execute(sql)
            finally:
                driver.execute("RESET statement_timeout")
                driver.execute("RESET lock_timeout")
        except self.connection.dialect.loaded_dbapi.Error as error:
            raise wrap_dbapi_error(self.connection, sql, error) from error


def edit_tables(connection: Connection, edits: Mapping[str, Callable[[str], str]]) -> None:
    """Edits the definitions of tables of SQLite, which are in the schema's text alone.

    SQLite has no command to change a check or a default but to copy the table, which may be large. How the text is
    edited is described in its documentation of ALTER TABLE, under "Making Other Kinds Of Table Schema Changes".

    Args:
        connection: A connection in a transaction.
        edits: What makes the new text of a table's CREATE TABLE from the old one. All rows have to keep it.
    """
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, edited in edits.items():
        found = "sqlite_schema WHERE type = 'table' AND name = ?"
        sql = connection.exec_driver_sql(f"SELECT sql FROM {found}", (table,)).scalar_one()  # noqa: S608 - of our own
        change = "UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?"
        connection.exec_driver_sql(change, (edited(sql), table))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    # Off again, and the schema read anew.
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def _with_checks(sql: str, *, table: str, gone: Sequence[str], added: Mapping[str, str]) -> str:
    """The CREATE TABLE of SQLite with other checks, in front of the primary key."""
    for name in gone:
        sql = re.sub(rf"\n[^\n]*CONSTRAINT {name} [^\n]*", "", sql)
    checks = "".join(f"CONSTRAINT {name} CHECK ({check}), \n\t" for name, check in added.items())
    return sql.replace(f"CONSTRAINT pk_{table} ", f"{checks}CONSTRAINT pk_{table} ")
