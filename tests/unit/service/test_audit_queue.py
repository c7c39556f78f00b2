"""Reads and refusals: recorded soon, folded where alike, and no person is shown whose read cannot be recorded."""

import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from support.memory_store import MemoryStore

from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import SCOPES, Caller
from almeno_grpc.domain.audit import AuditEventKind
from almeno_grpc.domain.errors import AuditUnavailable, StoreUnavailable
from almeno_grpc.service import audit_queue
from almeno_grpc.service.audit_queue import AuditQueue

PUNE = Caller("branch-pune", "abcdefghijkl", SCOPES)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def queue(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditQueue]:
    monkeypatch.setattr(audit_queue, "_RETRY_SECONDS", 0.01)
    queue = AuditQueue(store.as_store(), Clock(date(2026, 3, 31), ZoneInfo("Asia/Kolkata")))
    yield queue
    queue.close()


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_person_who_was_shown_is_an_event_within_a_moment(store: MemoryStore, queue: AuditQueue) -> None:
    queue.add_read(PUNE, "/S/GetCustomer", [7], "r-1")
    eventually(lambda: store.events)
    [event] = store.events
    assert (event.kind, event.principal, event.credential) == (AuditEventKind.READ, "branch-pune", "abcdefghijkl")
    assert (event.method, event.customer_id, event.subject, event.request_id) == ("/S/GetCustomer", 7, "7", "r-1")


def test_page_of_persons_is_one_event_that_names_them(store: MemoryStore, queue: AuditQueue) -> None:
    queue.add_read(PUNE, "/S/ListCustomers", [3, 1, 2, 9, 7, 8, 20])
    queue.close()
    assert [(event.customer_id, event.subject) for event in store.events] == [(0, "1-3,7-9,20")]


def test_quote_of_a_file_is_an_event_of_its_import(store: MemoryStore, queue: AuditQueue) -> None:
    queue.add_quote(PUNE, "/S/ListImportIssues", "i-1")
    queue.close()
    assert [(event.kind, event.customer_id, event.subject) for event in store.events] == [
        (AuditEventKind.READ, 0, "i-1")
    ]


def test_more_persons_than_an_event_names_are_several_events(store: MemoryStore, queue: AuditQueue) -> None:
    persons = range(1_000_000_001, 1_000_000_101, 2)
    queue.add_read(PUNE, "/S/FindCustomers", persons)
    queue.close()
    assert len(store.events) > 1
    assert max(len(event.subject) for event in store.events) <= 255
    assert [int(part) for event in store.events for part in event.subject.split(",")] == list(persons)


def test_answer_without_persons_is_no_event(store: MemoryStore, queue: AuditQueue) -> None:
    queue.add_read(PUNE, "/S/ListCustomers", [])
    queue.close()
    assert store.events == []


def test_refusals_that_are_alike_are_one_event_with_their_number(store: MemoryStore, queue: AuditQueue) -> None:
    for _ in range(1000):
        queue.add_refusal(PUNE, "/S/CreateLoan", "SCOPE_MISSING")
    queue.add_refusal(PUNE, "/S/GetLoan", "SCOPE_MISSING")
    queue.add_refusal(None, "/S/CreateLoan", "CREDENTIALS_MISSING")
    queue.close()
    folded = {(event.principal, event.method, event.outcome): event.calls for event in store.events}
    assert folded == {
        ("branch-pune", "/S/CreateLoan", "SCOPE_MISSING"): 1000,
        ("branch-pune", "/S/GetLoan", "SCOPE_MISSING"): 1,
        ("", "/S/CreateLoan", "CREDENTIALS_MISSING"): 1,
    }
    assert {event.kind for event in store.events} == {AuditEventKind.REFUSAL}


def test_strangers_with_many_methods_fill_no_memory(
    store: MemoryStore, queue: AuditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_queue, "MAX_FOLDED_REFUSALS", 3)
    for number in range(10):
        queue.add_refusal(None, f"/{number}/{'x' * 1000}", "CREDENTIALS_MISSING")
    queue.close()
    assert sorted(event.calls for event in store.events) == [1, 1, 1, 7]
    assert max(len(event.method) for event in store.events) == 128


def test_while_events_cannot_be_written_nobody_is_shown_once_the_queue_is_full_and_later_all_are_written(
    store: MemoryStore, queue: AuditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_queue, "MAX_QUEUED_EVENTS", 5)

    def refuse() -> None:
        raise StoreUnavailable("out of space")

    store.on_begin = refuse
    for number in range(1, 6):
        queue.add_read(PUNE, "/S/GetCustomer", [number])
    with pytest.raises(AuditUnavailable):
        queue.add_read(PUNE, "/S/GetCustomer", [6])
    eventually(lambda: len(store.log) > 1)
    store.on_begin = lambda: None
    eventually(lambda: len(store.events) == 5)
    queue.add_read(PUNE, "/S/GetCustomer", [7])
    queue.close()
    assert [event.customer_id for event in store.events] == [1, 2, 3, 4, 5, 7]


def test_many_reads_are_written_at_once_and_some_at_a_time(
    store: MemoryStore, queue: AuditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_queue, "FLUSH_SECONDS", 60)
    for number in range(1, 1_002):
        queue.add_read(PUNE, "/S/GetCustomer", [number])
    eventually(lambda: len(store.events) >= 500)
    queue.close()
    assert [event.customer_id for event in store.events] == list(range(1, 1_002))


def test_event_that_the_database_refuses_for_what_it_holds_stops_no_other(
    store: MemoryStore, queue: AuditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = store.write

    def refuse_some(work: Any, **more: Any) -> Any:
        def checked(tx: Any) -> Any:
            result = work(tx)
            if any(event.method == "/S/\0" for event in tx.events):
                raise ValueError("a NUL character")
            return result

        return write(checked, **more)

    monkeypatch.setattr(store, "write", refuse_some)
    queue.add_read(PUNE, "/S/\0", [1])
    queue.add_read(PUNE, "/S/GetCustomer", [2])
    queue.close()
    assert [event.customer_id for event in store.events] == [2]


def test_refusals_leave_the_room_of_reads_while_the_database_is_away(
    store: MemoryStore, queue: AuditQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_queue, "MAX_QUEUED_EVENTS", 10)
    monkeypatch.setattr(audit_queue, "REFUSAL_SECONDS", 0)

    def be_away() -> None:
        raise StoreUnavailable("gone")

    store.on_begin = be_away
    for number in range(50):
        # Few enough methods that a flush of them fits beside those that one before has left.
        queue.add_refusal(None, f"/S/{number % 3}", "SCOPE_MISSING")
        time.sleep(0.002)
    queue.add_read(PUNE, "/S/GetCustomer", [1])
    store.on_begin = lambda: None
    queue.close()
    assert sum(event.calls for event in store.events if event.kind is AuditEventKind.REFUSAL) == 50


def test_queue_that_nothing_came_to_is_closed_at_once(queue: AuditQueue) -> None:
    queue.close()
