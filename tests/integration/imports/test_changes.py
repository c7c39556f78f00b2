"""What a sheet changes of customers and loans that are there already: each field leaves a trace."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from support.book import LAKH, RUPEE, TODAY, Book

from almeno_grpc.domain.customer_change import ChangeSource, FieldChange
from almeno_grpc.domain.errors import CustomerNotFound

CRORE = 100 * LAKH
COLUMNS = {
    "phone_digits": "phone_number",
    "interest_rate_e4": "interest_rate",
    "approval_year": "approval_date",
    "approval_month": "approval_date",
    "approval_day": "approval_date",
}
"""The field of a column, where that is not its name without the unit."""
FOLLOWING = {"state", "disbursement_year", "disbursement_month", "disbursement_day", "next_due_day"}
"""Columns that follow from the fields of a sheet."""


def changed_fields(before: dict, after: dict) -> set[str]:
    """The fields whose columns differ in two states of a row."""
    changed = {column for column in before if before[column] != after[column]} - FOLLOWING
    return {COLUMNS.get(column, column.removesuffix("_paise")) for column in changed}


def changes(book: Book, customer_id: int) -> list[tuple[int | None, str, str, str]]:
    found = book.customers.page_of_changes(customer_id, 0, 1000)
    return [(each.loan_id, *each.change) for each in found]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"first_name": "Usha"}, ("first_name", "Asha", "Usha")),
        ({"last_name": "Iyer"}, ("last_name", "Rao", "Iyer")),
        ({"age": 31}, ("age", "30", "31")),
        ({"phone_digits": 917_000_000_000}, ("phone_number", "+918000000003", "+917000000000")),
        ({"monthly_income": 60_000 * RUPEE + 5}, ("monthly_income", "50000.00", "60000.05")),
        ({"approved_limit": 9_000 * CRORE}, ("approved_limit", "1800000.00", "90000000000.00")),
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_field_of_a_customer_that_a_sheet_changes_leaves_what_it_was(with_customers, rows_of, change, expected):
    before = with_customers.rows("customer")
    file = with_customers.upsert([rows_of.customer(3, row_number=9, **change)])
    [found] = with_customers.customers.page_of_changes(3, 0, 10)
    assert (found.number, found.loan_id, found.change) == (1, None, FieldChange(*expected))
    assert found.source == ChangeSource(principal="", import_id=file.import_id, row_number=9)
    assert changed_fields(before[2], with_customers.rows("customer")[2]) == {expected[0]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"loan_amount": 2 * LAKH},
            {("loan_amount", "100000.00", "200000.00"), ("outstanding_principal", "75000.00", "150000.00")},
        ),
        ({"interest_rate_e4": 110_000}, {("interest_rate", "10.5", "11")}),
        (
            {"tenure_months": 24},
            {("tenure_months", "12", "24"), ("outstanding_principal", "75000.00", "87500.00")},
        ),
        ({"monthly_installment": 9_300 * RUPEE}, {("monthly_installment", "9208.00", "9300.00")}),
        ({"emis_paid": 4}, {("emis_paid", "3", "4"), ("outstanding_principal", "75000.00", "66666.67")}),
        ({"emis_paid_on_time": 3}, {("emis_paid_on_time", "2", "3")}),
        ({"approval_date": date(2025, 12, 6)}, {("approval_date", "2026-01-05", "2025-12-06")}),
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_field_of_a_loan_that_a_sheet_changes_leaves_what_it_was(with_customers, rows_of, change, expected):
    with_customers.upsert([rows_of.loan(1, 5)])
    before = with_customers.rows("loan")
    with_customers.upsert([rows_of.loan(1, 5, **change)])
    assert set(changes(with_customers, 1)) == {(5, *each) for each in expected}
    assert changed_fields(before[0], with_customers.rows("loan")[0]) == {field for field, _, _ in expected}


def test_limit_and_loan_that_a_row_rewrites_are_told_with_file_and_row_and_the_loan_is_reported(book, rows_of):
    book.upsert([rows_of.customer(1, approved_limit=3 * LAKH)])
    terms = {"tenure_months": 60, "emis_paid": 0, "emis_paid_on_time": 0}
    book.upsert([rows_of.loan(1, 5, loan_amount=5 * LAKH, **terms)])
    first = book.upsert([rows_of.customer(1, approved_limit=9_000 * CRORE)])
    closed = {"tenure_months": 60, "emis_paid": 60, "emis_paid_on_time": 60}
    second = book.upsert([rows_of.loan(1, 5, loan_amount=1_000 * RUPEE, **closed)])
    assert (first.rows.updated, second.rows.updated, second.rows.adjusted) == (1, 1, 1)
    assert book.issues(second) == [
        (6, "ADJUSTED", "Loan Amount", "lowers loan 5 from ₹5,00,000 to ₹1,000"),
        (6, "ADJUSTED", "EMIs paid on Time", "closes loan 5, which was to run until 2031-01-05"),
    ]
    found = book.customers.page_of_changes(1, 0, 10)
    assert [each.number for each in found] == [1, 2, 3, 4, 5]
    assert [(each.source.import_id, each.source.row_number) for each in found] == [
        (first.import_id, 2),
        *[(second.import_id, 6)] * 4,
    ]
    assert [each.change for each in found[:3]] == [
        FieldChange("approved_limit", "300000.00", "90000000000.00"),
        FieldChange("loan_amount", "500000.00", "1000.00"),
        FieldChange("emis_paid", "0", "60"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "reported"),
    [
        ({}, {"loan_amount": LAKH - 1}, ["Loan Amount"]),
        ({}, {"loan_amount": LAKH + 1}, []),
        ({}, {"emis_paid": 12}, ["EMIs paid on Time"]),
        ({}, {"tenure_months": 3}, ["EMIs paid on Time"]),
        ({}, {"emis_paid": 11}, []),
        # Its last instalment was due on the book date, or a day later.
        ({"approval_date": date(2025, 4, 10)}, {"approval_date": date(2025, 4, 10), "emis_paid": 12}, []),
        (
            {"approval_date": date(2025, 4, 11)},
            {"approval_date": date(2025, 4, 11), "emis_paid": 12},
            ["EMIs paid on Time"],
        ),
        ({"emis_paid": 12}, {"emis_paid": 12, "monthly_installment": 1}, []),
    ],
)
def test_loan_of_a_smaller_amount_or_closed_before_its_term_is_reported(book, rows_of, before, after, reported):
    book.upsert([rows_of.customer(1)])
    book.upsert([rows_of.loan(1, 5, **before)])
    file = book.upsert([rows_of.loan(1, 5, **after)])
    assert file.book_date == TODAY
    assert (file.rows.updated, file.rows.adjusted) == (1, len(reported))
    assert [(outcome, column) for _, outcome, column, _ in book.issues(file)] == [
        ("ADJUSTED", each) for each in reported
    ]
    assert book.upsert([rows_of.loan(1, 5, **after)]).rows.unchanged == 1


def test_rows_that_are_new_unchanged_or_rejected_leave_no_change(book, rows_of):
    registered = book.register()
    rows = [rows_of.customer(1), rows_of.customer(2)]
    loans = [rows_of.loan(1, 5), rows_of.loan(2, 5, row_number=7)]
    for _ in range(2):
        book.upsert([*rows, rows_of.customer(registered.customer_id)])
        book.upsert([*loans, rows_of.loan(77, 6)])
    book.repay(5, 9_208 * RUPEE)
    assert book.upsert([rows_of.loan(1, 5, emis_paid=9)]).rows.rejected == 1
    assert book.rows("customer_change") == []


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_changes_of_each_customer_are_numbered_through_all_files(book, rows_of, batch_rows):
    book.upsert([rows_of.customer(number) for number in range(1, 301)])
    book.upsert([rows_of.loan(number, number) for number in range(1, 301)])
    for age in (31, 32):
        book.upsert([rows_of.customer(number, age=age) for number in range(1, 301)])
        book.upsert([rows_of.loan(1, 1, emis_paid=age - 20), rows_of.loan(2, 2, emis_paid_on_time=0)], (), batch_rows)
    assert [field for _, field, _, _ in changes(book, 1)] == 2 * ["age", "emis_paid", "outstanding_principal"]
    assert changes(book, 2) == [
        (None, "age", "30", "31"),
        (2, "emis_paid_on_time", "2", "0"),
        (None, "age", "31", "32"),
    ]
    assert [each.number for each in book.customers.page_of_changes(1, 2, 2)] == [3, 4]
    assert [each.number for each in book.customers.page_of_changes(300, 0, 10)] == [1, 2]


def test_loan_that_was_given_another_number_is_told_by_that(with_customers, rows_of):
    with_customers.upsert([rows_of.loan(1, 5), rows_of.loan(2, 5, row_number=7)])
    with_customers.upsert([rows_of.loan(2, 5, row_number=7, emis_paid_on_time=3)])
    [loan] = with_customers.booking.page_of_loans(2, None, 0, 10)
    assert changes(with_customers, 2) == [(loan.loan_id, "emis_paid_on_time", "2", "3")]


def test_changes_of_a_customer_nobody_knows_are_no_list(book):
    with pytest.raises(CustomerNotFound):
        book.customers.page_of_changes(1, 0, 10)


def test_sheet_that_changes_a_loan_waits_for_a_decision_on_the_customer(with_customers, rows_of):
    with_customers.upsert([rows_of.loan(1, 5)])
    is_decided, may_end = threading.Event(), threading.Event()

    def decide_slowly(tx) -> None:
        tx.borrowers.lock([1], wait=True)
        is_decided.set()
        assert may_end.wait(10)

    with ThreadPoolExecutor(2) as pool:
        deciding = pool.submit(with_customers.store.write, decide_slowly)
        assert is_decided.wait(10)
        importing = pool.submit(with_customers.upsert, [rows_of.loan(1, 5, emis_paid=0, emis_paid_on_time=0)])
        with pytest.raises(TimeoutError):
            importing.result(0.2)
        may_end.set()
        deciding.result()
        assert importing.result().rows.updated == 1


def test_changes_are_of_the_transaction_of_their_rows(with_customers, rows_of, monkeypatch):
    def fail(*_args):
        raise RuntimeError("the power is gone")

    monkeypatch.setattr("almeno_grpc.storage.imports.Imports.add_progress", fail)
    with pytest.raises(RuntimeError, match="power"):
        with_customers.upsert([rows_of.customer(1, age=31)])
    assert (with_customers.customers.get(1)[0].age, with_customers.rows("customer_change")) == (30, [])
