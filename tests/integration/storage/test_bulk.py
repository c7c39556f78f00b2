"""Rows inserted and keys looked up in bulk are those that were given, on either database."""

import contextlib
from array import array

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from almeno_grpc.storage.bulk import ROWS_PER_STATEMENT, BulkInsert, existing_keys, inserted_whole, pairs_exist
from almeno_grpc.storage.tables import customer, loan_number

TEXTS = [
    "Asha",
    "NULL",
    "null",
    "{}",
    "{1,2}",
    'a"b',
    "a\\b",
    "\\",
    "a,b",
    "a'b",
    "%s",
    "?",
    " ",
    "é€😀",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\\N",
    "\\.",
    "x" * 100,
]
INSERT = BulkInsert(
    customer,
    imported=True,
    age=30,
    last_name='O\'Neil \\ "x" ?',
    approved_limit_paise=0,
    non_performing_since_day=None,
    changed_fields=0,
)
RESERVE = BulkInsert(loan_number, on_conflict="ON CONFLICT DO NOTHING")


def columns_of(names: list[str]) -> list:
    numbers = array("q", range(1, len(names) + 1))
    return [
        numbers,
        names,
        numbers,
        array("q", [2**40]) * len(names),
        [2**62] * len(names),
    ]


class RolledBackError(Exception):
    """Raised to undo what a test has written."""


@pytest.fixture
def connection(store):
    with contextlib.suppress(RolledBackError), store._backend.write() as connection:
        yield connection
        raise RolledBackError


@pytest.mark.parametrize("count", [1, len(TEXTS), ROWS_PER_STATEMENT, 2 * ROWS_PER_STATEMENT + 1])
def test_rows_are_stored_as_they_are_given(connection, count):
    names = (TEXTS * count)[:count]
    INSERT.insert(connection, columns_of(names))
    rows = connection.execute(select(customer).order_by(customer.c.customer_id)).all()
    assert [tuple(row) for row in rows] == [
        (number, name, 'O\'Neil \\ "x" ?', 30, number, 2**40, 0, True, 2**62, None, 0)
        for number, name in enumerate(names, start=1)
    ]


def test_text_that_is_too_long_is_refused_and_not_cut(connection):
    with pytest.raises(DBAPIError):
        INSERT.insert(connection, columns_of(["Asha", "x" * 101]))


def test_columns_of_different_lengths_are_refused(connection):
    with pytest.raises(ValueError, match="differ in length"):
        RESERVE.insert(connection, [[1, 2], [7]])


def test_number_that_is_too_large_is_refused(connection):
    with pytest.raises((DBAPIError, OverflowError)):
        INSERT.insert(connection, [array("q", [1]), ["Asha"], [1], [2**63], [1]])


def test_number_that_is_too_large_for_its_column_is_refused_and_not_cut(connection):
    insert = BulkInsert(customer, imported=True, last_name="Iyer", approved_limit_paise=0, changed_fields=0)
    with pytest.raises(DBAPIError):
        insert.insert(connection, [[1], ["Asha"], [2**16 + 30], [1], [1], [1]])


def test_no_column_is_fixed_where_rows_may_stand_already():
    with pytest.raises(ValueError, match="fixed"):
        BulkInsert(loan_number, on_conflict="ON CONFLICT DO NOTHING", customer_id=7)


def test_rows_are_inserted_all_or_none(connection):
    def insert(*rows):
        return inserted_whole(connection, lambda: RESERVE.insert(connection, list(map(list, zip(*rows, strict=True)))))

    def stored():
        return [tuple(row) for row in connection.execute(select(loan_number).order_by(loan_number.c.loan_id))]

    assert insert((1, 7), (2, 8))
    # Two rows of one key are no conflict here, and the first stays.
    assert insert((2, 9), (3, 9), (3, 10))
    assert stored() == [(1, 7), (2, 8), (3, 9)]
    assert not insert((4, 9), (-1, 9))
    assert stored() == [(1, 7), (2, 8), (3, 9)]


def test_rows_that_take_postgresql_longer_go_to_it_by_fewer_at_a_time(connection, monkeypatch):
    copies: list[str] = []
    copy = psycopg.Cursor.copy
    monkeypatch.setattr(psycopg.Cursor, "copy", lambda *args: (copies.append(args[1]), copy(*args))[1])
    BulkInsert(loan_number, postgresql_rows=7).insert(connection, [range(1, 16), [9] * 15])
    assert connection.execute(select(func.count()).select_from(loan_number)).scalar_one() == 15
    assert len(copies) == (0 if connection.dialect.name == "sqlite" else 3)


def test_rows_of_a_key_that_is_taken_are_refused(connection):
    assert not inserted_whole(connection, lambda: BulkInsert(loan_number).insert(connection, [[1, 2, 1], [7, 7, 7]]))
    assert connection.execute(select(func.count()).select_from(loan_number)).scalar_one() == 0


def test_savepoint_leaves_the_prepared_statements_of_the_connection(connection):
    for _ in range(10):
        assert existing_keys(connection, loan_number.c.loan_id, [1]) == set()
        assert not inserted_whole(connection, lambda: RESERVE.insert(connection, [[-1], [7]]))
    if connection.dialect.name == "postgresql":
        # Beside the two that begin a transaction.
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one() == 4


def test_keys_are_found_whatever_their_number(connection):
    ids = range(1, 2_002)
    RESERVE.insert(connection, [ids, [7] * len(ids)])
    assert existing_keys(connection, loan_number.c.loan_id, range(-5, 5_000)) == set(ids)
    assert existing_keys(connection, loan_number.c.loan_id, []) == set()


@pytest.mark.parametrize("wrong", [None, 1, ROWS_PER_STATEMENT, ROWS_PER_STATEMENT + 1, 2 * ROWS_PER_STATEMENT + 1])
def test_pairs_exist_if_each_key_stands_with_its_value(connection, wrong):
    ids = list(range(1, 2 * ROWS_PER_STATEMENT + 2))
    customers = array("q", [7]) * len(ids)
    RESERVE.insert(connection, [ids, customers])
    if wrong is not None:
        customers[wrong - 1] = 8
    exist = pairs_exist(connection, loan_number.c.loan_id, ids, loan_number.c.customer_id, customers)
    assert exist == (wrong is None)
    assert not pairs_exist(connection, loan_number.c.loan_id, [9_999], loan_number.c.customer_id, [7])
