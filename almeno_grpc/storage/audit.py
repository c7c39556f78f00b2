"""The audit trail in the database: events are inserted by `almeno_grpc.storage.changes`, once, and never updated."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    Subquery,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.exc import IntegrityError

from almeno_grpc.domain.audit import AuditCheckpoint, AuditEntry, AuditEvent, AuditEventKind, ChainCut, ChainHead
from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.service.audit_chain import packed_heads, unpacked_heads
from almeno_grpc.service.store import Key
from almeno_grpc.storage.audit_baseline import first_not_vouched_for
from almeno_grpc.storage.audit_rows import CUT, FORMS, row_changes, unpacked
from almeno_grpc.storage.backend import OpenTransaction
from almeno_grpc.storage.bulk import BulkInsert
from almeno_grpc.storage.compiled import CompiledStatement
from almeno_grpc.storage.decisions import removed_before
from almeno_grpc.storage.tables import audit_checkpoint, audit_cut, audit_event, audit_head, decision

EVENTS_PER_STATEMENT = 32
"""An event of an import may hold the digests of its 100,000 rows."""
_e = audit_event.c
_c = audit_checkpoint.c
_ENTRY = (
    _e.kind,
    _e.event_time_us,
    _e.principal,
    _e.credential,
    _e.method,
    _e.customer_id,
    _e.subject,
    _e.request_id,
    _e.outcome,
    _e.calls,
)


def _bytes(column: Column[bytes]) -> ColumnElement[bytes]:
    # SQLite lets a text into any column: whoever has put one there is to be found out by the hash.
    return cast(column, LargeBinary)


WITH_ROWS = select(_e.stream_id, _e.sequence, *_ENTRY, _bytes(_e.rows), _bytes(_e.hash))
_WITHOUT_ROWS = select(_e.stream_id, _e.sequence, *_ENTRY, _bytes(_e.hash))
_PLACE = tuple_(_e.event_time_us, _e.stream_id, _e.sequence)
_PLACES = (bindparam("time", type_=_e.event_time_us.type), *(bindparam(name, type_=_e.stream_id.type) for name in "sq"))
_BEFORE = CompiledStatement(
    _WITHOUT_ROWS.where(tuple_(*_PLACES) > _PLACE, _e.event_time_us >= bindparam("start_time"))
    .order_by(_e.event_time_us.desc(), _e.stream_id.desc(), _e.sequence.desc())
    .limit(bindparam("limit")),
    "time",
    "s",
    "q",
    "start_time",
    "limit",
)
_ONE = CompiledStatement(
    _WITHOUT_ROWS.where(_e.stream_id == bindparam("stream_id"), _e.sequence == bindparam("sequence")),
    "stream_id",
    "sequence",
)
_BEHIND = CompiledStatement(
    WITH_ROWS.where(
        tuple_(_e.stream_id, _e.sequence) > tuple_(*(bindparam(name, type_=_e.stream_id.type) for name in "sq"))
    )
    .order_by(_e.stream_id, _e.sequence)
    .limit(EVENTS_PER_STATEMENT),
    "s",
    "q",
)
_SINCE = CompiledStatement(
    WITH_ROWS.where(tuple_(*_PLACES) < _PLACE, _e.kind == int(AuditEventKind.WRITE))
    .order_by(_e.event_time_us, _e.stream_id, _e.sequence)
    .limit(EVENTS_PER_STATEMENT),
    "time",
    "s",
    "q",
)
_MAX_NUMBER = 2**63 - 1


def _chains() -> CTE:
    """The stream_ids of all chains, each by a look into the primary key behind the one before."""
    first = select(func.min(_e.stream_id).label("stream_id")).cte("chain", recursive=True)
    following = select(func.min(_e.stream_id)).where(_e.stream_id > first.c.stream_id).scalar_subquery()
    return first.union_all(select(following).where(first.c.stream_id.is_not(None)))


def _heads(of: FromClause) -> Select[Any]:
    """Events whose place is that of a row, and that no checkpoint covers."""
    event = and_(_e.stream_id == of.c.stream_id, _e.sequence == of.c.sequence)
    covered = audit_head.c.stream_id == of.c.stream_id
    return (
        select(_e.stream_id, _e.sequence, _e.hash)
        .select_from(of.join(audit_event, event).outerjoin(audit_head, covered))
        .where(of.c.sequence > func.coalesce(audit_head.c.sequence, 0))
        .order_by(_e.stream_id)
    )


def chain_ends(function: Any) -> Subquery:
    """The first or the last event of each chain."""
    chain = _chains()
    end = select(function(_e.sequence)).where(_e.stream_id == chain.c.stream_id).scalar_subquery()
    return select(chain.c.stream_id, end.label("sequence")).where(chain.c.stream_id.is_not(None)).subquery("ends")


_since = (
    select(_e.stream_id, func.max(_e.sequence).label("sequence"))
    .where(_e.event_time_us >= bindparam("since"))
    .group_by(_e.stream_id)
    .subquery("since")
)
_MOVED_SINCE = CompiledStatement(_heads(_since), "since")
_MOVED = CompiledStatement(_heads(chain_ends(func.max)))
_first = chain_ends(func.min)
_EXPIRED_CHAIN = CompiledStatement(
    select(_e.stream_id)
    .select_from(_first.join(audit_event, and_(_e.stream_id == _first.c.stream_id, _e.sequence == _first.c.sequence)))
    .where(_e.event_time_us < bindparam("before"), _e.kind.between(bindparam("lowest"), bindparam("highest")))
    .limit(1),
    "before",
    "lowest",
    "highest",
)
_MAX_EXPIRED_BYTES = 2**22
"""What events that are removed together may say of the book: one event says it behind them."""
_KINDS = {
    True: (AuditEventKind.WRITE, AuditEventKind.REPEAT),
    False: (AuditEventKind.READ, AuditEventKind.REFUSAL),
}
_KNOWN_KINDS = {int(kind): kind for kind in AuditEventKind}
_REMOVE = delete(audit_event).where(_e.stream_id == bindparam("chain"), _e.sequence <= bindparam("last"))
_CHECKPOINT = select(
    _c.number,
    _c.create_time_us,
    _bytes(_c.heads),
    _bytes(_c.root),
    _bytes(_c.hash),
    _bytes(_c.signature),
    _c.algorithm,
)
_LATEST = CompiledStatement(_CHECKPOINT.order_by(_c.number.desc()).limit(1))
_NUMBERED = CompiledStatement(_CHECKPOINT.where(_c.number == bindparam("at")), "at")
_CHECKPOINTS = CompiledStatement(
    _CHECKPOINT.where(_c.number > bindparam("after")).order_by(_c.number).limit(500), "after"
)
_SET_HEADS = BulkInsert(audit_head, on_conflict="ON CONFLICT (stream_id) DO UPDATE SET sequence = excluded.sequence")


class AuditTrail:
    """The audit trail, as one transaction sees it."""

    def __init__(self, transaction: OpenTransaction) -> None:
        self._connection = transaction.connection
        self._backend = transaction.backend
        self._writes = transaction.audit

    def page(
        self,
        before: tuple[int, int, int] | None,
        count: int,
        *,
        start_time: int | None = None,
        end_time: int | None = None,
    ) -> list[AuditEvent]:
        """In the order of the index by time."""
        end = (_MAX_NUMBER if end_time is None else end_time, 0, 0)
        place = end if before is None else min(before, end)
        return list(map(_event_without_rows, _BEFORE.rows(self._connection, *place, start_time or 0, count)))

    def event(self, stream_id: int, sequence: int) -> AuditEvent | None:
        """By primary key."""
        row = _ONE.row(self._connection, stream_id, sequence)
        return _event_without_rows(row) if row else None

    def events(self) -> Iterator[AuditEvent]:
        """In the order of the primary key."""
        page = _BEHIND.rows(self._connection, 0, 0)
        while page:
            yield from map(event_of, page)
            page = _BEHIND.rows(self._connection, *page[-1][:2])

    def _of_chain(self, stream_id: int) -> Iterator[AuditEvent]:
        """Likewise."""
        page = _BEHIND.rows(self._connection, stream_id, 0)
        while page:
            for row in page:
                if row[0] != stream_id:
                    return
                yield event_of(row)
            page = _BEHIND.rows(self._connection, *page[-1][:2])

    def written_since(self, time: int, stream_id: int = 0, sequence: int = 0) -> list[AuditEvent]:
        """By the index by time; sequences begin with 1."""
        return list(map(event_of, _SINCE.rows(self._connection, time, stream_id, sequence)))

    def row_changes(self, event: AuditEvent) -> Iterator[tuple[str, Key, int]]:
        """By their forms."""
        for changes in unpacked(event.rows):
            for table, key, digest in row_changes(changes):
                yield table, key, int.from_bytes(digest, "big")

    def row_digests(self) -> Iterator[tuple[str, Key, int | None]]:
        """Table by table."""
        first = first_not_vouched_for(self._connection)
        is_vouched = True
        for form in FORMS.values():
            for key, digest in form.stored(self._connection):
                is_vouched = is_vouched and (form.code, key) != first
                yield form.table.name, key, int.from_bytes(digest, "big") if is_vouched else None

    def row_count(self) -> int:
        """Every row is visited."""
        counts = (select(func.count()).select_from(form.table) for form in FORMS.values())
        return sum(self._connection.execute(count).scalar_one() for count in counts)

    def cuts(self) -> dict[int, ChainCut]:
        """There is one for each chain that has outlived the time that its events are kept."""
        return {row.stream_id: ChainCut(*row) for row in self._connection.execute(select(audit_cut))}

    def expired(self, before: int, count: int, *, of_writes: bool) -> list[AuditEvent]:
        """Of one chain."""
        chain = _EXPIRED_CHAIN.row(self._connection, before, *map(int, _KINDS[of_writes]))
        if chain is None:
            return []
        old: list[AuditEvent] = []
        size = 0
        for event in self._of_chain(*chain):
            size += len(event.rows)
            if event.entry.time >= before or len(old) == count or (old and size > _MAX_EXPIRED_BYTES):
                break
            old.append(event)
        return old

    def remove(self, events: Sequence[AuditEvent]) -> None:
        """Once the cut names them, as the trigger wants."""
        last = events[-1]
        before = self.cuts().get(last.stream_id)
        after = ChainCut(last.stream_id, last.sequence, last.hash, len(events) + (before.removed if before else 0))
        if before is None:
            self._writes.note(CUT.inserted([after]))
        else:
            self._writes.note(CUT.updated([before], [after]))
            self._connection.execute(delete(audit_cut).where(audit_cut.c.stream_id == last.stream_id))
        self._connection.execute(insert(audit_cut), after._asdict())
        removed = self._connection.execute(_REMOVE, {"chain": last.stream_id, "last": last.sequence}).rowcount
        if events[0].sequence != (before.sequence if before else 0) + 1 or removed != len(events):
            raise WriteConflict("another process has removed the events")
        for event in events:
            for changes in unpacked(event.rows):
                self._writes.note(changes)

    def remove_emptied(self, before: int) -> None:
        """The oldest partition, where there are some, all of it is so old, and the removal of events has emptied it."""
        partition = self._backend.partition_before(self._connection, audit_event, before)
        if partition is None:
            return
        is_filled = select(audit_event.c.stream_id).where(audit_event.c.event_time_us < partition.end).limit(1)
        if self._connection.execute(is_filled).first() is None:
            self._backend.remove_partition(self._connection, partition)

    def is_let_go(self, table: str, key: Key) -> bool:
        """Of decisions alone: the others are kept."""
        return table == decision.name and str(key[-1]) < self._removed_decisions

    @cached_property
    def _removed_decisions(self) -> str:
        return removed_before(self._connection)

    def moved_heads(self, since: int | None) -> list[ChainHead]:
        """By the index by time, which holds all that is asked for but the hashes; else chain by chain."""
        moved = _MOVED.rows(self._connection) if since is None else _MOVED_SINCE.rows(self._connection, since)
        return [ChainHead(*row) for row in moved]

    def checkpoint(self, number: int | None = None) -> AuditCheckpoint | None:
        """By primary key."""
        found = _LATEST.row(self._connection) if number is None else _NUMBERED.row(self._connection, number)
        return _checkpoint(found) if found else None

    def checkpoints(self, after: int = 0) -> Iterator[AuditCheckpoint]:
        """In the order of the primary key."""
        while page := _CHECKPOINTS.rows(self._connection, after):
            yield from map(_checkpoint, page)
            after = page[-1][0]

    def add_checkpoint(self, checkpoint: AuditCheckpoint) -> None:
        """Its heads count as covered from now on."""
        number, time, heads, *others = checkpoint
        row = dict(zip(_c.keys(), (number, time, packed_heads(heads), *others), strict=True))
        try:
            self._connection.execute(insert(audit_checkpoint), row)
        except IntegrityError as error:
            raise WriteConflict(f"another process has made checkpoint {number}") from error
        if heads:
            _SET_HEADS.insert(self._connection, list(zip(*((head[0], head[1]) for head in heads), strict=True)))


def event_of(row: Any) -> AuditEvent:
    """The event of a row, with what it says of the book and its hash behind the others."""
    stream_id, sequence, kind, *entry, rows, hash_ = row
    return AuditEvent(stream_id, sequence, AuditEntry(_KNOWN_KINDS.get(kind, kind), *entry), rows, hash_)


def _event_without_rows(row: Any) -> AuditEvent:
    *others, hash_ = row
    return event_of((*others, b"", hash_))


def _checkpoint(row: Any) -> AuditCheckpoint:
    number, time, heads, *others = row
    return AuditCheckpoint(number, time, unpacked_heads(heads), *others)
