"""What keeps the audit trail: checkpoints over its chains, and the removal of what is older than it has to be kept.

Done by the one of all servers that holds the lock of the import worker, between its other work.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from almeno_grpc.clock import DAY_MICROSECONDS, Clock
from almeno_grpc.domain.audit import AuditCheckpoint, AuditEntry, AuditEventKind, ChainHead
from almeno_grpc.domain.errors import Aborted, Unavailable
from almeno_grpc.logs import log_event
from almeno_grpc.service.audit_anchor import AnchorFile
from almeno_grpc.service.audit_baseline import AuditBaseline
from almeno_grpc.service.audit_chain import START, checkpoint_hash, merkle_root
from almeno_grpc.service.audit_signing import SigningKey
from almeno_grpc.service.store import Changes, Store, Transaction

RETENTION = "retention"
"""The method of events that vouch for what the retention has removed."""
CHECKPOINT_SECONDS = 10
HEARTBEAT_SECONDS = 3600
"""Between checkpoints while nothing moves, and between looks at all chains, however old their events."""
MAX_COMMIT_SECONDS = 60
"""How long before its commit an event may have its time; what takes longer is found by the next look at all chains."""
_EVENTS_PER_STEP = 500
"""Removed in a transaction."""
_MAX_ANCHORED = 10_000
"""Checkpoints appended to the anchor file at a time: one that is begun late gets all there are."""
_SECOND = 1_000_000_000
"""In nanoseconds."""


@dataclass(frozen=True)
class Retention:
    """How long events are kept."""

    write_days: int
    """Of writes and repeated answers."""
    read_days: int
    """Of reads and refusals."""


class AuditUpkeep:
    """Keeps the audit trail of a database. Of one thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        retention: Retention,
        key: SigningKey | None = None,
        anchor: AnchorFile | None = None,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Takes what it needs.

        Args:
            store: The book.
            clock: The time of checkpoints.
            retention: How long events are kept.
            key: What signs checkpoints; None leaves them unsigned.
            anchor: Where checkpoints are written outside of the database; None for nowhere.
            monotonic: Nanoseconds since any moment.
        """
        self._store = store
        self._clock = clock
        self._retention = retention
        self._key = key
        self._anchor = anchor
        self._monotonic = monotonic
        self._checkpoint_due = self._look_at_all_due = self._removal_due = self._baseline_due = monotonic()
        self._baseline = AuditBaseline(store, clock)

    def run_due(self) -> None:
        """Does what is due, a step of it; what the database does not take now is done later. Outside transactions."""
        now = self._monotonic()
        try:
            if now >= self._checkpoint_due:
                self._checkpoint_due = now + CHECKPOINT_SECONDS * _SECOND
                self._make_checkpoint(now)
            elif not self._baseline.is_over:
                # Nothing is removed before: the baseline is told what events say, once.
                if now >= self._baseline_due:
                    self._baseline.step()
            elif now >= self._removal_due and not self.remove_expired():
                self._removal_due = now + HEARTBEAT_SECONDS * _SECOND
        # ValueError: an event that nobody can read, which `audit verify` tells of.
        except (Unavailable, Aborted, OSError, ValueError) as error:
            log_event("audit_upkeep_delayed", error=error)
            self._removal_due = max(self._removal_due, now + CHECKPOINT_SECONDS * _SECOND)
            self._baseline_due = now + CHECKPOINT_SECONDS * _SECOND

    def _make_checkpoint(self, now: int) -> None:
        looks_at_all = now >= self._look_at_all_due
        self.make_checkpoint(looks_at_all=looks_at_all)
        if looks_at_all:
            self._look_at_all_due = now + HEARTBEAT_SECONDS * _SECOND

    def make_checkpoint(self, *, looks_at_all: bool = True) -> AuditCheckpoint | None:
        """Makes a checkpoint, where a chain has moved or the latest is old, and anchors what is not anchored.

        Args:
            looks_at_all: Whether to look at all chains, or at those with events since the checkpoint before.

        Raises:
            StoreUnavailable: The database cannot be reached.
            WriteConflict: Another process has made a checkpoint meanwhile.
            OSError: The anchor file cannot be written.
        """
        now = self._clock.now_microseconds()
        with self._store.read() as tx:
            latest = tx.audit.checkpoint()
            # The clock may have been set back since.
            since = min(latest.create_time, now) - MAX_COMMIT_SECONDS * 1_000_000 if latest else None
            heads = tuple(tx.audit.moved_heads(None if looks_at_all else since))
        made = None
        if heads or (latest is not None and now - latest.create_time >= HEARTBEAT_SECONDS * 1_000_000):
            checkpoint = made = self._checkpoint(latest, now, heads)
            self._store.write(lambda tx: tx.audit.add_checkpoint(checkpoint), max_attempts=1)
        self._write_anchors()
        return made

    def _checkpoint(self, latest: AuditCheckpoint | None, now: int, heads: tuple[ChainHead, ...]) -> AuditCheckpoint:
        number = latest.number + 1 if latest else 1
        root = merkle_root(heads)
        digest = checkpoint_hash(latest.hash if latest else START, number, now, root)
        signature, algorithm = (self._key.sign(digest), self._key.algorithm) if self._key else (b"", "")
        return AuditCheckpoint(number, now, heads, root, digest, signature, algorithm)

    def _write_anchors(self) -> None:
        """Appends to the anchor file what a crash between commit and append has left out, too."""
        if self._anchor is None:
            return
        after = self._anchor.last_number()
        with self._store.read() as tx:
            missing = list(islice(tx.audit.checkpoints(after), _MAX_ANCHORED))
        if missing:
            self._anchor.append(missing)

    def remove_expired(self) -> bool:
        """Removes the oldest events of a chain, if they are older than they have to be kept.

        Returns:
            Whether there may be more.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        with self._store.read() as tx:
            if tx.baseline.place() is not None:
                # It is told what events say, once.
                return False
        now = self._clock.now_microseconds()
        days = {True: self._retention.write_days, False: self._retention.read_days}
        if any(
            self._remove_step(now, now - kept * DAY_MICROSECONDS, of_writes=of_writes)
            for of_writes, kept in days.items()
        ):
            return True
        before = now - max(days.values()) * DAY_MICROSECONDS
        self._store.write(lambda tx: tx.audit.remove_emptied(before))
        return False

    def _remove_step(self, now: int, before: int, *, of_writes: bool) -> bool:
        with self._store.read() as tx:
            expired = tx.audit.expired(before, _EVENTS_PER_STEP, of_writes=of_writes)

        def remove(tx: Transaction) -> None:
            tx.audit.remove(expired)
            subject = f"{expired[-1].stream_id}/{expired[-1].sequence}"
            entry = AuditEntry(AuditEventKind.WRITE, now, "", "", RETENTION, subject=subject, calls=len(expired))
            tx.write(Changes(event=entry))

        if expired:
            self._store.write(remove)
        return bool(expired)
