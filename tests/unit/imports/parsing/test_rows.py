"""Checking the rows of an imported file."""

import csv
import os
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

import openpyxl
import pytest
from almeno_grpc.imports.parsing.file_frames import frames_of
from hypothesis import given
from hypothesis import strategies as st

from almeno_grpc.domain.imports import CustomerRow, CustomerRows, ImportKind, IssueOutcome, LoanRow, RowIssue
from almeno_grpc.imports import plain_rows, sheets
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.imports.parsing.rows import RowChecker
from almeno_grpc.imports.parsing.table import read_table
from almeno_grpc.imports.parsing.workbooks import open_rows
from almeno_grpc.imports.sandbox.messages import (
    FileOpened,
    LoanNumbers,
    PackedBatch,
    ReadingJob,
    ReadingLimits,
    RowBatch,
)

ROOT = Path(__file__).parents[4]
REAL_BOOK = Path(os.environ.get("ALMENO_BOOK", ROOT.parent / "shared" / "book"))
BOOK_DATE = date(2024, 6, 1)
NOON = datetime.combine(date(2024, 1, 31), time(12))

LOAN = {
    "Customer ID": 14,
    "Loan ID": 5930,
    "Loan Amount": 900000,
    "Tenure": 12,
    "Interest Rate": 13.46,
    "Monthly payment": 85095.5,
    "EMIs paid on Time": 3,
    "Date of Approval": date(2024, 1, 31),
    "End Date": date(2025, 1, 31),
}
CUSTOMER = {
    "Customer ID": 7,
    "First Name": " Asha ",
    "Last Name": "Rao",
    "Age": 41,
    "Phone Number": 9876543210,
    "Monthly Salary": 50000.25,
    "Approved Limit": 1800000,
}
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


def check_file(path: Path, kind: ImportKind, **options) -> CheckedFile:
    """Every row of a file, whatever the size of the batches."""
    table = read_table(path, kind=kind, file_name=path.name, limits=ReadingLimits())
    return all_of([batch.unpack(kind) for batch in RowChecker(table, kind, BOOK_DATE).batches(**options)])


