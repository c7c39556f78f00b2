"""The schema: made by migrations, from any older file, and the same as the tables describe."""

import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from almeno_grpc.storage.engine import DatabaseUnusable, open_engine, parse_url
from almeno_grpc.storage.schema import migrate
from almeno_grpc.storage.store import BookStore
from almeno_grpc.storage.tables import metadata


@pytest.fixture
def engine(database_url):
    engine = open_engine(parse_url(database_url))
    yield engine
    engine.dispose()


def revision_of(engine):
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def definitions(engine) -> dict[str, list[str]]:
    """What each table and index is made of, by name, however it is written."""
    with engine.connect() as connection:
        found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
    return {
        name: sorted(re.sub(r"\s+", " ", line).strip(" ,") for line in sql.splitlines() if line.strip(" ,()\t"))
        for name, sql in found
        if name not in ("alembic_version", "sqlite_sequence")
    }


def test_empty_database_gets_the_whole_schema(engine):
    migrate(engine)
    assert revision_of(engine) == "0002"
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())


def test_schema_that_is_up_to_date_stays_as_it_is(engine):
    migrate(engine)
    before = definitions(engine)
    migrate(engine)
    assert definitions(engine) == before


def test_migrations_make_the_tables_that_are_described(engine):
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_same_checks_keys_and_indexes_to_the_letter(engine, tmp_path):
    migrate(engine)
    described = open_engine(parse_url(f"sqlite:///{tmp_path / 'described.db'}"))
    metadata.create_all(described)
    by_migrations, by_tables = definitions(engine), definitions(described)
    described.dispose()
    assert "CHECK (age BETWEEN 18 AND 120)" in " ".join(by_migrations["customer"])
    assert by_migrations == by_tables


def test_database_of_the_first_revision_is_brought_up_to_date_with_its_book(engine, database_url):
    migrate(engine, "0001")
    assert "import_file" not in inspect(engine).get_table_names()
    customer = (
        "INSERT INTO customer VALUES (7, 'Asha', 'Rao', 30, '+919999999999', 5000000, 180000000, 1, 1700000000000000)"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(customer)
    store = BookStore(database_url)
    store.migrate()
    assert revision_of(engine) == "0002"
    with store.read() as tx:
        found = tx.customers.get(7)
        assert tx.imports.depth() == 0
    assert found is not None
    assert (found.first_name, found.approved_limit) == ("Asha", 180_000_000)
    store.close()


def test_migration_that_fails_halfway_leaves_nothing_of_itself(monkeypatch, engine):
    migrate(engine, "0001")
    before = definitions(engine)
    read_scripts = ScriptDirectory.from_config

    def with_a_fault(config):
        scripts = read_scripts(config)
        module = scripts.get_revision("0002").module
        upgrade = module.upgrade

        def upgrade_and_fail():
            upgrade()
            raise RuntimeError("the power is gone")

        module.upgrade = upgrade_and_fail
        return scripts

    monkeypatch.setattr(ScriptDirectory, "from_config", with_a_fault)
    with pytest.raises(RuntimeError, match="power"):
        migrate(engine)
    assert definitions(engine) == before
    assert revision_of(engine) == "0001"


def test_database_of_a_newer_version_is_refused(engine):
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnusable, match=r"newer version of the service \(schema 9999\)"):
        migrate(engine)


def test_database_of_something_else_is_refused_and_left_alone(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE recipe (name TEXT)")
    with pytest.raises(DatabaseUnusable, match="tables of something else"):
        migrate(engine)
    assert inspect(engine).get_table_names() == ["recipe"]


def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("Dear customer, " * 1000)
    store = BookStore(f"sqlite:///{file}")
    with pytest.raises(DatabaseUnusable, match="no SQLite database"):
        store.migrate()
    store.close()
    assert file.read_text().startswith("Dear customer")
