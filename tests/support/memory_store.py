"""A store in memory, for tests of what the service does with transactions; it keeps idempotency records alone."""

import threading
from collections.abc import Callable, Collection
from datetime import date
from typing import Any, TypeVar, cast

from almeno_grpc.domain.audit import AuditEntry
from almeno_grpc.domain.errors import DeadlineExceeded, WriteConflict
from almeno_grpc.service.store import Changes, IdempotencyRecord, Store, always

T = TypeVar("T")


class MemoryTransaction:
    """One transaction: what it writes is in the store once it has been committed."""

    def __init__(self, store: "MemoryStore") -> None:
        self._store = store
        self.changes = Changes()
        self.events: list[AuditEntry] = []

    @property
    def idempotency(self) -> "MemoryTransaction":
        return self

    def get_many(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], IdempotencyRecord]:
        self._store.log.append("look up records")
        return {key: self._store.records[key] for key in keys if key in self._store.records}

    def latest_business_date(self) -> date | None:
        return self._store.latest_business_date

    def write(self, *parts: Changes) -> None:
        self._store.log.append("write")
        changes = Changes()
        for part in parts:
            changes.policy_pins |= part.policy_pins
            changes.idempotency_records += part.idempotency_records
        self._store.on_write(changes)
        self.changes = changes
        self.events = [part.event for part in parts if part.event]


class MemoryStore:
    """Transactions one after the other, with hooks for what goes wrong."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], IdempotencyRecord] = {}
        self.committed: list[Changes] = []
        self.events: list[AuditEntry] = []
        self.log: list[str] = []
        self.latest_business_date: date | None = None
        self.on_begin: Callable[[], object] = lambda: None
        self.on_write: Callable[[Changes], object] = lambda _changes: None
        self.on_commit: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def write(self, work: Callable[[Any], T], *, is_active: Callable[[], bool] = always, max_attempts: int = 5) -> T:
        for attempts_left in reversed(range(max_attempts)):
            try:
                return self._write_once(work, is_active)
            except WriteConflict:
                if not attempts_left:
                    raise
        raise AssertionError("there is at least one attempt")

    def _write_once(self, work: Callable[[Any], T], is_active: Callable[[], bool]) -> T:
        with self._lock:
            self.log.append("begin")
            self.on_begin()
            if not is_active():
                raise DeadlineExceeded("nobody waits")
            tx = MemoryTransaction(self)
            result = work(tx)
            if not is_active():
                raise DeadlineExceeded("nobody waits")
            self.on_commit()
            self.log.append("commit")
            self.committed.append(tx.changes)
            self.events += tx.events
            self.records |= {(record.principal, record.request_id): record for record in tx.changes.idempotency_records}
            return result

    def as_store(self) -> Store:
        """The store, for those who use no more of it than this one has."""
        return cast("Store", self)
