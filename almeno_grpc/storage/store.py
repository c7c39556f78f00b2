"""The store: the book in a database, in transactions."""

import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from almeno_grpc.clock import Clock
from almeno_grpc.domain.decision import Borrower
from almeno_grpc.domain.errors import DeadlineExceeded, StoreUnavailable, WriteConflict
from almeno_grpc.metrics import NO_METRICS, Metrics
from almeno_grpc.service.store import Changes, Lock, always
from almeno_grpc.storage import business_days
from almeno_grpc.storage.access import Callers
from almeno_grpc.storage.audit import AuditTrail
from almeno_grpc.storage.audit_writes import AuditWrites
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.baseline import Baseline
from almeno_grpc.storage.borrowers import Borrowers, borrowers_of
from almeno_grpc.storage.change_event_writes import ChangeEventWrites
from almeno_grpc.storage.change_events import ChangeEvents
from almeno_grpc.storage.changes import rows_of
from almeno_grpc.storage.charges import Charges
from almeno_grpc.storage.customer_changes import CustomerChanges
from almeno_grpc.storage.customers import Customers
from almeno_grpc.storage.daily_sums import DailySums
from almeno_grpc.storage.decisions import Decisions
from almeno_grpc.storage.engine import DatabaseUnusable, open_backend, parse_url
from almeno_grpc.storage.idempotency import IdempotencyRecords
from almeno_grpc.storage.imports import Imports
from almeno_grpc.storage.loans import Loans
from almeno_grpc.storage.partition import Partition
from almeno_grpc.storage.policy_pins import PolicyPins
from almeno_grpc.storage.repayments import Repayments
from almeno_grpc.storage.statistics import Statistics
from almeno_grpc.storage.tables import change_event
from almeno_grpc.storage.terms_pins import TermsPins

T = TypeVar("T")

_MAX_PAUSE_SECONDS = 0.005
"""After the first conflict; after the second twice as long, and so on."""


class SqlTransaction:
    """The book as one transaction sees it."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._transaction = transaction

    @cached_property
    def customers(self) -> Customers:
        """The customers."""
        return Customers(self._transaction)

    @cached_property
    def customer_changes(self) -> CustomerChanges:
        """The changes of customers and their loans."""
        return CustomerChanges(self._transaction)

    @cached_property
    def borrowers(self) -> Borrowers:
        """The borrowers."""
        return Borrowers(self._transaction)

    @cached_property
    def loans(self) -> Loans:
        """The loans."""
        return Loans(self._transaction)

    @cached_property
    def repayments(self) -> Repayments:
        """The repayments."""
        return Repayments(self._transaction)

    @cached_property
    def charges(self) -> Charges:
        """The charges and waivers."""
        return Charges(self._transaction)

    @cached_property
    def decisions(self) -> Decisions:
        """The stored decisions."""
        return Decisions(self._transaction)

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics."""
        return Statistics(self._transaction)

    @cached_property
    def daily_sums(self) -> DailySums:
        """The sums of finished history."""
        return DailySums(self._transaction)

    @cached_property
    def change_events(self) -> ChangeEvents:
        """The events that other systems follow the book by."""
        return ChangeEvents(self._transaction)

    @cached_property
    def policy_pins(self) -> PolicyPins:
        """The policy pins."""
        return PolicyPins(self._transaction)

    @cached_property
    def terms_pins(self) -> TermsPins:
        """The pins of terms."""
        return TermsPins(self._transaction)

    @cached_property
    def idempotency(self) -> IdempotencyRecords:
        """The idempotency records."""
        return IdempotencyRecords(self._transaction)

    @cached_property
    def imports(self) -> Imports:
        """The imports."""
        return Imports(self._transaction)

    @cached_property
    def access(self) -> Callers:
        """The callers."""
        return Callers(self._transaction)

    @cached_property
    def audit(self) -> AuditTrail:
        """The audit trail."""
        return AuditTrail(self._transaction)

    @cached_property
    def baseline(self) -> Baseline:
        """The baseline of the audit trail."""
        return Baseline(self._transaction)

    def prepare_partitions(self, now: int) -> bool:
        """As the backend does."""
        return self._transaction.backend.prepare_partitions(self._transaction.connection, now)

    def latest_business_date(self) -> date | None:
        """By one statement."""
        return business_days.latest_business_date(self._transaction.connection)

    def write(self, *changes: Changes) -> None:
        """Writes the changes, as the backend writes rows."""
        backend = self._transaction.backend
        writes = rows_of(changes, self._transaction.audit, self.customers.rows, answers_apart=backend.divides_history)
        try:
            if changes:
                self._transaction.change_events.insert(self._transaction.connection, changes[0])
            backend.write_rows(self._transaction.connection, writes)
        except BaseException:
            # The place in a chain may be what was refused: then somebody else has put an event there.
            self._transaction.audit.abandon()
            raise

    def is_contended(self) -> bool:
        """Whether other processes wait for this transaction to end."""
        return self._transaction.backend.is_contended()


