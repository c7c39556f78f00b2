"""The schema: made by migrations, from any older file, and the same as the tables describe."""

import contextlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from almeno_grpc.domain.customer import Customer
from almeno_grpc.storage.engine import DatabaseUnusable
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import FIRST_GENERATED_ID, metadata


@pytest.fixture
def open_empty(new_database):
    """Opens databases without a schema."""
    with contextlib.ExitStack() as stack:

        def open_another() -> SqlStore:
            store = SqlStore(new_database(empty=True))
            stack.callback(store.close)
            return store

        yield open_another


@pytest.fixture
def empty(open_empty):
    return open_empty()


@pytest.fixture
def engine(empty):
    return empty.engine


def revision_of(engine):
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def definitions(engine) -> dict[str, list[str]]:
    """What each table and index is made of, by name, however it is written."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            found = connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'trigger'")
            ).all()
        else:
            found = connection.execute(text(DEFINITIONS)).all()
    # SQLite puts the name of a table that was renamed in quotes.
    return {
        name: sorted(
            re.sub(r"\s+", " ", line).replace('"', "").strip(" ,") for line in sql.splitlines() if line.strip(" ,()\t")
        )
        for name, sql in found
        if not name.startswith(("alembic_version", "sqlite_sequence"))
    }


DEFINITIONS = """
SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT table_name || '.' || column_name,
    concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default, identity_start)
