"""RPCs by which other systems follow the book."""

import time
from collections.abc import Iterator

import grpc

from almeno_client.base_client import BaseClient
from almeno_client.conversion import customer_of, loan_of
from almeno_client.enums import enum_names
from almeno_client.errors import CreditServiceError, Unavailable
from almeno_client.event_records import ChangeEvent, ChangeEventKind
from almeno_client.repayment_conversion import charge_of, repayment_of
from almeno_client.values import date_of, instant_of
from almeno_grpc.api import change_event_pb2, portfolio_service_pb2

_KINDS = enum_names(dict(change_event_pb2.ChangeEventKind.items()), ChangeEventKind, "CHANGE_EVENT_KIND_")
_UNSETTLED_PAUSE_SECONDS = 0.1
"""Before a page is asked for again that may not be read yet."""


class EventCalls(BaseClient):
    """RPCs by which other systems follow the book."""

    def list_events(
        self,
        *,
        after: int | None = None,
        newest: int | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Iterator[ChangeEvent]:
        """Yields the changes so far, in the order in which they took effect.

        Those up to the last one that was in the book at the first fetch, and what a page has behind it. Waits for those
        that may not be read yet, for a change that takes long may come before them.

        Args:
            after: The sequence of the last event seen; None to begin with the first that the service keeps.
            newest: Only the newest so many, up to 1000; not together with `after`.
            page_size: Events fetched at a time; the service's choice when 0.
            timeout_seconds: Deadline of each fetch, and how long to wait for the next event; the client's when None.

        Raises:
            OutOfRange: Events behind `after` are no more kept, `EVENTS_REMOVED`; or no event has had that sequence yet,
                `EVENTS_NOT_REACHED`. Raised by the first `next()`.
            Unavailable: A change that may come before the next event has taken too long.
            ValueError: Both `after` and `newest` are given.
        """
        if after is not None and newest is not None:
            raise ValueError("give after or newest, not both")
        max_wait_seconds = self.timeout_seconds if timeout_seconds is None else timeout_seconds
        last_sequence: int | None = None
        read_seconds = time.monotonic()
        while True:
            request = portfolio_service_pb2.ListEventsRequest(after=after, newest=newest, page_size=page_size)
            response: portfolio_service_pb2.ListEventsResponse = self._unary(
                self._portfolio_stub.ListEvents, request, timeout_seconds
            )
            yield from map(change_event_of, response.events)
            after, newest = response.next_after, None
            last_sequence = response.last_sequence if last_sequence is None else last_sequence
            if after >= last_sequence:
                return
            if response.events:
                read_seconds = time.monotonic()
                continue
            if time.monotonic() - read_seconds >= max_wait_seconds:
                raise Unavailable(
                    grpc.StatusCode.UNAVAILABLE, f"a change that takes long may come before the events behind {after}"
                )
            time.sleep(_UNSETTLED_PAUSE_SECONDS)

    def last_event_sequence(self, *, timeout_seconds: float | None = None) -> int:
        """The sequence to follow the book from, given as `after`, for who reads the book now.

        What is read of the book after this call has all changes up to it, and those behind it have larger ones. Where
        the service keeps no event it is that of the last one that was removed, or 0.

        Args:
            timeout_seconds: Deadline; the client's when None.

        Raises:
            Unavailable: A change that takes long may come before the last event, `EVENTS_UNSETTLED`.
        """
        request = portfolio_service_pb2.ListEventsRequest(newest=0)
        response: portfolio_service_pb2.ListEventsResponse = self._unary(
            self._portfolio_stub.ListEvents, request, timeout_seconds
        )
        return response.next_after

    def watch_events(self, *, after: int | None = None, timeout_seconds: float | None = None) -> Iterator[ChangeEvent]:
        """Yields the changes so far, and then each one as it takes effect; waits for the next without end.

        Once the service has opened the watch, it goes on behind the last event, on a new connection, for as long as the
        service restarts or is out of reach; `timeout_seconds` alone bounds that. Who keeps the sequence of the last
        event with what was made of it, and begins behind that one, misses none and makes nothing twice.

        Args:
            after: As for `list_events`.
            timeout_seconds: How long to watch; without end when None.

        Raises:
            OutOfRange: As for `list_events`.
            Unavailable: The service could not be reached to open the watch, or is still out of reach when the time is
                nearly up.
            DeadlineExceeded: The time is up.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        is_open, failures = False, 0
        while True:
            seconds_left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            try:
                for response in self._watched(after, seconds_left):
                    is_open = True
                    for message in response.events:
                        failures, after = 0, message.sequence
                        yield change_event_of(message)
            except CreditServiceError as error:
                failures += 1
                pause_seconds = self._pause_seconds(error, failures, deadline, without_end=is_open)
            time.sleep(pause_seconds)

    def _watched(
        self, after: int | None, timeout_seconds: float | None
    ) -> Iterator[portfolio_service_pb2.WatchEventsResponse]:
        request = portfolio_service_pb2.WatchEventsRequest(after=after)
        yield from self._stream(self._portfolio_stub.WatchEvents, request, timeout_seconds)
        raise Unavailable(grpc.StatusCode.UNAVAILABLE, "the service ended the watch")


def change_event_of(message: change_event_pb2.ChangeEvent) -> ChangeEvent:
    """Converts an event."""
    return ChangeEvent(
        sequence=message.sequence,
        event_time=instant_of(message.event_time),
        business_date=date_of(message.business_date),
        kind=_KINDS.get(message.kind, ChangeEventKind.UNSPECIFIED),
        customer_id=message.customer_id,
        loan_id=message.loan_id if message.HasField("loan_id") else None,
        request_id=message.request_id,
        principal=message.principal,
        import_id=message.import_id,
        customer=customer_of(message.customer) if message.HasField("customer") else None,
        customer_non_performing_since=(
            date_of(message.customer_non_performing_since)
            if message.HasField("customer_non_performing_since")
            else None
        ),
        loan=loan_of(message.loan) if message.HasField("loan") else None,
        repayment=repayment_of(message.repayment) if message.HasField("repayment") else None,
        charges=tuple(map(charge_of, message.charges)),
        decision_id=message.decision_id,
    )
