"""RPCs by which other systems follow the book."""

import time
from collections.abc import Iterator

import grpc

from almeno_client.base_client import BaseClient
from almeno_client.conversion import customer_of, enum_names, loan_of
from almeno_client.errors import CreditServiceError, Unavailable
from almeno_client.event_records import ChangeEvent, ChangeEventKind
from almeno_client.repayment_conversion import charge_of, repayment_of
from almeno_client.values import date_of, instant_of
from almeno_grpc.api import change_event_pb2, portfolio_service_pb2

_KINDS = enum_names(dict(change_event_pb2.ChangeEventKind.items()), ChangeEventKind, "CHANGE_EVENT_KIND_")


class EventCalls(BaseClient):
    """RPCs by which other systems follow the book."""

    def list_events(
        self, *, after: int | None = None, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Iterator[ChangeEvent]:
        """Yields the changes so far, in the order in which they took effect.

        Args:
            after: The sequence of the last event seen; None to begin with the first that the service keeps.
            page_size: Events fetched at a time; the service's choice when 0.
            timeout_seconds: Deadline of each fetch; the client's when None.

        Raises:
            OutOfRange: Events behind `after` are no more kept, `EVENTS_REMOVED`; or no event has had that sequence yet,
                `EVENTS_NOT_REACHED`. Raised by the first `next()`.
        """
        while True:
            request = portfolio_service_pb2.ListEventsRequest(after=after, page_size=page_size)
            response: portfolio_service_pb2.ListEventsResponse = self._unary(
                self._portfolio_stub.ListEvents, request, timeout_seconds
            )
            if not response.events:
                return
            yield from map(change_event_of, response.events)
            after = response.events[-1].sequence

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
    )
