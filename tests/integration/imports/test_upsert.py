"""Checked rows are imported: what is inserted, changed, left and rejected."""

from dataclasses import replace
from datetime import date

import pytest
from support.book import LAKH, RUPEE

from almeno_grpc.domain.customer import e164_of
from almeno_grpc.domain.imports import CustomerRows, ImportKind, IssueOutcome, LoanRows, RowCounts, RowIssue
from almeno_grpc.imports.sandbox.messages import RowBatch


def test_loan_of_an_unknown_customer_is_rejected_and_the_others_are_imported(with_customers, rows_of):
    file = with_customers.upsert([rows_of.loan(77, 1), rows_of.loan(1, 2), rows_of.loan(78, 3)])
    assert file.rows == RowCounts(inserted=1, rejected=2)
    assert with_customers.issues(file) == [
        (2, "REJECTED", "Customer ID", "no customer has the number 77"),
        (4, "REJECTED", "Customer ID", "no customer has the number 78"),
    ]


@pytest.mark.parametrize("count", [1, 125, 126, 1_000])
def test_each_row_of_a_batch_of_any_size_is_imported_with_its_own_values(book, rows_of, count):
    numbers = range(1, count + 1)
    customers = [rows_of.customer(number, age=18 + number % 100) for number in numbers]
    loans = [rows_of.loan(number, 2 * number, loan_amount=number * LAKH) for number in numbers]
    assert book.upsert(customers).rows == book.upsert(loans).rows == RowCounts(inserted=count)
    stored = [(row["customer_id"], row["age"], row["phone_digits"], row["imported"]) for row in book.rows("customer")]
    assert stored == [(row.customer_id, row.age, row.phone_digits, True) for row in customers]
    columns = ("loan_id", "customer_id", "loan_amount_paise", "source_loan_id", "decision_id", "repayment_count")
    stored = sorted(tuple(row[column] for column in columns) for row in book.rows("loan"))
    assert stored == [(2 * number, number, number * LAKH, 2 * number, None, 0) for number in numbers]


def test_last_row_of_a_long_batch_that_cannot_be_added_harms_no_other(book, rows_of):
    customers = [rows_of.customer(number) for number in range(1, 301)]
    customers.append(rows_of.customer(301, phone_digits=customers[0].phone_digits))
    assert book.upsert(customers).rows == RowCounts(inserted=300, rejected=1)
    assert len(book.rows("customer")) == 300


def test_rejected_row_is_not_reported_as_adjusted_too(with_customers, rows_of):
    corrected = RowIssue(2, IssueOutcome.ADJUSTED, "End Date", "corrected")
    kept = RowIssue(3, IssueOutcome.ADJUSTED, "End Date", "corrected")
    file = with_customers.upsert([rows_of.loan(77, 1), rows_of.loan(1, 2)], [corrected, kept])
    assert file.rows == RowCounts(inserted=1, rejected=1, adjusted=1)
    assert [(row, outcome) for row, outcome, _, _ in with_customers.issues(file)] == [(2, "REJECTED"), (3, "ADJUSTED")]


@pytest.mark.parametrize(
    ("kind", "rows"), [(ImportKind.CUSTOMERS, CustomerRows.of([])), (ImportKind.LOANS, LoanRows.of([]))]
)
def test_batch_without_a_good_row_brings_its_issues_alone(with_customers, kind, rows):
    issue = RowIssue(2, IssueOutcome.REJECTED, "Customer ID", "is empty")
    file = with_customers.queue(kind, b"")
    assert with_customers.upsert_parts(
        file, [RowBatch(rows, [issue.row_number], {issue.row_number: [issue]})]
    ) == RowCounts(rejected=1)
    assert [column for _, _, column, _ in with_customers.issues(file)] == ["Customer ID"]


def test_row_with_several_faults_counts_once_and_tells_each(with_customers):
    issues = [RowIssue(9, IssueOutcome.REJECTED, column, "is empty") for column in ("Age", "Phone Number")]
    file = with_customers.queue_customers()
    with_customers.store.write(lambda tx: tx.imports.add_progress(file.queue_number, RowCounts(rejected=1), issues))
    file = with_customers.imports.get(file.import_id)
    assert (file.rows.rejected, file.rows.seen) == (1, 1)
    assert [column for _, _, column, _ in with_customers.issues(file)] == ["Age", "Phone Number"]


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"loan_amount": 2 * LAKH}, "loan_amount_paise"),
        ({"tenure_months": 24}, "tenure_months"),
        ({"monthly_installment": 9_300 * RUPEE}, "monthly_installment_paise"),
        ({"emis_paid": 4}, "emis_paid"),
        ({"emis_paid_on_time": 3}, "emis_paid_on_time"),
        ({"approval_date": date(2026, 1, 6)}, "approval_day"),
    ],
)
def test_loan_that_has_changed_in_the_sheet_is_brought_up_to_it(with_customers, rows_of, changes, column):
    with_customers.upsert([rows_of.loan(1, 5), rows_of.loan(2, 5, row_number=7)])
    for customer_id in (1, 2):
        before = {row["customer_id"]: row for row in with_customers.rows("loan")}
        row = rows_of.loan(customer_id, 5, **changes)
        assert with_customers.upsert([row]).rows.updated == 1
        after = {row["customer_id"]: row for row in with_customers.rows("loan")}
        assert after[customer_id][column] != before[customer_id][column]
        assert after[customer_id]["loan_id"] == before[customer_id]["loan_id"]
        assert after[3 - customer_id] == before[3 - customer_id]
        assert with_customers.upsert([row]).rows.unchanged == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"first_name": "Usha"},
        {"last_name": "Iyer"},
        {"age": 31},
        {"phone_digits": 917000000000},
        {"monthly_income": 60_000 * RUPEE},
        {"approved_limit": 0},
    ],
)
def test_customer_who_has_changed_in_the_sheet_is_brought_up_to_it(with_customers, rows_of, changes):
    row = rows_of.customer(3, **changes)
    before = with_customers.customers.get(3)[0]
    assert with_customers.upsert([row]).rows == RowCounts(updated=1)
    if "phone_digits" in changes:
        changes = {"phone_number": e164_of(changes["phone_digits"])}
    assert with_customers.customers.get(3)[0] == replace(before, **changes)
    assert with_customers.upsert([row]).rows == RowCounts(unchanged=1)


def test_number_of_a_customer_who_was_registered_here_is_not_imported_over(book, rows_of):
    registered = book.register(phone_number="+917000000001")
    file = book.upsert([rows_of.customer(registered.customer_id), rows_of.customer(1)])
    assert file.rows == RowCounts(inserted=1, rejected=1)
    assert book.customers.get(registered.customer_id)[0] == registered
    assert book.issues(file)[0][2:] == ("Customer ID", "is the number of a customer who was registered here")


@pytest.mark.parametrize("batch_rows", [1, 1000])
def test_key_that_stands_twice_in_a_batch_takes_effect_in_the_order_of_the_sheet(book, rows_of, batch_rows):
    customers = [rows_of.customer(1), rows_of.customer(1, row_number=3, age=31)]
    assert book.upsert(customers, batch_rows=batch_rows).rows == RowCounts(inserted=1, updated=1)
    assert book.customers.get(1)[0].age == 31
    loans = [rows_of.loan(1, 5), rows_of.loan(1, 5, row_number=7), rows_of.loan(1, 5, row_number=8, emis_paid=4)]
    assert book.upsert(loans, batch_rows=batch_rows).rows == RowCounts(inserted=1, unchanged=1, updated=1)
    assert [row["emis_paid"] for row in book.rows("loan")] == [4]
