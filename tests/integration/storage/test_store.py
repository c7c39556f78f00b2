"""The store: transactions, generated ids, and locks that processes share."""

import contextlib
import time
from dataclasses import replace

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.errors import DeadlineExceeded, PhoneNumberTaken, WriteConflict
from almeno_grpc.service.store import Changes
from almeno_grpc.storage.tables import FIRST_GENERATED_ID

PIN = Changes(policy_pins={"v": "sha"})


def new_customer(tx, **changes) -> Customer:
    [customer_id] = tx.customers.reserve_ids(1)
    customer = Customer(customer_id, "A", "B", 30, "+919999999999", 1, 0, 0)
    return replace(customer, **changes)


def test_generated_ids_start_above_those_of_an_imported_book(book):
    customer = book.register()
    assert customer.customer_id == FIRST_GENERATED_ID == 1_000_000_001
    assert book.register().customer_id == FIRST_GENERATED_ID + 1
    loan = book.lend(customer.customer_id, 100_000_00).loan
    assert loan is not None
    assert loan.loan_id == FIRST_GENERATED_ID


@pytest.mark.parametrize("imported", [FIRST_GENERATED_ID, FIRST_GENERATED_ID + 7, 10**15])
def test_generated_ids_go_on_above_the_largest_imported_one(book, rows_of, imported):
    book.store.write(lambda tx: tx.customers.import_new([rows_of.customer(imported, phone_digits=918000000000)], 1))
    assert [book.register().customer_id for _ in range(2)] == [imported + 1, imported + 2]


def test_write_is_undone_when_its_work_fails(book):
    book.register()

    def work(tx):
        tx.write(Changes(customers=[new_customer(tx)], policy_pins={"v": "sha"}))
        raise ValueError("after writing")

    before = book.counts()
    with pytest.raises(ValueError, match="after writing"):
        book.store.write(work)
    assert book.counts() == before


def test_write_is_undone_when_nobody_waits_for_it_any_more(book):
    answers = iter([True, False])
    with pytest.raises(DeadlineExceeded):
        book.store.write(lambda tx: tx.write(PIN), is_active=lambda: next(answers))
    assert book.rows("policy_pin") == []


def test_write_that_nobody_waits_for_is_not_begun(book):
    ran = []
    with pytest.raises(DeadlineExceeded):
        book.store.write(lambda _: ran.append(1), is_active=lambda: False)
    assert ran == []


def test_read_sees_one_state_while_others_write(book, open_store):
    book.register()
    other = open_store()
    with book.store.read() as tx:
        assert len(tx.customers.page(0, 10)) == 1
        other.write(lambda wtx: wtx.write(Changes(customers=[new_customer(wtx)])))
        assert len(tx.customers.page(0, 10)) == 1
    with book.store.read() as tx:
        assert len(tx.customers.page(0, 10)) == 2


def test_phone_number_is_held_by_one_customer_even_without_the_look_before(book):
    first = book.register()
    with pytest.raises(PhoneNumberTaken):
        book.store.write(lambda tx: tx.write(Changes(customers=[new_customer(tx, phone_number=first.phone_number)])))


def test_key_that_exists_is_a_conflict_and_a_broken_check_a_fault(book):
    book.store.write(lambda tx: tx.write(PIN))
    with pytest.raises(WriteConflict):
        book.store.write(lambda tx: tx.write(PIN))
    with pytest.raises(IntegrityError, match="age_range"):
        book.store.write(lambda tx: tx.write(Changes(customers=[new_customer(tx, age=17)])))


def test_writers_of_two_processes_both_make_progress_and_share_no_number(store, start_process):
    processes = [
        start_process("register", seconds=1, first_phone_number=first) for first in (7_000_000_000, 7_100_000_000)
    ]
    for process in processes:
        process.wait_until_ready()
    for process in processes:
        process.go()
    numbers = [process.result() for process in processes]
    # Within the same second; each could do hundreds alone.
    assert min(map(len, numbers)) >= 10
    together = {number for of_process in numbers for number in of_process}
    assert len(together) == len(numbers[0]) + len(numbers[1])
    with store.read() as tx:
        assert tx.customers.existing(together) == together


def test_lock_is_held_by_one_process_and_released_when_that_is_killed(store, start_process):
    holder = start_process("lock", name="import-worker")
    holder.wait_until_ready()
    holder.go()
    assert holder.result() is True
    with store.try_lock("import-worker") as lock:
        assert not lock.is_held()
    with store.try_lock("something-else") as lock:
        assert lock.is_held()
    holder.kill()
    # A database on another machine takes a moment to notice.
    deadline = time.monotonic() + 10
    while not is_free(store, "import-worker"):
        assert time.monotonic() < deadline


def is_free(store, name) -> bool:
    with store.try_lock(name) as lock:
        return lock.is_held()


def test_lock_is_held_once_within_a_process_too_and_released_at_the_end(store):
    with store.try_lock("name") as first, store.try_lock("name") as second:
        assert (first.is_held(), second.is_held()) == (True, False)
        second.try_again()
        assert (first.is_held(), second.is_held()) == (True, False)
    assert is_free(store, "name")


def test_lock_is_got_on_the_connection_at_hand_once_it_is_free(store):
    opened: list[object] = []
    with contextlib.ExitStack() as holder:
        first = holder.enter_context(store.try_lock("name"))
        with store.try_lock("name") as second:
            event.listen(store.engine, "connect", lambda connection, _: opened.append(connection))
            for _ in range(3):
                second.try_again()
            assert (first.is_held(), second.is_held()) == (True, False)
            holder.close()
            second.try_again()
            assert second.is_held()
    assert opened == []


def test_many_keys_are_looked_up_whatever_their_number(book, rows_of):
    customers = [rows_of.customer(number) for number in range(1, 12_001)]
    book.store.write(lambda tx: tx.customers.import_new(customers, 1))
    loans = [(number, number) for number in range(1, 40_001)]
    with book.store.read() as tx:
        assert len(tx.customers.existing(range(1, 40_001))) == 12_000
        found = tx.customers.with_ids(range(1, 12_001))
        assert {customer.customer_id for customer, _ in found} == set(range(1, 12_001))
        holders = tx.customers.phone_number_holders([row.phone_digits for row in customers])
        assert holders == {row.phone_digits: row.customer_id for row in customers}
        assert tx.loans.by_source(loans) == {}
        assert tx.loans.taken(range(1, 40_001)) == set()


def test_book_is_the_same_through_a_reopening(book, open_store):
    customer = book.register()
    with open_store().read() as tx:
        assert tx.customers.get(customer.customer_id) == customer


def test_store_that_works_is_found_to_and_a_commit_is_proof_enough_for_a_while(store, monkeypatch):
    store.refuse_damage(10)
    store.probe_reads()
    store.probe_writes()
    monkeypatch.setattr(store._backend, "probe_writes", lambda: pytest.fail("a commit has just been made"))
    store.probe_writes()
    assert not store.has_failed.is_set()
