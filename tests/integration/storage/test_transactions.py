"""Transactions on either database: what is written together, what is locked, and work that meets other work."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError
from support.store_rows import TODAY, customer_of, decision_of, loan_of, repaid

from almeno_grpc.domain.errors import DeadlineExceeded, PhoneNumberTaken, WriteConflict
from almeno_grpc.domain.loan import Loan
from almeno_grpc.service.store import Changes, IdempotencyRecord


@pytest.fixture
def customers(store) -> list[int]:
    """Customers of a book."""

    def register(tx):
        ids = tx.customers.reserve_ids(5)
        tx.write(Changes(customers=[customer_of(each, 919_000_000_000 + each % 100) for each in ids]))
        return ids

    return store.write(register)


@pytest.fixture
def loans(store, customers) -> list[Loan]:
    """A loan of each customer."""

    def book(tx):
        ids = tx.loans.reserve_ids(len(customers))
        pairs = list(zip(ids, customers, strict=True))
        loans = [loan_of(loan_id, customer_id, f"d{loan_id}") for loan_id, customer_id in pairs]
        decisions = [decision_of(f"d{loan_id}", customer_id) for loan_id, customer_id in pairs]
        tx.write(Changes(decisions=decisions, loans=loans))
        return loans

    return store.write(book)


def test_changes_of_every_kind_are_stored_as_they_are_given(store, customers):
    new = [customer_of(id_, 919_500_000_000 + id_ % 100) for id_ in store.write(lambda tx: tx.customers.reserve_ids(2))]
    [loan_id] = store.write(lambda tx: tx.loans.reserve_ids(1))
    # The loan is of a customer whom the same transaction adds.
    approval = decision_of("d1", new[0].customer_id)
    refusal = decision_of("d2", customers[0], approved=False, credit_score=5, reasons="LOW_SCORE,EMI_BURDEN_TOO_HIGH")
    loan = loan_of(loan_id, new[0].customer_id, "d1")
    records = [IdempotencyRecord(f"request-{number}", "f" * 64, bytes(range(256)), 13) for number in range(3)]
    records.append(records[0]._replace(principal="branch-pune", answer=b"another caller's"))
    store.write(
        lambda tx: tx.write(
            Changes(
                customers=new,
                decisions=[approval, refusal],
                loans=[loan],
                policy_pins={"2026-01": "f" * 64},
                idempotency_records=records,
            )
        )
    )
    with store.read() as tx:
        assert [tx.customers.get(each.customer_id) for each in new] == new
        assert [tx.decisions.get("d1"), tx.decisions.get("d2")] == [approval, refusal]
        assert tx.loans.get(loan_id) == loan
        assert tx.policy_pins.all() == {"2026-01": "f" * 64}
    asked = [*((record.principal, record.request_id) for record in records), ("", "request-9"), ("p", "request-1")]
    found = store.write(lambda tx: tx.idempotency.get_many(asked))
    assert found == {(record.principal, record.request_id): record for record in records}
    first, *others = records
    with pytest.raises(WriteConflict):
        store.write(lambda tx: tx.write(Changes(idempotency_records=[*others, first])))


def test_repayments_of_many_loans_update_each_to_its_own_state(store, loans):
    def repay(tx):
        paid = [
            repaid(loan, emis_paid=number, emis_paid_on_time=number, outstanding_principal=9_000_000 - number)
            for number, loan in enumerate(loans[:3])
        ]
        tx.write(Changes(repayments=[each for each, _ in paid], updated_loans=[each for _, each in paid]))
        return paid

    paid = store.write(repay)
    keys = [(loan.customer_id, loan.loan_id) for loan in loans]
    with store.read() as tx:
        found = tx.loans.get_many([*keys, (1, 1), (loans[0].customer_id, loans[1].loan_id)])
        assert found == {loan.loan_id: loan for loan in [*(after for _, after in paid), *loans[3:]]}
        assert tx.repayments.first_and_latest(found.values()) == {
            after.loan_id: (repayment, repayment) for repayment, after in paid
        }
        assert tx.loans.owners([*found, 7]) == {loan.loan_id: loan.customer_id for loan in loans}


def test_first_and_latest_repayment_are_those_of_each_loan(store, loans):
    expected = {}
    for loan, count in ((loans[0], 3), (loans[1], 1)):
        after, made = loan, []
        for number in range(count):
            repayment, after = repaid(after, paid_toward_next=number + 1)
            made.append(repayment)
            store.write(
                lambda tx, repayment=repayment, after=after: tx.write(
                    Changes(repayments=[repayment], updated_loans=[after])
                )
            )
        expected[loan.loan_id] = made[0], made[-1]
    with store.read() as tx:
        now = tx.loans.get_many([(loan.customer_id, loan.loan_id) for loan in loans])
        assert tx.repayments.first_and_latest(now.values()) == expected
        assert tx.repayments.first_and_latest([]) == {}
        latest = expected[loans[0].loan_id][1]
        assert tx.repayments.page(now[loans[0].loan_id], 2, 10) == [latest]


def test_row_that_is_refused_leaves_nothing_of_its_transaction(store, book, customers):
    before = book.counts()
    decisions = [decision_of("d1", customers[0]), decision_of("d2", customers[1], credit_score=101)]
    with pytest.raises(IntegrityError, match="score_range"):
        store.write(lambda tx: tx.write(Changes(decisions=decisions, policy_pins={"v": "s"})))
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        store.write(lambda tx: tx.write(Changes(decisions=[decision_of("d1", 99)], policy_pins={"v": "s"})))
    assert book.counts() == before


def test_transaction_without_changes_writes_nothing(store, book):
    before = book.counts()
    store.write(lambda tx: tx.write(Changes()))
    assert book.counts() == before


def test_phone_number_that_is_taken_is_told_as_such_and_not_tried_again(store, customers):
    runs = []

    def register(tx):
        runs.append(1)
        tx.write(Changes(customers=[customer_of(7, 919_000_000_000 + customers[0] % 100)]))

    with pytest.raises(PhoneNumberTaken):
        store.write(register)
    assert runs == [1]
    with store.read() as tx:
        digits = [919_000_000_000 + each % 100 for each in customers]
        assert tx.customers.phone_number_holders([*digits, 1]) == dict(zip(digits, customers, strict=True))


def test_borrowers_are_those_of_the_ids(store, loans):
    customers = [loan.customer_id for loan in loans]
    asked = [customers[3], 99, customers[0]]
    by_store = store.borrowers(asked, TODAY)
    assert set(by_store) == {customers[0], customers[3]}
    assert by_store[customers[0]].position.current_debt == 10_000_000
    with store.read() as tx:
        assert tx.borrowers.get_many(asked, TODAY) == by_store
        assert tx.borrowers.get(customers[3], TODAY) == by_store[customers[3]]
        assert tx.borrowers.get(99, TODAY) is None
        paged = tx.borrowers.page(customers[0], 2, TODAY)
        assert paged == [(each, tx.borrowers.get(each, TODAY)) for each in customers[1:3]]
    assert store.borrowers([], TODAY) == {}
    assert len(store.borrowers(customers * 300, TODAY)) == 5


def test_customers_are_locked_if_they_exist(store, customers):
    assert store.write(lambda tx: tx.borrowers.lock([customers[1], 99, customers[0]], wait=True)) == set(customers[:2])
    assert store.write(lambda tx: tx.borrowers.lock([customers[1], 99], wait=False)) == {customers[1]}
    assert store.write(lambda tx: tx.borrowers.lock([], wait=False)) == set()


def test_customer_who_is_locked_is_waited_for(store, open_store, customers):
    other, order = open_store(), []

    def lock_late(tx):
        assert tx.borrowers.lock(customers[:1], wait=True)
        order.append("late")

    def lock(tx):
        tx.borrowers.lock(customers[:1], wait=True)
        waiting = pool.submit(other.write, lock_late)
        time.sleep(0.1)
        order.append("first")
        return waiting

    with ThreadPoolExecutor(1) as pool:
        store.write(lock).result()
    assert order == ["first", "late"]


def test_ids_are_reserved_ascending_and_never_given_twice(store, customers):
    def take(_):
        def work(tx):
            ids = tx.loans.reserve_ids(3)
            tx.write(
                Changes(
                    decisions=[decision_of(f"d{each}", customers[0]) for each in ids],
                    loans=[loan_of(each, customers[0], f"d{each}") for each in ids],
                )
            )
            return ids

        return store.write(work)

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, range(12)))
    assert all(ids == sorted(ids) for ids in taken)
    assert len({each for ids in taken for each in ids}) == 36
    assert min(map(min, taken)) == 1_000_000_001


def test_work_that_conflicts_is_run_again_until_it_does_not(store):
    runs = []

    def work(_):
        runs.append(1)
        if len(runs) < 5:
            raise WriteConflict("again")
        return "done"

    assert store.write(work) == "done"
    assert len(runs) == 5


@pytest.mark.parametrize(("options", "attempts"), [({}, 5), ({"max_attempts": 1}, 1), ({"max_attempts": 2}, 2)])
def test_work_that_conflicts_each_time_is_given_up(store, options, attempts):
    runs = []

    def work(_):
        runs.append(1)
        raise WriteConflict("again")

    with pytest.raises(WriteConflict):
        store.write(work, **options)
    assert len(runs) == attempts


def test_what_a_conflict_has_undone_is_not_seen_by_the_next_attempt(store):
    seen = []

    def work(tx):
        seen.append(tx.policy_pins.all())
        tx.write(Changes(policy_pins={"v": "s"}))
        if len(seen) < 3:
            raise WriteConflict("again")

    store.write(work)
    assert seen == [{}, {}, {}]
    with store.read() as tx:
        assert tx.policy_pins.all() == {"v": "s"}


def test_work_that_nobody_waits_for_after_a_conflict_is_not_run_again(store):
    runs, answers = [], iter([True, False])

    def work(_):
        runs.append(1)
        raise WriteConflict("again")

    with pytest.raises(DeadlineExceeded):
        store.write(work, is_active=lambda: next(answers))
    assert runs == [1]


def test_result_is_given_when_it_is_durable(store, open_store):
    other = open_store()
    for number in range(5):
        store.write(lambda tx, number=number: tx.write(Changes(policy_pins={f"v{number}": "s"})))
        with other.read() as tx:
            assert f"v{number}" in tx.policy_pins.all()


def test_reads_of_many_threads_each_see_one_state(store):
    stop = threading.Event()

    def read():
        states = set()
        while not stop.is_set():
            with store.read() as tx:
                states.add((len(tx.policy_pins.all()), len(tx.policy_pins.all())))
        return states

    with ThreadPoolExecutor(3) as pool:
        reading = [pool.submit(read) for _ in range(3)]
        for number in range(20):
            store.write(lambda tx, number=number: tx.write(Changes(policy_pins={f"v{number}": "s"})))
        stop.set()
        assert all(first == second for each in reading for first, second in each.result())
