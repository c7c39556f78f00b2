"""Wires the application together: the only place that knows all of its parts.

Each process imports this module, and of the rest what its role needs: gRPC's servicers in one that serves calls, the
import worker in one that imports.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from almeno_grpc.api_keys import key_id_of, key_sha256
from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.errors import BusinessDateBehind
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.rule_file import DatedRule, R, RuleFileError, newest_in_effect
from almeno_grpc.domain.terms import Terms
from almeno_grpc.logs import log_event
from almeno_grpc.metrics import Metrics, StoreFigures
from almeno_grpc.service.access import AccessService
from almeno_grpc.service.audit_anchor import AnchorFile
from almeno_grpc.service.audit_signing import KeyUnusable, SigningKey, read_key
from almeno_grpc.service.imports import CHUNK_BYTES, ImportService, Upload
from almeno_grpc.service.rule_files import NORMS, POLICIES, TERMS, RuleKind, check_pins, load_rules
from almeno_grpc.service.store import Changes, Transaction
from almeno_grpc.service.terms import TermsCalendar
from almeno_grpc.storage.engine import DatabaseUnusable
from almeno_grpc.storage.store import SqlStore

if TYPE_CHECKING:
    from almeno_grpc.application import CreditApplication


MAX_CHECK_SECONDS = 10
"""How long a start looks for damage in the database; a file of some gigabytes is read no further."""


def clock_of(settings: Settings) -> Clock:
    """The clock that the settings describe."""
    return Clock(settings.business_date, settings.timezone)


def load_policies(lender_folder: Path | None = None) -> list[Policy]:
    """The policies that the package brings, and those of the lender's folder.

    Raises:
        ConfigurationError: A policy file cannot be used.
    """
    return _load(POLICIES, lender_folder)


def load_terms(lender_folder: Path | None = None) -> list[Terms]:
    """The terms that the package brings, and those of the lender's folder.

    Raises:
        ConfigurationError: A terms file cannot be used.
    """
    return _load(TERMS, lender_folder)


def load_norms(lender_folder: Path | None = None) -> list[Norms]:
    """The provisioning norms that the package brings, and those of the lender's folder.

    Raises:
        ConfigurationError: A norms file cannot be used.
    """
    return _load(NORMS, lender_folder)


def load_all_rules(settings: Settings) -> Mapping[str, Sequence[DatedRule]]:
    """The rules of each kind, by its name.

    Raises:
        ConfigurationError: A file cannot be used.
    """
    folder = settings.rules
    return {
        POLICIES.name: load_policies(folder),
        TERMS.name: load_terms(folder),
        NORMS.name: load_norms(folder),
    }


def versions_in_effect(rules: Mapping[str, Sequence[DatedRule]], clock: Clock) -> dict[str, str]:
    """The versions in effect on the business date, by the name of their kind; none where all take effect later."""
    in_effect = {name: newest_in_effect(of_kind, clock.today()) for name, of_kind in rules.items()}
    return {name: rule.version for name, rule in in_effect.items() if rule is not None}


def _load(kind: RuleKind[R], lender_folder: Path | None) -> list[R]:
    try:
        return load_rules(kind, lender_folder)
    except RuleFileError as error:
        raise ConfigurationError(str(error)) from error


def prepare_database(settings: Settings) -> None:
    """Creates or migrates the database, and holds the rule files and the business date against what is in it.

    Raises:
        ConfigurationError: The database, a rule file or the key of the audit trail cannot be used.
        CreditError: The database is not available.
    """
    signing_key(settings)
    policies, terms = load_policies(settings.rules), load_terms(settings.rules)
    with _opened_database(settings) as store:
        store.refuse_damage(MAX_CHECK_SECONDS)
        store.migrate()
        behind = _check_book(store, policies, terms, clock_of(settings))
    if behind is not None:
        log_event("business_date_behind", logging.WARNING, message=behind.message)


def migrate_database(settings: Settings, *, beside_servers: bool) -> tuple[str | None, str]:
    """Upgrades the schema of the database, or as far as servers of the version before can bear beside it.

    Returns:
        The revision that it has come to, and the newest.

    Raises:
        ConfigurationError: The database cannot be upgraded.
        CreditError: The database is not available.
    """
    with _opened_database(settings) as store:
        store.refuse_damage(MAX_CHECK_SECONDS)
        store.migrate(beside_servers=beside_servers)
        return store.revisions()


@contextmanager
def _opened_database(settings: Settings, *, read_only: bool = False) -> Iterator[SqlStore]:
    """The database of the settings, for who looks after it before servers serve.

    Raises:
        ConfigurationError: It cannot be used.
    """
    try:
        store = SqlStore(settings.database_url, threads=1, read_only=read_only)
        try:
            yield store
        finally:
            store.close()
    except DatabaseUnusable as error:
        raise ConfigurationError(str(error)) from error


@dataclass(frozen=True)
class DatabaseState:
    """A database as a start would find it.

    Attributes:
        revision: Of its schema; None where a start makes it.
        newest_revision: To which a start upgrades it; None where it makes it.
        behind: Why a server would change nothing, where the book has come to a later day than its own.
    """

    revision: str | None
    newest_revision: str | None
    behind: BusinessDateBehind | None = None


def inspect_database(settings: Settings) -> DatabaseState:
    """Looks at the database as `prepare_database` does, and writes nothing.

    The book is held against the rule files and the business date where its schema is the newest.

    Raises:
        ConfigurationError: The database or a rule file cannot be used.
        CreditError: The database is not available.
    """
    policies, terms = load_policies(settings.rules), load_terms(settings.rules)
    with _opened_database(settings, read_only=True) as store:
        if store.is_new():
            return DatabaseState(None, None)
        store.refuse_damage(MAX_CHECK_SECONDS)
        revision, newest = store.revisions()
        is_newest = revision == newest
        behind = _check_book(store, policies, terms, clock_of(settings)) if is_newest else None
        return DatabaseState(revision, newest, behind)


def _check_book(
    store: SqlStore, policies: Sequence[Policy], terms: Sequence[Terms], clock: Clock
) -> BusinessDateBehind | None:
    """Holds the rule files against what is pinned, and tells where the business date is behind.

    Raises:
        ConfigurationError: A file has changed or is gone.
    """
    try:
        with store.read() as tx:
            check_pins(POLICIES, tx.policy_pins.all(), policies)
            check_pins(TERMS, tx.terms_pins.all(), terms, content_is_pinned=True)
        # Those whose file is gone are read from the database: here, and not in a call.
        TermsCalendar(terms, store).all()
    except RuleFileError as error:
        raise ConfigurationError(str(error)) from error
    return _business_date_behind(store, clock)


def _business_date_behind(store: SqlStore, clock: Clock) -> BusinessDateBehind | None:
    """Why the server is going to change nothing, where the book has come to a later day than its own."""
    today = clock.today()
    with store.read() as tx:
        latest = tx.latest_business_date()
    return BusinessDateBehind(today, latest) if latest is not None and today < latest else None


def signing_key(settings: Settings) -> SigningKey | None:
    """The key that signs checkpoints, if there is one.

    Raises:
        ConfigurationError: It cannot be used.
    """
    if settings.audit_key_file is None:
        return None
    try:
        key = read_key(settings.audit_key_file)
        key.sign(b"")
    except KeyUnusable as error:
        raise ConfigurationError(str(error), "audit_key_file") from error
    return key


def build_application(settings: Settings, metrics: Metrics) -> "CreditApplication":
    """Makes the services of this process."""
    from almeno_grpc.application import CreditApplication  # noqa: PLC0415 - for processes that serve calls

    folder = settings.rules
    return CreditApplication(
        settings, clock_of(settings), load_policies(folder), load_terms(folder), load_norms(folder), metrics
    )


def build_import_worker(settings: Settings, metrics: Metrics) -> Callable[[threading.Event], None]:
    """Makes the function that works on imports until its event is set; what is unfinished goes on at the next start."""
    from almeno_grpc.imports.sandbox.messages import ReadingLimits  # noqa: PLC0415 - for the process that imports
    from almeno_grpc.imports.worker import ImportWorker  # noqa: PLC0415 - as above
    from almeno_grpc.service.audit_upkeep import AuditUpkeep, Retention  # noqa: PLC0415 - as above
    from almeno_grpc.service.housekeeping import HistoryDays  # noqa: PLC0415 - as above

    store = SqlStore(settings.database_url, threads=1, metrics=metrics)
    limits = ReadingLimits(
        unpacked_bytes=settings.import_max_unpacked_bytes,
        rows=settings.import_max_rows,
        memory_bytes=settings.import_max_memory_bytes,
    )
    upkeep = AuditUpkeep(
        store,
        clock_of(settings),
        Retention(settings.audit_write_days, settings.audit_read_days),
        signing_key(settings),
        AnchorFile(settings.audit_anchor_file) if settings.audit_anchor_file else None,
    )
    worker = ImportWorker(
        store,
        clock_of(settings),
        metrics,
        limits,
        settings.import_batch_rows,
        days=HistoryDays(settings.request_days, settings.event_days, settings.decision_days),
        upkeep=upkeep.run_due,
    )

    def run(stop: threading.Event) -> None:
        try:
            worker.run(stop)
        finally:
            store.close()

    return run


def queue_files(settings: Settings) -> None:
    """Queues the files that the settings name, customers first, for the loans are theirs; none while it is behind."""
    store = SqlStore(settings.database_url, threads=1)
    imports = ImportService(store, clock_of(settings))
    try:
        if _business_date_behind(store, clock_of(settings)) is not None:
            return
        for kind, path in ((ImportKind.CUSTOMERS, settings.load_customers), (ImportKind.LOANS, settings.load_loans)):
            if path is not None:
                upload = _upload(kind, path)
                import_id = imports.store(upload)
                store.write(partial(_queue, imports, upload, import_id))
    finally:
        store.close()


def _queue(imports: ImportService, upload: Upload, import_id: str, tx: Transaction) -> None:
    queued = imports.queue(tx, upload, import_id)
    event = AuditEntry(AuditEventKind.WRITE, queued.create_time, "", "", "load at the start", subject=import_id)
    tx.write(Changes(event=event))


def create_administrator(settings: Settings, key: str, *, recover: bool) -> None:
    """Creates the principal `admin` with a key in the database of the settings.

    Args:
        settings: The settings.
        key: The key.
        recover: Whether to do so where there are principals: `admin` may then exist.

    Raises:
        ConfigurationError: The database cannot be used, or is one of an older version, whose servers may run on it.
        CreditError: There are principals, or the database is not available.
    """
    _refuse_older_schema(settings)
    prepare_database(settings)
    store = SqlStore(settings.database_url, threads=1)
    access = AccessService(store, clock_of(settings))
    try:
        store.write(lambda tx: access.create_administrator(tx, key_id_of(key), key_sha256(key), recover=recover))
    finally:
        store.close()


def _refuse_older_schema(settings: Settings) -> None:
    """Upgrades no database beside servers that cannot bear it, by the way.

    Raises:
        ConfigurationError: The schema is one of an older version.
        CreditError: The database is not available.
    """
    with _opened_database(settings) as store:
        revision, newest = (None, None) if store.is_new() else store.revisions()
    if revision not in (None, newest):
        raise ConfigurationError(
            f"the database is one of an older version (schema {revision}): stop its servers, and start those of this "
            "version, which upgrade it"
        )


def store_figures(settings: Settings) -> Callable[[], StoreFigures]:
    """Makes the function that looks at the database for a scrape."""
    rules = load_all_rules(settings)

    def figures() -> StoreFigures:
        # A connection of its own each time: between two scrapes the supervisor holds none.
        store = SqlStore(settings.database_url, threads=1)
        try:
            with store.read() as tx:
                depth, oldest = tx.imports.depth(), tx.imports.oldest_waiting_microseconds()
            return StoreFigures(depth, oldest, store.file_bytes(), versions_in_effect(rules, clock_of(settings)))
        finally:
            store.close()

    return figures


def _upload(kind: ImportKind, path: Path) -> Upload:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    return Upload(kind, path.name, None, size, sha256, {}, _Pieces(path))


@dataclass(frozen=True)
class _Pieces:
    """A file in pieces."""

    path: Path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece
