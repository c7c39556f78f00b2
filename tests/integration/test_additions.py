"""Rows added many at once are those that were given, on either database."""

from array import array

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from almeno_grpc.storage.additions import ROWS_AT_ONCE, Addition, added_whole
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
ADD = Addition(customer, imported=True, age=30, last_name='O\'Neil \\ "x" ?', approved_limit_paise=0)
SET_ASIDE = Addition(loan_number, on_conflict="ON CONFLICT DO NOTHING")


def columns_of(names: list[str]) -> list:
    numbers = array("q", range(1, len(names) + 1))
    return [
        numbers,
        names,
        numbers,
        array("q", [2**40]) * len(names),
        [2**62] * len(names),
    ]


@pytest.fixture
def connection(store):
    # Otherwise each statement on PostgreSQL is committed by itself.
    is_bare = store.engine.dialect.name == "sqlite"
    options = {} if is_bare else {"isolation_level": "READ COMMITTED"}
    with store.engine.connect().execution_options(**options) as connection, connection.begin() as transaction:
        # There is no transaction yet before the first statement.
        connection.execute(select(1))
        yield connection
        transaction.rollback()


@pytest.mark.parametrize("count", [1, len(TEXTS), ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 1])
def test_rows_are_stored_as_they_are_given(connection, count):
    names = (TEXTS * count)[:count]
    ADD.add(connection, columns_of(names))
    rows = connection.execute(select(customer).order_by(customer.c.customer_id)).all()
    assert [tuple(row) for row in rows] == [
        (number, name, 'O\'Neil \\ "x" ?', 30, number, 2**40, 0, True, 2**62)
        for number, name in enumerate(names, start=1)
    ]


def test_text_that_is_too_long_is_refused_and_not_cut(connection):
    with pytest.raises(DBAPIError):
        ADD.add(connection, columns_of(["Asha", "x" * 101]))


def test_columns_of_different_lengths_are_refused(connection):
    with pytest.raises(ValueError, match="differ in length"):
        SET_ASIDE.add(connection, [[1, 2], [7]])


def test_number_that_is_too_large_is_refused(connection):
    with pytest.raises((DBAPIError, OverflowError)):
        ADD.add(connection, [array("q", [1]), ["Asha"], [1], [2**63], [1]])


def test_number_that_is_too_large_for_its_column_is_refused_and_not_cut(connection):
    addition = Addition(customer, imported=True, last_name="Iyer", approved_limit_paise=0)
    with pytest.raises(DBAPIError):
        addition.add(connection, [[1], ["Asha"], [2**16 + 30], [1], [1], [1]])


def test_no_column_is_fixed_where_rows_may_stand_already():
    with pytest.raises(ValueError, match="fixed"):
        Addition(loan_number, on_conflict="ON CONFLICT DO NOTHING", customer_id=7)


def test_rows_are_added_all_or_none(connection):
    def add(*rows):
        return added_whole(connection, lambda: SET_ASIDE.add(connection, list(map(list, zip(*rows, strict=True)))))

    def stored():
        return [tuple(row) for row in connection.execute(select(loan_number).order_by(loan_number.c.loan_id))]

    assert add((1, 7), (2, 8))
    # Two rows of one key are no conflict here, and the first stays.
    assert add((2, 9), (3, 9), (3, 10))
    assert stored() == [(1, 7), (2, 8), (3, 9)]
    assert not add((4, 9), (-1, 9))
    assert stored() == [(1, 7), (2, 8), (3, 9)]


def test_savepoint_that_the_database_refuses_is_told_as_other_refusals(connection):
    if connection.dialect.name == "sqlite":
        error, release = DBAPIError, lambda: connection.exec_driver_sql("RELEASE addition")
    else:
        error, release = psycopg.Error, lambda: connection.connection.driver_connection.execute("RELEASE addition")
    with pytest.raises(error, match="addition"):
        added_whole(connection, release)


def test_rows_that_take_postgresql_longer_go_to_it_by_fewer_at_a_time(connection, monkeypatch):
    copies: list[str] = []
    copy = psycopg.Cursor.copy
    monkeypatch.setattr(psycopg.Cursor, "copy", lambda *args: (copies.append(args[1]), copy(*args))[1])
    Addition(loan_number, postgresql_rows_at_once=7).add(connection, [range(1, 16), [9] * 15])
    assert connection.execute(select(func.count()).select_from(loan_number)).scalar_one() == 15
    assert len(copies) == (0 if connection.dialect.name == "sqlite" else 3)


def test_rows_of_a_key_that_is_taken_are_refused(connection):
    assert not added_whole(connection, lambda: Addition(loan_number).add(connection, [[1, 2, 1], [7, 7, 7]]))
    assert connection.execute(select(func.count()).select_from(loan_number)).scalar_one() == 0
