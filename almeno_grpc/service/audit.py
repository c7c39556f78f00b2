"""Looking at the audit trail."""

import re
from dataclasses import dataclass

from almeno_grpc.domain.audit import AuditCheckpoint, AuditEvent, AuditEventKind
from almeno_grpc.domain.errors import CheckpointNotFound
from almeno_grpc.service.store import Store

MAX_EVENTS_SCANNED = 20_000
"""Events looked at for a page: a filter that few events pass gives a page with less than was asked for, maybe none."""
_EVENTS_PER_QUERY = 1_000

_RUN = re.compile(r"(\d+)(?:-(\d+))?")
"""Customers that an event of a read names; the id of an import is none."""

Place = tuple[int, int, int]
"""Where an event stands in the list: its time, stream_id and sequence."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are listed; each condition may be left out."""

    principal: str = ""
    customer_id: int = 0
    start_time: int | None = None
    """At or after; in microseconds since the epoch."""
    end_time: int | None = None
    """Before."""

    def admits(self, event: AuditEvent) -> bool:
        """Whether an event, which is within the times, is listed."""
        entry = event.entry
        if self.principal and entry.principal != self.principal:
            return False
        return not self.customer_id or entry.customer_id == self.customer_id or _was_shown(event, self.customer_id)


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events, the latest first."""

    events: list[AuditEvent]
    next_place: Place | None
    """Behind which the next page begins; None at the end."""


class AuditService:
    """The use cases around the audit trail."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, events: EventFilter, before: Place | None, count: int) -> EventPage:
        """Up to `count` events before a place, the latest first; None for the latest of all.

        A page may hold fewer, or none, and not be the last: only `next_place` says so.
        """
        found: list[AuditEvent] = []
        place, scanned = before, 0
        with self._store.read() as tx:
            while scanned < MAX_EVENTS_SCANNED:
                some = tx.audit.page(place, _EVENTS_PER_QUERY, start_time=events.start_time, end_time=events.end_time)
                for event in some:
                    place = (event.entry.time, event.stream_id, event.sequence)
                    if events.admits(event):
                        found.append(event)
                        if len(found) == count:
                            return EventPage(found, place)
                if len(some) < _EVENTS_PER_QUERY:
                    return EventPage(found, None)
                scanned += len(some)
        return EventPage(found, place)

    def checkpoint(self, number: int = 0) -> AuditCheckpoint:
        """The checkpoint with a number; the latest for 0.

        Raises:
            CheckpointNotFound: There is none.
        """
        with self._store.read() as tx:
            checkpoint = tx.audit.checkpoint(number or None)
        if checkpoint is None:
            raise CheckpointNotFound(number)
        return checkpoint


def _was_shown(event: AuditEvent, customer_id: int) -> bool:
    """Whether a customer is among the persons that an event of a read names."""
    entry = event.entry
    if entry.kind is not AuditEventKind.READ or entry.customer_id:
        return False
    runs = filter(None, map(_RUN.fullmatch, entry.subject.split(",")))
    return any(int(run[1]) <= customer_id <= int(run[2] or run[1]) for run in runs)
