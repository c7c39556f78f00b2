"""Events by which other systems follow the book: one for each change, in its transaction, none missed."""

import uuid
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from support.audit_trail import findings
from support.book import LAKH, RUPEE, Book, book_customer, book_loan
from support.change_events import events_after

from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import SCOPES, Caller
from almeno_grpc.domain.change_event import ChangeEvent
from almeno_grpc.domain.change_event import ChangeEventKind as Kind
from almeno_grpc.domain.charge import ChargeKind
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import CreditError, EventsNotReached, EventsRemoved
from almeno_grpc.domain.limits import MAX_ID
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.repayment import PrepaymentEffect
from almeno_grpc.service.change_events import ChangeEventPage, ChangeEventService
from almeno_grpc.service.housekeeping import HistoryDays, Housekeeping
from almeno_grpc.service.idempotency import RequestContext
from almeno_grpc.service.repayments import RepaymentRequest
from almeno_grpc.storage import change_events

APPROVED = date(2027, 1, 15)
PUNE = Caller("branch-pune", "abcdefghijkl", SCOPES)

DAY_US = 86_400_000_000


@pytest.fixture(autouse=True)
def on(book: Book, monkeypatch: pytest.MonkeyPatch):
    """Sets the business date, first to one on which terms are in effect."""
    book.now = book.clock.now_microseconds

    def set_date(day: date) -> None:
        monkeypatch.setattr(Clock, "today", lambda _clock: day)

    set_date(APPROVED)
    yield set_date
    assert findings(book.store) == []


def request_of(book: Book, amount: int = LAKH, months: int = 12) -> LoanRequest:
    return LoanRequest(book.register(2_00_000 * RUPEE).customer_id, amount, Decimal("10.5"), months)


def lend(book: Book, *, disburse_later: bool = False) -> Loan:
    loan = book.book(request_of(book), disburse_later=disburse_later).loan
    assert loan
    return loan


def stored(book: Book, loan: Loan) -> Loan:
    return book.booking.get_loan(loan.loan_id)[0]


def new_events(book: Book, change: Callable[[], object]) -> list[ChangeEvent]:
    """The events of what a change does."""
    before = events_after(book.store)
    change()
    events = events_after(book.store)
    assert events[: len(before)] == before
    return events[len(before) :]


def disburse(book: Book, loan: Loan) -> None:
    book.change(book.loan_changes.disburse, loan.loan_id, None, "UTR-1")


def pay_off(book: Book, loan: Loan) -> None:
    book.repay(loan.loan_id, book.repayments.payoff(loan.loan_id, None).payoff.amount)


