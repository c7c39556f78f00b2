"""A phone number is one customer's, however the rows of a sheet bring it, take it over or give it up."""

import itertools

import pytest

from almeno_grpc.domain.errors import PhoneNumberTaken, WriteConflict
from almeno_grpc.domain.imports import CustomerRows, RowCounts
from almeno_grpc.imports.sandbox.messages import RowBatch
from almeno_grpc.storage.customers import Customers


def in_parts(*parts):
    """Customers as parts of a batch, numbered as the rows of a sheet."""
    numbers = itertools.count(2)
    return [RowBatch(CustomerRows.of([row._replace(row_number=next(numbers)) for row in part])) for part in parts]


def held(book):
    """Whose each phone number is by the table of those, and by what stands with the customers."""
    return (
        {(row["digits"], row["customer_id"]) for row in book.rows("phone_number")},
        {(row["phone_digits"], row["customer_id"]) for row in book.rows("customer")},
    )


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_phone_number_of_another_customer_is_rejected_wherever_that_one_comes_from(book, rows_of, batch_rows):
    registered = book.register(phone_number="+917000000001")
    rows = [
        rows_of.customer(1, phone_digits=917000000001),
        rows_of.customer(2, phone_digits=917000000002),
        rows_of.customer(3, phone_digits=917000000002),
    ]
    file = book.upsert(rows, batch_rows=batch_rows)
    assert file.rows == RowCounts(inserted=1, rejected=2)
    assert [(row, message) for row, _, _, message in book.issues(file)] == [
        (2, f"is held by customer {registered.customer_id}"),
        (4, "is held by customer 2"),
    ]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([[21, 22], [23]], id="in another part"),
        pytest.param([[21, 22, 23]], id="in the same part"),
        pytest.param([[21, 22], [1], [23]], id="behind a part that was looked up"),
    ],
)
def test_phone_number_that_stands_twice_among_new_customers_is_the_first_ones(with_customers, rows_of, parts):
    same = {"phone_digits": 917000000000}
    rows = [[rows_of.customer(number, **(same if number in (22, 23) else {})) for number in part] for part in parts]
    file = with_customers.queue_customers()
    unchanged = sum(part.count(1) for part in parts)
    counts = with_customers.upsert_parts(file, in_parts(*rows))
    assert counts == RowCounts(inserted=2, unchanged=unchanged, rejected=1)
    assert [message for *_, message in with_customers.issues(file)] == ["is held by customer 22"]
    by_numbers, by_customers = held(with_customers)
    assert by_numbers == by_customers


def test_phone_number_that_is_given_up_only_further_down_is_not_free_for_the_rows_above(with_customers, rows_of):
    wanted = rows_of.customer(1).phone_digits
    parts = [[rows_of.customer(21, phone_digits=wanted)], [rows_of.customer(1, phone_digits=917000000000)]]
    file = with_customers.queue_customers()
    assert with_customers.upsert_parts(file, in_parts(*parts)) == RowCounts(updated=1, rejected=1)
    by_numbers, by_customers = held(with_customers)
    assert by_numbers == by_customers


def test_phone_number_registered_by_another_server_during_the_import_leaves_the_rows_to_be_imported_again(
    with_customers, rows_of, monkeypatch
):
    registered = with_customers.register(phone_number="+917000000000")
    file = with_customers.queue_customers()
    parts = in_parts([rows_of.customer(21, phone_digits=registered.phone_digits)])
    with monkeypatch.context() as patches:
        # As if the customer had come after the look.
        patches.setattr(Customers, "phone_number_holders", lambda _, __: {})
        with pytest.raises(WriteConflict):
            with_customers.upsert_parts(file, parts)
    assert with_customers.upsert_parts(file, parts) == RowCounts(rejected=1)


def test_phone_number_that_a_customer_gave_up_can_be_registered_and_the_new_one_not(with_customers, rows_of):
    freed = rows_of.customer(1).phone_digits
    with_customers.upsert([rows_of.customer(1, phone_digits=917000000001)])
    assert with_customers.register(phone_number=f"+{freed}").phone_digits == freed
    with pytest.raises(PhoneNumberTaken):
        with_customers.register(phone_number="+917000000001")
    by_numbers, by_customers = held(with_customers)
    assert by_numbers == by_customers


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_phone_number_that_a_customer_gives_up_goes_to_the_next_in_the_sheet(with_customers, rows_of, batch_rows):
    freed = rows_of.customer(1).phone_digits
    rows = [
        rows_of.customer(20),
        rows_of.customer(1, phone_digits=917000000001),
        rows_of.customer(21, phone_digits=freed),
        rows_of.customer(2, phone_digits=917000000002),
    ]
    assert with_customers.upsert(rows, batch_rows=batch_rows).rows == RowCounts(inserted=2, updated=2)
    assert with_customers.customers.get(21)[0].phone_digits == freed
