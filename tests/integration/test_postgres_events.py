"""What is PostgreSQL's of the events: numbers are given before the transactions commit, and some commit out of turn."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from support.book import TODAY, book_customer

from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.change_event import ChangeEvent
from almeno_grpc.domain.errors import EventsUnsettled
from almeno_grpc.rpc.event_servicer import EventServicer
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.service.change_events import MAX_WAIT_MILLISECONDS, ChangeEventPage, ChangeEventService
from almeno_grpc.service.store import Changes, Transaction
from almeno_grpc.storage.store import SqlStore


@pytest.fixture(scope="module")
def databases(postgres_databases):
    return postgres_databases


class Undone(Exception):
    """The transaction is rolled back."""


def add_customer(tx: Transaction, number: int) -> None:
    tx.customers.import_new([book_customer(number)], 1)
    tx.write(Changes(event=AuditEntry(AuditEventKind.WRITE, 1, "", "", "an import"), on=TODAY))


@contextlib.contextmanager
def open_transaction(store: SqlStore, customer_id: int) -> Iterator[Callable[..., None]]:
    """A transaction that has written an event with the next number; gives what ends it."""
    has_number, may_end, fails = threading.Event(), threading.Event(), threading.Event()

    def work(tx: Transaction) -> None:
        add_customer(tx, customer_id)
        has_number.set()
        may_end.wait(10)
        if fails.is_set():
            raise Undone

    with ThreadPoolExecutor(1) as pool:
        written: Future[None] = pool.submit(store.write, work)
        assert has_number.wait(10)

        def end(*, undone: bool = False) -> None:
            if undone:
                fails.set()
            may_end.set()
            if undone:
                with pytest.raises(Undone):
                    written.result()
            else:
                written.result()

        try:
            yield end
        finally:
            may_end.set()


def by_number_alone(store: SqlStore, after: int | None, count: int) -> list[ChangeEvent]:
    """What a reader sees who does not look for gaps."""
    with store.read() as tx:
        return tx.change_events.page(after or 0, count)


def read_soon(events: ChangeEventService, after: int | None, count: int = 10) -> list[ChangeEvent]:
    """What a reader gets who does not wait for long."""
    return events.page(after, count, 50).events


def numbers_seen(read: Callable[[int | None], list[ChangeEvent]], between: Callable[[], None]) -> list[int]:
    """The customers that a reader sees who goes on behind the last number, before something happens and after it."""
    first = read(None)
    between()
    return [event.customer_id for event in (*first, *read(first[-1].number if first else None))]


def test_reader_by_number_alone_misses_what_commits_out_of_turn(book, open_store):
    with open_transaction(open_store(), 1) as end:
        book.store.write(lambda tx: add_customer(tx, 2))
        assert numbers_seen(lambda after: by_number_alone(book.store, after, 10), end) == [2]


def test_reader_never_passes_a_number_whose_transaction_is_open(book, open_store):
    events = ChangeEventService(book.store)
    book.store.write(lambda tx: add_customer(tx, 3))
    with open_transaction(open_store(), 1) as end:
        book.store.write(lambda tx: add_customer(tx, 2))
        assert [event.customer_id for event in read_soon(events, None)] == [3]
        assert read_soon(events, 1) == []
        assert numbers_seen(lambda after: read_soon(events, after), end) == [3, 1, 2]


def test_reader_waits_for_a_transaction_that_ends_soon(book, open_store):
    with open_transaction(open_store(), 1) as end:
        book.store.write(lambda tx: add_customer(tx, 2))
        threading.Timer(0.05, end).start()
        assert [event.customer_id for event in ChangeEventService(book.store).page(None, 10).events] == [1, 2]


def test_reader_passes_the_number_of_a_transaction_that_was_undone(book, open_store):
    with open_transaction(open_store(), 1) as end:
        end(undone=True)
    book.store.write(lambda tx: add_customer(tx, 2))
    assert [event.customer_id for event in ChangeEventService(book.store).page(None, 10).events] == [2]


def test_reader_passes_a_gap_though_others_go_on_writing(book, open_store):
    events = ChangeEventService(book.store)
    with open_transaction(open_store(), 1) as end:
        end(undone=True)
    book.store.write(lambda tx: add_customer(tx, 2))
    with open_transaction(open_store(), 3) as end_first:
        reading = ThreadPoolExecutor(1).submit(events.page, None, 10, 5_000)
        time.sleep(0.05)
        with open_transaction(open_store(), 4):
            # The reader waits for those alone that were open when it saw the gap.
            end_first()
            assert [event.customer_id for event in reading.result(2).events] == [2, 3]


def undo_a_number(open_store, customer_id: int) -> None:
    with open_transaction(open_store(), customer_id) as end:
        end(undone=True)


def test_transaction_that_hangs_keeps_nobody_from_gaps_that_were_waited_for_before_it(book, open_store):
    events = ChangeEventService(book.store)
    for number in (1, 3, 5):
        book.store.write(lambda tx, number=number: add_customer(tx, number))
        undo_a_number(open_store, 9)
    book.store.write(lambda tx: add_customer(tx, 7))
    pages = [read_soon(events, None), read_soon(events, 1)]
    assert [[event.customer_id for event in page] for page in pages] == [[1], [3, 5, 7]]
    with open_transaction(open_store(), 8):
        book.store.write(lambda tx: add_customer(tx, 9))
        # The one that reads them once more, as another follower does; and no further than the open one.
        assert [event.customer_id for event in read_soon(events, None)] == [1, 3, 5, 7]
        assert [event.customer_id for event in read_soon(events, 1, 1)] == [3]
        assert read_soon(events, 7) == []


def test_page_that_may_not_be_read_yet_says_that_more_is_in_the_book(book, open_store):
    events = ChangeEventService(book.store)
    with open_transaction(open_store(), 1) as end:
        book.store.write(lambda tx: add_customer(tx, 2))
        assert events.page(None, 10, 50) == ChangeEventPage([], last_number=2, next_after=0)
        end()
    page = events.page(None, 10)
    assert ([event.customer_id for event in page.events], page.last_number, page.next_after) == ([1, 2], 2, 2)


def test_place_to_follow_the_book_from_is_told_once_nothing_below_it_can_come(book, open_store):
    events = ChangeEventService(book.store)
    with open_transaction(open_store(), 1) as end:
        book.store.write(lambda tx: add_customer(tx, 2))
        # Who began behind 2, the last in the book, and read the book now, would never see customer 1.
        with pytest.raises(EventsUnsettled):
            events.newest(0, 10, 50)
        end()
    assert events.newest(0, 10, 50) == ChangeEventPage([], last_number=2, next_after=2)
    with open_transaction(open_store(), 3):
        assert [event.customer_id for event in events.newest(1, 10, 50).events] == [2]


def test_call_with_one_answer_waits_shortly_for_a_transaction_that_hangs(book, open_store):
    servicer = EventServicer(ChangeEventService(book.store), Persons(None, book.clock), threading.Event())
    context: Any = None
    with open_transaction(open_store(), 1):
        book.store.write(lambda tx: add_customer(tx, 2))
        began = time.monotonic()
        assert servicer.ListEvents(pb.ListEventsRequest(), context) == pb.ListEventsResponse(last_sequence=2)
        assert time.monotonic() - began < MAX_WAIT_MILLISECONDS / 1000
