"""Checking the rows of an imported file."""

import csv
import os
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

import openpyxl
import pytest
from support.sheet_rows import BOOK_DATE, CUSTOMER, LOAN

from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.domain.imports import CustomerRow, ImportKind, IssueOutcome, LoanRow, RowIssue
from almeno_grpc.imports.parsing.rows import parse_file
from almeno_grpc.imports.sandbox.messages import FileEnd, FileOpened, ReadingJob, ReadingLimits, RowBatch

ROOT = Path(__file__).parents[4]
REAL_BOOK = Path(os.environ.get("ALMENO_BOOK", ROOT.parent / "shared" / "book"))
NOON = datetime.combine(date(2024, 1, 31), time(12))

ROWS = {ImportKind.LOANS: LOAN, ImportKind.CUSTOMERS: CUSTOMER}


def write_book(path: Path, kind: ImportKind, rows: list[dict]) -> Path:
    lines = [HEADINGS[kind], *([row.get(heading, "") for heading in HEADINGS[kind]] for row in rows)]
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(lines)
        return path
    workbook = openpyxl.Workbook()
    for line in lines:
        workbook.active.append(line)
    workbook.save(path)
    return path


class CheckedFile(NamedTuple):
    """What came of all batches of a file."""

    rows_seen: int
    rows: list[CustomerRow] | list[LoanRow]
    issues: list[RowIssue]


def messages_of(path: Path, kind: ImportKind, **options) -> list:
    options = {"columns": {}, "book_date": BOOK_DATE, "limits": ReadingLimits()} | options
    return list(parse_file(ReadingJob(path, kind, path.name, **options)))


def batches_of(path: Path, kind: ImportKind, **options) -> list[RowBatch]:
    opened, *batches, end = messages_of(path, kind, **options)
    assert (type(opened), end) == (FileOpened, FileEnd())
    return batches


def check_file(path: Path, kind: ImportKind, **options) -> CheckedFile:
    """Every row of a file, whatever the size of the batches."""
    batches = batches_of(path, kind, **options)
    return CheckedFile(
        sum(len(batch) for batch in batches),
        [row for batch in batches for row in batch.rows],
        [issue for batch in batches for issue in batch.issues_here()],
    )


@pytest.fixture(params=["xlsx", "csv"])
def check(request, tmp_path):
    """Writes rows into a file, reads them back and checks them; in a workbook and in CSV alike."""

    def check(kind: ImportKind, *changes: dict, **options) -> CheckedFile:
        path = write_book(tmp_path / f"book.{request.param}", kind, [ROWS[kind] | change for change in changes])
        return check_file(path, kind, **options)

    return check


@pytest.fixture
def check_workbook(tmp_path):
    def check(kind: ImportKind, *changes: dict) -> CheckedFile:
        return check_file(write_book(tmp_path / "b.xlsx", kind, [ROWS[kind] | c for c in changes]), kind)

    return check


def test_sound_loan_becomes_exact_paise_rates_and_dates(check):
    batch = check(ImportKind.LOANS, {})
    rate_e4, approval = 134_600, (2024, 1, 31)
    assert batch.rows == [LoanRow(2, 14, 5930, 90_000_000, 12, rate_e4, 8_509_550, 4, 3, *approval, 60_000_000)]
    assert batch.issues == []


def test_sound_customer_becomes_trimmed_names_paise_and_e164(check):
    batch = check(ImportKind.CUSTOMERS, {})
    assert batch.rows == [CustomerRow(2, 7, "Asha", "Rao", 41, 919_876_543_210, 5_000_025, 180_000_000)]
    assert batch.issues == []


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        *((("Customer ID"), cell, "whole number from 1") for cell in ("", "x", 0, -3, 1.5, "1e3", "1,000", "²")),
        ("Customer ID", "1000000000000001", "1000000000000000, but is '1000000000000001'"),
        ("Loan ID", "", "is empty"),
        *(
            ("Loan Amount", cell, "₹1,000 or more")
            for cell in (999.99, -1, 1000000000.01, 1000.001, "5,0000", "1.00E+05", "5,00,000,00", "$5000")
        ),
        *(("Tenure", cell, "whole number from 1 to 600") for cell in (0, 601, 12.5, -1, "twelve")),
        *(
            ("Interest Rate", cell, "from 0 to 100 with at most 4")
            for cell in (-0.01, 100.0001, 10.00001, "101%", "10,5")
        ),
        *(("Monthly payment", cell, "more than ₹0") for cell in (0, -5, 1e12, 0.001, "nan", "inf", 1e300)),
        *(("EMIs paid on Time", cell, "whole number from 0") for cell in (-1, 2.5, "some")),
        *(
            ("Date of Approval", cell, "YYYY-MM-DD")
            for cell in ("31/13/2024", "2024-02-30", "January", "2024-01-31 25:00")
        ),
        ("Date of Approval", "1899-12-31", "1900 to 2199"),
        ("Date of Approval", "2200-01-01", "1900 to 2199"),
        ("Date of Approval", "", "is empty"),
    ],
)
def test_loan_with_one_wrong_cell_is_rejected_for_it(check, column, cell, said):
    batch = check(ImportKind.LOANS, {column: cell})
    assert batch.rows_seen == 1
    assert batch.rows == []
    [issue] = batch.issues
    assert (issue.row_number, issue.outcome, issue.column) == (2, IssueOutcome.REJECTED, column)
    assert issue.message.startswith(column)
    assert said in issue.message or (cell == "" and "is empty" in issue.message)


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        *(("Age", cell, "whole number from 18 to 120") for cell in (17, 121, 40.5, "old")),
        *(("First Name", cell, "1 to 100 characters") for cell in ("a" * 101,)),
        *(("Last Name", cell, "is empty") for cell in ("", "   ")),
        ("Last Name", "Ra\x85o", "control characters"),
        ("Last Name", "Ra\u202eo", "bidi overrides"),
        ("First Name", "\u200b\u2060", "a character that can be seen"),
        *(("Phone Number", cell, "possible phone number") for cell in ("12345", "call me", 123, 98765.5, 1e20)),
        ("Phone Number", "", "is empty"),
        *(("Monthly Salary", cell, "more than ₹0") for cell in (0, -1, 0.001, 1e9 + 1)),
        *(("Approved Limit", cell, "₹0 or more") for cell in (-1, 1e11 + 1, "lots")),
    ],
)
def test_customer_with_one_wrong_cell_is_rejected_for_it(check, column, cell, said):
    batch = check(ImportKind.CUSTOMERS, {column: cell})
    assert batch.rows == []
    [issue] = batch.issues
    assert (issue.outcome, issue.column) == (IssueOutcome.REJECTED, column)
    assert said in issue.message
    if column in ("First Name", "Last Name", "Phone Number") and str(cell).strip():
        assert str(cell) not in issue.message


@pytest.mark.parametrize(
    ("kind", "column", "cell", "field", "value"),
    [
        (ImportKind.LOANS, "Customer ID", "1000000000000000", "customer_id", 10**15),
        (ImportKind.LOANS, "Loan Amount", 1000, "loan_amount", 100_000),
        (ImportKind.LOANS, "Loan Amount", 1000000000, "loan_amount", 100_000_000_000),
        (ImportKind.LOANS, "Loan Amount", 4567.89, "loan_amount", 456_789),
        (ImportKind.LOANS, "Tenure", "12.0", "tenure_months", 12),
        (ImportKind.LOANS, "Interest Rate", 0, "interest_rate_e4", 0),
        (ImportKind.LOANS, "Interest Rate", 100, "interest_rate_e4", 1_000_000),
        (ImportKind.LOANS, "Interest Rate", 10.1234, "interest_rate_e4", 101_234),
        (ImportKind.LOANS, "Monthly payment", 0.01, "monthly_installment", 1),
        (ImportKind.LOANS, "Date of Approval", "2024-01-31 00:00:00", "approval_date", date(2024, 1, 31)),
        (ImportKind.CUSTOMERS, "Age", 18, "age", 18),
        (ImportKind.CUSTOMERS, "Age", 120, "age", 120),
        (ImportKind.CUSTOMERS, "First Name", "é" * 100, "first_name", "é" * 100),
        (ImportKind.CUSTOMERS, "Phone Number", "+1 415 555 2671", "phone_digits", 14155552671),
        (ImportKind.CUSTOMERS, "Monthly Salary", 1e9, "monthly_income", 100_000_000_000),
        (ImportKind.CUSTOMERS, "Approved Limit", 0, "approved_limit", 0),
    ],
)
def test_values_at_the_limits_are_taken_exactly(check, kind, column, cell, field, value):
    [row] = check(kind, {column: cell}).rows
    assert getattr(row, field) == value


