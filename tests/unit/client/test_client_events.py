"""The events of the book in the client library and on the command line."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import grpc
import pytest
from almeno_client import ChangeEventKind, DeadlineExceeded, OutOfRange, Unavailable
from support.credit_messages import customer, loan, repayment

from almeno_grpc.api import change_event_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio

KINDS = change_event_pb2.ChangeEventKind
REPAID = KINDS.CHANGE_EVENT_KIND_REPAYMENT_RECORDED


def event(sequence: int, kind: int = REPAID, **fields) -> change_event_pb2.ChangeEvent:
    message = change_event_pb2.ChangeEvent(sequence=sequence, kind=kind, customer_id=7, loan_id=5, **fields)
    message.event_time.FromDatetime(datetime(2026, 4, 10, 9, 30, tzinfo=UTC))
    message.business_date.year, message.business_date.month, message.business_date.day = 2026, 4, 10
    return message


def watched(*messages):
    return [portfolio.WatchEventsResponse(events=[message]) for message in messages]


def page(events, *, last: int, behind: int = 0) -> portfolio.ListEventsResponse:
    next_after = events[-1].sequence if events else behind
    return portfolio.ListEventsResponse(events=events, last_sequence=last, next_after=next_after)


@pytest.fixture
def book(service):
    """A service with three events, in pages of two."""
    events = [
        event(1, KINDS.CHANGE_EVENT_KIND_CUSTOMER_REGISTERED, customer=customer(), principal="branch-pune"),
        event(4, loan=loan(), repayment=repayment(1)),
        event(5, KINDS.CHANGE_EVENT_KIND_LOAN_CLOSED, loan=loan()),
    ]

    def answer(request: portfolio.ListEventsRequest, _: grpc.ServicerContext) -> portfolio.ListEventsResponse:
        behind = request.after
        if request.HasField("newest"):
            behind = [0, *(each.sequence for each in events)][-1 - request.newest]
        return page([each for each in events if each.sequence > behind][:2], last=5, behind=behind)

    service.answers("ListEvents", answer)
    return service


def test_events_are_listed_page_by_page_behind_the_last_one(client, book):
    first, second, third = client.list_events()
    assert (first.kind, first.customer.customer_id, first.loan, first.principal) == (
        ChangeEventKind.CUSTOMER_REGISTERED,
        customer().customer_id,
        None,
        "branch-pune",
    )
    assert second.event_time == datetime(2026, 4, 10, 9, 30, tzinfo=UTC)
    assert second.repayment.amount == Decimal("10746.95")
    assert (third.sequence, third.kind, third.charges) == (5, ChangeEventKind.LOAN_CLOSED, ())
    asked = [(request.HasField("after"), request.after) for request in book.requests["ListEvents"]]
    assert asked == [(False, 0), (True, 4)]
    assert [each.sequence for each in client.list_events(after=4)] == [5]
    assert list(client.list_events(after=5)) == []


@pytest.mark.usefixtures("book")
def test_newest_events_are_listed_and_where_to_follow_the_book_from(client):
    assert [each.sequence for each in client.list_events(newest=2)] == [4, 5]
    assert [each.sequence for each in client.list_events(newest=3)] == [1, 4, 5]
    assert list(client.list_events(newest=0)) == []
    assert client.last_event_sequence() == 5
    with pytest.raises(ValueError, match="not both"):
        next(client.list_events(after=1, newest=1))


def test_list_goes_on_where_the_next_event_may_not_be_read_yet(client, service):
    service.answers("ListEvents", page([event(1)], last=3), page([], last=3, behind=1), page([event(3)], last=3))
    assert [each.sequence for each in client.list_events()] == [1, 3]
    assert [request.after for request in service.requests["ListEvents"]] == [0, 1, 1]


def test_list_of_a_busy_book_ends_with_what_was_in_it_at_the_first_page(client, service):
    # With each page there is more.
    service.answers(
        "ListEvents",
        page([event(1), event(2)], last=3),
        page([event(3), event(4)], last=5),
        page([event(5)], last=9),
    )
    assert [each.sequence for each in client.list_events(page_size=2)] == [1, 2, 3, 4]


def test_list_gives_up_on_events_that_may_not_be_read_for_long(client, service):
    service.answers("ListEvents", lambda *_: page([], last=3, behind=1))
    with pytest.raises(Unavailable, match="takes long"):
        list(client.list_events(timeout_seconds=0.2))


def test_list_of_a_book_that_keeps_no_event_ends(client, service):
    service.answers("ListEvents", page([], last=9, behind=9))
    assert list(client.list_events()) == []


def test_event_of_a_declined_loan_has_its_decision(client, service):
    declined = event(1, KINDS.CHANGE_EVENT_KIND_APPLICATION_DECLINED, decision_id="0193")
    service.answers("ListEvents", page([declined, event(2)], last=2))
    seen = [(each.kind, each.decision_id) for each in client.list_events()]
    assert seen == [(ChangeEventKind.APPLICATION_DECLINED, "0193"), (ChangeEventKind.REPAYMENT_RECORDED, "")]


def test_kind_that_is_newer_than_the_client_is_told_as_such(client, service):
    service.answers("ListEvents", page([event(1, 99)], last=1))
    [newer] = client.list_events()
    assert newer.kind is ChangeEventKind.UNSPECIFIED


def test_events_that_are_no_more_kept_are_an_error_that_tells_where_to_go_on(client, service, sample):
    removed = sample.refusal(
        grpc.StatusCode.OUT_OF_RANGE, "removed", reason="EVENTS_REMOVED", metadata={"first_after": "9"}
    )
    service.answers("ListEvents", removed)
    service.answers("WatchEvents", removed)
    for events in (client.list_events(after=1), client.watch_events(after=1)):
        with pytest.raises(OutOfRange) as refused:
            next(events)
        assert refused.value.metadata == {"first_after": "9"}
    assert len(service.requests["WatchEvents"]) == 1


def test_watch_of_events_goes_on_behind_the_last_one_when_the_connection_breaks(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    idle = sample.refusal(grpc.StatusCode.UNAVAILABLE, "nothing new", reason="STREAM_IDLE")
    gone = sample.refusal(grpc.StatusCode.OUT_OF_RANGE, "removed", reason="EVENTS_REMOVED")
    service.answers(
        "WatchEvents",
        lambda *_: [*watched(event(3)), down],
        lambda *_: [down],
        lambda *_: watched(event(4), event(6)),  # the stream ends in good order
        *[lambda *_: [idle]] * 6,  # that nothing changes for days is no failure
        lambda *_: [*watched(event(7)), gone],
    )
    seen, events = [], client.watch_events(after=2)
    with pytest.raises(OutOfRange):
        seen.extend(iter(lambda: next(events).sequence, None))
    assert seen == [3, 4, 6, 7]
    assert [request.after for request in service.requests["WatchEvents"]] == [2, 3, 3, *[6] * 7]


def test_watch_that_was_opened_outlasts_any_number_of_restarts(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    gone = sample.refusal(grpc.StatusCode.OUT_OF_RANGE, "removed", reason="EVENTS_REMOVED")
    service.answers(
        "WatchEvents",
        lambda *_: [portfolio.WatchEventsResponse(), down],  # it was opened, and there was nothing to tell yet
        *[lambda *_: [down]] * 12,
        lambda *_: [*watched(event(3)), gone],
    )
    seen, events = [], client.watch_events(after=2)
    with pytest.raises(OutOfRange):
        seen.extend(iter(lambda: next(events).sequence, None))
    assert seen == [3]
    assert [request.after for request in service.requests["WatchEvents"]] == [2] * 14


def test_watch_that_was_opened_ends_with_the_time_of_its_caller_though_the_service_stays_down(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    service.answers("WatchEvents", lambda *_: [*watched(event(3)), down], *[lambda *_: [down]] * 1000)
    with pytest.raises((Unavailable, DeadlineExceeded)):
        list(client.watch_events(timeout_seconds=0.3))
    assert len(service.requests["WatchEvents"]) > 5


def test_watch_of_events_gives_up_on_a_service_that_stays_down(client, service, sample):
    service.answers("WatchEvents", sample.refusal(grpc.StatusCode.UNAVAILABLE, "down"))
    with pytest.raises(Unavailable):
        list(client.watch_events())
    assert len(service.requests["WatchEvents"]) == 4


def test_watch_of_events_ends_at_its_deadline(client, service):
    def endless(_, context):
        yield watched(event(1))[0]
        while context.is_active():
            yield watched(event(1))[0]

    service.answers("WatchEvents", endless)
    with pytest.raises(DeadlineExceeded):
        list(client.watch_events(timeout_seconds=0.1))


@pytest.mark.usefixtures("book")
def test_command_lists_events(almeno):
    shown = almeno("events", width=120)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert ("customer registered" in lines[-3], "branch-pune" in lines[-3]) == (True, True)
    assert "repayment recorded" in lines[-2]
    assert almeno("events", "--limit", "1", width=120).stdout.count("2026-04-10") == 1


@pytest.mark.usefixtures("book")
def test_command_prints_a_document_a_line(almeno):
    shown = almeno("events", "--json", "--after", "1")
    documents = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [(each["sequence"], each["kind"]) for each in documents] == [(4, "REPAYMENT_RECORDED"), (5, "LOAN_CLOSED")]
    assert documents[0]["repayment"]["amount"] == "10746.95"


@pytest.mark.parametrize("as_json", [False, True])
def test_command_follows_events(almeno, service, sample, as_json):
    gone = sample.refusal(grpc.StatusCode.OUT_OF_RANGE, "removed", reason="EVENTS_REMOVED")
    service.answers("WatchEvents", lambda *_: [*watched(event(3), event(4, loan=loan())), gone])
    shown = almeno("events", "--follow", "--after", "2", *(["--json"] if as_json else []))
    assert shown.exit_code == 4
    lines = shown.stdout.splitlines()
    if as_json:
        assert [json.loads(line)["sequence"] for line in lines] == [3, 4]
    else:
        assert [line.split()[0] for line in lines] == ["3", "4"]
    assert service.requests["WatchEvents"][0].after == 2


@pytest.mark.usefixtures("book")
def test_command_lists_the_newest_events(almeno):
    shown = almeno("events", "--json", "--last", "1")
    assert [json.loads(line)["sequence"] for line in shown.stdout.splitlines()] == [5]


@pytest.mark.parametrize(("last", "seen"), [(0, [7]), (2, [4, 5, 7])])
def test_command_follows_the_newest_events_or_those_from_now_on(almeno, book, sample, last, seen):
    gone = sample.refusal(grpc.StatusCode.OUT_OF_RANGE, "removed", reason="EVENTS_REMOVED")
    book.answers("WatchEvents", lambda *_: [*watched(event(7)), gone])
    shown = almeno("events", "--follow", "--json", "--last", str(last))
    assert [json.loads(line)["sequence"] for line in shown.stdout.splitlines()] == seen
    assert book.requests["WatchEvents"][0].after == 5


@pytest.mark.parametrize(
    "options",
    [
        ("--follow", "--limit", "2"),
        ("--last", "2", "--after", "1"),
        ("--last", "2", "--limit", "1"),
        ("--last", "0"),
        ("--last", "1001"),
    ],
)
def test_command_refuses_options_that_do_not_go_together(almeno, service, options):
    refused = almeno("events", *options)
    assert refused.exit_code == 2
    assert "--l" in refused.stderr
    assert not service.requests
