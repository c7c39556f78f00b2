"""Upgrades that were interrupted go on where they stopped, at each step; and what there is to prepare."""

import contextlib
from functools import partial

import pytest
from sqlalchemy import inspect, text
from support.audit_trail import findings, write_baseline
from support.schemas import A_REPAYMENT, HEAD, definitions, revision_of, write_book_of_0_1_0

from almeno_grpc.commands import COMMANDS
from almeno_grpc.storage.engine import DatabaseUnusable
from almeno_grpc.storage.migrations import steps
from almeno_grpc.storage.migrations.steps import Steps
from almeno_grpc.storage.tables import metadata


@pytest.fixture
def is_postgres(empty):
    return empty.engine.dialect.name == "postgresql"


def rows_of_all(engine) -> dict[str, list[tuple]]:
    """Every row of a book, without what is new each time."""
    with engine.connect() as connection:
        return {
            name: sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {name}").all()))  # noqa: S608 - of our own
            for name in metadata.tables
            if not name.startswith("audit")
        }


class Interrupted(Exception):
    """The power is gone."""


def interrupt_each_transaction(patch) -> None:
    """Has the upgrade end in the middle of each transaction, once more behind it, and in front of each stamp."""
    attempt, finish = Steps._attempt, Steps.finish
    seen: set[tuple[str, int, str]] = set()
    committed = False

    def interrupted(self, work, tables=()):
        nonlocal committed
        if committed:
            committed = False
            raise Interrupted
        place = (self._revision, self._taken, self._place if self._taken == self._done + 1 else "")

        def work_and_end():
            result = work()
            if place not in seen:
                seen.add(place)
                raise Interrupted
            return result

        result = attempt(self, work_and_end, tables)
        committed = True
        return result

    def not_stamped(self):
        nonlocal committed
        committed = False
        finish(self)
        if (self._revision, 0, "") not in seen:
            seen.add((self._revision, 0, ""))
            raise Interrupted

    patch.setattr(Steps, "_attempt", interrupted)
    patch.setattr(Steps, "finish", not_stamped)


def test_upgrade_that_is_interrupted_at_each_transaction_ends_in_the_same_schema_and_rows(open_empty, monkeypatch):
    monkeypatch.setattr(steps, "ROWS_PER_BATCH", 2)
    # Also on tables as small as these.
    monkeypatch.setattr(steps, "_SMALL_BYTES", 0)
    at_once, in_pieces = open_empty(), open_empty()
    for store in (at_once, in_pieces):
        store.migrate("0201")
        write_book_of_0_1_0(store.engine)
    at_once.migrate()
    interruptions = 0
    with monkeypatch.context() as patch:
        interrupt_each_transaction(patch)
        while revision_of(in_pieces.engine) != HEAD:
            with contextlib.suppress(Interrupted):
                in_pieces.migrate()
            interruptions += 1
    assert interruptions > 60
    in_pieces.migrate()
    assert definitions(in_pieces.engine) == definitions(at_once.engine)
    assert rows_of_all(in_pieces.engine) == rows_of_all(at_once.engine)
    assert steps.PROGRESS not in inspect(in_pieces.engine).get_table_names()
    write_baseline(in_pieces)
    assert findings(in_pieces) == []


def test_step_that_fills_a_table_begins_at_its_first_row_where_one_before_it_was_interrupted(empty, monkeypatch):
    monkeypatch.setattr(steps, "ROWS_PER_BATCH", 2)
    empty.migrate("0201")
    write_book_of_0_1_0(empty.engine)
    filled = []

    def fill(steps_of_revision, interrupted):
        def note(step, condition, parameters):
            rows = f"SELECT customer_id FROM customer WHERE {condition} ORDER BY 1"  # noqa: S608 - of our own
            found = steps_of_revision.connection.execute(text(rows), parameters).scalars().all()
            if 9 in found and interrupted:
                raise Interrupted
            filled.append((step, list(found)))

        for step in "ab":
            steps_of_revision.fill("customer", ["customer_id"], partial(note, step))

    with empty._backend.migrate() as connection:
        with pytest.raises(Interrupted):
            fill(Steps(connection, "a revision"), interrupted=True)
        fill(Steps(connection, "a revision"), interrupted=False)
    assert filled == [("a", [7, 8]), ("a", [9]), ("b", [7, 8]), ("b", [9])]


def test_new_database_whose_first_start_is_interrupted_gets_its_schema_from_the_next(empty, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt_each_transaction(patch)
        for _ in range(3):
            with pytest.raises(Interrupted):
                empty.migrate()
    empty.migrate()
    assert revision_of(empty.engine) == HEAD
    assert findings(empty) == []


def test_database_that_came_to_0209_in_one_transaction_comes_to_the_newest_revision(empty, open_empty, is_postgres):
    """As versions between the releases made it: without defaults and triggers for servers of before."""
    described = open_empty()
    described.migrate()
    empty.migrate("0209")
    with empty.engine.begin() as connection:
        for row in A_REPAYMENT[:2]:
            connection.exec_driver_sql(row)
        if is_postgres:
            for column in ("state", "latest_repayment", "segment_count", "charge_count", "open_charges_paise"):
                connection.exec_driver_sql(f"ALTER TABLE loan ALTER COLUMN {column} DROP DEFAULT")
            for name in ("decision_has_business_day", "loan_is_completed", "customer_name_is_noted"):
                connection.exec_driver_sql(f"DROP FUNCTION {name} CASCADE")
            connection.exec_driver_sql("DROP TABLE customer_name_before")
    empty.engine.dispose()
    empty.migrate()
    assert definitions(empty.engine) == definitions(described.engine)


def test_database_of_sqlite_or_without_a_schema_has_nothing_to_prepare(empty, capsys):
    said = "SQLite" if empty.engine.dialect.name == "sqlite" else "empty"
    with pytest.raises(DatabaseUnusable, match=said):
        empty.migrate(beside_servers=True)
    url = empty.engine.url.set(drivername=empty.engine.dialect.name if said == "SQLite" else "postgresql")
    arguments = ["--prepare", "--database-url", url.render_as_string(hide_password=False)]
    assert COMMANDS["migrate"](arguments, {}) == 2
    assert said in capsys.readouterr().err
    assert COMMANDS["migrate"](arguments[1:], {}) == 0
    assert f"at revision {HEAD}.\n" in capsys.readouterr().out


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_decision_of_an_id_that_the_service_did_not_make_is_named(empty, engine):
    empty.migrate("0210")
    with engine.begin() as connection:
        connection.exec_driver_sql(A_REPAYMENT[0])
        connection.exec_driver_sql(
            "INSERT INTO decision VALUES"
            " ('f47ac10b-58cc-4372-a567-0e02b2c3d479', 7, '2026-02-01', 'v', 'f', false, 1, '', '', 's', 1)"
        )
    with pytest.raises(DatabaseUnusable, match="f47ac10b-58cc-4372-a567-0e02b2c3d479"):
        empty.migrate()
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM decision")
    empty.migrate()
    assert revision_of(engine) == HEAD


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_who_may_read_a_table_may_read_it_with_its_partitions(empty, engine):
    empty.migrate("0210")
    grants = "SELECT relacl::text FROM pg_class WHERE relname = 'repayment'"
    with engine.begin() as connection:
        connection.exec_driver_sql("GRANT SELECT ON repayment TO pg_monitor")
        before = connection.exec_driver_sql(grants).scalar_one()
    empty.migrate()
    with engine.begin() as connection:
        assert connection.exec_driver_sql(grants).scalar_one() == before
