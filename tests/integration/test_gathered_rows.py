"""Rows of writes that share a transaction on SQLite are added together, and nobody sees a difference."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import CustomerNotFound, DeadlineExceeded, WriteConflict
from almeno_grpc.service.booking import Booking
from almeno_grpc.service.customers import Applicant
from almeno_grpc.service.store import always
from almeno_grpc.storage.statements import Insertion
from almeno_grpc.storage.store import BookTransaction, SqlStore

SECONDS = 30
RUPEE = 100
Work = Callable[[BookTransaction], Any]
Submit = Callable[..., Future[Any]]
Neighbour = tuple[Work, Callable[[], bool], type[BaseException]]
"""Work that fails, whether somebody waits for it, and what it fails with."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path / 'book.db'}", threads=4)
    store.migrate()
    yield store
    store.close()


@contextmanager
def one_transaction(store: SqlStore) -> Iterator[Submit]:
    """What is submitted meanwhile is written in one transaction."""
    begun, released = threading.Event(), threading.Event()

    def hold(_tx: BookTransaction) -> None:
        begun.set()
        assert released.wait(SECONDS)

    def submit(work: Work, wanted: Callable[[], bool] = always) -> Future[Any]:
        return store.submit(work, lambda result: result, wanted=wanted)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(store.write, hold)
        assert begun.wait(SECONDS)
        yield submit
        released.set()
        holding.result(SECONDS)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each statement has added that was run for many."""
    counts: list[int] = []
    add_all = Insertion.add_all

    def count(self, connection, rows):
        rows = list(rows)
        counts.append(len(rows))
        add_all(self, connection, rows)

    monkeypatch.setattr(Insertion, "add_all", count)
    return counts


@pytest.fixture
def lend(book) -> Callable[..., Work]:
    """Makes the work that books a loan."""

    def of(customer_id: int, rupees: int = 10_000, months: int = 12) -> Work:
        request = LoanRequest(customer_id, rupees * RUPEE, Decimal(12), months)
        return lambda tx: book.lending.book(tx, request)

    return of


@pytest.fixture
def customers(book, lend) -> list[int]:
    """Customers of a book whose policy has decided before."""
    customers = [book.register().customer_id for _ in range(5)]
    for _ in range(2):
        book.store.write(lend(customers[0]))
    return customers


def holds_together(book) -> None:
    """Each approval has its loan, under a number of its own, and no other loan is there."""
    loans, decisions = book.rows("loan"), book.rows("decision")
    assert {loan["decision_id"] for loan in loans} == {each["decision_id"] for each in decisions if each["approved"]}
    assert len({loan["loan_id"] for loan in loans}) == len(loans) == len(book.rows("loan_number"))


def test_bookings_of_a_transaction_add_their_rows_together(store, book, customers, lend, statements):
    with one_transaction(store) as submit:
        bookings = [submit(lend(customer_id)) for customer_id in customers]
    loans = [booking.result(SECONDS).loan for booking in bookings]
    # Decisions, numbers and loans.
    assert statements == [5, 5, 5]
    numbers = [loan.loan_id for loan in loans]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    for loan in loans:
        assert book.lending.get_loan(loan.loan_id)[0] == loan
    holds_together(book)


def test_booking_sees_the_loan_that_the_same_transaction_has_booked_before(store, book, customers, lend):
    with one_transaction(store) as submit:
        # The limit is ₹18 lakh.
        first, other, second = (
            submit(lend(number, 1_000_000, 240)) for number in (customers[1], customers[2], customers[1])
        )
    told = [each.result(SECONDS) for each in (first, other, second)]
    assert [each.decision.approved for each in told] == [True, True, False]
    assert told[2].decision.borrower.position.current_debt == 1_000_000 * RUPEE
    holds_together(book)


def test_repayment_finds_the_loan_that_the_same_transaction_has_booked(store, book, customers, lend):
    booked: list[Booking] = []

    def book_it(tx: BookTransaction) -> None:
        booked.append(lend(customers[1])(tx))

    with one_transaction(store) as submit:
        futures = [
            submit(book_it),
            submit(lambda tx: book.repayments.record(tx, booked[-1].loan.loan_id, 100 * RUPEE, None)),
            submit(lend(customers[1])),
        ]
    recorded, second = futures[1].result(SECONDS), futures[2].result(SECONDS)
    assert book.lending.get_loan(booked[0].loan.loan_id)[0] == recorded.loan
    assert second.decision.borrower.position.loan_count == 1
    holds_together(book)


def adds_a_row_that_the_schema_refuses(lend, customer_id) -> Neighbour:
    def work(tx: BookTransaction) -> None:
        booking = lend(customer_id)(tx)
        tx.loans.add(booking.loan)

    return work, always, WriteConflict


def adds_such_a_row_and_reads_on(lend, customer_id) -> Neighbour:
    def work(tx: BookTransaction) -> None:
        booking = lend(customer_id)(tx)
        tx.loans.add(booking.loan)
        tx.loans.get(booking.loan.loan_id)

    return work, always, WriteConflict


def fails_when_it_has_booked(lend, customer_id) -> Neighbour:
    return lambda tx: lend(customer_id)(tx) // 0, always, TypeError


def is_given_up_when_it_has_booked(lend, customer_id) -> Neighbour:
    answers = chain([True], repeat(False))
    return lend(customer_id), lambda: next(answers), DeadlineExceeded


def is_for_nobody(lend, _customer_id) -> Neighbour:
    return lend(10**6), always, CustomerNotFound


NEIGHBOURS = (
    adds_a_row_that_the_schema_refuses,
    adds_such_a_row_and_reads_on,
    fails_when_it_has_booked,
    is_given_up_when_it_has_booked,
    is_for_nobody,
)


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
@pytest.mark.parametrize("reads_all", [False, True])
def test_booking_that_fails_leaves_its_neighbours(store, book, customers, lend, neighbour, reads_all):
    work, wanted, error = neighbour(lend, customers[1])
    applicant = Applicant("Asha", "Rao", 30, 5_000_000, "+919000000000")
    with one_transaction(store) as submit:
        good = [submit(lend(customers[0]))]
        bad = submit(work, wanted)
        if reads_all:
            # What waits is added before this goes on: it is not to be blamed for the neighbour's rows.
            good.append(submit(lambda tx: book.customers.register(tx, applicant)))
        good += [submit(lend(customer_id)) for customer_id in customers[1:]]
    assert isinstance(bad.exception(SECONDS), error)
    assert [each.exception(SECONDS) for each in good] == [None] * len(good)
    assert len(book.rows("loan")) == 2 + 5
    assert len(book.rows("customer")) == len(customers) + reads_all
    holds_together(book)
    # The writer goes on.
    assert store.write(lend(customers[1])).decision.approved


def test_work_that_hides_the_failure_of_rows_changes_nothing_of_others(store, book, customers, lend):
    def work(tx: BookTransaction) -> str:
        tx.loans.add(lend(customers[1])(tx).loan)
        try:
            tx.customers.count()
        except IntegrityError:
            return "hidden"
        return "unseen"

    with one_transaction(store) as submit:
        good = [submit(lend(customers[0]))]
        hiding = submit(work)
        good += [submit(lend(customer_id)) for customer_id in customers[2:]]
    assert [each.exception(SECONDS) for each in good] == [None] * len(good)
    assert isinstance(hiding.exception(SECONDS), WriteConflict)
    assert len(book.rows("loan")) == 2 + 4
    holds_together(book)