@pytest.mark.parametrize("cell", [True, time(10), timedelta(days=3), NOON, date(2024, 1, 31)])
def test_workbook_cell_of_another_type_is_no_number(check_workbook, cell):
    [issue] = check_workbook(ImportKind.LOANS, {"Tenure": cell}).issues
    assert (issue.outcome, issue.column) == (IssueOutcome.REJECTED, "Tenure")


def test_true_is_not_one_even_beside_a_one(check_workbook):
    one = {"Tenure": 1, "EMIs paid on Time": 1, "End Date": date(2024, 2, 29)}
    batch = check_workbook(ImportKind.LOANS, one, one | {"Tenure": True, "Loan ID": 2})
    assert [row.tenure_months for row in batch.rows] == [1]
    assert [issue.message for issue in batch.issues] == ["Tenure must be a whole number from 1 to 600, but is 'TRUE'"]


def test_date_cell_with_a_time_is_its_day_and_that_is_reported(check_workbook):
    batch = check_workbook(ImportKind.LOANS, {"Date of Approval": NOON})
    assert batch.rows[0].approval_date == date(2024, 1, 31)
    assert [issue.message for issue in batch.issues] == [
        "Date of Approval '2024-01-31T12:00:00' taken as 2024-01-31, without its time"
    ]


def test_plain_number_is_no_date_and_a_date_no_name(check_workbook):
    batch = check_workbook(ImportKind.LOANS, {"Date of Approval": 45322})
    assert "but is '45322'" in batch.issues[0].message
    batch = check_workbook(ImportKind.CUSTOMERS, {"First Name": date(2024, 1, 1)}, {"First Name": 12})
    assert [issue.message for issue in batch.issues] == ["First Name must be text"] * 2


def test_id_too_long_for_a_number_cell_has_to_be_written_as_text(check_workbook):
    [issue] = check_workbook(ImportKind.LOANS, {"Loan ID": 2**53 + 1}).issues
    assert "write it as text" in issue.message


def test_row_with_several_faults_has_an_issue_for_each_in_the_order_of_the_columns(check):
    batch = check(
        ImportKind.LOANS, {}, {"Loan ID": 5, "Tenure": 0, "Interest Rate": "x", "End Date": "never"}, {"Loan ID": 6}
    )
    assert batch.rows_seen == 3
    assert [row.row_number for row in batch.rows] == [4, 2]
    assert [(issue.row_number, issue.column) for issue in batch.issues] == [(3, "Tenure"), (3, "Interest Rate")]


def test_long_or_unprintable_values_are_quoted_shortened(check):
    [issue] = check(ImportKind.LOANS, {"Tenure": "9" * 500}).issues
    assert issue.message.endswith("but is '" + "9" * 39 + "…'")
    [issue] = check(ImportKind.LOANS, {"Tenure": "a\x85b"}).issues
    assert issue.message.endswith("'a?b'")


def test_end_date_that_does_not_follow_is_corrected_and_reported(check):
    ends = [date(2025, 1, 30), "", "soon", date(2025, 1, 31)]
    batch = check(ImportKind.LOANS, *({"Loan ID": number, "End Date": end} for number, end in enumerate(ends, start=1)))
    assert len(batch.rows) == 4
    assert [(issue.row_number, issue.outcome, issue.message) for issue in batch.issues] == [
        (row, IssueOutcome.ADJUSTED, f"End Date {found} corrected to 2025-01-31, 12 months after approval")
        for row, found in [(2, "'2025-01-30'"), (3, "''"), (4, "'soon'")]
    ]


