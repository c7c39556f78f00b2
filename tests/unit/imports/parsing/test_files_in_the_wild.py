"""What people's files hold: each row is right, adjusted and reported, or rejected by name; never wrong in silence."""

import io
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
import xlwt
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from pyxlsbwriter import XlsbWriter
from support.book_files import (
    CUSTOMER_HEADINGS,
    LOAN_HEADINGS,
    csv_file,
    customer_row,
    loan_row,
    open_document,
    workbook,
)

from almeno_grpc.domain.imports import ImportKind, LoanRow, RowIssue
from almeno_grpc.domain.installments import annual_compound_installment, reducing_balance_installment
from almeno_grpc.domain.money import rate_from_scaled
from almeno_grpc.imports.errors import FileRefusedError
from almeno_grpc.imports.parsing.rows import parse_file
from almeno_grpc.imports.sandbox.messages import ReadingJob, ReadingLimits, RowBatch

Parse = Callable[..., tuple[list, list[RowIssue]]]


@pytest.fixture
def parse(tmp_path) -> Parse:
    """Parses the content of a file; gives the rows that pass, and the issues."""

    def parse(content: bytes, kind: ImportKind = ImportKind.LOANS, name: str = "book", **columns: str):
        path = Path(tmp_path) / name
        path.write_bytes(content)
        messages = parse_file(ReadingJob(path, kind, name, columns, date(2026, 4, 10), ReadingLimits()))
        batches = [message for message in messages if isinstance(message, RowBatch)]
        return [row for each in batches for row in each.rows], [
            issue for each in batches for issue in each.issues_here()
        ]

    return parse


def said(issues: list[RowIssue]) -> list[tuple[int, str, str]]:
    return [(issue.row_number, issue.outcome.value, issue.column) for issue in issues]


def payment(rate_e4: int, months: int = 24, method=annual_compound_installment) -> object:
    return method(10_000_000, rate_from_scaled(rate_e4), months) / 100


def test_rate_cells_in_the_format_of_percentages_are_what_the_payment_follows_from(parse):
    rows = [
        loan_row(1, 1, interest_rate=0.105, tenure=24, monthly_payment=payment(105_000), end_date="2028-01-05"),
        loan_row(1, 2, interest_rate=0.0825, monthly_payment=payment(82_500, 12, reducing_balance_installment)),
        loan_row(1, 3, interest_rate=0.105, tenure=24, monthly_payment=payment(1_050), end_date="2028-01-05"),
        loan_row(1, 4, interest_rate=0.105, tenure=24, monthly_payment=9_208, end_date="2028-01-05"),
        loan_row(1, 5, interest_rate=0.105, tenure=6, monthly_payment=payment(0, 6), end_date="2026-07-05"),
        loan_row(1, 6, interest_rate="0.105 %", end_date="2027-01-05"),
    ]
    found, issues = parse(workbook(LOAN_HEADINGS, rows))
    assert {row.source_loan_id: row.interest_rate_e4 for row in found} == {1: 105_000, 2: 82_500, 3: 1_050, 6: 1_050}
    assert said(issues) == [
        (2, "ADJUSTED", "Interest Rate"),
        (3, "ADJUSTED", "Interest Rate"),
        (5, "REJECTED", "Interest Rate"),
        (6, "REJECTED", "Interest Rate"),
    ]
    assert issues[0].message == ("Interest Rate '0.105' taken as 10.5 % a year, from which the monthly payment follows")
    assert issues[2].message.endswith("write 10.5 % or 0.105 %, with the sign, as text")


def test_hidden_sheet_before_the_visible_one_is_left_alone(parse):
    book = openpyxl.load_workbook(io.BytesIO(workbook(CUSTOMER_HEADINGS, [customer_row(9)])))
    book.active.sheet_state = "hidden"
    sheet = book.create_sheet("now")
    for row in (CUSTOMER_HEADINGS, customer_row(1), customer_row(2)):
        sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    found, issues = parse(content.getvalue(), ImportKind.CUSTOMERS)
    assert ([row.customer_id for row in found], issues) == ([1, 2], [])


