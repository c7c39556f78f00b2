"""Sheets of loans that were exported: what they say besides what a lender's sheet says."""

import csv
from pathlib import Path

import pytest
from support.sheet_rows import BOOK_DATE, LOAN

from almeno_grpc.domain.headings import EXPORT_HEADINGS, HEADINGS
from almeno_grpc.domain.imports import ImportKind, LoanRow, RowIssue
from almeno_grpc.imports.parsing.rows import parse_file
from almeno_grpc.imports.sandbox.messages import ReadingJob, ReadingLimits, RowBatch

EXPORTED = LOAN | {
    "Installments Paid": 3,
    "Paid toward Next Installment": "0.00",
    "Installment Method": "ANNUAL_COMPOUND",
}


@pytest.fixture
def check(tmp_path):
    def check(row: dict, headings=(*HEADINGS[ImportKind.LOANS], *EXPORT_HEADINGS)) -> tuple[LoanRow, list[RowIssue]]:
        path = Path(tmp_path / "loans.csv")
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([headings, [row[heading] for heading in headings]])
        job = ReadingJob(path, ImportKind.LOANS, path.name, {}, BOOK_DATE, ReadingLimits())
        [batch] = [each for each in parse_file(job) if isinstance(each, RowBatch)]
        [row_here] = [*batch.rows] or [None]
        return row_here, list(batch.issues_here())

    return check


def test_instalments_are_paid_that_it_says_and_not_those_due_by_the_book_date(check):
    row, issues = check(EXPORTED)
    # Four have fallen due by the book date.
    assert (row.emis_paid, row.emis_paid_on_time, row.outstanding_principal) == (3, 3, 67_500_000)
    assert (row.paid_toward_next, row.is_reducing_balance, issues) == (0, 0, [])


def test_part_payment_and_method_are_read(check):
    row, issues = check(EXPORTED | {"Paid toward Next Installment": "500.25", "Installment Method": "REDUCING_BALANCE"})
    assert (row.paid_toward_next, row.is_reducing_balance, issues) == (500_25, 1, [])


def test_loan_that_a_service_has_booked_ends_by_its_disbursement(check):
    _, issues = check(EXPORTED | {"End Date": "2025-02-10"})
    assert [issue.column for issue in issues] == ["End Date"]
    _, issues = check(EXPORTED | {"End Date": "2025-02-10", "Installment Method": "REDUCING_BALANCE"})
    assert issues == []


@pytest.mark.parametrize("left_out", EXPORT_HEADINGS)
def test_sheet_that_has_not_all_of_the_columns_is_a_lenders_own(check, left_out):
    headings = [heading for heading in (*HEADINGS[ImportKind.LOANS], *EXPORT_HEADINGS) if heading != left_out]
    row, issues = check(EXPORTED | {"Paid toward Next Installment": "nothing"}, headings)
    assert (row.emis_paid, row.paid_toward_next, issues) == (4, 0, [])


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("Installments Paid", 2),
        ("Installments Paid", 13),
        ("Installments Paid", ""),
        ("Paid toward Next Installment", -1),
        ("Paid toward Next Installment", ""),
        ("Installment Method", "BULLET"),
        ("Installment Method", ""),
    ],
)
def test_cell_that_contradicts_the_others_or_says_nothing_rejects_its_row(check, column, cell):
    row, issues = check(EXPORTED | {column: cell})
    assert row is None
    assert [(issue.outcome, issue.column) for issue in issues] == [("REJECTED", column)]
