"""Statements that are compiled once come to the driver as SQLAlchemy would have sent them, and fail as it would."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, String, bindparam, cast, insert, literal, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from support.store_rows import TODAY, decision_of

from almeno_grpc.service.store import Changes
from almeno_grpc.storage.compiled import CompiledStatement, execute_raw
from almeno_grpc.storage.keys import any_of, array_literal, key_rows
from almeno_grpc.storage.tables import idempotency_record, policy_pin, repayment


@pytest.fixture
def connection(store):
    with store._backend.read() as connection:
        yield connection


def test_parameters_go_to_their_places_in_whatever_order_they_are_passed(connection):
    statement = CompiledStatement(
        select(
            bindparam("second", type_=BigInteger),
            literal(7, BigInteger),
            bindparam("first", type_=BigInteger) - bindparam("second", type_=BigInteger),
        ),
        "first",
        "second",
    )
    assert statement.rows(connection, 10, 3) == [(3, 7, 7)]
    assert statement.row(connection, 3, 10) == (10, 7, -7)


def test_single_parameter_may_be_used_twice(connection):
    one = bindparam("one", type_=BigInteger)
    assert CompiledStatement(select(one, one), "one").rows(connection, 4) == [(4, 4)]


def test_values_come_back_as_the_types_of_their_columns(store):
    every_byte = bytes(range(256))
    record = {"request_id": "r", "fingerprint": "f", "answer": every_byte, "create_time_us": 1}
    with store.engine.begin() as connection:
        connection.execute(idempotency_record.insert(), record)
    with store._backend.read() as connection:
        assert CompiledStatement(select(idempotency_record.c.answer)).rows(connection) == [(every_byte,)]
        day, truth = literal(TODAY, repayment.c.payment_date.type), cast(literal(1), Boolean)
        [(found, true)] = CompiledStatement(select(day, truth)).rows(connection)
    assert found == TODAY
    assert true is True


def test_statement_with_a_parameter_that_is_not_named_is_refused(connection):
    statement = CompiledStatement(select(policy_pin).where(policy_pin.c.version == bindparam("version")))
    with pytest.raises(ValueError, match="the parameters are version"):
        statement.rows(connection)
    with pytest.raises(ValueError, match="the parameters are"):
        CompiledStatement(select(policy_pin), "version").rows(connection, 1)


def test_statement_that_writes_has_no_rows_unless_it_returns_some(store):
    values = {"version": bindparam("v", type_=String), "sha256": bindparam("s", type_=String)}
    plain = CompiledStatement(insert(policy_pin).values(values), "v", "s")
    returning = CompiledStatement(insert(policy_pin).values(values).returning(policy_pin.c.version), "v", "s")
    changing = CompiledStatement(update(policy_pin).values(sha256=bindparam("s", type_=String)), "s")

    def work(tx):
        connection = tx.policy_pins._connection
        assert plain.rows(connection, "a", "1") == []
        assert returning.rows(connection, "b", "2") == [("b",)]
        plain.execute_many(connection, [("c", "3"), ("d", "4")])
        assert changing.rows(connection, "5") == []
        return tx.policy_pins.all()

    assert store.write(work) == dict.fromkeys("abcd", "5")


def test_errors_of_the_driver_are_raised_as_those_of_sqlalchemy(store):
    with pytest.raises(DBAPIError, match="nothing") as raised, store._backend.read() as connection:
        execute_raw(connection, "SELECT * FROM nothing_of_the_name")
    assert not raised.value.connection_invalidated
    with pytest.raises(IntegrityError):
        store.write(lambda tx: tx.write(Changes(decisions=[decision_of("d", 99)])))


def test_parameters_of_a_statement_that_fails_are_not_told(store):
    with pytest.raises(IntegrityError) as raised:
        store.write(lambda tx: tx.write(Changes(decisions=[decision_of("d", 99, snapshot="a secret")])))
    assert "a secret" not in str(raised.value).partition("DETAIL")[0]


KEYS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), max_size=8)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEYS)
def test_texts_are_found_whatever_stands_in_them(connection, texts):
    dialect = connection.dialect.name
    for each in {*texts, '"', "\\", "{}", "NULL", "null", ",", " ", "'"}:
        found = CompiledStatement(select(literal(1)).where(any_of(dialect, literal(each, String), "keys")), "keys")
        assert len(found.rows(connection, [*texts, each])) == 1
        assert len(found.rows(connection, [text for text in texts if text != each])) == 0


def test_keys_of_several_columns_are_rows(connection):
    def statement(dialect):
        rows, columns = key_rows(dialect, "keys", 3)
        return select(*columns).select_from(rows)

    keys = [(1, 2, 3), (2**62, -1, 0), (1, 2, 3)]
    assert CompiledStatement(statement, "keys").rows(connection, keys) == keys
    assert CompiledStatement(statement, "keys").rows(connection, []) == []


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([], "{}"),
        ([1, None, -2], "{1,NULL,-2}"),
        (['a"b', "c\\d", "", None], '{"a\\"b","c\\\\d","",NULL}'),
        ([True, False], "{True,False}"),
        ([b"\x00\xff"], '{"\\\\x00ff"}'),
        ([date(2026, 4, 10)], "{2026-04-10}"),
        (range(3), "{0,1,2}"),
    ],
)
def test_array_is_written_as_postgresql_reads_it(values, written):
    assert array_literal(values) == written
