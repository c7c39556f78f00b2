"""Verification of the audit trail: chains, checkpoints, the anchor file, and the book that the events vouch for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from almeno_grpc.domain.audit import AuditCheckpoint, AuditEvent, ChainCut
from almeno_grpc.service.audit_anchor import AnchorLine
from almeno_grpc.service.audit_chain import START, checkpoint_hash, event_hash, merkle_root, values_of
from almeno_grpc.service.audit_signing import SigningKey
from almeno_grpc.service.store import AuditStore, Key

MAX_ROWS_IN_MEMORY = 1_000_000
"""Rows of the book whose digests are held at a time; for more the events are read again."""
_HOUR_MICROSECONDS = 3600 * 1_000_000
_MAX_UNCOVERED = _HOUR_MICROSECONDS
"""Since an event, until a checkpoint has to cover it."""
_MAX_BACKDATED = 24 * _HOUR_MICROSECONDS
"""Between an event and the checkpoint before the one that covers it first: two clocks may differ, and a server idle."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where."""

    is_tampering: bool
    """Else something could not be checked."""
    place: str
    """Such as `event 815/3`, `checkpoint 7`, `loan 21/1000000001`."""
    message: str

    def __str__(self) -> str:
        """The finding as a line."""
        return f"{'TAMPERED' if self.is_tampering else 'INCOMPLETE'} {self.place}: {self.message}"


def _tampered(place: str, message: str) -> Finding:
    return Finding(is_tampering=True, place=place, message=message)


def _incomplete(place: str, message: str) -> Finding:
    return Finding(is_tampering=False, place=place, message=message)


class AuditVerifier:
    """Verifies the audit trail as one transaction sees it."""

    def __init__(self, audit: AuditStore, now: int, key: SigningKey | None = None) -> None:
        """Takes the trail.

        Args:
            audit: The trail, in a transaction that reads one state of the database.
            now: The present instant, in microseconds since the epoch.
            key: What checkpoints were signed by; None where that is not known.
        """
        self._audit = audit
        self._now = now
        self._key = key
        self._cuts = audit.cuts()
        self._covered: dict[int, int] = {}
        """The last sequence that a checkpoint covers, by stream_id."""
        self._rows_before_baseline = 0
        self.counts = {"events": 0, "chains": 0, "checkpoints": 0, "rows": 0}

    def findings(self, anchor: Iterator[AnchorLine] | None = None) -> Iterator[Finding]:
        """Everything that is wrong or cannot be checked.

        Args:
            anchor: The lines of the anchor file; None where there is none to compare with.
        """
        yield from self._checkpoints(_Anchor(anchor))
        yield from self._chains()
        yield from self._book()

    def _checkpoints(self, anchor: "_Anchor") -> Iterator[Finding]:
        before: AuditCheckpoint | None = None
        signed: int | None = None
        for checkpoint in self._audit.checkpoints():
            self.counts["checkpoints"] += 1
            place = f"checkpoint {checkpoint.number}"
            yield from self._checkpoint(place, checkpoint, before)
            if checkpoint.signature:
                signed = checkpoint.number
                yield from self._signature(place, checkpoint)
            elif signed is not None:
                yield _tampered(place, f"has no signature, and checkpoint {signed} has one")
            yield from anchor.compare(checkpoint)
            yield from self._heads(checkpoint, before)
            before = checkpoint
        yield from anchor.rest()
        if self._key and before and signed is None:
            yield _incomplete("checkpoints", "none is signed, so that the key shows nothing")
        if self._key is None and signed is not None:
            yield _incomplete("checkpoints", "their signatures cannot be checked without the key")

    def _checkpoint(self, place: str, checkpoint: AuditCheckpoint, before: AuditCheckpoint | None) -> Iterator[Finding]:
        number = before.number + 1 if before else 1
        if checkpoint.number != number:
            yield _tampered(f"checkpoint {number}", "is missing")
            return
        if merkle_root(checkpoint.heads) != checkpoint.root:
            yield _tampered(place, "its root is not that of its heads")
        previous = before.hash if before else START
        if checkpoint_hash(previous, number, checkpoint.create_time, checkpoint.root) != checkpoint.hash:
            yield _tampered(place, "its hash is not that of the checkpoint and of the one before")

    def _signature(self, place: str, checkpoint: AuditCheckpoint) -> Iterator[Finding]:
        if self._key is None:
            return
        if checkpoint.algorithm != self._key.algorithm:
            yield _incomplete(place, f"is signed by {checkpoint.algorithm!r}, the key is for {self._key.algorithm}")
        elif not self._key.verify(checkpoint.hash, checkpoint.signature):
            yield _tampered(place, "its signature is not that of the key")

    def _heads(self, checkpoint: AuditCheckpoint, before: AuditCheckpoint | None) -> Iterator[Finding]:
        """The events that a checkpoint names."""
        for stream_id, sequence, digest in checkpoint.heads:
            place = f"event {stream_id}/{sequence}"
            event = self._audit.event(stream_id, sequence)
            if event is None:
                if not self._is_cut(stream_id, sequence):
                    yield _tampered(place, f"is missing, and checkpoint {checkpoint.number} names it")
            elif event.hash != digest:
                yield _tampered(place, f"has another hash than in checkpoint {checkpoint.number}")
            first = self._audit.event(stream_id, self._covered.get(stream_id, 0) + 1)
            if before and first and first.entry.time < before.create_time - _MAX_BACKDATED:
                first_place = f"event {stream_id}/{first.sequence}"
                yield _tampered(first_place, f"is of long before checkpoint {before.number}, which does not cover it")
            self._covered[stream_id] = max(sequence, self._covered.get(stream_id, 0))

    def _is_cut(self, stream_id: int, sequence: int) -> bool:
        cut = self._cuts.get(stream_id)
        return cut is not None and sequence <= cut.sequence

    def _chains(self) -> Iterator[Finding]:
        """Every event, behind the one before it."""
        last: AuditEvent | None = None
        for event in self._audit.events():
            self.counts["events"] += 1
            if last is None or last.stream_id != event.stream_id:
                self.counts["chains"] += 1
                yield from self._end_of_chain(last)
                last = None
            yield from self._event(event, last, self._cuts.get(event.stream_id))
            last = event
        yield from self._end_of_chain(last)

    def _event(self, event: AuditEvent, last: AuditEvent | None, cut: ChainCut | None) -> Iterator[Finding]:
        stream_id, sequence, entry, rows, digest = event
        before, previous = (cut.sequence, cut.hash) if cut else (0, START)
        if last is not None:
            before, previous = last.sequence, last.hash
        if sequence <= before:
            yield _tampered(f"event {stream_id}/{sequence}", "is there, and the retention has removed it")
        elif sequence != before + 1:
            missing = f"{sequence - before - 1} missing from the chain before it"
            yield _tampered(f"event {stream_id}/{sequence}", missing)
        elif event_hash(previous, values_of(stream_id, sequence, entry, rows)) != digest:
            yield _tampered(f"event {stream_id}/{sequence}", "its hash is not that of the event and of the one before")

    def _end_of_chain(self, last: AuditEvent | None) -> Iterator[Finding]:
        if last is None or last.sequence <= self._covered.get(last.stream_id, 0):
            return
        if last.entry.time < self._now - _MAX_UNCOVERED:
            covered = self._covered.get(last.stream_id, 0)
            place = f"events {last.stream_id}/{covered + 1} to {last.sequence}"
            yield _incomplete(place, "no checkpoint covers them, though they are older than an hour")

    def _book(self) -> Iterator[Finding]:
        """Every row of the book beside what the events say of it."""
        parts = 1 + self._audit.row_count() // MAX_ROWS_IN_MEMORY
        for part in range(parts):
            expected: dict[tuple[str, Key], int] = {}
            for event in self._audit.events():
                try:
                    for table, key, digest in self._audit.row_changes(event):
                        if _part_of(key, parts) == part:
                            row = (table, key)
                            expected[row] = expected.get(row, 0) ^ digest
                except ValueError as error:
                    if part == 0:
                        place = f"event {event.stream_id}/{event.sequence}"
                        yield _tampered(place, f"what it says of the book cannot be read: {error}")
            yield from self._rows(expected, parts, part)
        if self._rows_before_baseline:
            missing = f"{self._rows_before_baseline} rows from before the trail are not vouched for yet"
            yield _incomplete("baseline", f"{missing}; a server that runs goes on with it")

    def _rows(self, expected: dict[tuple[str, Key], int], parts: int, part: int) -> Iterator[Finding]:
        for table, key, digest in self._audit.row_digests():
            if _part_of(key, parts) != part:
                continue
            self.counts["rows"] += 1
            if digest is None:
                expected.pop((table, key), None)
                self._rows_before_baseline += 1
                continue
            # A row that is removed by an event of its own comes to 0.
            of_events = expected.pop((table, key), 0)
            if of_events == 0:
                yield _tampered(_row(table, key), "is in the book without an event")
            elif of_events != digest:
                yield _tampered(_row(table, key), "was changed without an event")
        for (table, key), digest in expected.items():
            if digest and not self._audit.is_let_go(table, key):
                yield _tampered(_row(table, key), "was removed from the book without an event")


