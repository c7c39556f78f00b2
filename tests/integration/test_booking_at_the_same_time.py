"""Loans of one customer asked for at the same time: the position is read and the loan written under one lock."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from almeno_grpc.bootstrap import load_policies
from almeno_grpc.domain.decision import DecisionReason, LoanRequest
from almeno_grpc.storage.store import SqlStore

RUPEE = 100
LAKH = 100_000 * RUPEE
TRIALS = 3
PINNED = load_policies()[0]

GATES = {
    # The limit is ₹18 lakh; two loans of ₹10 lakh are more. Their instalments would take a sixth of the income.
    "limit": {"monthly_income": 50_000 * RUPEE, "amount": 10 * LAKH, "rate": "12", "months": 240},
    # An instalment of ₹13,326.58; two of them are more than half of the income. The debt stays far below the limit.
    "emi cap": {"monthly_income": 50_000 * RUPEE, "amount": 150_000 * RUPEE, "rate": "12", "months": 12},
}
REASONS = {"limit": DecisionReason.LOAN_EXCEEDS_LIMIT, "emi cap": DecisionReason.EMI_BURDEN_TOO_HIGH}


class Instead:
    """An object with some of its attributes exchanged."""

    def __init__(self, exchanged, **attributes) -> None:
        self._exchanged = exchanged
        vars(self).update(attributes)

    def __getattr__(self, name):
        return getattr(self._exchanged, name)


class StoreThatLocksLate(SqlStore):
    """A store that reads without the lock and takes it to write only, when all others have read as well."""

    def __init__(self, database_url: str, all_have_read: threading.Barrier) -> None:
        super().__init__(database_url, threads=40)
        self._all_have_read = all_have_read

    def write(self, work, **_options):
        found = []
        with self.read() as seen:
            result = work(
                Instead(
                    seen,
                    borrowers=Instead(seen.borrowers, lock=lambda ids, **_: set(ids)),
                    loans=Instead(seen.loans, reserve_ids=lambda count: [0] * count),
                    policy_pins=Instead(seen.policy_pins, all=lambda: {PINNED.version: PINNED.sha256}),
                    write=found.append,
                )
            )
        self._all_have_read.wait(10)

        def write_what_was_found(tx):
            [changes] = found
            ids = tx.loans.reserve_ids(len(changes.loans))
            changes.loans = [replace(loan, loan_id=loan_id) for loan, loan_id in zip(changes.loans, ids, strict=True)]
            tx.write(changes)

        super().write(write_what_was_found)
        return result


def ask_at_once(books, customer_id, gate, threads):
    """What so many requests at once are answered, each on one of the books in turn."""
    terms = GATES[gate]
    request = LoanRequest(customer_id, terms["amount"], Decimal(terms["rate"]), terms["months"])
    barrier = threading.Barrier(threads)

    def ask(number):
        barrier.wait()
        return books[number % len(books)].book(request)

    with ThreadPoolExecutor(threads) as pool:
        return [call.result() for call in [pool.submit(ask, number) for number in range(threads)]]


@pytest.mark.parametrize("gate", GATES)
def test_of_32_threads_that_ask_at_once_one_gets_the_loan_that_one_may_have(book, gate):
    for _ in range(TRIALS):
        customer = book.register(GATES[gate]["monthly_income"])
        bookings = ask_at_once([book], customer.customer_id, gate, 32)
        assert [booking.decision.approved for booking in bookings].count(True) == 1
        assert {booking.decision.reasons for booking in bookings} == {(), (REASONS[gate],)}
        _, position = book.customers.get(customer.customer_id)
        assert (position.loan_count, position.current_debt) == (1, GATES[gate]["amount"])
    assert len(book.rows("decision")) == 32 * TRIALS


@pytest.mark.parametrize("gate", GATES)
def test_of_two_processes_with_16_threads_each_one_gets_the_loan_that_one_may_have(book, start_process, gate):
    terms = GATES[gate]
    customer = book.register(terms["monthly_income"])
    options = {"customer_id": customer.customer_id, "threads": 16} | {
        name: terms[name] for name in ("amount", "rate", "months")
    }
    processes = [start_process("lend", **options) for _ in range(2)]
    for process in processes:
        process.wait_until_ready()
    for process in processes:
        process.go()
    approvals = [approved for process in processes for approved in process.result()]
    assert len(approvals) == 32
    assert approvals.count(True) == 1
    assert len(book.rows("loan")) == 1
    assert len(book.rows("decision")) == 32


def test_customers_do_not_take_each_others_room(book):
    customers = [book.register().customer_id for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        bookings = list(pool.map(lambda number: book.lend(number, 10 * LAKH, months=240), customers))
    assert all(booking.loan for booking in bookings)


@pytest.mark.parametrize("gate", GATES)
def test_store_that_reads_before_it_locks_would_book_twice(book, database_url, gate):
    """The control: what the tests above would see without the lock."""
    customer = book.register(GATES[gate]["monthly_income"])
    all_have_read = threading.Barrier(2)
    late_books = [type(book)(StoreThatLocksLate(database_url, all_have_read), book.clock) for _ in range(2)]
    bookings = ask_at_once(late_books, customer.customer_id, gate, 2)
    assert [booking.decision.approved for booking in bookings] == [True, True]
    assert len(book.rows("loan")) == 2
    for late_book in late_books:
        late_book.close()
        late_book.store.close()
