"""Loans booked under the lender's terms: the terms are pinned with their content, and hold for as long as the loan."""

import shutil
from dataclasses import replace
from datetime import date

import pytest
from support.audit_trail import edit, findings
from support.book import INDIA, LAKH, Book
from support.servers import ROOT

from almeno_grpc.bootstrap import load_terms, prepare_database
from almeno_grpc.clock import Clock
from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.domain.audit import AuditEntry, AuditEventKind
from almeno_grpc.domain.errors import FeesExceedAmount, TermsChanged, TermsNotFound
from almeno_grpc.service.store import Changes
from almeno_grpc.service.terms import TermsCalendar, TermsService

RULES = ROOT / "data" / "rules"
VERSION = "2026-12-example"
DAY = date(2027, 1, 15)


@pytest.fixture
def rules(tmp_path):
    """A lender's folder whose files a test may change."""
    return shutil.copytree(RULES, tmp_path / "rules")


@pytest.fixture
def open_book(store):
    """Opens the book as servers would that were started with the rules of a folder, on a day."""
    opened = []

    def open_another(rules, day=DAY):
        opened.append(Book(store, Clock(day, INDIA), rules=rules))
        return opened[-1]

    yield open_another
    for book in opened:
        book.close()


def change(rules, old, new):
    file = rules / "terms" / f"{VERSION}.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_terms_are_pinned_with_their_file_when_a_loan_is_booked_under_them(open_book, rules):
    book = open_book(rules)
    customer = book.register()
    assert book.lend(customer.customer_id, 100 * LAKH).loan is None
    assert book.rows("terms_pin") == []
    for _ in range(3):
        book.lend(customer.customer_id, LAKH)
    (terms,) = (each for each in load_terms(rules) if each.version == VERSION)
    file = (rules / "terms" / f"{VERSION}.toml").read_text(encoding="utf-8")
    assert book.rows("terms_pin") == [{"version": VERSION, "content": file, "sha256": terms.sha256}]


def test_loan_before_the_first_terms_is_booked_without(open_book, rules):
    book = open_book(rules, date(2026, 11, 30))
    assert book.lend(book.register().customer_id, LAKH).loan is not None
    assert book.rows("terms_pin") == []


def test_terms_of_two_first_loans_of_one_transaction_are_pinned_once(open_book, rules, store):
    book = open_book(rules)
    event = AuditEntry(AuditEventKind.WRITE, Clock.now_microseconds(), "", "", "CreateLoan")
    first = Changes(terms_pins={VERSION: book.terms.of_version(VERSION)}, event=event)
    store.write(lambda tx: tx.write(first, first))
    assert len(book.rows("terms_pin")) == 1
    # One of the two events vouches for the row.
    assert findings(store) == []


def test_server_with_another_file_of_terms_in_use_books_nothing(open_book, rules):
    book = open_book(rules)
    customer = book.register()
    book.lend(customer.customer_id, LAKH)
    change(rules, 'processing_percent = "1"', 'processing_percent = "2"')
    other, before = open_book(rules), book.counts()
    with pytest.raises(TermsChanged, match=f"terms {VERSION} has booked loans from another file"):
        other.lend(customer.customer_id, LAKH)
    assert book.counts() == before


def test_server_refuses_to_start_on_terms_that_changed_under_a_loan_and_not_where_they_are_gone(
    open_book, rules, database_url
):
    book = open_book(rules)
    book.lend(book.register().customer_id, LAKH)
    settings = Settings(database_url=database_url, business_date=DAY, rules=rules)
    prepare_database(settings)
    change(rules, "cooling_off_days = 3", "cooling_off_days = 2")
    with pytest.raises(ConfigurationError, match=f"terms {VERSION} has booked loans, but its file has changed"):
        prepare_database(settings)
    change(rules, "cooling_off_days = 2", "cooling_off_days = -2")
    with pytest.raises(ConfigurationError, match=rf"rules/terms/{VERSION}\.toml: sanction\.cooling_off_days must be"):
        prepare_database(settings)
    prepare_database(replace(settings, rules=None))


def test_terms_whose_file_is_gone_are_found_by_version_and_no_loan_is_booked_under_them(open_book, rules, store):
    book = open_book(rules)
    book.lend(book.register().customer_id, LAKH)
    calendar = TermsCalendar(load_terms(), store)
    found = calendar.of_version(VERSION)
    assert found == book.terms.of_version(VERSION)
    assert calendar.of_version(VERSION) is found
    assert [terms.version for terms in calendar.all()] == ["2026-12", VERSION]
    assert calendar.in_effect(DAY).version == "2026-12"
    assert book.terms.in_effect(DAY).version == VERSION
    entries = TermsService(calendar, Clock(DAY, INDIA)).all()
    assert [(entry.terms.version, entry.in_effect) for entry in entries] == [("2026-12", True), (VERSION, False)]
    with pytest.raises(TermsNotFound):
        calendar.of_version("2027-01")


def test_server_does_not_start_on_a_pin_that_cannot_be_read_in_the_place_of_its_file(
    open_book, rules, store, database_url
):
    book = open_book(rules)
    book.lend(book.register().customer_id, LAKH)
    edit(store, "UPDATE terms_pin SET content = replace(content, 'grace_days = 3', '')")
    settings = Settings(database_url=database_url, business_date=DAY, rules=rules)
    prepare_database(settings)
    with pytest.raises(
        ConfigurationError, match=rf"terms {VERSION} have booked loans, but .*late\.grace_days is missing"
    ):
        prepare_database(replace(settings, rules=None))


def test_fees_that_leave_nothing_to_disburse_are_refused_and_nothing_is_stored(open_book, rules):
    change(rules, 'processing_min = "0"', 'processing_min = "847.46"')
    book = open_book(rules)
    customer = book.register()
    before = book.counts()
    with pytest.raises(FeesExceedAmount, match=r"fees of ₹1,000 leave nothing of ₹1,000 to disburse"):
        book.lend(customer.customer_id, 1000_00)
    assert book.counts() == before
    assert book.lend(customer.customer_id, 1000_01).loan is not None


def test_pin_of_terms_that_the_owner_of_the_database_edits_is_found(open_book, rules, store):
    book = open_book(rules)
    book.lend(book.register().customer_id, LAKH)
    assert findings(store) == []
    edit(store, "UPDATE terms_pin SET content = 'grace_days = 0'")
    assert findings(store) == [f"TAMPERED terms_pin {VERSION}: was changed without an event"]