class SqlStore:
    """The book in a database. One a process.

    Attributes:
        has_failed: Set where the database could not do what it was asked to; whoever looks after it clears it.
    """

    def __init__(
        self,
        database_url: str,
        *,
        threads: int = 8,
        must_exist: bool = False,
        read_only: bool = False,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        """Opens the database.

        Args:
            database_url: Its URL.
            threads: How many threads are to work on it at the same time.
            must_exist: Whether no file is made where there is none.
            read_only: Whether nothing is ever written, so that a SQLite file stays as it is to the byte.
            metrics: Where transactions that write are counted, and connections shown.

        Raises:
            DatabaseUnusable: The URL or the environment cannot be used, or there is no file.
        """
        url = parse_url(database_url)
        if must_exist and url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise DatabaseUnusable(f"there is no database {url.database}")
        self._backend = open_backend(url, threads, read_only=read_only)
        self.has_failed = threading.Event()
        self._written_until_seconds = 0.0
        self._metrics = metrics
        self._backend.measure(metrics)

    @property
    def engine(self) -> Engine:
        """For those who look at the database itself: checks and tests."""
        return self._backend.engine

    def migrate(self, revision: str = "head", *, beside_servers: bool = False) -> None:
        """Upgrades the schema to a revision, or as far as servers of the version before can bear beside it.

        Raises:
            DatabaseUnusable: The database holds something else, or the schema of a version that is not known; or it is
                empty or one that servers cannot go on with, and there are to be servers.
            StoreUnavailable: The database cannot be reached, or another session keeps a table locked.
        """
        from almeno_grpc.storage.schema import migrate  # noqa: PLC0415 - Alembic takes a while, and one process needs it

        if beside_servers and self.engine.dialect.name == "sqlite":
            raise DatabaseUnusable("SQLite is upgraded while no server runs: stop them, and start the new one")
        with self._translated_errors(), self._backend.migrate() as connection:
            migrate(connection, revision, beside_servers=beside_servers)
        if revision == "head" and not beside_servers:
            while self.write(lambda tx: tx.prepare_partitions(Clock.now_microseconds())):
                pass

    def is_new(self) -> bool:
        """As the backend does."""
        return self._backend.is_new()

    def revisions(self) -> tuple[str | None, str]:
        """The revision of the schema, None where the database is empty, and the newest that there is.

        Raises:
            DatabaseUnusable: As `migrate`.
            StoreUnavailable: The database cannot be read.
        """
        from almeno_grpc.storage.schema import revisions  # noqa: PLC0415 - as for `migrate`

        with self._translated_errors(), self._backend.read() as connection:
            return revisions(connection)

    def refuse_damage(self, max_seconds: int) -> None:
        """Reads the database, or as much as the time allows, to see whether it is sound.

        Raises:
            DatabaseUnusable: It is not.
            StoreUnavailable: It cannot be read.
        """
        with self._translated_errors():
            damage = self._backend.find_damage(max_seconds)
        if damage is not None:
            raise DatabaseUnusable(f"the database is damaged ({damage}); restore it from a backup")

    def writers_of_events(self) -> frozenset[str]:
        """As the backend knows them."""
        with self._translated_errors():
            return self._backend.writers_of(change_event)

    def probe_reads(self) -> None:
        """As the backend does."""
        with self._translated_errors():
            self._backend.probe_reads()

    def probe_writes(self) -> None:
        """As the backend does, unless a commit has shown lately that it can."""
        if time.monotonic() >= self._written_until_seconds:
            with self._translated_errors():
                self._backend.probe_writes()
            self._written_until_seconds = time.monotonic() + self._backend.proven_seconds

    @property
    def divides_history(self) -> bool:
        """Whether the tables of history have partitions."""
        return self._backend.divides_history

    def partitions(self) -> list[Partition]:
        """The partitions of tables that are divided by time, and those that were detached; none on SQLite."""
        with self._translated_errors(), self._backend.read() as connection:
            return self._backend.partitions(connection)

    def attach_partition(self, name: str) -> None:
        """Makes a partition again of one that was detached.

        Raises:
            LookupError: There is none of the name.
            ValueError: Its table has rows of its time already.
            StoreUnavailable: Its table is in use; to try again is safe.
        """
        with self._translated_errors(), self._backend.write() as connection:
            partition = self._detached(connection, name)
            if not self._backend.attach_partition(connection, partition):
                raise StoreUnavailable(f"the table {partition.table} is in use; attach {name} again")

    def drop_detached(self, name: str) -> None:
        """Drops a partition that was detached, with all its rows.

        Raises:
            LookupError: There is none of the name.
            StoreUnavailable: A table that it refers to is in use; to try again is safe.
        """
        with self._translated_errors(), self._backend.write() as connection:
            if not self._backend.remove_partition(connection, self._detached(connection, name)):
                raise StoreUnavailable(f"the tables that {name} refers to are in use; drop it again")

    def _detached(self, connection: Connection, name: str) -> Partition:
        detached = {each.name: each for each in self._backend.partitions(connection) if not each.is_attached}
        if name not in detached:
            raise LookupError(f"there is no table {name} that was detached")
        return detached[name]

    def close(self) -> None:
        """Closes all connections."""
        self._backend.close()

    def borrowers(self, customer_ids: Collection[int], on: date) -> dict[int, Borrower]:
        """By one statement."""
        try:
            return borrowers_of(self._backend.fetch, customer_ids, on)
        except Exception as error:
            # Without a context manager, which would cost a tenth of it on SQLite.
            self._raise_translated(error)
            raise

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """A transaction that reads."""
        with self._translated_errors(), self._backend.read() as connection:
            yield SqlTransaction(self._open_transaction(connection, writes=False))

    def write(
        self, work: Callable[[SqlTransaction], T], *, is_active: Callable[[], bool] = always, max_attempts: int = 5
    ) -> T:
        """In the caller's thread."""
        for attempt in range(1, max_attempts):
            try:
                return self._write_once(work, is_active)
            except WriteConflict:
                # Those that met do not meet again when each waits for another while.
                time.sleep(random.uniform(0, attempt * _MAX_PAUSE_SECONDS))  # noqa: S311
        return self._write_once(work, is_active)

    def checkpoint(self, *, in_steps: bool = False) -> None:
        """As the backend does."""
        with self._translated_errors():
            self._backend.checkpoint(in_steps=in_steps)

    def analyze(self) -> None:
        """As the backend does."""
        with self._translated_errors():
            self._backend.analyze()

    def return_space(self) -> bool:
        """As the backend does."""
        with self._translated_errors():
            return self._backend.return_space()

    def erase_log(self) -> bool:
        """As the backend does."""
        with self._translated_errors():
            return self._backend.erase_log()

    def file_bytes(self) -> Mapping[str, int]:
        """Sizes of the files of the database, by what they are; none where a server keeps them."""
        return self._backend.file_bytes()

    @contextmanager
    def try_lock(self, name: str) -> Iterator[Lock]:
        """As the backend does."""
        with self._translated_errors(), self._backend.try_lock(name) as lock:
            yield lock

    def _write_once(self, work: Callable[[SqlTransaction], T], is_active: Callable[[], bool]) -> T:
        waiting_seconds = time.perf_counter()
        with self._translated_errors(), self._backend.write() as connection:
            began_seconds = time.perf_counter()
            # Whoever had to wait in line for long may have nobody left to work for.
            _raise_if_inactive(is_active)
            result = work(SqlTransaction(self._open_transaction(connection, writes=True)))
            _raise_if_inactive(is_active)
            done_seconds = time.perf_counter()
        self._metrics.transaction(began_seconds - waiting_seconds, time.perf_counter() - done_seconds)
        self._written_until_seconds = time.monotonic() + self._backend.proven_seconds
        return result

    def _open_transaction(self, connection: Connection, *, writes: bool) -> OpenTransaction:
        return OpenTransaction(
            connection, self._backend, writes=writes, audit=AuditWrites(connection), change_events=ChangeEventWrites()
        )

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._raise_translated(error)
            raise

    def _raise_translated(self, error: Exception) -> None:
        """Raises the domain error that an error stands for, if that is another."""
        domain_error = self._backend.translate_error(error)
        if isinstance(domain_error, StoreUnavailable):
            self._written_until_seconds = 0.0
            self.has_failed.set()
        if domain_error is not error:
            raise domain_error from error


def _raise_if_inactive(is_active: Callable[[], bool]) -> None:
    if not is_active():
        raise DeadlineExceeded("nobody waits for the answer any more; nothing was changed")
