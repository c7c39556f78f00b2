"""The class of customers whose loans a sheet brings up to date."""

from datetime import date

import pytest
from support.audit_trail import findings
from support.book import Book, book_customer, book_loan

from almeno_grpc.clock import Clock
from almeno_grpc.domain.asset_class import AssetClass

BEGUN, LATE, TODAY = date(2026, 1, 10), date(2026, 9, 20), date(2026, 10, 11)


@pytest.fixture
def lent(book: Book, monkeypatch: pytest.MonkeyPatch) -> Book:
    """Two loans of one customer, of which nothing has been paid since the first instalment: 220 days late."""
    book.now = book.clock.now_microseconds
    monkeypatch.setattr(Clock, "today", lambda _clock: LATE)
    book.upsert([book_customer(1)])
    book.upsert([loan(101, paid=1), loan(102, paid=1)], book_date=date(2026, 2, 20))
    assert class_of(book) is AssetClass.NON_PERFORMING
    return book


def loan(loan_id: int, paid: int):
    return book_loan(1, loan_id, approval_date=BEGUN, tenure_months=24, emis_paid=paid, emis_paid_on_time=min(paid, 1))


def class_of(book: Book, on: date = LATE) -> AssetClass:
    with book.store.read() as tx:
        borrower = tx.borrowers.get(1, on)
    assert borrower is not None
    return borrower.position.asset_class


def test_sheet_that_clears_all_arrears_makes_the_customer_standard_for_good(lent):
    lent.upsert([loan(101, paid=8)], book_date=LATE)
    assert class_of(lent) is AssetClass.NON_PERFORMING
    lent.upsert([loan(102, paid=8)], book_date=LATE)
    assert class_of(lent) is AssetClass.STANDARD
    # The next instalments are a day late.
    assert class_of(lent, TODAY) is AssetClass.SMA_0
    assert findings(lent.store) == []


def test_customer_stays_non_performing_while_another_loan_has_arrears(lent):
    lent.upsert([loan(102, paid=7)], book_date=LATE)
    lent.upsert([loan(101, paid=8)], book_date=LATE)
    # That of 10 September is unpaid on the loan that was non-performing too, and has not cleared its arrears.
    with lent.store.read() as tx:
        loans = {each.loan_id: each for each in tx.loans.page(1, None, 0, 10, LATE)}
    assert {number: each.asset_class(LATE) for number, each in loans.items()} == {
        101: AssetClass.STANDARD,
        102: AssetClass.NON_PERFORMING,
    }
    assert class_of(lent) is AssetClass.NON_PERFORMING
    assert findings(lent.store) == []