def _part_of(key: Sequence[int | str], parts: int) -> int:
    return crc32(repr(key).encode()) % parts if parts > 1 else 0


def _row(table: str, key: Key) -> str:
    return f"{table} {'/'.join(map(str, key))}"


class _Anchor:
    """The lines of an anchor file, beside checkpoints in their order."""

    def __init__(self, lines: Iterator[AnchorLine] | None) -> None:
        self._lines = lines
        self._next = next(lines, None) if lines else None
        self._is_empty = self._next is None
        self._began = False
        """Whether a line was met: the file may have been begun later than the trail."""
        self._behind = 0
        """Checkpoints behind the last line."""

    def compare(self, checkpoint: AuditCheckpoint) -> Iterator[Finding]:
        """Compares the next checkpoint."""
        if self._lines is None:
            return
        found = False
        while self._next is not None and self._next.number <= checkpoint.number:
            line = self._next
            if line.hash is None:
                yield _incomplete(f"anchor of checkpoint {line.number}", "the line cannot be read")
            elif line.number < checkpoint.number:
                yield _tampered(f"checkpoint {line.number}", "is in the anchor file and not in the database")
            elif line.hash != checkpoint.hash:
                yield _tampered(f"checkpoint {line.number}", "has another hash in the anchor file")
            found = found or line.number == checkpoint.number
            self._next = next(self._lines, None)
        if not found and self._next is None:
            self._behind += 1
        elif not found and self._began:
            yield _tampered(f"checkpoint {checkpoint.number}", "is not in the anchor file")
        self._began = self._began or found

    def rest(self) -> Iterator[Finding]:
        """What is behind the last checkpoint."""
        if self._lines is None:
            return
        if self._is_empty:
            yield _incomplete("anchor file", "holds no checkpoint")
        elif self._behind > 1:
            yield _incomplete("anchor file", f"ends {self._behind} checkpoints before the latest")
        while self._next is not None:
            yield _tampered(f"checkpoint {self._next.number}", "is in the anchor file and not in the database")
            self._next = next(self._lines, None)
