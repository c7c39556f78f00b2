"""Which day the figures of an imported file stand for."""

from datetime import date

import pytest

from almeno_grpc.clock import Clock
from almeno_grpc.domain.imports import ImportKind, ImportState

FIRST_DAY = date(2026, 4, 10)


@pytest.fixture
def later(book):
    """The same book a year later."""
    return type(book)(book.store, Clock(FIRST_DAY.replace(year=2027), book.clock.timezone))


def test_book_date_is_the_business_date_and_that_of_the_first_time_for_the_same_file(book, later):
    first = book.queue_customers(sha256="a" * 64)
    assert first.book_date == FIRST_DAY
    assert later.queue_customers(sha256="a" * 64).book_date == FIRST_DAY
    assert later.queue_customers(sha256="b" * 64).book_date == FIRST_DAY.replace(year=2027)
    assert later.queue(ImportKind.LOANS, b"", sha256="a" * 64).book_date == FIRST_DAY.replace(year=2027)


def test_book_date_that_is_stated_wins(book):
    book.queue_customers(sha256="a" * 64)
    stated = date(2025, 3, 31)
    assert book.queue_customers(sha256="a" * 64, book_date=stated).book_date == stated
    assert book.queue_customers(sha256="a" * 64).book_date == FIRST_DAY


def test_book_date_of_a_file_that_failed_does_not_count(book, later):
    first = book.queue_customers(sha256="a" * 64)
    book.store.write(lambda tx: tx.imports.end(first.queue_number, ImportState.FAILED, 1, "unsound"))
    assert later.queue_customers(sha256="a" * 64).book_date == FIRST_DAY.replace(year=2027)
