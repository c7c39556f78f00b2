"""Makes a sample loan book: a customer file and a loan file of any size, of invented people.

The files look like the book that lenders hand over: the same headings, real date cells, amounts in whole lakhs,
`Monthly payment` by the annual-compound formula rounded to the rupee, an approved limit that has nothing to do with
the salary, some customers without a loan, and about 3.7 % of the Loan IDs standing twice under different customers.
Customer IDs start at 100001 and Loan IDs at 1000001, so that the sample can be loaded beside another book.

The same seed gives the same files, byte for byte. Rows are written as they are made, in bounded memory:

    python data/make_sample_book.py
    python data/make_sample_book.py --customers 50000 --loans 1000000 --folder /tmp/book
"""

import argparse
import csv
import math
import random
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from xml.sax.saxutils import escape

from almeno_grpc.domain.headings import HEADINGS
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.domain.money import round_half_up
from almeno_grpc.domain.months import due_date

Cell = int | Decimal | str | date

_FIRST_NAMES = """
Aarav Aditi Aditya Ajay Akash Amit Amrita Anand Ananya Anil Anita Anjali Ankit Arjun Arun Asha Ashok Bhavna Chetan
Deepa Deepak Divya Farhan Fatima Ganesh Gaurav Gauri Geeta Gurpreet Harish Imran Isha Jaya Jyoti Kabir Kamala Karan
Kavita Kiran Kunal Lakshmi Lalita Madhav Mahesh Manish Manju Meena Meera Mohan Mukesh Naina Nandini Naveen Neha
Nikhil Nisha Nitin Pankaj Parvati Pooja Pradeep Prakash Priya Rahul Rajesh Rakesh Ramesh Rani Ravi Rekha Ritu Rohan
Rohit Sachin Salma Sandeep Sangeeta Sanjay Sarita Saurabh Shalini Shankar Shreya Simran Sneha Sonal Suman Sunil
Sunita Suresh Swati Tanvi Tarun Uma Vandana Varun Vidya Vijay Vikram Vinod Vivek Yash Zoya
"""
FIRST_NAMES = tuple(_FIRST_NAMES.split())
_LAST_NAMES = """
Agarwal Ahuja Bajaj Banerjee Basu Bhat Bhatia Bose Chatterjee Chauhan Chopra Choudhary Das Desai Deshmukh Deshpande
Dhillon Dutta Ganguly Gandhi Ghosh Gill Gowda Grover Gupta Iyengar Iyer Jain Jha Joshi Kapoor Kaur Khan Khanna
Kulkarni Kumar Mahajan Malhotra Mehra Mehta Menon Mishra Mukherjee Nair Naidu Pandey Parekh Patel Patil Pillai
Prasad Qureshi Raghavan Rajput Rao Rastogi Rathore Reddy Saxena Sen Sethi Shah Sharma Shetty Shukla Siddiqui Singh
Sinha Soni Srivastava Subramanian Tiwari Trivedi Varma Verma Vyas Yadav
"""
LAST_NAMES = tuple(_LAST_NAMES.split())

FIRST_CUSTOMER_ID = 100_001
FIRST_LOAN_ID = 1_000_001
FIRST_PHONE_NUMBER = 6_000_000_000
PHONE_NUMBERS = 3_000_000_000
"""Ten digits that start with 6, 7 or 8."""

REPEATED_LOAN_IDS = Decimal("0.037")
"""Share of the rows whose Loan ID stands in an earlier row, under another customer."""
REPEAT_WINDOW_ROWS = 1_000
"""How far back the earlier row may lie, roughly; bounds the memory."""
ONE_IN_CUSTOMERS_WITHOUT_LOANS = 17

FIRST_APPROVAL = date(2010, 1, 1)
LAST_APPROVAL = date(2023, 12, 31)
XLSX_MAX_ROWS = 1_048_575
"""Of a worksheet, the headings not counted."""