FROM information_schema.columns WHERE table_schema = 'public'
"""


def test_empty_database_gets_the_whole_schema(empty, engine):
    empty.migrate()
    assert revision_of(engine) == "0109"
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())


def test_schema_that_is_up_to_date_stays_as_it_is(empty, engine):
    empty.migrate()
    before = definitions(engine)
    empty.migrate()
    assert definitions(engine) == before


def test_migrations_make_the_tables_that_are_described(empty, engine):
    empty.migrate()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_same_checks_keys_and_indexes_to_the_letter(empty, open_empty):
    empty.migrate()
    described = open_empty().engine
    metadata.create_all(described)
    by_migrations, by_tables = definitions(empty.engine), definitions(described)
    assert re.search(r"CHECK .*age.*18.*120", str(by_migrations))
    assert by_migrations == by_tables


def test_database_of_the_first_revision_is_brought_up_to_date_with_its_book(empty, engine):
    empty.migrate("0101")
    assert "import_file" not in inspect(engine).get_table_names()
    customer = """
        INSERT INTO customer
        VALUES (7, 'Asha', 'Rao', 30, '+919999999999', 5000000, 180000000, true, 1700000000000000)
    """
    with engine.begin() as connection:
        connection.exec_driver_sql(customer)
    empty.migrate()
    assert revision_of(engine) == "0109"
    with empty.read() as tx:
        found = tx.customers.get(7)
        assert tx.imports.depth() == 0
    assert found is not None
    assert (found.first_name, found.approved_limit) == ("Asha", 180_000_000)


def test_upload_that_waits_in_the_queue_keeps_its_content(empty, engine):
    empty.migrate("0103")
    file = "(1, 'an import', 'LOANS', 'l.csv', 'f', '2026-04-10', 'QUEUED', false, 0, 0, 0, 0, 0, 0, '', 1, NULL, NULL)"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO import_file VALUES {file}")  # noqa: S608
        for number, content in ((1, "b"), (0, "a")):
            connection.execute(
                text("INSERT INTO import_chunk VALUES (1, :number, :content)"),
                {"number": number, "content": content.encode()},
            )
    empty.migrate()
    with empty.read() as tx:
        assert b"".join(tx.imports.content("an import")) == b"ab"


def test_loans_keep_all_there_is_of_them_when_the_key_of_the_sheets_numbers_goes(empty, engine):
    empty.migrate("0104")
    with engine.begin() as connection:
        for row in (*A_REPAYMENT, "INSERT INTO loan_number VALUES (1000000001, 7)", A_RENUMBERED_LOAN):
            connection.exec_driver_sql(row)
        before = connection.exec_driver_sql(ALL_LOANS).all()
    empty.migrate()
    with engine.connect() as connection:
        assert connection.exec_driver_sql(ALL_LOANS).all() == before
    with empty.read() as tx:
        found = tx.loans.by_source([(7, 5), (7, 6), (7, 1_000_000_001)])
    assert {key: loan.loan_id for key, loan in found.items()} == {(7, 5): 5, (7, 6): 1_000_000_001}
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM loan")


def test_loan_without_a_number_stops_the_migration_that_makes_loans_anew_on_sqlite(tmp_path):
    with contextlib.closing(SqlStore(f"sqlite:///{tmp_path}/book.db")) as store:
        store.migrate("0104")
        with contextlib.closing(store.engine.raw_connection()) as connection:
            connection.driver_connection.execute("PRAGMA foreign_keys = OFF")
            connection.driver_connection.execute(A_RENUMBERED_LOAN)
            connection.driver_connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(RuntimeError, match="the database stays as it was"):
            store.migrate()
        assert revision_of(store.engine) == "0104"
        with store.engine.connect() as connection:
            assert len(connection.exec_driver_sql(ALL_LOANS).all()) == 1
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_customers_keep_their_phone_numbers_and_ids_go_on_when_those_move_to_a_table_of_their_own(empty, engine):
    empty.migrate("0106")
    registered = "'Ravi', 'Iyer', 40, '+14155552671', 5000000, 180000000, false, 2"
    with engine.begin() as connection:
        for row in (*A_REPAYMENT, "INSERT INTO loan_number VALUES (1000000001, 7)", A_RENUMBERED_LOAN):
            connection.exec_driver_sql(row)
        names = "first_name, last_name, age, phone_number, monthly_income_paise, approved_limit_paise, imported"
        connection.exec_driver_sql(f"INSERT INTO customer ({names}, create_time_us) VALUES ({registered})")  # noqa: S608
        asha, _ = connection.exec_driver_sql(ALL_CUSTOMERS).all()
        # The newest is gone, but nobody else is to have had the number.
        connection.exec_driver_sql("DELETE FROM customer WHERE customer_id > 7")
    empty.migrate()
    with engine.connect() as connection:
        assert connection.exec_driver_sql(ALL_CUSTOMERS).all() == [(*asha[:4], 919999999999, *asha[5:])]
        assert connection.exec_driver_sql("SELECT * FROM phone_number").all() == [(919999999999, 7)]
        assert len(connection.exec_driver_sql(ALL_LOANS).all()) == 2
    ravi = Customer(0, "Ravi", "Iyer", 40, "+14155552671", 5_000_000, 180_000_000, 3)
    assert empty.write(lambda tx: tx.customers.add(ravi)) == FIRST_GENERATED_ID + 1
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM customer WHERE customer_id = 7")


def test_book_keeps_all_there_is_of_it_when_its_keys_carry_the_customers_number(empty, engine):
    empty.migrate("0107")
    tables = ("customer", "decision", "loan_number", "loan", "repayment")
    held = {name: f"SELECT * FROM {name} ORDER BY 1, 2" for name in tables}  # noqa: S608
    with engine.begin() as connection:
        # The customers have digits by now.
        for row in (A_REPAYMENT[0].replace("'+919999999999'", "919999999999"), *A_REPAYMENT[1:], *A_BOOKING):
            connection.exec_driver_sql(row)
        connection.exec_driver_sql("INSERT INTO loan_number (customer_id) VALUES (7)")
        before = {name: connection.exec_driver_sql(query).all() for name, query in held.items()}
        # The newest is gone, but no other loan is to have had the number.
        connection.exec_driver_sql(f"DELETE FROM loan_number WHERE loan_id = {FIRST_GENERATED_ID}")  # noqa: S608
    before["loan_number"].pop()
    assert all(before.values())
    empty.migrate()
    with engine.connect() as connection:
        assert {name: connection.exec_driver_sql(query).all() for name, query in held.items()} == before
    assert empty.write(lambda tx: tx.loans.next_loan_id(7)) == FIRST_GENERATED_ID + 1
    with empty.read() as tx:
        assert tx.decisions.get("d").customer_id == 7
        assert tx.loans.get(6).decision_id == "d"
    for change in ("UPDATE repayment SET amount_paise = 2", "DELETE FROM repayment"):
        with pytest.raises(DBAPIError, match="never"), engine.begin() as connection:
            connection.exec_driver_sql(change)
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM decision")


def test_repayments_cannot_be_changed_or_removed_by_anybody(empty, engine):
    empty.migrate()
    with engine.begin() as connection:
        for row in A_REPAYMENT:
            connection.exec_driver_sql(row)
    for change in ("UPDATE repayment SET amount_paise = 2", "DELETE FROM repayment"):
        with pytest.raises(DBAPIError, match="never"), engine.begin() as connection:
            connection.exec_driver_sql(change)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT amount_paise FROM repayment").scalar() == 100


A_REPAYMENT = (
    "INSERT INTO customer VALUES (7, 'Asha', 'Rao', 30, '+919999999999', 5000000, 180000000, true, 1)",
    "INSERT INTO loan_number VALUES (5, 7)",
    """INSERT INTO loan
    VALUES (5, 7, 10000000, 0, 10, 1000000, 'ANNUAL_COMPOUND', 0, 0, 10000000, 2026, 1, 5, 5, NULL, 100, 1)""",
    "INSERT INTO repayment VALUES (7, 5, 1, 'r', 100, '2026-01-05', 0, 0, 0, 10000000, 0, 0, 100, 10000000, false, 1)",
)


A_BOOKING = (
    "INSERT INTO decision VALUES ('d', 7, '2026-01-05', '2026-01', 'f', true, 70, '', '{}', 's', 1)",
    "INSERT INTO loan_number VALUES (6, 7)",
    """INSERT INTO loan
    VALUES (6, 7, 10000000, 0, 10, 1000000, 'REDUCING_BALANCE', 0, 0, 10000000, 2026, 1, 5, NULL, 'd', 0, 0)""",
)
A_RENUMBERED_LOAN = """
    INSERT INTO loan VALUES
    (1000000001, 7, 10000000, 0, 10, 1000000, 'ANNUAL_COMPOUND', 0, 0, 10000000, 2026, 1, 5, 6, NULL, 0, 0)