def test_end_date_clipped_to_the_month_follows(check):
    assert check(ImportKind.LOANS, {"Tenure": 1, "EMIs paid on Time": 1, "End Date": date(2024, 2, 29)}).issues == []


def test_more_emis_on_time_than_the_tenure_are_corrected_to_it(check):
    batch = check(ImportKind.LOANS, {"EMIs paid on Time": 13})
    assert (batch.rows[0].emis_paid_on_time, batch.rows[0].emis_paid) == (12, 12)
    assert batch.issues == [
        RowIssue(2, IssueOutcome.ADJUSTED, "EMIs paid on Time", "EMIs paid on Time 13 corrected to 12, the tenure")
    ]


@pytest.mark.parametrize(
    ("approval", "on_time", "paid"),
    [
        (date(2024, 1, 31), 0, 4),  # due on 29 Feb, 31 Mar, 30 Apr and 31 May
        (date(2024, 1, 1), 0, 5),  # the fifth falls due on the book date itself
        (date(2024, 1, 31), 7, 7),
        (date(2020, 1, 31), 2, 12),
        (date(2025, 1, 31), 0, 0),
    ],
)
def test_emis_paid_are_those_due_by_the_book_date_or_those_on_time_if_more(check, approval, on_time, paid):
    [row] = check(ImportKind.LOANS, {"Date of Approval": approval, "EMIs paid on Time": on_time}).rows
    assert (row.emis_paid, row.emis_paid_on_time) == (paid, on_time)


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
def test_key_that_stands_again_is_taken_only_if_it_says_the_same(check, batch_rows):
    batch = check(
        ImportKind.LOANS, {}, {"Loan Amount": 5}, {}, {"Customer ID": 15}, {"Tenure": 24}, batch_rows=batch_rows
    )
    assert [row.row_number for row in batch.rows] == [2, 4, 5]
    assert [(issue.row_number, issue.column) for issue in batch.issues] == [(3, "Loan Amount"), (6, "Loan ID")]
    assert batch.issues[1].message.startswith("Loan ID 5930 of customer 14 stands already in row 2, ")


def test_customer_that_stands_again_with_other_values_is_rejected(check):
    batch = check(ImportKind.CUSTOMERS, {}, {"Customer ID": "7"}, {"Age": 42})
    assert [row.row_number for row in batch.rows] == [2, 3]
    assert batch.issues[0].message.startswith("Customer ID 7 stands already in row 2, ")


def test_good_row_after_a_faulty_one_of_the_same_key_is_taken(check):
    batch = check(ImportKind.CUSTOMERS, {"Age": 3}, {"Age": 42})
    assert [row.age for row in batch.rows] == [42]


@pytest.mark.parametrize("skip_rows", [0, 1, 2, 5])
def test_skipped_rows_are_left_out_but_their_keys_still_count(check, skip_rows):
    rows = ({}, {"Loan ID": 5931}, {"Loan ID": 5932}, {"Loan ID": 5933}, {"Tenure": 24})
    batch = check(ImportKind.LOANS, *rows, skip_rows=skip_rows, batch_rows=2)
    assert batch.rows_seen == 5 - skip_rows
    assert [row.row_number for row in batch.rows] == [2, 3, 4, 5][skip_rows:]
    rejected = [issue.row_number for issue in batch.issues if issue.outcome is IssueOutcome.REJECTED]
    assert rejected == ([6] if skip_rows < 5 else [])


