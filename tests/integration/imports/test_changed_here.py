"""A sheet that is loaded again leaves alone what was changed here since, and says so."""

import threading

import pytest
from support.audit_trail import findings
from support.book import LAKH, RUPEE

from almeno_grpc.domain.imports import RowCounts
from almeno_grpc.storage.customers import Customers

STAYS = "was changed here, and stays as it is"
FIELDS = {
    "first_name": ("Usha", "First Name"),
    "last_name": ("Iyer", "Last Name"),
    "age": (44, "Age"),
    "phone_number": ("+917000000000", "Phone Number"),
    "monthly_income": (60_000 * RUPEE, "Monthly Salary"),
    "approved_limit": (9 * LAKH, "Approved Limit"),
}


def change(book, customer_id, field, value):
    if field == "approved_limit":
        return book.set_limit(customer_id, value)
    return book.update(customer_id, **{field: value})


@pytest.mark.parametrize("field", FIELDS)
def test_field_that_was_changed_here_stays_and_is_reported_and_the_row_is_unchanged(with_customers, rows_of, field):
    value, column = FIELDS[field]
    changed = change(with_customers, 3, field, value)
    sheet = [rows_of.customer(number) for number in range(1, 10)]
    for _ in range(2):
        file = with_customers.upsert(sheet)
        assert file.rows == RowCounts(unchanged=9, adjusted=1)
        assert with_customers.issues(file) == [(4, "ADJUSTED", column, STAYS)]
        assert with_customers.customers.get(3)[0] == changed
    assert len(with_customers.rows("customer_change")) == 1


def test_other_fields_of_the_row_are_taken(with_customers, rows_of):
    with_customers.update(3, last_name="Iyer", age=44)
    row = rows_of.customer(3, first_name="Usha", age=31, approved_limit=19 * LAKH, phone_digits=917_000_000_000)
    file = with_customers.upsert([row])
    assert file.rows == RowCounts(updated=1, adjusted=1)
    assert with_customers.issues(file) == [(4, "ADJUSTED", column, STAYS) for column in ("Last Name", "Age")]
    after, _ = with_customers.customers.get(3)
    assert (after.first_name, after.last_name, after.age) == ("Usha", "Iyer", 44)
    assert (after.approved_limit, after.phone_digits) == (19 * LAKH, 917_000_000_000)
    assert with_customers.found("usha iyer") == [3]
    fields = [each.change.field for each in with_customers.customers.page_of_changes(3, 0, 10)]
    assert fields == ["last_name", "age", "first_name", "phone_number", "approved_limit"]
    assert with_customers.upsert([row]).rows == RowCounts(unchanged=1, adjusted=1)


def test_sheet_that_says_what_was_changed_here_is_no_news_and_gets_the_field_back_never(with_customers, rows_of):
    with_customers.update(3, age=44)
    assert with_customers.upsert([rows_of.customer(3, age=44)]).rows == RowCounts(unchanged=1)
    assert with_customers.upsert([rows_of.customer(3, age=45)]).rows == RowCounts(unchanged=1, adjusted=1)


def test_field_that_was_changed_here_to_what_it_was_stays_all_the_same(with_customers, rows_of):
    for age in (44, 30):
        with_customers.update(3, age=age)
    assert with_customers.upsert([rows_of.customer(3, age=45)]).rows == RowCounts(unchanged=1, adjusted=1)


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_number_that_was_given_up_here_may_be_anothers_and_rejects_nothing(with_customers, rows_of, batch_rows):
    given_up = rows_of.customer(3).phone_digits
    with_customers.update(3, phone_number="+917000000000")
    # To one who registered, or to one further down in the sheet.
    rows = [rows_of.customer(3, row_number=2), rows_of.customer(4, row_number=3, phone_digits=given_up)]
    file = with_customers.upsert(rows, batch_rows=batch_rows)
    assert file.rows == RowCounts(updated=1, unchanged=1, adjusted=1)
    assert with_customers.issues(file) == [(2, "ADJUSTED", "Phone Number", STAYS)]
    held = {row["digits"]: row["customer_id"] for row in with_customers.rows("phone_number")}
    assert (held[917_000_000_000], held[given_up]) == (3, 4)
    assert held == {row["phone_digits"]: row["customer_id"] for row in with_customers.rows("customer")}
    # The number of another customer does not reject a row whose number stays.
    assert with_customers.upsert(rows).rows == RowCounts(unchanged=2, adjusted=1)


def test_number_that_was_taken_here_is_not_free_for_a_row_of_the_sheet(with_customers, rows_of):
    with_customers.update(3, phone_number="+917000000000")
    file = with_customers.upsert([rows_of.customer(21, phone_digits=917_000_000_000)])
    assert with_customers.issues(file) == [(22, "REJECTED", "Phone Number", "is held by customer 3")]


def test_row_that_is_rejected_was_not_adjusted(with_customers, rows_of):
    with_customers.update(3, age=44)
    file = with_customers.upsert([rows_of.customer(3, phone_digits=rows_of.customer(4).phone_digits)])
    assert file.rows == RowCounts(rejected=1)
    assert with_customers.issues(file) == [(4, "REJECTED", "Phone Number", "is held by customer 4")]


def test_customer_who_stands_twice_in_a_sheet_keeps_what_was_changed_here_both_times(with_customers, rows_of):
    with_customers.update(3, age=44)
    rows = [rows_of.customer(3, row_number=2, first_name="Usha"), rows_of.customer(3, row_number=3, last_name="Iyer")]
    file = with_customers.upsert(rows)
    assert file.rows == RowCounts(updated=2, adjusted=2)
    after, _ = with_customers.customers.get(3)
    assert (after.first_name, after.last_name, after.age) == ("Asha", "Iyer", 44)


def test_registered_customer_who_was_changed_is_still_no_row_of_a_sheet(book, rows_of):
    customer = book.register()
    book.update(customer.customer_id, age=44)
    row = rows_of.customer(customer.customer_id, phone_digits=customer.phone_digits)
    assert book.upsert([row]).rows == RowCounts(rejected=1)
    assert book.upsert([row._replace(age=44)]).rows == RowCounts(unchanged=1)


def test_change_beside_the_import_is_not_overwritten(with_customers, rows_of, open_store, monkeypatch):
    """The customer is changed by another server between the look of the import and its write."""
    look = Customers.with_ids
    other = type(with_customers)(open_store(), with_customers.clock)
    changing = threading.Thread(target=other.update, args=(3,), kwargs={"age": 44})

    def look_and_let_change(customers, ids):
        found = look(customers, ids)
        if not changing.ident and customers._connection.dialect.name == "postgresql":
            changing.start()
            changing.join()
        return found

    monkeypatch.setattr(Customers, "with_ids", look_and_let_change)
    file = with_customers.upsert([rows_of.customer(3, age=31, first_name="Usha")])
    if changing.ident:
        assert file.rows == RowCounts(updated=1, adjusted=1)
        assert with_customers.customers.get(3)[0].age == 44
    other.close()


def test_events_vouch_for_what_sheets_take_of_changed_customers(with_customers, rows_of):
    with_customers.now = with_customers.clock.now_microseconds
    with_customers.update(3, age=44)
    with_customers.upsert([rows_of.customer(3, age=31, first_name="Usha")])
    assert [each for each in findings(with_customers.store) if "TAMPERED" in each] == []