"""
ALL_CUSTOMERS = "SELECT * FROM customer ORDER BY customer_id"
ALL_LOANS = "SELECT * FROM loan ORDER BY loan_id"


def test_migration_that_fails_halfway_leaves_nothing_of_itself(monkeypatch, empty, engine):
    empty.migrate("0101")
    before = definitions(engine)
    read_scripts = ScriptDirectory.from_config

    def with_a_fault(config):
        scripts = read_scripts(config)
        module = scripts.get_revision("0102").module
        upgrade = module.upgrade

        def upgrade_and_fail():
            upgrade()
            raise RuntimeError("the power is gone")

        module.upgrade = upgrade_and_fail
        return scripts

    monkeypatch.setattr(ScriptDirectory, "from_config", with_a_fault)
    with pytest.raises(RuntimeError, match="power"):
        empty.migrate()
    assert definitions(engine) == before
    assert revision_of(engine) == "0101"


@pytest.mark.parametrize("revision", ["9999", "0002"])
def test_database_of_a_version_that_is_not_known_is_refused(revision, empty, engine):
    empty.migrate()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(DatabaseUnusable, match=rf"another version of the service \(schema {revision}\)"):
        empty.migrate()


def test_database_of_something_else_is_refused_and_left_alone(empty, engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE recipe (name TEXT)")
    with pytest.raises(DatabaseUnusable, match="tables of something else"):
        empty.migrate()
    assert inspect(engine).get_table_names() == ["recipe"]


def test_servers_that_open_a_new_database_at_the_same_time_all_find_the_schema(new_database):
    url = new_database(empty=True)
    stores = [SqlStore(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(SqlStore.migrate, stores))
    assert revision_of(stores[0].engine) == "0109"
    for store in stores:
        store.close()
