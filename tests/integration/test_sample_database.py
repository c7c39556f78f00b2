"""The database of `make run`: a lender's book that shows life, made once and only where there is none."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from support.audit_trail import findings
from support.book import INDIA, LAKH, Book
from support.servers import ROOT, SAMPLE_RULES, make_sample_database

from almeno_grpc.bootstrap import load_norms, load_policies
from almeno_grpc.clock import Clock
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.decision import DecisionReason, LoanRequest
from almeno_grpc.domain.portfolio import Portfolio
from almeno_grpc.domain.repayment import PrepaymentEffect
from almeno_grpc.service.portfolio import PortfolioSummaryService
from almeno_grpc.storage.store import SqlStore

DAY = date(2026, 12, 10)
LATE_CUSTOMER = 100_025
TABLES = ("customer", "loan", "decision", "repayment", "repayment_reversal", "loan_charge", "loan_segment")
OF_CHANCE = ("repayment_id", "decision_id", "snapshot", "snapshot_sha256")


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    """Two that were made on the same day."""
    files = [tmp_path_factory.mktemp("sample") / "almeno.db" for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make_sample_database, files, [DAY.isoformat()] * 2))
    return files


@pytest.fixture
def open_sample():
    opened = []

    def open_database(file: Path) -> Book:
        store = SqlStore(f"sqlite:///{file}")
        opened.append(Book(store, Clock(DAY, INDIA), rules=ROOT / "data" / "rules"))
        return opened[-1]

    yield open_database
    for book in opened:
        book.close()
        book.store.close()


@pytest.fixture
def sample(databases, open_sample):
    return open_sample(databases[0])


def summary(book: Book) -> Portfolio:
    *_, portfolio = PortfolioSummaryService(book.store, load_policies(), load_norms(), book.clock).summarize()
    return portfolio


def test_every_part_of_the_report_has_something_in_it(sample):
    portfolio = summary(sample)
    assert {each for each, figures in portfolio.loans_by_class.items() if figures.loans} == set(AssetClass)
    assert all(figures.provision for figures in portfolio.loans_by_class.values())
    assert all(figures.loans for figures in portfolio.loans_by_state.values())
    assert portfolio.gross_non_performing_ratio > 1
    late = portfolio.late_loans
    assert late.count >= 15
    assert late.overdue_amount > LAKH
    assert len(portfolio.scores) > 20
    assert sum(map(bool, portfolio.emi_burden)) > 6
    months = [portfolio.decisions[month] for month in sorted(portfolio.decisions)]
    assert len(months) >= 7
    assert all(month.approvals for month in months)
    reasons = set().union(*(month.declines_by_reason for month in months))
    assert reasons == set(DecisionReason) - {reason for reason in DecisionReason if "BUREAU" in reason}
    assert len(portfolio.vintages) > 100


def test_loans_were_prepaid_charged_and_had_debits_returned(sample):
    assert {row["kind"] for row in sample.rows("loan_charge")} == {"BOUNCE", "WAIVER"}
    effects = {row["effect"] for row in sample.rows("repayment")} - {None, ""}
    assert effects == {each.value for each in PrepaymentEffect}
    assert len(sample.rows("repayment_reversal")) == 1
    (bounced,) = {row["loan_id"] for row in sample.rows("loan_charge")}
    charges = sample.repayments.charges(bounced)
    assert {charge.kind.value for charge in charges} == {"BOUNCE", "LATE_PAYMENT"}
    assert all(sum(getattr(charge, part) for charge in charges) for part in ("paid", "waived", "open"))
    assert {row["field"] for row in sample.rows("customer_change")} >= {
        "monthly_income",
        "phone_number",
        "approved_limit",
    }


def test_customer_of_the_book_who_pays_nothing_is_declined(sample):
    decision = sample.check(LoanRequest(LATE_CUSTOMER, LAKH, Decimal(12), 12))
    assert set(decision.reasons) == {DecisionReason.CUSTOMER_PAST_DUE, DecisionReason.CUSTOMER_NON_PERFORMING}


def test_same_day_gives_the_same_book(databases, open_sample):
    books = [open_sample(file) for file in databases]
    for table in TABLES:
        once, again = (sorted(str(without_chance(row)) for row in book.rows(table)) for book in books)
        assert once == again, table


def without_chance(row):
    """A row without instants, and without names that are made of them."""
    return {name: value for name, value in row.items() if name not in OF_CHANCE and not name.endswith("_us")}


def test_everything_that_happened_stands_in_the_audit_trail(sample):
    assert findings(sample.store) == []


def test_database_that_is_there_is_not_touched(databases, tmp_path):
    before = databases[1].read_bytes()
    make_sample_database(databases[1], "2027-01-31")
    assert databases[1].read_bytes() == before
    empty = tmp_path / "almeno.db"
    empty.touch()
    make_sample_database(empty, DAY.isoformat())
    assert empty.read_bytes() == b""
    assert [file.name for file in tmp_path.iterdir()] == ["almeno.db"]


def test_make_run_makes_the_database_before_it_serves():
    (recipe,) = re.findall(r"^run:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    made, served = (line.split() for line in recipe.splitlines())
    rules = SAMPLE_RULES[1].removeprefix(f"{ROOT}/")
    assert made[1:] == ["data/make_sample_database.py", SAMPLE_RULES[0], rules]
    assert served == ["exec", "$(BIN)/almeno-server"]


def test_loans_keep_the_terms_they_were_booked_under_without_their_file(sample):
    by_pins = Book(sample.store, sample.clock)
    try:
        (bounced,) = {row["loan_id"] for row in sample.rows("loan_charge")}
        assert by_pins.repayments.charges(bounced) == sample.repayments.charges(bounced)
    finally:
        by_pins.close()
