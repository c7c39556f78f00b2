"""The reader of statements that holds every other test to it: no join of tables that divide by different columns."""

import pytest
from sqlalchemy import create_engine
from support.divided_tables import joins_of, tables_of

from almeno_grpc.storage.compiled import execute_raw

_SQL_OF_A_NUMBER = "SELECT loan.loan_id FROM loan_number JOIN loan ON loan.loan_id = loan_number.loan_id"


@pytest.mark.parametrize(
    "sql",
    [
        _SQL_OF_A_NUMBER,
        "SELECT 1 FROM loan, phone_number WHERE loan.customer_id = phone_number.customer_id",
        'SELECT 1 FROM "loan" AS l LEFT OUTER JOIN LATERAL (SELECT 1 FROM "loan_number") AS n ON true',
        "SELECT 1 FROM (loan JOIN public.loan_number ON loan.loan_id = loan_number.loan_id)",
        "SELECT 1 FROM customer WHERE EXISTS (SELECT 1 FROM customer_name WHERE key = 'a')",
        "SELECT 1, (SELECT max(loan_id) FROM loan_number) FROM loan FOR UPDATE OF loan",
        "SELECT loan_id FROM loan UNION ALL SELECT loan_id FROM loan_number",
        "WITH n AS (SELECT customer_id FROM loan_number) SELECT 1 FROM loan JOIN n USING (customer_id)",
        "INSERT INTO loan_number (loan_id, customer_id) SELECT loan_id, customer_id FROM loan",
        "UPDATE loan SET state = given.state FROM loan_number AS given WHERE given.loan_id = loan.loan_id",
        "DELETE FROM loan_number WHERE loan_id NOT IN (SELECT loan_id FROM loan)",
        "BEGIN; " + _SQL_OF_A_NUMBER,
    ],
)
def test_join_of_a_number_with_what_its_customer_has_is_found(sql):
    assert len(joins_of(sql)) == 1


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT loan_number.loan_id FROM loan_number WHERE loan_id = 'FROM loan'", [{"loan_number"}]),
        (
            "SELECT 1 FROM customer JOIN loan ON loan.customer_id = customer.customer_id FOR NO KEY UPDATE OF customer",
            [{"customer", "loan"}],
        ),
        ("SELECT principal, decision FROM audit_event ORDER BY principal, loan", [{"audit_event"}]),
        ("INSERT INTO loan (customer_id, loan) VALUES ($1, $2) ON CONFLICT DO UPDATE SET loan = 1", [{"loan"}]),
        (
            """
            WITH write_0 AS (INSERT INTO loan_number (loan_id) SELECT loan_id FROM unnest($1, $2) AS given (loan_id)),
            write_1 AS (UPDATE loan SET state = given.state FROM unnest($3) AS given WHERE loan.loan_id = given.loan_id)
            INSERT INTO idempotency_record (principal) SELECT principal FROM unnest($4) AS given (principal)
            """,
            [{"idempotency_record"}, {"loan_number"}, {"loan"}],
        ),
    ],
)
def test_tables_of_one_customer_and_writes_beside_each_other_are_no_join_of_numbers(sql, tables):
    assert tables_of(sql) == tables
    assert joins_of(sql) == []


@pytest.mark.parametrize("by_driver", [True, False])
def test_statement_that_joins_fails_the_test_that_executes_it(read_statements, by_driver):
    sql = f"{_SQL_OF_A_NUMBER} WHERE {by_driver}"
    with create_engine("sqlite://").connect() as connection:
        for table in ("loan_number", "loan"):
            connection.exec_driver_sql(f"CREATE TABLE {table} (loan_id INTEGER)")
        read_statements.refuse_joins()
        execute_raw(connection, sql) if by_driver else connection.exec_driver_sql(sql)
    with pytest.raises(pytest.fail.Exception, match="loan and loan_number divide by different columns"):
        read_statements.refuse_joins()
    # Each once, whichever of the tests came first.
    read_statements.read(sql)
    read_statements.refuse_joins()