@pytest.fixture(params=ImportKind)
def mixed(request, tmp_path):
    """A file in no order: some rows rejected, some adjusted, some with the Loan ID of a row above."""
    kind, good = request.param, {}
    bad = {"Tenure": 0} if kind is ImportKind.LOANS else {"Age": 3}
    fixed = {"Loan ID": 5, "End Date": ""} if kind is ImportKind.LOANS else {"Customer ID": 8, "Phone Number": "?"}
    rows = [
        ROWS[kind]
        | {"Customer ID": 90 - place, "Loan ID": 60 - place // 2, "Phone Number": 9876543200 + place}
        | change
        for place, change in enumerate([good, bad, fixed, good, bad, bad, good, fixed, fixed | {"Tenure": 24}, good])
    ]
    return write_book(tmp_path / "book.csv", kind, rows), kind


@pytest.mark.parametrize("batch_rows", [1, 3, 16, 1000])
def test_rows_that_are_skipped_are_those_that_came_before(mixed, batch_rows):
    path, kind = mixed
    whole = check_file(path, kind)
    assert whole.issues
    for skip_rows in range(whole.rows_seen + 1):
        rest = check_file(path, kind, skip_rows=skip_rows, batch_rows=batch_rows)
        good_left = max(0, len(whole.rows) - skip_rows)
        assert rest.rows_seen == whole.rows_seen - skip_rows
        assert rest.rows == whole.rows[len(whole.rows) - good_left :]
        left = {row.row_number for row in rest.rows}
        rejected = [issue for issue in whole.issues if issue.outcome is IssueOutcome.REJECTED]
        assert [issue for issue in rest.issues if issue.outcome is IssueOutcome.ADJUSTED] == [
            issue for issue in whole.issues if issue.row_number in left
        ]
        assert [issue for issue in rest.issues if issue.outcome is IssueOutcome.REJECTED] == rejected[
            max(0, skip_rows - len(whole.rows)) :
        ]


def test_parts_of_a_batch_come_to_the_batch(mixed):
    for batch in batches_of(*mixed):
        for place in range(len(batch) + 1):
            first, rest = batch.part(0, place), batch.part(place, len(batch))
            assert (len(first), len(rest)) == (place, len(batch) - place)
            assert [*first.rows, *rest.rows] == [*batch.rows]
            assert [*first.rejected, *rest.rejected] == batch.rejected
            assert [*first.issues_here(), *rest.issues_here()] == [*batch.issues_here()]


def test_loans_come_by_customer_and_those_whose_number_stands_further_up_come_last(check):
    rows = [(9, 30), (2, 20), (9, 10), (1, 20), (2, 5), (1, 30), (3, 20)]
    batch = check(ImportKind.LOANS, *({"Customer ID": customer, "Loan ID": number} for customer, number in rows))
    keys = [(row.customer_id, row.source_loan_id) for row in batch.rows]
    # Loan 20 stands a third time under customer 3, who may find it free only where both rows above were refused.
    assert keys == [(2, 5), (2, 20), (9, 10), (9, 30), (1, 20), (1, 30), (3, 20)]


def test_loan_ids_come_once_each_with_the_customer_they_stand_under_first(tmp_path):
    rows = [(9, 30), (2, 20), (9, 10), (1, 20), ("?", 5), (2, 5), (1, 0), (3, 30), (4, 40)]
    lines = [LOAN | {"Customer ID": customer, "Loan ID": loan_id} for customer, loan_id in rows]
    path = write_book(tmp_path / "loans.csv", ImportKind.LOANS, lines)
    for skipped in (0, 1):
        opened = messages_of(path, ImportKind.LOANS, skip_rows=skipped)[0]
        assert (list(opened.loan_ids), list(opened.owner_ids)) == ([5, 10, 20, 30, 40], [0, 9, 2, 9, 4])
        assert list(opened.customer_ids) == [1, 2, 3, 4, 9]


@pytest.mark.skipif(not REAL_BOOK.exists(), reason="the real book is not here")
def test_real_book_passes_without_an_issue():
    customers = check_file(next(REAL_BOOK.glob("customer*.xlsx")), ImportKind.CUSTOMERS)
    loans = check_file(next(REAL_BOOK.glob("loan*.xlsx")), ImportKind.LOANS)
    assert (len(customers.rows), customers.issues) == (300, [])
    assert (len(loans.rows), loans.issues) == (782, [])


def test_sample_book_passes_without_an_issue():
    customers = check_file(ROOT / "data" / "customers.xlsx", ImportKind.CUSTOMERS)
    loans = check_file(ROOT / "data" / "loans.xlsx", ImportKind.LOANS)
    assert (len(customers.rows), customers.issues) == (300, [])
    assert (len(loans.rows), loans.issues) == (782, [])
