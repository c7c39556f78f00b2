"""The RPCs of PortfolioService by which other systems follow the book."""

import threading
import time
from collections.abc import Iterator
from typing import TypeVar

import grpc

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.api import portfolio_service_pb2_grpc
from almeno_grpc.domain.change_event import ChangeEvent
from almeno_grpc.domain.errors import ServerStopping
from almeno_grpc.domain.limits import MAX_ID
from almeno_grpc.rpc.conversion.change_events import fill_change_event
from almeno_grpc.rpc.errors import StreamIdle
from almeno_grpc.rpc.field_reader import MAX_PAGE_SIZE, FieldReader
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.rpc.runtime.current_call import check_current_caller
from almeno_grpc.service.change_events import MAX_CALL_WAIT_MILLISECONDS, ChangeEventService

E = TypeVar("E", pb.ListEventsResponse, pb.WatchEventsResponse)

WATCH_SECONDS = 0.2
"""How often a watch looks; each look is a read by key."""
IDLE_WATCH_SECONDS = 900.0
"""How long a watch tells nothing before it ends: each holds a thread."""
_EVENTS_PER_MESSAGE = 100
"""Of a watch: few enough that the first are not kept waiting."""


class EventServicer(portfolio_service_pb2_grpc.PortfolioServiceServicer):
    """Serves the part of PortfolioService that tells changes."""

    def __init__(self, events: ChangeEventService, persons: Persons, draining: threading.Event) -> None:
        self._events = events
        self._persons = persons
        self._draining = draining

    def ListEvents(self, request: pb.ListEventsRequest, _context: grpc.ServicerContext) -> pb.ListEventsResponse:
        """Lists changes."""
        fields = FieldReader()
        after = _after(fields, request)
        size = fields.page_size(request.page_size)
        newest = _newest(fields, request)
        fields.raise_if_invalid()
        if newest is None:
            page = self._events.page(after, size, MAX_CALL_WAIT_MILLISECONDS)
        else:
            page = self._events.newest(newest, size, MAX_CALL_WAIT_MILLISECONDS)
        response = pb.ListEventsResponse(last_sequence=page.last_number, next_after=page.next_after)
        return self._with_events(response, page.events)

    def WatchEvents(
        self, request: pb.WatchEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchEventsResponse]:
        """Streams changes."""
        fields = FieldReader()
        after = _after(fields, request)
        fields.raise_if_invalid()
        told_seconds, is_open = time.monotonic(), False
        while context.is_active():
            check_current_caller()
            events = self._events.page(after, _EVENTS_PER_MESSAGE).events
            if events or not is_open:
                # The first message also says that the watch stands.
                yield self._with_events(pb.WatchEventsResponse(), events)
                is_open = True
            if events:
                after, told_seconds = events[-1].number, time.monotonic()
            elif time.monotonic() - told_seconds > IDLE_WATCH_SECONDS:
                raise StreamIdle("nothing has changed for long; watch the events again")
            if self._draining.wait(0 if events else WATCH_SECONDS):
                raise ServerStopping("the server is about to stop; watch the events again")

    def _with_events(self, response: E, events: list[ChangeEvent]) -> E:
        shown = self._persons.shown_within_limit(event.customer_id for event in events if event.customer)
        for event in events:
            fill_change_event(response.events.add(), event, in_full=event.customer_id in shown)
        return response


def _after(fields: FieldReader, request: pb.ListEventsRequest | pb.WatchEventsRequest) -> int | None:
    return fields.number("after", request.after, 0, MAX_ID) if request.HasField("after") else None


def _newest(fields: FieldReader, request: pb.ListEventsRequest) -> int | None:
    return fields.number("newest", request.newest, 0, MAX_PAGE_SIZE) if request.HasField("newest") else None