CHANGES = {
    "disbursement": (True, [Kind.LOAN_DISBURSED], disburse),
    "cancellation": (
        True,
        [Kind.LOAN_CANCELLED],
        lambda book, loan: book.change(book.loan_changes.cancel, loan.loan_id, "WITHDRAWN"),
    ),
    "exit": (False, [Kind.LOAN_EXITED], lambda book, loan: book.change(book.loan_changes.exit, loan.loan_id, None)),
    "repayment": (False, [Kind.REPAYMENT_RECORDED], lambda book, loan: book.repay(loan.loan_id, 100 * RUPEE)),
    "last repayment": (False, [Kind.REPAYMENT_RECORDED, Kind.LOAN_CLOSED], pay_off),
    "prepayment": (
        False,
        [Kind.LOAN_PREPAID],
        lambda book, loan: book.prepay(loan.loan_id, LAKH // 2, PrepaymentEffect.LOWER_INSTALLMENT),
    ),
    "charge": (False, [Kind.CHARGE_ADDED], lambda book, loan: book.charge(loan.loan_id, 500 * RUPEE)),
}


@pytest.mark.parametrize(("is_sanctioned", "kinds", "change"), CHANGES.values(), ids=list(CHANGES))
def test_each_change_of_a_loan_has_its_event_with_the_loan_after_it(book, is_sanctioned, kinds, change):
    loan = lend(book, disburse_later=is_sanctioned)
    events = new_events(book, lambda: change(book, loan))
    assert [event.kind for event in events] == kinds
    for event in events:
        assert (event.loan, event.customer_id, event.loan_id) == (stored(book, loan), loan.customer_id, loan.loan_id)
        assert (event.business_date, event.customer, event.import_id) == (APPROVED, None, "")
    repayments = book.repayments.page(loan.loan_id, 0, 10)
    assert [event.repayment for event in events if event.repayment] == repayments


def test_new_customers_and_loans_have_their_events(book):
    events = new_events(book, lambda: (lend(book), lend(book, disburse_later=True)))
    assert [event.kind for event in events] == [
        Kind.CUSTOMER_REGISTERED,
        Kind.LOAN_BOOKED,
        Kind.CUSTOMER_REGISTERED,
        Kind.LOAN_SANCTIONED,
    ]
    assert events[0].customer == book.customers.get(events[0].customer_id)[0]
    assert (events[1].loan, events[3].loan) == (stored(book, events[1].loan), stored(book, events[3].loan))
    assert events[3].loan.state is LoanState.SANCTIONED


def test_reversal_has_its_event_with_the_reversed_repayment_and_the_loan_as_if_it_had_never_been(book):
    loan = lend(book)
    first = book.repay(loan.loan_id, 100 * RUPEE)
    [event] = new_events(book, lambda: book.reverse(first.repayment.repayment_id))
    [repayment] = book.repayments.page(loan.loan_id, 0, 10)
    assert repayment.reversal
    assert (event.kind, event.repayment, event.loan) == (Kind.REPAYMENT_REVERSED, repayment, stored(book, loan))


def test_charge_and_waiver_have_events_with_the_charges_that_they_change(book):
    loan = lend(book)
    book.charge(loan.loan_id, 500 * RUPEE)
    [added] = new_events(book, lambda: book.charge(loan.loan_id, 700 * RUPEE))
    assert [charge.amount for charge in added.charges] == [700 * RUPEE]
    [waived] = new_events(book, lambda: book.charge(loan.loan_id, 600 * RUPEE, ChargeKind.WAIVER))
    assert waived.kind is Kind.CHARGES_WAIVED
    assert [charge.waived for charge in waived.charges] == [500 * RUPEE, 100 * RUPEE]
    assert list(waived.charges) == book.repayments.charges(loan.loan_id)


def test_prepaid_loan_has_its_schedule_in_the_event(book):
    loan = lend(book)
    prepaid = book.prepay(loan.loan_id, LAKH // 2, PrepaymentEffect.SHORTER_TENURE)
    [_, _, event] = events_after(book.store)
    assert event.loan == prepaid.loan
    assert (event.loan.rows(), event.loan.booked_terms) == (prepaid.loan.rows(), loan.booked_terms)


def test_customer_who_is_changed_has_an_event_with_what_the_customer_is_then(book):
    customer = book.register()
    [updated] = new_events(book, lambda: book.update(customer.customer_id, RequestContext(caller=PUNE), age=31))
    assert (updated.kind, updated.customer.age, updated.principal) == (Kind.CUSTOMER_UPDATED, 31, "branch-pune")
    [limit_set] = new_events(book, lambda: book.set_limit(customer.customer_id, 5 * LAKH))
    assert (limit_set.kind, limit_set.customer.approved_limit) == (Kind.CUSTOMER_LIMIT_SET, 5 * LAKH)
    assert limit_set.customer == book.customers.get(customer.customer_id)[0]
    # What was read before stays as it was.
    assert events_after(book.store)[1] == updated
    assert new_events(book, lambda: book.update(customer.customer_id, age=31)) == []


def test_customer_whose_class_changes_has_an_event_behind_that_of_the_payment(book, on):
    loan = lend(book)
    for day, paid, since in ((date(2027, 6, 10), 21_493, date(2027, 5, 16)), (date(2027, 6, 11), 30_000, None)):
        on(day)
        recorded, changed = new_events(book, lambda paid=paid: book.repay(loan.loan_id, paid * RUPEE))
        assert (recorded.kind, changed.kind) == (Kind.REPAYMENT_RECORDED, Kind.CUSTOMER_CLASS_CHANGED)
        assert (changed.customer, changed.non_performing_since) == (book.customers.get(loan.customer_id)[0], since)


def test_request_has_an_event_and_its_repetition_none(book):
    loan = lend(book)
    context = RequestContext(request_id=str(uuid.uuid4()), fingerprint="f" * 64, caller=PUNE)
    request = RepaymentRequest(loan.loan_id, 100 * RUPEE, None)

    def repay() -> None:
        book.repayments.record(request, context, lambda _: b"recorded").result()

    [event] = new_events(book, repay)
    assert (event.request_id, event.principal) == (context.request_id, "branch-pune")
    assert new_events(book, repay) == []


@pytest.mark.parametrize(
    "refused",
    [
        lambda book, loan: book.repay(loan.loan_id, 10 * LAKH),
        lambda book, loan: book.change(book.loan_changes.cancel, loan.loan_id, "LENDER"),
        lambda book, loan: book.register(phone_number=book.customers.get(loan.customer_id)[0].phone_number),
        lambda book, loan: book.update(loan.customer_id + 1, age=31),
    ],
)
def test_change_that_is_refused_has_no_event(book, refused):
    loan = lend(book)

    def change() -> None:
        with pytest.raises(CreditError):
            refused(book, loan)

    assert new_events(book, change) == []


def test_loan_that_is_declined_has_an_event_with_its_decision(book):
    request = request_of(book, 1_000 * LAKH)
    [event] = new_events(book, lambda: book.book(request))
    [decision] = book.rows("decision")
    assert (event.kind, event.decision_id) == (Kind.APPLICATION_DECLINED, decision["decision_id"])
    assert (event.customer_id, event.loan_id, event.customer, event.loan) == (request.customer_id, None, None, None)
    assert event.business_date == APPROVED


def test_event_of_a_loan_that_is_booked_leaves_the_decision_to_the_loan(book):
    request = request_of(book)
    [event] = new_events(book, lambda: book.book(request))
    [decision] = book.rows("decision")
    assert (event.decision_id, event.loan.decision_id) == ("", decision["decision_id"])


def test_import_has_an_event_for_each_row_that_it_inserts_or_updates(book):
    rows = [book_customer(number) for number in range(1, 4)]
    events = new_events(book, lambda: book.upsert(rows))
    assert [(event.kind, event.customer_id) for event in events] == [(Kind.CUSTOMER_IMPORTED, n) for n in (1, 2, 3)]
    assert [event.customer for event in events] == [book.customers.get(n)[0] for n in (1, 2, 3)]
    [file] = book.imports.page(1_000, 10)
    assert {event.import_id for event in events} == {file.import_id}
    again = [book_customer(1), book_customer(2, age=31), book_customer(3, approved_limit=LAKH)]
    assert [(event.kind, event.customer_id) for event in new_events(book, lambda: book.upsert(again))] == [
        (Kind.CUSTOMER_UPDATED, 2),
        (Kind.CUSTOMER_LIMIT_SET, 3),
    ]
    # The second has the number of the first, and is given another one.
    events = new_events(book, lambda: book.upsert([book_loan(1, 5), book_loan(2, 5), book_loan(9, 6)]))
    assert [event.kind for event in events] == [Kind.LOAN_IMPORTED] * 2
    for event in events:
        assert event.loan == stored(book, event.loan)
    events = new_events(book, lambda: book.upsert([book_loan(1, 5, emis_paid=12), book_loan(2, 5)]))
    assert [(event.kind, event.loan_id) for event in events] == [(Kind.LOAN_UPDATED, 5), (Kind.LOAN_CLOSED, 5)]
    assert events[0].loan == stored(book, events[0].loan)


def test_events_are_read_page_by_page_behind_a_number(book):
    book.upsert([book_customer(number) for number in range(1, 8)])
    events = ChangeEventService(book.store)
    pages, after = [], None
    while (page := events.page(after, 3)).events:
        pages.append([event.customer_id for event in page.events])
        after = page.next_after
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]
    assert (page.last_number, page.next_after) == (7, 7)
    assert [event.customer_id for event in events.page(0, 2).events] == [1, 2]


def test_newest_events_are_read_and_where_the_book_stands_after_them(book):
    events = ChangeEventService(book.store)
    assert events.newest(5, 10, 0) == events.page(None, 10) == ChangeEventPage([], last_number=0, next_after=0)
    book.upsert([book_customer(number) for number in range(1, 8)])
    for newest, count, customers in ((0, 10, []), (2, 10, [6, 7]), (7, 3, [1, 2, 3]), (9, 10, list(range(1, 8)))):
        page = events.newest(newest, count, 0)
        assert [event.customer_id for event in page.events] == customers
        assert (page.last_number, page.next_after) == (7, customers[-1] if customers else 7)
    # Where none is kept any more it is still a place to go on behind.
    book.store.write(lambda tx: tx.change_events.remove(MAX_ID, 100))
    assert events.newest(3, 10, 0) == events.page(None, 10) == ChangeEventPage([], last_number=7, next_after=7)
    assert [event.number for event in new_events(book, book.register)] == [8]
    assert [event.number for event in events.page(7, 10).events] == [8]


def test_page_has_no_more_bytes_than_a_message_takes_but_one_event_always(book, monkeypatch):
    book.upsert([book_customer(number) for number in range(1, 8)])
    size = len(book.rows("change_event")[0]["snapshot"])
    for room, count in ((0, 1), (size, 1), (3 * size, 3)):
        monkeypatch.setattr(change_events, "MAX_PAGE_BYTES", room)
        assert len(events_after(book.store)) == count


def test_events_are_removed_when_their_days_are_over_and_who_has_not_read_them_is_told(book, monkeypatch):
    first = book.register()
    now = book.clock.now_microseconds()

    def keep_house_until(day: int, since: int = 0) -> None:
        # PostgreSQL removes whole weeks, which are made some ahead.
        for passed in range(since, day + 1, 5):
            monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda passed=passed: now + passed * DAY_US))
            Housekeeping(book.store, book.clock, HistoryDays(requests=90, events=30)).work(60_000)

    keep_house_until(25)
    assert book.rows("change_event")
    keep_house_until(40, 30)
    second = book.register()
    keep_house_until(45, 45)
    events = ChangeEventService(book.store)
    assert [event.customer_id for event in events.page(None, 10).events] == [second.customer_id]
    assert [event.customer_id for event in events.page(1, 10).events] == [second.customer_id]
    with pytest.raises(EventsRemoved) as refused:
        events.page(0, 10)
    assert refused.value.metadata == {"first_after": "1"}
    assert book.customers.get(first.customer_id)
    # Also where all are gone: a number is never given again.
    keep_house_until(90, 50)
    assert events.page(None, 10).events == events.page(2, 10).events == []
    assert [event.number for event in new_events(book, book.register)] == [3]


def test_reader_with_a_number_that_no_event_has_had_is_told(book):
    book.register()
    events = ChangeEventService(book.store)
    assert events.page(1, 10).events == []
    for after in (2, 2**63 - 1):
        with pytest.raises(EventsNotReached) as refused:
            events.page(after, 10)
        assert refused.value.metadata == {"last": "1"}
