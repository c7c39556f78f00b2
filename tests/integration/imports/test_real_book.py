"""The real book is imported whole, each loan once, and in whatever batches."""

from collections import Counter
from datetime import date
from fractions import Fraction

import pytest

from almeno_grpc.domain.imports import ImportKind, RowCounts
from almeno_grpc.imports.sandbox.messages import ReadingJob, ReadingLimits
from almeno_grpc.imports.sandbox.session import open_import_file
from almeno_grpc.storage.tables import FIRST_GENERATED_ID

BOOK_DATE = date(2026, 4, 10)


def read(path, kind):
    with open_import_file(ReadingJob(path, kind, path.name, {}, BOOK_DATE, ReadingLimits())) as file:
        batches = list(file.batches())
    return [row for batch in batches for row in batch.rows], [
        issue for batch in batches for issue in batch.issues_here()
    ]


@pytest.fixture(scope="module")
def real_rows(real_book):
    """Rows and issues of both files of the real book."""
    return (
        read(real_book / "customer_data.xlsx", ImportKind.CUSTOMERS),
        read(real_book / "loan_data.xlsx", ImportKind.LOANS),
    )


def test_real_book_is_imported_whole_and_importing_it_again_changes_nothing(book, real_rows):
    (customers, customer_issues), (loans, loan_issues) = real_rows
    assert book.upsert(customers, customer_issues).rows == RowCounts(inserted=300)
    assert book.upsert(loans, loan_issues).rows == RowCounts(inserted=782, adjusted=29)
    before = book.rows("customer"), book.rows("loan")
    assert book.upsert(customers, customer_issues).rows == RowCounts(unchanged=300)
    assert book.upsert(loans, loan_issues).rows == RowCounts(unchanged=782, adjusted=29)
    assert (book.rows("customer"), book.rows("loan")) == before


def test_real_books_doubled_loan_ids_are_two_loans_each(book, real_rows):
    (customers, _), (loans, _) = real_rows
    book.upsert(customers)
    file = book.upsert(loans)
    stored = book.rows("loan")
    keys = [(row["customer_id"], row["source_loan_id"]) for row in stored]
    assert sorted(keys) == sorted((loan.customer_id, loan.source_loan_id) for loan in loans)
    renumbered = [row for row in stored if row["loan_id"] != row["source_loan_id"]]
    assert [row["loan_id"] for row in renumbered] == list(range(FIRST_GENERATED_ID, FIRST_GENERATED_ID + 29))
    first_with = {}
    for loan in sorted(loans, key=lambda loan: loan.row_number):
        first_with.setdefault(loan.source_loan_id, loan.customer_id)
    for row in stored:
        is_first = first_with[row["source_loan_id"]] == row["customer_id"]
        assert (row["loan_id"] == row["source_loan_id"]) is is_first
    issues = book.issues(file)
    assert {(outcome, column) for _, outcome, column, _ in issues} == {("ADJUSTED", "Loan ID")}
    assert {issue[3].rpartition(" ")[2] for issue in issues} == {str(row["loan_id"]) for row in renumbered}


def test_real_books_outstanding_principal_is_in_equal_parts_to_the_paisa(book, real_rows):
    (customers, _), (loans, _) = real_rows
    book.upsert(customers)
    book.upsert(loans)
    for row in book.rows("loan"):
        left = row["tenure_months"] - row["emis_paid"]
        exact = Fraction(row["loan_amount_paise"] * left, row["tenure_months"])
        assert abs(row["outstanding_principal_paise"] - exact) <= Fraction(1, 2)
        assert (row["outstanding_principal_paise"] == 0) is (left == 0)


@pytest.mark.parametrize("batch_rows", [1, 7])
def test_book_is_the_same_whatever_the_size_of_the_batches(book, new_database, real_rows, batch_rows):
    (customers, customer_issues), (loans, loan_issues) = real_rows
    if batch_rows == 1:
        # A transaction a row takes long: the loans whose Loan ID stands twice and some others, and their customers.
        often = Counter(loan.source_loan_id for loan in loans)
        loans = [loan for loan in loans if often[loan.source_loan_id] > 1 or loan.source_loan_id % 20 == 0]
        borrowers = {loan.customer_id for loan in loans}
        customers = [customer for customer in customers if customer.customer_id in borrowers]
    in_one = type(book)(type(book.store)(new_database()), book.clock)
    in_one.store.migrate()
    for target, size in ((book, batch_rows), (in_one, 1000)):
        target.upsert(customers[: len(customers) // 3], customer_issues, size)
        target.upsert(loans, loan_issues, size)
        target.upsert(customers, customer_issues, size)
        target.upsert(loans, loan_issues, size)
    for table in ("customer", "loan", "import_issue"):
        assert sorted(book.rows(table), key=str) == sorted(in_one.rows(table), key=str)
    assert len(book.rows("loan")) == len(loans)
    in_one.store.close()
