"""Customers who are changed by calls: their fields, their limits, and the trace that each change leaves."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from support.audit_trail import findings
from support.book import LAKH, RUPEE, TODAY, Book

from almeno_grpc.domain.access import SCOPES, Caller
from almeno_grpc.domain.customer import NO_FIELDS, CustomerField
from almeno_grpc.domain.customer_change import ChangeSource, FieldChange
from almeno_grpc.domain.decision import LoanRequest
from almeno_grpc.domain.errors import (
    BusinessDateBehind,
    CreditError,
    CustomerNotFound,
    InvalidField,
    LimitIncreaseNotRequested,
    PhoneNumberTaken,
    RequestIdReused,
    WriteConflict,
)
from almeno_grpc.service.customer_changes import CustomerUpdate
from almeno_grpc.service.idempotency import RequestContext
from almeno_grpc.storage.customers import Customers

PUNE = Caller("branch-pune", "abcdefghijkl", SCOPES)


@pytest.fixture(autouse=True)
def _every_change_is_vouched_for(book):
    book.now = book.clock.now_microseconds
    yield
    assert findings(book.store) == []


def changes(book: Book, customer_id: int) -> list[FieldChange]:
    return [each.change for each in book.customers.page_of_changes(customer_id, 0, 100)]


def held(book: Book) -> dict[int, int]:
    """Whose each phone number is; by the table of those and by the customers alike."""
    by_number = {row["digits"]: row["customer_id"] for row in book.rows("phone_number")}
    assert by_number == {row["phone_digits"]: row["customer_id"] for row in book.rows("customer")}
    return by_number


@pytest.mark.parametrize(
    ("field", "value", "written"),
    [
        ("first_name", "Usha", ("Asha", "Usha")),
        ("last_name", "Iyer", ("Rao", "Iyer")),
        ("age", 31, ("30", "31")),
        ("monthly_income", 60_000 * RUPEE + 5, ("50000.00", "60000.05")),
        ("phone_number", "+917000000000", ("+918000000003", "+917000000000")),
    ],
)
def test_field_that_is_changed_leaves_what_it_was_and_every_other_field_alone(with_customers, field, value, written):
    before, _ = with_customers.customers.get(3)
    after = with_customers.update(3, RequestContext(caller=PUNE), **{field: value})
    assert with_customers.customers.get(3)[0] == after
    assert (getattr(after, field), after.changed_fields) == (value, CustomerField[field.upper()])
    assert all(
        getattr(after, each) == getattr(before, each)
        for each in before.__slots__
        if each not in (field, "changed_fields")
    )
    [change] = with_customers.customers.page_of_changes(3, 0, 10)
    assert (change.number, change.loan_id, change.change) == (1, None, FieldChange(field, *written))
    assert change.source == ChangeSource("branch-pune")
    assert abs(change.create_time - with_customers.clock.now_microseconds()) < 60_000_000


def test_limit_stays_whatever_becomes_of_the_income(book):
    customer = book.register(50_000 * RUPEE)
    changed = book.update(customer.customer_id, monthly_income=5_00_000 * RUPEE)
    assert (changed.monthly_income, changed.approved_limit) == (5_00_000 * RUPEE, 18 * LAKH)
    assert [each.field for each in changes(book, customer.customer_id)] == ["monthly_income"]


def test_update_to_what_there_is_changes_nothing(with_customers):
    before, _ = with_customers.customers.get(3)
    same = {"first_name": "Asha", "age": 30, "phone_number": "+918000000003", "monthly_income": 50_000 * RUPEE}
    assert with_customers.update(3) == with_customers.update(3, **same) == before
    assert with_customers.set_limit(3, 18 * LAKH, None) == before
    assert with_customers.set_limit(3, None, None) == before
    assert changes(with_customers, 3) == []
    assert before.changed_fields == NO_FIELDS


def test_all_fields_are_changed_at_once_and_each_is_a_change_of_its_own(with_customers):
    fields = {"first_name": "Usha", "last_name": "Iyer", "age": 31, "monthly_income": RUPEE}
    with_customers.update(3, phone_number="+917000000000", **fields)
    with_customers.set_limit(3, LAKH)
    found = with_customers.customers.page_of_changes(3, 0, 10)
    assert {each.change.field for each in found} == {*fields, "phone_number", "approved_limit"}
    assert [each.number for each in found] == [1, 2, 3, 4, 5, 6]
    assert with_customers.customers.get(3)[0].changed_fields == CustomerField(63)


@pytest.mark.parametrize(("income", "limit"), [(85_000, 31), (92_000, 33), (60_000, 22)])
def test_recalculated_limit_is_36_months_income_to_the_nearest_lakh(book, income, limit):
    customer = book.register(10_000 * RUPEE)
    book.update(customer.customer_id, monthly_income=income * RUPEE)
    assert book.set_limit(customer.customer_id, None).approved_limit == limit * LAKH


def test_limit_is_raised_at_the_customers_request_alone_and_the_day_is_kept(with_customers):
    with pytest.raises(LimitIncreaseNotRequested) as raised:
        with_customers.set_limit(3, 18 * LAKH + 1, None)
    assert raised.value.metadata == {"customer_id": "3", "approved_limit_paise": str(18 * LAKH)}
    with_customers.update(3, monthly_income=92_000 * RUPEE)
    with pytest.raises(LimitIncreaseNotRequested):
        with_customers.set_limit(3, None, None)
    assert with_customers.set_limit(3, 18 * LAKH + 1, date(2026, 4, 1)).approved_limit == 18 * LAKH + 1
    *_, change = with_customers.customers.page_of_changes(3, 0, 10)
    assert change.source == ChangeSource("", None, None, "Asked for at the branch", date(2026, 4, 1))
    assert change.change == FieldChange("approved_limit", "1800000.00", "1800000.01")


def test_limit_is_cut_without_a_request_also_below_the_debt(book):
    customer = book.register()
    book.lend(customer.customer_id, 5 * LAKH)
    assert book.set_limit(customer.customer_id, 0, None).approved_limit == 0
    assert book.customers.get(customer.customer_id)[1].available_limit(0) == 0
    assert not book.lend(customer.customer_id, LAKH).decision.approved


def test_request_of_tomorrow_raises_no_limit(with_customers):
    with pytest.raises(InvalidField, match="customer_request_date"):
        with_customers.set_limit(3, 19 * LAKH, TODAY + timedelta(days=1))
    assert with_customers.set_limit(3, 19 * LAKH, TODAY).approved_limit == 19 * LAKH


def test_customer_nobody_knows_is_not_changed(book):
    for change in (lambda: book.update(77, age=31), lambda: book.set_limit(77, LAKH)):
        with pytest.raises(CustomerNotFound):
            change()


def test_phone_number_of_another_customer_is_taken_and_the_old_one_is_free_at_once(with_customers):
    with pytest.raises(PhoneNumberTaken):
        with_customers.update(3, phone_number="+918000000004")
    assert with_customers.update(3, phone_number="+917000000000").phone_digits == 917_000_000_000
    assert with_customers.update(4, phone_number="+918000000003").phone_digits == 918_000_000_003
    assert with_customers.register(phone_number="+918000000004").phone_digits == 918_000_000_004
    assert held(with_customers)[918_000_000_003] == 4
    # And back.
    with_customers.update(4, phone_number="+916000000000")
    assert with_customers.update(3, phone_number="+918000000003").phone_digits == 918_000_000_003
    held(with_customers)


def test_of_two_customers_who_take_a_number_at_once_one_gets_it(with_customers, open_store):
    other = Book(open_store(), with_customers.clock)
    start = threading.Barrier(2)

    def take(book: Book, customer_id: int, number: int) -> str:
        start.wait(10)
        try:
            book.update(customer_id, phone_number=f"+91700000000{number}")
        except CreditError as error:
            return error.reason
        return "OK"

    with ThreadPoolExecutor(2) as pool:
        for number in range(5):
            both = [pool.submit(take, book, each, number) for book, each in ((with_customers, 1), (other, 2))]
            assert sorted(each.result() for each in both) == ["OK", "PHONE_NUMBER_TAKEN"]
    other.close()
    held(with_customers)


def test_number_that_another_server_gives_away_meanwhile_is_taken(with_customers, monkeypatch):
    looks = []

    def see_nothing_the_first_time(customers, digits):
        looks.append(digits)
        return {} if len(looks) == 1 else find(customers, digits)

    find = Customers.phone_number_holders
    monkeypatch.setattr(Customers, "phone_number_holders", see_nothing_the_first_time)
    with pytest.raises(PhoneNumberTaken):
        with_customers.update(3, phone_number="+918000000004")
    assert len(looks) == 2


def test_customer_who_was_changed_meanwhile_is_not_overwritten(with_customers):
    before, _ = with_customers.customers.get(3)
    with_customers.update(3, age=31)
    for fields in (CustomerField.AGE, NO_FIELDS):
        with pytest.raises(WriteConflict):
            with_customers.store.write(lambda tx, f=fields: tx.customers.change(before, before, f))
    with_customers.update(3, age=30)
    with pytest.raises(WriteConflict):
        with_customers.store.write(lambda tx: tx.customers.change(before, before, NO_FIELDS))


def test_repeated_request_gets_its_first_answer_and_changes_nothing_more(with_customers):
    context = RequestContext(request_id="r-1", fingerprint="f", caller=PUNE)
    with_customers.update(3, context, age=31)
    with_customers.update(3, age=32)
    assert with_customers.customer_changes.update(CustomerUpdate(3, age=33), context, lambda _: b"no") == b""
    with pytest.raises(RequestIdReused):
        with_customers.update(3, RequestContext(request_id="r-1", fingerprint="g", caller=PUNE), age=33)
    assert with_customers.customers.get(3)[0].age == 32
    assert len(changes(with_customers, 3)) == 2


def test_server_whose_day_is_behind_the_books_changes_no_customer(with_customers):
    with_customers.lend(3, LAKH)
    behind = Book(with_customers.store, type(with_customers.clock)(TODAY - timedelta(days=1), None))
    for change in (lambda: behind.update(3, age=31), lambda: behind.set_limit(3, LAKH, None)):
        with pytest.raises(BusinessDateBehind):
            change()
    behind.close()
    assert with_customers.update(3, age=31).age == 31


def test_change_waits_for_a_decision_on_the_customer_and_the_next_decision_sees_all_of_it(with_customers):
    is_decided, may_end = threading.Event(), threading.Event()

    def decide_slowly(tx) -> None:
        tx.borrowers.lock([3], wait=True)
        is_decided.set()
        assert may_end.wait(10)

    with ThreadPoolExecutor(2) as pool:
        deciding = pool.submit(with_customers.store.write, decide_slowly)
        assert is_decided.wait(10)
        changing = pool.submit(with_customers.set_limit, 3, LAKH, None)
        with pytest.raises(TimeoutError):
            changing.result(0.2)
        may_end.set()
        deciding.result()
        assert changing.result().approved_limit == LAKH
    assert not with_customers.check(LoanRequest(3, 2 * LAKH, Decimal(12), 12)).approved


def test_change_that_fails_leaves_nothing_of_itself(with_customers, monkeypatch):
    before = with_customers.rows("customer"), with_customers.rows("phone_number"), with_customers.rows("customer_name")

    def fail(*_args):
        raise RuntimeError("the power is gone")

    with monkeypatch.context() as patches:
        patches.setattr("almeno_grpc.storage.customer_changes.CustomerChanges.add", fail)
        with pytest.raises(RuntimeError, match="power"):
            with_customers.update(3, last_name="Iyer", phone_number="+917000000000")
    after = with_customers.rows("customer"), with_customers.rows("phone_number"), with_customers.rows("customer_name")
    assert after == before