def test_number_is_what_its_fifteen_digits_say(parse):
    rows = [
        loan_row(1, 1, loan_amount=41083.270000000004, interest_rate=57.699999999999996),
        loan_row(1, 2, loan_amount=15728.5338),
        loan_row(1, 3, interest_rate=8.2 + 0.1),
    ]
    found, issues = parse(workbook(LOAN_HEADINGS, rows))
    assert [(row.source_loan_id, row.loan_amount, row.interest_rate_e4) for row in found] == [
        (1, 4_108_327, 577_000),
        (3, 10_000_000, 83_000),
    ]
    assert said(issues) == [(3, "REJECTED", "Loan Amount")]


@pytest.mark.parametrize(
    "changes",
    [
        {"Date of Approval": "start date", "Monthly payment": "monthly repayment"},
        {
            "Date of Approval": "approval_date",
            "Monthly payment": "monthly_installment",
            "EMIs paid on Time": "EMIsOnTime",
        },
        {"Monthly payment": "EMI", "EMIs paid on Time": "EMIs paid", "Customer ID": "customer_id"},
    ],
)
def test_headings_in_the_wild_are_taken(parse, changes):
    headings = [changes.get(heading, heading) for heading in LOAN_HEADINGS]
    found, issues = parse(csv_file(headings, [loan_row(1, 1)]))
    assert ([row.monthly_installment for row in found], issues) == ([920_800], [])


def test_days_written_otherwise_are_taken_by_their_one_meaning(parse):
    days = ["05-01-2026", "5-Jan-2026", "05/01/2026", "2026/01/05", "20260105", "2026-01-05T00:00:00Z", "31-01-2026"]
    rows = [loan_row(1, number, date_of_approval=day, end_date="") for number, day in enumerate(days, start=1)]
    found, _ = parse(csv_file(LOAN_HEADINGS, rows))
    assert [row.approval_date for row in found] == [date(2026, 1, 5)] * 6 + [date(2026, 1, 31)]
    found, issues = parse(csv_file(LOAN_HEADINGS, rows[:6]))
    assert [row.source_loan_id for row in found] == [2, 4, 5, 6]
    rejected = [issue for issue in issues if issue.column == "Date of Approval"]
    assert said(rejected) == [(2, "REJECTED", "Date of Approval"), (4, "REJECTED", "Date of Approval")]
    assert "write it as YYYY-MM-DD" in rejected[0].message


def test_days_of_a_workbook_that_was_written_some_seconds_off_are_the_next_ones(parse):
    off = {"date_of_approval": datetime.fromisoformat("2026-01-04T23:59:50")}
    found, issues = parse(workbook(LOAN_HEADINGS, [loan_row(1, 1, **off)]))
    assert [row.approval_date for row in found] == [date(2026, 1, 5)]
    assert said(issues) == [(2, "ADJUSTED", "Date of Approval")]