def customer_rows(count: int, seed: int) -> Iterator[tuple[Cell, ...]]:
    """Yields the rows of the customer file, in the order of their headings."""
    rng = random.Random(f"{seed} customers")
    phone_numbers = _scattered(PHONE_NUMBERS, rng)
    for customer_id in range(FIRST_CUSTOMER_ID, FIRST_CUSTOMER_ID + count):
        yield (
            customer_id,
            rng.choice(FIRST_NAMES),
            rng.choice(LAST_NAMES),
            rng.randint(20, 70),
            FIRST_PHONE_NUMBER + next(phone_numbers),
            rng.randint(32, 299) * 1_000,
            rng.randint(8, 50) * 100_000,
        )


def loan_rows(count: int, customers: int, seed: int) -> Iterator[tuple[Cell, ...]]:
    """Yields the rows of the loan file, in the order of their headings."""
    rng = random.Random(f"{seed} loans")
    for customer_id, loan_id in _loan_keys(count, customers, rng):
        loan_amount = rng.randint(1, 10) * 100_000
        tenure_months = rng.randint(1, 60) * 3
        rate_hundredths = rng.randint(8_00, 18_00)
        approval_date = FIRST_APPROVAL + timedelta(rng.randint(0, (LAST_APPROVAL - FIRST_APPROVAL).days))
        yield (
            customer_id,
            loan_id,
            loan_amount,
            tenure_months,
            Decimal(rate_hundredths) / 100,
            monthly_payment(loan_amount, rate_hundredths, tenure_months),
            rng.randint((tenure_months + 1) // 2, tenure_months),
            approval_date,
            due_date(approval_date, tenure_months),
        )


def monthly_payment(loan_amount: int, rate_hundredths: int, tenure_months: int) -> int:
    """P(1 + R/100)^floor(n/12) / n in whole rupees, halves up; the rate in hundredths of a per cent."""
    years = tenure_months // 12
    return round_half_up(loan_amount * (10_000 + rate_hundredths) ** years, 10_000**years * tenure_months)


def _loan_keys(count: int, customers: int, rng: random.Random) -> Iterator[tuple[int, int]]:
    """Yields (Customer ID, Loan ID) pairs, each once, with the wanted share of repeated Loan IDs."""
    repeats_left = int((count * REPEATED_LOAN_IDS).to_integral_value()) if customers > 2 else 0
    new_ids = islice(_scattered(count - repeats_left, rng), count - repeats_left)
    window: list[tuple[int, int]] = []
    for rows_left in range(count, 0, -1):
        customer_id = _borrower(customers, rng)
        if window and rng.randrange(rows_left) < repeats_left:
            first_customer_id, loan_id = window.pop(rng.randrange(len(window)))
            while customer_id == first_customer_id:
                customer_id = _borrower(customers, rng)
            repeats_left -= 1
        else:
            loan_id = FIRST_LOAN_ID + next(new_ids)
            if len(window) == REPEAT_WINDOW_ROWS:
                window[rng.randrange(REPEAT_WINDOW_ROWS)] = (customer_id, loan_id)
            else:
                window.append((customer_id, loan_id))
        yield customer_id, loan_id


def _borrower(customers: int, rng: random.Random) -> int:
    """The ID of a customer who may have loans."""
    while True:
        number = rng.randrange(customers)
        if customers == 1 or (number + 1) % ONE_IN_CUSTOMERS_WITHOUT_LOANS:
            return FIRST_CUSTOMER_ID + number


def _scattered(size: int, rng: random.Random) -> Iterator[int]:
    """Yields each of 0 … size - 1 once, out of order, without keeping them."""
    step = rng.randrange(size // 3, size) | 1 if size > 3 else 1
    while math.gcd(step, size) != 1:
        step += 2
    value = rng.randrange(size) if size else 0
    for _ in range(size):
        yield value
        value = (value + step) % size


def write_csv(path: Path, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Writes the rows as UTF-8 CSV, dates as YYYY-MM-DD."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(headings)
        writer.writerows(rows)


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OOXML = "http://schemas.openxmlformats.org"
_MAIN = f"{_OOXML}/spreadsheetml/2006/main"
_RELATIONS = f"{_OOXML}/package/2006/relationships"
_DOCUMENT_RELATIONS = f"{_OOXML}/officeDocument/2006/relationships"
_CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_OOXML}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_CONTENT}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_CONTENT}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_CONTENT}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="rId1" '
        f'Type="{_DOCUMENT_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOCUMENT_RELATIONS}">'
        '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="rId1" Type="{_DOCUMENT_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_DOCUMENT_RELATIONS}/styles" Target="styles.xml"/></Relationships>'
    ),
    # The second cell format, number format 14, is the short date: mm-dd-yy.
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_MAIN}">'
        '<fonts count="1"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}