def all_of(batches: list[RowBatch]) -> CheckedFile:
    return CheckedFile(
        sum(batch.rows_seen for batch in batches),
        [row for batch in batches for row in batch.rows],
        [issue for batch in batches for issue in batch.issues],
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
            for cell in (999.99, -1, 1000000000.01, 1000.001, "₹5000", "5,00,000")
        ),
        *(("Tenure", cell, "whole number from 1 to 600") for cell in (0, 601, 12.5, -1, "twelve")),
        *(("Interest Rate", cell, "from 0 to 100 with at most 4") for cell in (-0.01, 100.0001, 10.00001, "10%")),
        *(("Monthly payment", cell, "more than ₹0") for cell in (0, -5, 1e12, 10.001, "nan", "inf", 1e300)),
        *(("EMIs paid on Time", cell, "whole number from 0") for cell in (-1, 2.5, "some")),
        *(
            ("Date of Approval", cell, "YYYY-MM-DD")
            for cell in ("31/01/2024", "2024-02-30", "January", "2024-01-31 10:00")
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


def test_date_cell_with_a_time_is_no_day(check_workbook):
    [issue] = check_workbook(ImportKind.LOANS, {"Date of Approval": NOON}).issues
    assert "but is '2024-01-31T12:00:00'" in issue.message


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


@pytest.mark.parametrize("kind", ImportKind)
def test_what_is_left_of_a_batch_is_what_comes_when_the_rows_before_are_skipped(tmp_path, kind):
    good: dict = {}
    bad = {"Tenure": 0} if kind is ImportKind.LOANS else {"Age": 3}
    fixed = {"Loan ID": 5, "End Date": ""} if kind is ImportKind.LOANS else {"Customer ID": 8, "Phone Number": "?"}
    # In no order, some rejected, some the same number under another customer, some adjusted.
    rows = [
        ROWS[kind]
        | {"Customer ID": 90 - place, "Loan ID": 60 - place // 2, "Phone Number": 9876543200 + place}
        | change
        for place, change in enumerate([good, bad, fixed, good, bad, bad, good, fixed, fixed | {"Tenure": 24}, good])
    ]
    path = write_book(tmp_path / "book.csv", kind, rows)
    table = read_table(path, kind=kind, file_name=path.name, limits=ReadingLimits())

    def batches(skip_rows: int) -> list[RowBatch]:
        checked = RowChecker(table, kind, BOOK_DATE).batches(skip_rows=skip_rows)
        return [batch.unpack(kind) for batch in checked]

    before = 0
    for batch in batches(0):
        assert batch.issues
        for place in range(batch.rows_seen):
            rest, expected = batch.part(place, batch.rows_seen), batches(before + place)[0]
            first = batch.part(0, place)
            assert (rest.rows_seen, [*rest.rows]) == (expected.rows_seen, [*expected.rows])
            assert (rest.issues, [*rest.rejected]) == (expected.issues, [*expected.rejected])
            assert [*first.rows, *rest.rows] == [*batch.rows]
            assert sorted(first.issues + rest.issues, key=lambda issue: issue.row_number) == batch.issues
        before += batch.rows_seen
    assert before == len(rows)


def test_issues_of_a_batch_are_looked_through_once_however_many_parts_it_is_cut_into():
    looks = []

    class Issues(list[RowIssue]):
        def __iter__(self):
            looks.append(1)
            return super().__iter__()

    numbers = range(2, 102)
    issues = Issues(RowIssue(number, IssueOutcome.ADJUSTED, "Age", "was mended") for number in numbers)
    batch = RowBatch(100, CustomerRows([numbers] * 8), issues)
    parts = [batch.part(place, place + 4) for place in range(0, 100, 4)]
    assert [issue.row_number for part in parts for issue in part.issues] == [*numbers]
    assert len(looks) == 1


A_FEW_CUSTOMERS = st.lists(
    st.fixed_dictionaries(
        {
            "Customer ID": st.sampled_from([1, 2, 3, 4, "?", ""]),
            "Age": st.sampled_from([30, 30, 30, 31, 3]),
            "Phone Number": st.sampled_from([9876543210, "+14155552671", "?"]),
        }
    ),
    max_size=12,
)


@given(rows=A_FEW_CUSTOMERS, max_rows=st.integers(1, 6), skip_rows=st.integers(0, 12), quoted=st.booleans())
def test_customers_read_as_several_tables_come_to_the_same_as_in_one(
    tmp_path_factory, rows, max_rows, skip_rows, quoted
):
    path = tmp_path_factory.getbasetemp() / "customers.csv"
    write_book(path, ImportKind.CUSTOMERS, [CUSTOMER | row for row in rows])
    if quoted:
        path.write_text(path.read_text().replace("Rao", '"Rao"'))
    with pytest.MonkeyPatch.context() as patches:
        # A table is not cut inside a piece.
        patches.setattr(plain_rows, "_PIECE_BYTES", 1)
        patches.setattr(sheets, "PIECE_ROWS", 1)
        whole = check_file(path, ImportKind.CUSTOMERS, skip_rows=min(skip_rows, len(rows)))
        job = ReadingJob(path, ImportKind.CUSTOMERS, path.name, BOOK_DATE, ReadingLimits(), skip_rows, max_rows)
        opened, _, *frames, _ = frames_of(open_rows(path, path.name, ReadingLimits())(), job)
    batches = [frame.unpack(ImportKind.CUSTOMERS) for frame in frames]
    assert opened.rows_total == len(rows)
    assert all(batch.rows_seen <= max_rows for batch in batches)
    assert all_of(batches) == whole


@pytest.mark.parametrize("last_name", ["Rao", '"Rao"', '"Rao'])
def test_customers_come_before_all_are_read_only_where_nothing_can_be_wrong_further_down(
    tmp_path, monkeypatch, last_name
):
    monkeypatch.setattr(plain_rows, "_PIECE_BYTES", 1)
    path = write_book(tmp_path / "customers.csv", ImportKind.CUSTOMERS, [CUSTOMER] * 4)
    before, _, behind = path.read_text().rpartition("Rao")
    path.write_text(before + last_name + behind)
    rows = open_rows(path, path.name, ReadingLimits())()
    job = ReadingJob(path, ImportKind.CUSTOMERS, path.name, BOOK_DATE, ReadingLimits(), batch_rows=1)
    frames = frames_of(rows, job)
    if last_name == '"Rao':
        with pytest.raises(FileRefusedError, match="line 5"):
            next(frames)
        return
    kinds = [type(next(frames)) for _ in range(3)]
    assert kinds == [FileOpened, LoanNumbers, PackedBatch]
    assert bool(rows.next_columns(7)) is (last_name == "Rao")


def test_loans_come_by_customer_and_those_whose_number_stands_further_up_come_last(check):
    rows = [(9, 30), (2, 20), (9, 10), (1, 20), (2, 5), (1, 30), (3, 20)]
    batch = check(ImportKind.LOANS, *({"Customer ID": customer, "Loan ID": number} for customer, number in rows))
    keys = [(row.customer_id, row.source_loan_id) for row in batch.rows]
    # Loan 20 stands a third time under customer 3, who may find it free only where both rows above were refused.
    assert keys == [(2, 5), (2, 20), (9, 10), (9, 30), (1, 20), (1, 30), (3, 20)]


def test_numbers_of_loans_come_once_each_with_the_customer_they_stand_under_first(tmp_path):
    rows = [(9, 30), (2, 20), (9, 10), (1, 20), ("?", 5), (2, 5), (1, 0), (3, 30), (4, 40)]
    lines = [LOAN | {"Customer ID": customer, "Loan ID": number} for customer, number in rows]
    path = write_book(tmp_path / "loans.csv", ImportKind.LOANS, lines)
    table = read_table(path, kind=ImportKind.LOANS, file_name=path.name, limits=ReadingLimits())
    numbers = RowChecker(table, ImportKind.LOANS, BOOK_DATE).loan_numbers()
    assert [(list(each.loan_ids), list(each.customer_ids)) for each in numbers.in_runs(2)] == [
        ([10, 20], [9, 2]),
        ([30, 40], [9, 4]),
    ]


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