def test_amounts_as_displayed_are_taken_and_lost_digits_are_not(parse):
    rows = [
        loan_row(1, 1, loan_amount="1,00,000", monthly_payment="₹9,208.00", interest_rate="10.50%"),
        loan_row(1, 2, loan_amount="1.00E+05"),
        loan_row(1, 3, monthly_payment="9208.533824918265"),
    ]
    found, issues = parse(csv_file(LOAN_HEADINGS, rows))
    assert [(row.loan_amount, row.monthly_installment, row.interest_rate_e4) for row in found] == [
        (10_000_000, 920_800, 105_000),
        (10_000_000, 920_853, 105_000),
    ]
    assert said(issues) == [(4, "ADJUSTED", "Monthly payment"), (3, "REJECTED", "Loan Amount")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_text_that_spreadsheets_save_is_read(parse, encoding, separator):
    text = csv_file(["\ufeffCustomer ID\u200b", *CUSTOMER_HEADINGS[1:]], [customer_row(1)]).decode()
    found, issues = parse(text.replace(",", separator).encode(encoding), ImportKind.CUSTOMERS)
    assert ([row.customer_id for row in found], issues) == ([1], [])


def test_whole_columns_that_pandas_has_written_as_fractions_are_their_numbers(parse):
    row = customer_row(1, customer_id="1.0", age="34.0", phone_number="9845012345.0", monthly_salary="50000.0")
    found, issues = parse(csv_file(CUSTOMER_HEADINGS, [row]), ImportKind.CUSTOMERS)
    assert issues == []
    assert (found[0].age, found[0].phone_digits, found[0].monthly_income) == (34, 919845012345, 5_000_000)


def test_columns_that_the_sender_has_named_are_read(parse):
    headings = [{"Date of Approval": "opened"}.get(heading, heading) for heading in LOAN_HEADINGS]
    found, issues = parse(csv_file(headings, [loan_row(1, 1)]), **{"Date of Approval": "Opened"})
    assert ([row.approval_date for row in found], issues) == ([date(2026, 1, 5)], [])


def test_workbook_of_libreoffice_is_read(parse):
    found, issues = parse(open_document([[*LOAN_HEADINGS], loan_row(1, 1)]), name="book.ods")
    assert issues == []
    assert [(type(row), row.approval_date, row.loan_amount) for row in found] == [
        (LoanRow, date(2026, 1, 5), 10_000_000)
    ]


def test_workbook_of_the_nineties_is_read_from_its_visible_sheet(parse):
    book = xlwt.Workbook()
    for name, customer_id in (("2025", 9), ("now", 1)):
        sheet = book.add_sheet(name)
        sheet.visibility = int(name == "2025")
        for row_number, row in enumerate([LOAN_HEADINGS, loan_row(customer_id, 1)]):
            for column, cell in enumerate(row):
                style = xlwt.easyxf(num_format_str="DD-MM-YYYY" if isinstance(cell, date) else "General")
                sheet.write(row_number, column, cell, style)
    book.active_sheet = 1
    content = io.BytesIO()
    book.save(content)
    found, issues = parse(content.getvalue(), name="book.xls")
    assert issues == []
    assert [(row.customer_id, row.approval_date, row.loan_amount) for row in found] == [
        (1, date(2026, 1, 5), 10_000_000)
    ]


def test_binary_workbook_is_read(parse, tmp_path):
    with XlsbWriter(str(tmp_path / "made.xlsb")) as book:
        book.add_sheet("now")
        book.write_sheet([list(LOAN_HEADINGS), loan_row(1, 1, interest_rate=10.5, loan_amount=100_000.5)])
    found, issues = parse((tmp_path / "made.xlsb").read_bytes(), name="book.xlsb")
    assert issues == []
    assert [(row.approval_date, row.loan_amount, row.interest_rate_e4) for row in found] == [
        (date(2026, 1, 5), 10_000_050, 105_000)
    ]


def test_days_of_a_workbook_that_counts_them_from_1904_are_right(parse):
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    for row in (LOAN_HEADINGS, loan_row(1, 1)):
        book.active.append(list(row))
    content = io.BytesIO()
    book.save(content)
    found, issues = parse(content.getvalue())
    assert ([row.approval_date for row in found], issues) == ([date(2026, 1, 5)], [])


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_amount_with_a_comma_for_its_decimals_is_rejected_whatever_the_separator(parse, separator):
    rows = [loan_row(1, 1, monthly_payment="9208@50"), loan_row(1, 2, interest_rate="10@5"), loan_row(1, 3)]
    text = csv_file(LOAN_HEADINGS, rows).decode().replace(",", separator).replace("@", ",")
    found, issues = parse(text.encode())
    assert [row.source_loan_id for row in found] == [3]
    assert said(issues) == [(2, "REJECTED", "Monthly payment"), (3, "REJECTED", "Interest Rate")]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le", "utf-32", "utf-8-sig"])
def test_name_in_an_encoding_of_another_program_is_right_or_the_file_is_refused(parse, encoding):
    content = csv_file(CUSTOMER_HEADINGS, [customer_row(1, first_name="José")]).decode().encode(encoding)
    if encoding == "utf-8-sig":
        assert parse(content, ImportKind.CUSTOMERS)[0][0].first_name == "José"
    else:
        with pytest.raises(FileRefusedError, match="save it as CSV UTF-8"):
            parse(content, ImportKind.CUSTOMERS)
