"""ListEvents and WatchEvents as callers see them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.type import date_pb2
from support.book import LAKH, TODAY, book_customer
from support.memory_store import MemoryStore

from almeno_grpc.api import change_event_pb2
from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain.access import NOBODY, PII, SCOPES, Caller, Limits
from almeno_grpc.domain.audit import AuditEventKind
from almeno_grpc.metrics import UNKNOWN_METHOD
from almeno_grpc.rpc import event_servicer
from almeno_grpc.rpc.event_servicer import EventServicer
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.rpc.runtime.authentication import OpenAccess
from almeno_grpc.rpc.runtime.current_call import set_current_call
from almeno_grpc.rpc.runtime.methods import Method
from almeno_grpc.service.audit_queue import AuditQueue
from almeno_grpc.service.change_events import ChangeEventService

KINDS = change_event_pb2.ChangeEventKind
CONTEXT: Any = SimpleNamespace(is_active=lambda: True)


def listed(stubs, **request) -> list[change_event_pb2.ChangeEvent]:
    return list(stubs.portfolio.ListEvents(pb.ListEventsRequest(**request)).events)


def test_changes_are_listed_with_what_they_have_made(stubs):
    customer = stubs.book.register()
    loan = stubs.book.lend(customer.customer_id, LAKH).loan
    stubs.book.repay(loan.loan_id, 10_000)
    registered, booked, repaid = listed(stubs)
    assert [KINDS.Name(event.kind) for event in (registered, booked, repaid)] == [
        "CHANGE_EVENT_KIND_CUSTOMER_REGISTERED",
        "CHANGE_EVENT_KIND_LOAN_BOOKED",
        "CHANGE_EVENT_KIND_REPAYMENT_RECORDED",
    ]
    assert [event.sequence for event in (registered, booked, repaid)] == [1, 2, 3]
    fetched = stubs.credit.GetCustomer(credit.GetCustomerRequest(customer_id=customer.customer_id))
    assert registered.customer == fetched.customer
    assert not registered.HasField("loan_id")
    assert (booked.loan_id, booked.loan.outstanding_principal.units) == (loan.loan_id, 100_000)
    assert repaid.loan == stubs.credit.GetLoan(credit.GetLoanRequest(loan_id=loan.loan_id)).loan
    assert (repaid.repayment.amount.units, repaid.loan.paid_toward_next.units) == (100, 100)
    assert repaid.business_date == date_pb2.Date(year=TODAY.year, month=TODAY.month, day=TODAY.day)
    assert listed(stubs, after=2) == [repaid]
    assert listed(stubs, after=1, page_size=1) == [booked]
    assert listed(stubs, after=3) == []
    assert listed(stubs, newest=2) == [booked, repaid]
    for request in (pb.ListEventsRequest(after=3), pb.ListEventsRequest(newest=0)):
        assert stubs.portfolio.ListEvents(request) == pb.ListEventsResponse(last_sequence=3, next_after=3)
    first_page = stubs.portfolio.ListEvents(pb.ListEventsRequest(page_size=1))
    assert (first_page.last_sequence, first_page.next_after) == (3, 1)


def test_declined_loan_is_told_with_the_decision_that_can_be_fetched(stubs):
    customer = stubs.book.register()
    assert stubs.book.lend(customer.customer_id, 10_000 * LAKH).loan is None
    [declined] = listed(stubs, after=1)
    assert KINDS.Name(declined.kind) == "CHANGE_EVENT_KIND_APPLICATION_DECLINED"
    assert (declined.customer_id, declined.HasField("loan_id")) == (customer.customer_id, False)
    decision = stubs.credit.GetDecision(credit.GetDecisionRequest(decision_id=declined.decision_id)).decision
    assert not decision.approved


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        ({"after": -1}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"page_size": -1}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"newest": -1}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"newest": 1001}, "INVALID_ARGUMENT", "INVALID_FIELD"),
        ({"after": 1}, "OUT_OF_RANGE", "EVENTS_NOT_REACHED"),
        ({"after": 2**63 - 1}, "OUT_OF_RANGE", "EVENTS_NOT_REACHED"),
    ],
)
def test_number_that_no_event_can_be_behind_is_refused(stubs, request_, code, reason):
    refusal = stubs.refusal(lambda: listed(stubs, **request_))
    assert (refusal.code, refusal.reason) == (code, reason)
    if request_.keys() == {"after"}:
        refusal = stubs.refusal(lambda: list(stubs.portfolio.WatchEvents(pb.WatchEventsRequest(**request_))))
        assert (refusal.code, refusal.reason) == (code, reason)


def test_events_that_the_retention_has_removed_are_no_silent_gap(stubs):
    now, day_us = stubs.book.clock.now_microseconds(), 86_400_000_000
    stubs.book.upsert([book_customer(number) for number in range(1, 3)])
    # PostgreSQL removes weeks, of which the first lasts for two.
    stubs.book.now = lambda: now + 40 * day_us
    stubs.book.upsert([book_customer(3)])
    stubs.book.store.write(lambda tx: tx.change_events.remove(now + 20 * day_us, 2))
    for call in (
        lambda: listed(stubs, after=1),
        lambda: list(stubs.portfolio.WatchEvents(pb.WatchEventsRequest(after=1))),
    ):
        refusal = stubs.refusal(call)
        assert (refusal.code, refusal.reason, refusal.metadata) == (
            "OUT_OF_RANGE",
            "EVENTS_REMOVED",
            {"first_after": "2"},
        )
    assert [event.sequence for event in listed(stubs)] == [3]
    assert [event.sequence for event in listed(stubs, after=2)] == [3]


def test_watch_tells_what_was_and_then_what_comes(stubs):
    first = stubs.book.register()
    answers = stubs.portfolio.WatchEvents(pb.WatchEventsRequest(), timeout=20)
    assert [event.customer_id for event in next(answers).events] == [first.customer_id]
    second = stubs.book.register()
    assert [event.customer_id for event in next(answers).events] == [second.customer_id]
    answers.cancel()
    answers = stubs.portfolio.WatchEvents(pb.WatchEventsRequest(after=1), timeout=20)
    assert [event.customer_id for event in next(answers).events] == [second.customer_id]
    answers.cancel()


def test_watch_says_at_once_that_it_stands(stubs):
    answers = stubs.portfolio.WatchEvents(pb.WatchEventsRequest(), timeout=20)
    assert next(answers) == pb.WatchEventsResponse()
    customer = stubs.book.register()
    assert [event.customer_id for event in next(answers).events] == [customer.customer_id]
    answers.cancel()


def test_watch_of_events_is_sent_away_when_the_server_stops(stubs):
    stubs.book.register()
    answers = stubs.portfolio.WatchEvents(pb.WatchEventsRequest(), timeout=20)
    next(answers)
    stubs.application.drain()
    refusal = stubs.refusal(lambda: list(answers))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SERVER_STOPPING")


def test_watch_of_events_that_has_nothing_to_tell_for_long_ends(stubs, monkeypatch):
    monkeypatch.setattr(event_servicer, "IDLE_WATCH_SECONDS", 0.1)
    refusal = stubs.refusal(lambda: list(stubs.portfolio.WatchEvents(pb.WatchEventsRequest(), timeout=20)))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STREAM_IDLE")


def test_watch_of_events_lasts_no_longer_than_its_caller(stubs):
    with pytest.raises(grpc.RpcError) as caught:
        list(stubs.portfolio.WatchEvents(pb.WatchEventsRequest(), timeout=0.4))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@contextmanager
def served(book, caller: Caller) -> Iterator[tuple[EventServicer, MemoryStore]]:
    """The servicer as a caller meets it, and the trail that this leaves."""
    trail = MemoryStore()
    queue = AuditQueue(trail.as_store(), book.clock)
    method = Method("/S/ListEvents", UNKNOWN_METHOD, has_effects=False, is_stream=False, scope="events:read")
    set_current_call(caller, method, OpenAccess())
    try:
        yield EventServicer(ChangeEventService(book.store), Persons(queue, book.clock), threading.Event()), trail
    finally:
        set_current_call(NOBODY, method, OpenAccess())
        queue.close()


@pytest.mark.parametrize("may_see", [False, True])
def test_customer_in_an_event_is_shown_in_full_to_who_may_see_persons_which_is_recorded(book, may_see):
    customer = book.register()
    with served(book, Caller("branch-pune", "abcdefghijkl", SCOPES if may_see else SCOPES - {PII})) as (
        servicer,
        trail,
    ):
        [event] = servicer.ListEvents(pb.ListEventsRequest(), CONTEXT).events
        [watched] = next(iter(servicer.WatchEvents(pb.WatchEventsRequest(), CONTEXT))).events
    assert event == watched
    shown = event.customer
    assert (shown.redacted, shown.first_name) == ((False, "Asha") if may_see else (True, ""))
    assert (shown.phone_hint, shown.phone_number) == (
        ("", customer.phone_number) if may_see else (customer.phone_number[-4:], "")
    )
    reads = [(each.kind, each.principal, each.customer_id) for each in trail.events]
    assert set(reads) == ({(AuditEventKind.READ, "branch-pune", customer.customer_id)} if may_see else set())


def test_follower_who_has_seen_as_many_persons_as_it_may_reads_on_with_redacted_ones(book):
    for _ in range(4):
        book.register()
    caller = Caller("branch-pune", "abcdefghijkl", SCOPES, Limits(max_pii_reads_per_day=3))
    with served(book, caller) as (servicer, _):
        pages = [servicer.ListEvents(pb.ListEventsRequest(after=after, page_size=2), CONTEXT) for after in (0, 2)]
        watched = next(iter(servicer.WatchEvents(pb.WatchEventsRequest(), CONTEXT)))
    redacted = [[event.customer.redacted for event in answer.events] for answer in (*pages, watched)]
    assert redacted == [[False, False], [False, True], [True] * 4]
