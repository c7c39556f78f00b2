"""Servers of one book whose business dates differ: the one behind sees every loan, and changes nothing."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from support.book import INDIA, LAKH, RUPEE, Book
from support.recount import terms
from support.served_book import Served

from almeno_grpc import bootstrap
from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import import_pb2
from almeno_grpc.clock import Clock
from almeno_grpc.config import Settings
from almeno_grpc.domain.decision import DecisionReason, LoanRequest
from almeno_grpc.domain.errors import BusinessDateBehind
from almeno_grpc.logs import start_logging
from almeno_grpc.service.booking import BookingRequest
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.store import Changes, DecisionRecord

TODAY = date(2026, 4, 10)
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
ID = "123e4567-e89b-42d3-a456-426614174000"

RATE = Decimal(12)

BookOn = Callable[[date], Book]


@pytest.fixture
def book_on(open_store) -> Iterator[BookOn]:
    """Makes servers, each with a business date and a store of its own, of one book."""
    with contextlib.ExitStack() as stack:

        def make(day: date) -> Book:
            book = Book(open_store(), Clock(day, INDIA))
            stack.callback(book.close)
            return book

        yield make


def decision_of(customer_id: int, day: date, identifier: str) -> Changes:
    record = DecisionRecord(identifier, customer_id, f"{day}", "v", "f", False, 1, "", "{}", "s", 1)
    return Changes(decisions=[record], business_date=day)


def test_limit_that_fits_one_loan_is_not_lent_twice_by_servers_a_day_apart(book_on: BookOn) -> None:
    today, tomorrow = book_on(TODAY), book_on(TOMORROW)
    customer_id = today.register().customer_id
    assert tomorrow.lend(customer_id, 10 * LAKH, months=240).loan
    checked = today.check(LoanRequest(customer_id, 10 * LAKH, RATE, 240))
    assert DecisionReason.LOAN_EXCEEDS_LIMIT in checked.reasons
    with pytest.raises(BusinessDateBehind):
        today.lend(customer_id, 10 * LAKH, months=240)
    assert len(today.rows("loan")) == 1


def test_server_behind_the_latest_booking_changes_nothing_and_says_why(book_on: BookOn) -> None:
    today, tomorrow = book_on(TODAY), book_on(TOMORROW)
    customer_id = today.register().customer_id
    loan = today.lend(customer_id, 1 * LAKH).loan
    assert loan
    tomorrow.lend(customer_id, 1 * LAKH)
    before = today.counts()
    for change in (
        today.register,
        lambda: today.lend(customer_id, 1 * LAKH),
        lambda: today.repay(loan.loan_id, 100 * RUPEE),
        lambda: Idempotency(today.store, today.clock).execute(RequestContext(), pytest.fail, str.encode),
    ):
        with pytest.raises(BusinessDateBehind) as refusal:
            change()
        assert refusal.value.metadata == {"business_date": "2026-04-10", "latest_business_date": "2026-04-11"}
    assert today.counts() == before
    assert today.customers.get(customer_id)[1].loan_count == 2
    assert today.check(LoanRequest(customer_id, 1 * LAKH, RATE, 12)).business_date == TODAY


@pytest.mark.parametrize("fact", ["a decline", "a repayment", "a charge", "a disbursement"])
def test_anything_recorded_on_a_later_day_stops_a_server_too(book_on: BookOn, fact: str) -> None:
    today, tomorrow = book_on(TODAY), book_on(TOMORROW)
    customer_id = today.register().customer_id
    loan = today.lend(customer_id, 1 * LAKH).loan
    assert loan
    if fact == "a decline":
        assert not tomorrow.lend(customer_id, 100 * LAKH).loan
    elif fact == "a repayment":
        tomorrow.repay(loan.loan_id, 100 * RUPEE)
    elif fact == "a charge":
        tomorrow.charge(loan.loan_id, 100 * RUPEE)
    else:
        sanctioned = replace(loan, loan_id=loan.loan_id + 1, valid_until=TOMORROW, decision_id=None, source_loan_id=9)
        today.store.write(lambda tx: tx.write(Changes(loans=[sanctioned])))
        tomorrow.change(tomorrow.loan_changes.disburse, sanctioned.loan_id, TODAY, "")
    with pytest.raises(BusinessDateBehind):
        today.lend(customer_id, 1 * LAKH)


def test_answer_given_before_is_repeated_by_a_server_that_has_fallen_behind(book_on: BookOn) -> None:
    today, tomorrow = book_on(TODAY), book_on(TOMORROW)
    customer_id = today.register().customer_id
    today.lend(customer_id, 1 * LAKH, request_id=ID)
    tomorrow.lend(customer_id, 1 * LAKH)
    asked: list[object] = []
    request = LoanRequest(customer_id, 1 * LAKH, RATE, 12)
    context = RequestContext(ID, fingerprint=hashlib.sha256(f"{request}".encode()).hexdigest())
    answer = today.booking.book(
        BookingRequest(request), context, lambda _: pytest.fail("decided again"), asked.append
    ).result()
    assert (answer, asked) == (b"booked", [])


def test_server_whose_business_date_is_the_latest_or_later_writes(book_on: BookOn) -> None:
    customer_id = book_on(YESTERDAY).register().customer_id
    for day in (YESTERDAY, TODAY, TODAY, TOMORROW):
        assert book_on(day).lend(customer_id, 1 * LAKH).decision.business_date == day


def test_what_a_sheet_says_of_later_days_stops_nobody(book_on: BookOn, rows_of) -> None:
    today = book_on(TODAY)
    today.upsert([rows_of.customer(1)])
    today.upsert([rows_of.loan(1, 5, approval_date=date(2027, 1, 5), emis_paid=0, emis_paid_on_time=0)])
    assert today.lend(1, 1 * LAKH).loan
    assert today.customers.get(1)[1].loan_count == 2


def test_booking_that_waits_at_midnight_for_one_of_the_next_day_is_refused(book_on: BookOn) -> None:
    today, tomorrow = book_on(TODAY), book_on(TOMORROW)
    customer_id = today.register().customer_id
    is_written, may_commit = threading.Event(), threading.Event()

    def book_tomorrow(tx) -> None:
        tx.borrowers.lock([customer_id], wait=True)
        tx.write(decision_of(customer_id, TOMORROW, "tomorrow"))
        is_written.set()
        assert may_commit.wait(30)

    with ThreadPoolExecutor(2) as pool:
        later = pool.submit(tomorrow.store.write, book_tomorrow)
        assert is_written.wait(30)
        earlier = pool.submit(today.lend, customer_id, 1 * LAKH)
        may_commit.set()
        later.result()
        with pytest.raises(BusinessDateBehind):
            earlier.result()


def test_day_is_noted_once_however_much_is_recorded_on_it(book_on: BookOn) -> None:
    servers = [book_on(TODAY), book_on(TODAY)]
    customers = [servers[0].register().customer_id for _ in range(4)]
    for server in servers:
        for customer_id in customers:
            server.lend(customer_id, 1 * LAKH)
    decisions = {row["decision_id"] for row in servers[0].rows("decision")}
    [day] = servers[0].rows("business_day")
    assert (str(day["business_date"]), day["recorded_id"] in decisions) == ("2026-04-10", True)


def test_transactions_that_begin_a_day_at_the_same_time_do_not_wait_for_each_other(book_on: BookOn) -> None:
    first, second = book_on(TODAY), book_on(TODAY)
    # Of SQLite one transaction writes at a time, whatever it writes.
    if first.store.engine.dialect.name == "sqlite":
        return
    customers = [first.register().customer_id for _ in range(2)]

    def book_beside_another(tx) -> None:
        tx.write(decision_of(customers[0], TODAY, "first"))
        second.store.write(lambda other: other.write(decision_of(customers[1], TODAY, "second")), max_attempts=1)

    first.store.write(book_beside_another, max_attempts=1)
    assert sorted(row["recorded_id"] for row in first.rows("business_day")) == ["first", "second"]


def test_server_that_is_behind_says_so_at_its_start_and_queues_no_file(
    book_on: BookOn, database_url: str, tmp_path, capfd
) -> None:
    tomorrow = book_on(TOMORROW)
    tomorrow.lend(tomorrow.register().customer_id, 1 * LAKH)
    (tmp_path / "customers.csv").write_text("Customer ID\n")
    on_time = Settings(database_url=database_url, business_date=TOMORROW, load_customers=tmp_path / "customers.csv")
    start_logging("supervisor")
    bootstrap.prepare_database(on_time)
    assert "business_date_behind" not in capfd.readouterr().err
    behind = replace(on_time, business_date=TODAY)
    bootstrap.prepare_database(behind)
    [line] = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "business_date_behind" in line]
    assert line["level"] == "warning"
    assert "takes 2026-04-10 for today, and the book has come to 2026-04-11" in line["message"]
    bootstrap.queue_files(behind)
    assert tomorrow.imports.page(100, 10) == []
    bootstrap.queue_files(on_time)
    assert len(tomorrow.imports.page(100, 10)) == 1


def test_callers_of_a_server_that_is_behind_are_told_and_nothing_of_an_upload_stays(stubs: Served, rows_of) -> None:
    stubs.book.upsert([rows_of.customer(1)])
    stubs.book.store.write(lambda tx: tx.write(decision_of(1, TOMORROW, "tomorrow")))
    before = stubs.book.counts()
    for change in (
        lambda: stubs.credit.CreateLoan(pb.CreateLoanRequest(customer_id=1, **terms(1000, "12", 12))),
        lambda: stubs.upload(b"Customer ID", import_pb2.IMPORT_KIND_CUSTOMERS, "customers.csv"),
    ):
        refusal = stubs.refusal(change)
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "BUSINESS_DATE_BEHIND")
        assert refusal.metadata == {"business_date": "2026-04-10", "latest_business_date": "2026-04-11"}
    assert stubs.book.counts() == before
    assert stubs.credit.GetCustomer(pb.GetCustomerRequest(customer_id=1)).position.loan_count == 0