_DAY_ZERO = date(1899, 12, 30).toordinal()
"""Day 0 of a spreadsheet's calendar, for every date from March 1900 on."""
_FLUSH_ROWS = 2_000


def write_xlsx(path: Path, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Writes the rows as a workbook of one sheet, straight into the zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, xml in _PARTS.items():
            archive.writestr(_member(name), _XML + xml)
        with archive.open(_member("xl/worksheets/sheet1.xml"), "w", force_zip64=True) as sheet:
            columns = "ABCDEFGHI"[: len(headings)]
            sheet.write(
                f'{_XML}<worksheet xmlns="{_MAIN}"><cols><col min="1" max="{len(columns)}" width="18" '
                'customWidth="1"/></cols><sheetData>'.encode()
            )
            lines = (
                f'<row r="{number}">{"".join(map(_cell_xml, columns, (str(number),) * len(columns), row))}</row>'
                for number, row in enumerate(_with_headings(headings, rows), start=1)
            )
            while block := "".join(islice(lines, _FLUSH_ROWS)):
                sheet.write(block.encode())
            sheet.write(b"</sheetData></worksheet>")


def _with_headings(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    yield headings
    yield from rows


def _member(name: str) -> zipfile.ZipInfo:
    """An entry of the zip file with a fixed time, so that the same rows give the same bytes."""
    member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    member.create_system = 0
    return member


def _cell_xml(column: str, row: str, value: Cell) -> str:
    if isinstance(value, str):
        return f'<c r="{column}{row}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    if isinstance(value, date):
        return f'<c r="{column}{row}" s="1"><v>{value.toordinal() - _DAY_ZERO}</v></c>'
    return f'<c r="{column}{row}"><v>{value}</v></c>'


def main() -> None:
    """Writes `customers` and `loans` into the folder, in the format asked for."""
    parser = argparse.ArgumentParser(description="Make a sample loan book of invented people.")
    parser.add_argument("--customers", type=int, default=300, help="rows of the customer file (default: 300)")
    parser.add_argument("--loans", type=int, default=782, help="rows of the loan file (default: 782)")
    parser.add_argument("--seed", type=int, default=2026, help="another seed gives another book (default: 2026)")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent, help="where to write (default: here)")
    parser.add_argument("--format", choices=("xlsx", "csv"), default="xlsx", help="of both files (default: xlsx)")
    options = parser.parse_args()
    if options.customers < 1 or options.loans < 0:
        parser.error("a book has at least one customer, and no fewer than 0 loans")
    if options.format == "xlsx" and max(options.customers, options.loans) > XLSX_MAX_ROWS:
        parser.error(f"a workbook holds at most {XLSX_MAX_ROWS:,} rows; take --format csv")
    write = write_xlsx if options.format == "xlsx" else write_csv
    options.folder.mkdir(parents=True, exist_ok=True)
    customers = customer_rows(options.customers, options.seed)
    write(options.folder / f"customers.{options.format}", HEADINGS[ImportKind.CUSTOMERS], customers)
    loans = loan_rows(options.loans, options.customers, options.seed)
    write(options.folder / f"loans.{options.format}", HEADINGS[ImportKind.LOANS], loans)


if __name__ == "__main__":
    main()
