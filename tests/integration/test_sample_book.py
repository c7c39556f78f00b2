"""The sample book: its shape, its sums, and that it comes out the same each time."""

import csv
import os
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from almeno_grpc.domain.months import due_date

DATA = Path(__file__).parents[2] / "data"
REAL_BOOK = Path(os.environ.get("ALMENO_BOOK", DATA.parent.parent / "shared" / "book"))


def sheet(path: Path) -> list[list[object]]:
    return CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()


def make(folder: Path, *options: str) -> None:
    subprocess.run([sys.executable, DATA / "make_sample_book.py", "--folder", folder, *options], check=True)


@pytest.fixture(scope="module")
def customers() -> list[list]:
    return sheet(DATA / "customers.xlsx")


@pytest.fixture(scope="module")
def loans() -> list[list]:
    return sheet(DATA / "loans.xlsx")


def test_sample_has_the_headings_and_size_of_a_lenders_book(customers, loans):
    assert customers[0] == [
        *("Customer ID", "First Name", "Last Name", "Age", "Phone Number", "Monthly Salary", "Approved Limit")
    ]
    assert loans[0] == [
        *("Customer ID", "Loan ID", "Loan Amount", "Tenure", "Interest Rate", "Monthly payment", "EMIs paid on Time"),
        *("Date of Approval", "End Date"),
    ]
    assert (len(customers) - 1, len(loans) - 1) == (300, 782)


@pytest.mark.skipif(not REAL_BOOK.exists(), reason="the real book is not here")
def test_sample_has_the_headings_of_the_real_book_and_none_of_its_numbers(customers, loans):
    real_customers = sheet(next(REAL_BOOK.glob("customer*.xlsx")))
    real_loans = sheet(next(REAL_BOOK.glob("loan*.xlsx")))
    assert customers[0] == real_customers[0]
    assert loans[0] == real_loans[0]
    assert not {row[0] for row in customers[1:]} & {row[0] for row in real_customers[1:]}
    assert not {row[4] for row in customers[1:]} & {row[4] for row in real_customers[1:]}
    assert not {row[1] for row in loans[1:]} & {row[1] for row in real_loans[1:]}


def test_every_sample_payment_is_by_the_annual_compound_formula_to_the_rupee(loans):
    reproduced = 0
    for _, _, amount, tenure, rate, payment, *_ in loans[1:]:
        exact = Fraction(int(amount)) * (1 + Fraction(str(rate)) / 100) ** (int(tenure) // 12) / int(tenure)
        reproduced += int(payment) == (exact + Fraction(1, 2)).__floor__()
    assert reproduced == 782


def test_sample_loans_stay_within_the_terms_of_a_lenders_book(loans):
    for _, _, amount, tenure, rate, _, on_time, approval, end in loans[1:]:
        assert amount % 100_000 == 0
        assert 100_000 <= amount <= 1_000_000
        assert 3 <= tenure <= 180
        assert 8 <= rate <= 18
        assert round(rate, 2) == rate
        assert 0 <= on_time <= tenure
        assert 2010 <= approval.year <= 2023
        assert end == due_date(approval, int(tenure))


def test_sample_has_29_loan_ids_that_stand_twice_each_under_another_customer(customers, loans):
    keys = [(row[0], row[1]) for row in loans[1:]]
    standing = Counter(loan_id for _, loan_id in keys)
    assert len(set(keys)) == 782
    assert Counter(standing.values()) == {1: 724, 2: 29}
    assert min(standing) >= 1_000_001
    with_loans = {customer_id for customer_id, _ in keys}
    assert with_loans < {row[0] for row in customers[1:]}


def test_sample_customers_have_numbers_and_phones_of_their_own(customers):
    assert [row[0] for row in customers[1:]] == [100_001 + place for place in range(300)]
    phones = {str(int(row[4])) for row in customers[1:]}
    assert len(phones) == 300
    assert all(len(phone) == 10 and phone[0] in "678" for phone in phones)
    assert sum(row[6] == round(36 * row[5] / 100_000) * 100_000 for row in customers[1:]) < 30


def test_sample_opens_in_openpyxl_with_real_date_cells():
    row = openpyxl.load_workbook(DATA / "loans.xlsx").worksheets[0][2]
    assert isinstance(row[7].value, datetime)
    assert [cell.number_format for cell in row] == ["General"] * 7 + ["mm-dd-yy"] * 2


def test_committed_sample_is_what_the_program_makes_byte_for_byte_from_one_seed(tmp_path):
    for folder in ("once", "again"):
        make(tmp_path / folder)
    make(tmp_path / "other", "--seed", "1")
    for name in ("customers.xlsx", "loans.xlsx"):
        once, again, other = ((tmp_path / folder / name) for folder in ("once", "again", "other"))
        assert once.read_bytes() == again.read_bytes()
        assert sheet(once) != sheet(other)
        # Unpacked, because another zlib may pack the same bytes in another way.
        with zipfile.ZipFile(once) as made, zipfile.ZipFile(DATA / name) as committed:
            assert made.namelist() == committed.namelist()
            assert all(made.read(part) == committed.read(part) for part in made.namelist())


def test_sample_of_another_size_as_csv_keeps_its_share_of_repeated_loan_ids(tmp_path):
    make(tmp_path, "--customers", "1000", "--loans", "5000", "--format", "csv")
    with (tmp_path / "loans.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5000
    assert 5000 - len({row["Loan ID"] for row in rows}) == 185
    assert len({(row["Customer ID"], row["Loan ID"]) for row in rows}) == 5000
    assert date.fromisoformat(rows[0]["End Date"]) > date.fromisoformat(rows[0]["Date of Approval"])


@pytest.mark.parametrize(("customers_wanted", "loans_wanted"), [(1, 0), (1, 40), (2, 40), (3, 1), (30, 14)])
def test_sample_can_be_tiny(tmp_path, customers_wanted, loans_wanted):
    make(tmp_path, "--customers", str(customers_wanted), "--loans", str(loans_wanted))
    assert len(sheet(tmp_path / "customers.xlsx")) - 1 == customers_wanted
    assert len(sheet(tmp_path / "loans.xlsx")) - 1 == loans_wanted
