"""Customers who are found by their names, however those are written, and by their phone numbers."""

import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from support.book import INDIA, TODAY, Book, book_customer

from almeno_grpc.clock import Clock
from almeno_grpc.domain.names import name_key
from almeno_grpc.storage.store import SqlStore

NAMES = {
    1: ("Asha", "Rao"),
    2: ("ASHA", "Raman"),
    3: ("Mary Ann", "de Souza"),
    4: ("A", "B"),
    # Letters of full width, as a keyboard of East Asia writes them.
    5: ("\uff21\uff33\uff28\uff29", "Stra\u00dfe"),
    6: ("Ishita", "STRASSE"),
    # The Turkish capital I with its dot, and the small one without.
    7: ("\u0130lker", "\u0131rmak"),
    8: ("Rao", "Asha"),
    9: ("Jos\u00e9", "O'Neil"),
    10: ("अमित", "शर्मा"),
    11: ("Zed", "\U0001f600 Rao"),
    12: ("Ra", "Ra"),
}


@pytest.fixture
def named(book: Book) -> Book:
    """A book with the customers of `NAMES`, some from a sheet and some who were renamed."""
    rows = [book_customer(number, first_name=first, last_name=last) for number, (first, last) in NAMES.items()]
    book.upsert([*rows[:8], *(row._replace(first_name="Old", last_name="Name") for row in rows[8:])])
    book.upsert(rows[8:10])
    for number in (11, 12):
        first_name, last_name = NAMES[number]
        book.update(number, first_name=first_name, last_name=last_name)
    return book


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("asha", [1, 2, 8]),
        ("ASHA R", [1, 2]),
        ("  asha   rao ", [1]),
        ("asha rao k", []),
        ("ash", [1, 2, 5, 8]),
        ("\uff41\uff53\uff48\uff49", [5]),
        ("ra", [1, 2, 8, 12]),
        ("ra ra", [12]),
        ("rao", [1, 8]),
        ("mary", [3]),
        ("mary ann de", [3]),
        ("de so", [3]),
        # Only what a name begins with.
        ("ann", []),
        ("souza", []),
        ("a b", [4]),
        ("stra\u00dfe", [5, 6]),
        ("STRASS", [5, 6]),
        ("stra\u00df", [5, 6]),
        ("\u00df", []),
        ("\u0130l", [7]),
        ("i\u0307l", [7]),
        ("il", []),
        ("\u0131r", [7]),
        ("ir", []),
        ("jos\u00e9", [9]),
        ("jose\u0301", [9]),
        ("o'n", [9]),
        ("अमित श", [10]),
        ("शर", [10]),
        ("\U0001f600 r", [11]),
        ("old", []),
        ("name", []),
        ("%%", []),
        ("__", []),
        ("\U0010ffff\U0010ffff", []),
    ],
)
def test_name_is_found_by_its_beginning_as_names_are_compared(named, prefix, found):
    assert named.found(prefix) == found


def test_keys_are_those_of_the_names_that_customers_have(named):
    expected = {
        (name_key(each), row["customer_id"])
        for row in named.rows("customer")
        for each in (row["last_name"], f"{row['first_name']} {row['last_name']}")
    }
    assert {(row["key"], row["customer_id"]) for row in named.rows("customer_name")} == expected
    assert len(named.rows("customer_name")) == len(expected)


def test_customer_found_by_both_names_stands_once(book):
    book.upsert([book_customer(1, first_name="Rao", last_name="Rao")])
    assert book.found("rao") == [1]


def test_pages_of_found_customers_hold_each_once_while_others_are_added(book):
    def sheet(numbers):
        return [book_customer(n, last_name=f"Rao{n % 7}", first_name="Rao" if n % 3 else "Asha") for n in numbers]

    book.upsert(sheet(range(10, 60, 2)))
    seen, after = [], 0
    while page := book.found("rao", after, 4):
        seen += page
        after = page[-1]
        if after < 60:
            # One before the end of the page, one behind it.
            book.upsert(sheet([after - 1, after + 1]))
    assert seen == sorted(set(seen))
    assert {*range(10, 60, 2)} <= {*seen}


def test_registered_customer_is_found_by_name_and_number_and_by_another_name_from_the_change_on(book):
    customer = book.register(phone_number="+919812345678")
    assert book.found("asha r") == [customer.customer_id]
    by_number = book.customers.page_found_by_phone_number
    assert [each.customer_id for each in by_number("+919812345678", 0, 5)] == [customer.customer_id]
    assert by_number("+919812345678", customer.customer_id, 5) == by_number("+919812345679", 0, 5) == []
    changed = book.update(customer.customer_id, last_name="Iyer", phone_number="+919812345679")
    assert (book.found("asha r"), book.found("iy"), book.found("asha iyer")) == ([], *[[customer.customer_id]] * 2)
    assert (by_number("+919812345678", 0, 5), by_number("+919812345679", 0, 5)) == ([], [changed])


def test_longest_names_of_letters_that_nfkc_writes_as_eighteen_are_kept_and_found(book):
    long = "\ufdfa" * 100
    assert len(unicodedata.normalize("NFKC", long)) == 1800
    book.upsert([book_customer(1, first_name=long, last_name=long)])
    book.register()
    book.update(1, first_name="A" * 100, last_name="\U0001f600" * 100)
    assert book.found("a" * 100 + " " + "\U0001f600" * 100) == [1]
    book.update(1, last_name=long)
    assert book.found(long[:40]) == [1]


@pytest.fixture(scope="module")
def shared_book(databases):
    url = databases.make()
    store = SqlStore(url, threads=4)
    book = Book(store, Clock(TODAY, INDIA))
    yield book
    book.close()
    store.close()
    databases.drop(url)


LETTERS = st.text("aAbB \u00dfsS\u0130\u0131Ii\u0301\u0307\u00e9\uff21\uac00\u11a8\ufb01f", min_size=1, max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.tuples(LETTERS, LETTERS), min_size=1, max_size=6), prefix=LETTERS)
def test_database_finds_what_a_comparison_of_every_name_finds(shared_book, names, prefix):
    with shared_book.store.engine.begin() as connection:
        for table in ("customer_name", "phone_number", "customer"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of our own
    rows = [book_customer(n, first_name=first, last_name=last) for n, (first, last) in enumerate(names, 1)]
    shared_book.upsert(rows)
    key = name_key(prefix)
    expected = [
        row.customer_id
        for row in rows
        if name_key(row.last_name).startswith(key) or name_key(f"{row.first_name} {row.last_name}").startswith(key)
    ]
    assert shared_book.found(prefix) == expected
