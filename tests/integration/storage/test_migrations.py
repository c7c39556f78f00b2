"""The schema: made by migrations, the same as the tables describe, and refused where it is unknown."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError
from support.audit_trail import NOT_VOUCHED_FOR, findings, write_baseline
from support.book import INDIA
from support.schemas import A_REPAYMENT, HEAD, definitions, imports_of_then, issues_of_then, revision_of

from almeno_grpc.clock import Clock
from almeno_grpc.domain.customer import NO_FIELDS
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.months import due_date
from almeno_grpc.domain.repayment import RepaymentKind
from almeno_grpc.service.change_events import ChangeEventService
from almeno_grpc.service.daily_sums import DailySums
from almeno_grpc.service.identifiers import first_identifier, new_identifier
from almeno_grpc.storage.audit_baseline import vouch_for
from almeno_grpc.storage.audit_rows import REFORMS
from almeno_grpc.storage.engine import DatabaseUnusable
from almeno_grpc.storage.loan_rows import COLUMNS, row_of
from almeno_grpc.storage.migrations import steps
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import metadata

OF_PARTITIONS_ALONE = (
    "change_event.pk_change_event",
    "pk_change_event",
    "change_event.number",
    "change_event.change_event_number_not_null",
    "audit_event.pk_audit_event",
    "pk_audit_event",
)


def partitions_of(connection) -> set[tuple[str, str]]:
    """The tables of a PostgreSQL database that are partitions."""
    if connection.dialect.name == "sqlite":
        return set()
    found = connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")
    return {("table", name) for name in found.scalars()}


def refers_to_one_of(partitions, difference) -> bool:
    """Whether a difference is a foreign key to a partition."""
    return difference[0] == "remove_fk" and ("table", difference[1].elements[0].column.table.name) in partitions


def test_empty_database_gets_the_whole_schema(empty, engine):
    empty.migrate()
    assert revision_of(engine) == HEAD
    assert set(metadata.tables) <= set(inspect(engine).get_table_names())


def test_schema_that_is_up_to_date_stays_as_it_is(empty, engine):
    empty.migrate()
    before = definitions(engine)
    empty.migrate()
    assert definitions(engine) == before


def test_ids_are_generated_from_the_first_generated_one_on(empty):
    empty.migrate()

    def reserve(tx):
        return tx.customers.reserve_ids(2), tx.loans.reserve_ids(1)

    assert empty.write(reserve) == ([1_000_000_001, 1_000_000_002], [1_000_000_001])


def test_migrations_make_the_tables_that_are_described(empty, engine):
    empty.migrate()
    with engine.connect() as connection:
        partitions = partitions_of(connection)
        opts = {"compare_type": True, "include_name": lambda name, kind, _parents: (kind, name) not in partitions}
        differences = compare_metadata(MigrationContext.configure(connection, opts=opts), metadata)
    # A foreign key to a table with partitions has one to each of them.
    assert [each for each in differences if not refers_to_one_of(partitions, each)] == []


def test_migrations_make_the_same_checks_keys_and_indexes_to_the_letter(empty, open_empty):
    empty.migrate()
    described = open_empty().engine
    metadata.create_all(described)
    by_migrations, by_tables = definitions(empty.engine), definitions(described)
    assert re.search(r"CHECK .*age.*18.*120", str(by_migrations))
    # Keys that would have to contain the time are those of the partitions, and a sequence is no identity.
    for name in () if empty.engine.dialect.name == "sqlite" else OF_PARTITIONS_ALONE:
        by_migrations.pop(name, None)
        by_tables.pop(name)
    assert by_migrations == by_tables


def test_repayments_and_changes_cannot_be_changed_or_removed_by_anybody(empty, engine):
    empty.migrate()
    with engine.begin() as connection:
        for row in (*A_REPAYMENT_OF_TODAY, A_CHANGE, A_PIN, *AFTER_BOOKING, AN_EVENT):
            connection.exec_driver_sql(row)
    for change in (
        "UPDATE repayment_reversal SET return_code = '2'",
        "DELETE FROM repayment_reversal",
        "UPDATE loan_segment SET installments = 9",
        "DELETE FROM loan_segment",
        "UPDATE loan_charge SET amount_paise = 2",
        "DELETE FROM loan_charge",
        "UPDATE sanction_end SET reason = 'LENDER'",
        "DELETE FROM sanction_end",
        "UPDATE repayment SET amount_paise = 2",
        "DELETE FROM repayment",
        "UPDATE customer_change SET old_value = '29'",
        "DELETE FROM customer_change",
        "UPDATE terms_pin SET content = ''",
        "DELETE FROM terms_pin",
        "UPDATE change_event SET kind = 2",
    ):
        with pytest.raises(DBAPIError, match="never"), engine.begin() as connection:
            connection.exec_driver_sql(change)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT amount_paise FROM repayment").scalar() == 100
        assert connection.exec_driver_sql("SELECT old_value FROM customer_change").scalar() == "30"


def test_loan_of_a_book_that_was_written_before_may_have_more_repayments(empty, engine):
    empty.migrate("0201")
    with engine.begin() as connection:
        for row in A_REPAYMENT:
            connection.exec_driver_sql(row)
    empty.migrate()
    more = "UPDATE loan SET repayment_count = {}", A_REPAYMENT[-1].replace("(7, 5, 1, 'r'", "(7, 5, {0}, 'r{0}'")
    for change in more:
        with engine.begin() as connection:
            connection.exec_driver_sql(change.format(10_599))
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.exec_driver_sql(change.format(10_600))
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


LOANS_OF_BEFORE = [
    (due_date(approved, paid + 1) if paid < 12 else None, approved, paid)
    for approved in (date(2023, 10, 31), date(2024, 1, 29), date(2025, 12, 30), date(2026, 2, 28))
    for paid in (0, 1, 3, 11, 12)
]
"""With the due date of the next instalment: months of every length, and a leap day."""


def test_loans_that_were_there_are_disbursed_on_their_approval_and_know_what_falls_due_next(empty, engine):
    empty.migrate("0205")
    with engine.begin() as connection:
        connection.exec_driver_sql(A_REPAYMENT[0])
        for number, (_, approved, paid) in enumerate(LOANS_OF_BEFORE, 1):
            connection.exec_driver_sql(f"INSERT INTO loan_number VALUES ({number}, 7)")  # noqa: S608 - of our own
            day = f"{approved.year}, {approved.month}, {approved.day}"
            connection.exec_driver_sql(
                f"INSERT INTO loan VALUES ({number}, 7, 1200000, 120000, 12, 100000, 'ANNUAL_COMPOUND', {paid}, 0,"  # noqa: S608
                f" {1_200_000 - 100_000 * paid}, {day}, {number}, NULL, 0, {number % 2})"
            )
        connection.exec_driver_sql(A_REPAYMENT[3].replace("(7, 5", "(7, 1"))
    empty.migrate()
    with empty.read() as tx:
        loans = tx.loans.page(7, None, 0, 100, date(2026, 1, 1))
        assert [(loan.next_due, loan.approval_date, loan.emis_paid) for loan in loans] == LOANS_OF_BEFORE
        assert [loan.disbursement_date for loan in loans] == [loan.approval_date for loan in loans]
        assert [loan.latest_repayment for loan in loans] == [loan.loan_id % 2 for loan in loans]
        assert [tx.loans.page(7, state, 0, 100, date(2026, 1, 1)) for state in LoanState] == [
            [loan for loan in loans if loan.state is state] for state in LoanState
        ]
        [repayment] = tx.repayments.of_loan(loans[0])
        assert (repayment.kind, repayment.effect, repayment.charges_paid) == (RepaymentKind.REPAYMENT, None, 0)
        # What was written is what the records say of themselves.
        columns = ", ".join(column.name for column in COLUMNS)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql(f"SELECT {columns} FROM loan ORDER BY loan_id").all()  # noqa: S608
        assert [tuple(row) for row in rows] == [row_of(loan) for loan in loans]


def test_upgrade_of_a_book_with_rows_leaves_a_sound_file_with_every_check(empty, engine):
    empty.migrate("0205")
    with engine.begin() as connection:
        for row in A_REPAYMENT:
            connection.exec_driver_sql(row)
    empty.migrate()
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    for change in ("UPDATE loan SET state = 'CLOSED'", "UPDATE loan SET next_due_day = NULL"):
        with pytest.raises(DBAPIError, match="ck_loan"), engine.begin() as connection:
            connection.exec_driver_sql(change)


def test_latest_day_of_a_book_that_was_written_before_is_found(empty, engine):
    empty.migrate("0201")
    with engine.begin() as connection:
        for row in A_REPAYMENT:
            connection.exec_driver_sql(row)
        for day in (3, 9, 5):
            row = f"('{first_identifier(day)[:-1]}{day}', 7, '2026-01-0{day}', 'v', 'f', false, 1, '', '{{}}', 's', 1)"
            connection.exec_driver_sql(f"INSERT INTO decision VALUES {row}")  # noqa: S608 - numbers of our own
    empty.migrate()
    with empty.read() as tx:
        assert tx.latest_business_date() == date(2026, 1, 9)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT * FROM business_day ORDER BY 1").all()
    assert [tuple(map(str, row)) for row in found] == [
        ("2026-01-05", "r"),
        ("2026-01-09", f"{first_identifier(9)[:-1]}9"),
    ]


A_PIN = "INSERT INTO terms_pin VALUES ('2026-12', 'version', 'f')"
# What was paid, and what has become of the loan, are never changed; what follows from it is.
A_REPAYMENT_OF_TODAY = (
    *A_REPAYMENT[:2],
    A_REPAYMENT[2]
    .replace("repayment_count)", "repayment_count, state, disbursement_year, disbursement_month, disbursement_day,")
    .replace("VALUES", "latest_repayment, segment_count, charge_count, open_charges_paise, next_due_day) VALUES")
    .replace("100, 1)", "100, 1, 'ACTIVE', 2026, 1, 5, 1, 0, 0, 0, 739652)"),
    A_REPAYMENT[3],
)
AFTER_BOOKING = (
    "INSERT INTO repayment_reversal VALUES (7, 5, 1, '2026-01-06', 'RETURNED', '', 1)",
    "INSERT INTO loan_segment VALUES (7, 5, 1, 1, 10000000, 0, 10, 1000000, NULL)",
    "INSERT INTO loan_charge VALUES (7, 5, 1, 'BOUNCE', 50000, 'returned', '2026-01-06', 1, 1)",
    "INSERT INTO sanction_end VALUES (7, 5, 'ACTIVE', '2026-01-05', '', '', 1)",
)
A_DECISION = "INSERT INTO decision VALUES ('d9', 7, '2026-01-09', 'v', 'f', true, 50, '', '{}', 's', 1)"
AN_EVENT = """INSERT INTO change_event
    (event_time_us, business_day, principal, request_id, import_id, kind, customer_id, snapshot)
    VALUES (1, 739652, '', '', '', 1, 7, '')"""
A_CHANGE = (
    "INSERT INTO customer_change (customer_id, number, field, old_value, new_value, principal, import_id, row_number,"
    " create_time_us) VALUES (7, 1, 'age', '30', '31', '', 'i', 2, 1)"
)


def test_book_that_was_there_before_the_audit_trail_is_vouched_for_as_it_was(empty, engine):
    empty.migrate("0201")
    with engine.begin() as connection:
        for row in A_REPAYMENT:
            connection.exec_driver_sql(row)
    empty.migrate()
    assert findings(empty) == [f"INCOMPLETE baseline: 3 {NOT_VOUCHED_FOR}"]
    write_baseline(empty)
    assert findings(empty) == []
    empty.migrate()
    assert findings(empty) == []
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE loan SET tenure_months = 11")
    assert findings(empty) == ["TAMPERED loan 7/5: was changed without an event"]


@pytest.mark.parametrize("is_edited", [False, True])
def test_rows_that_events_vouch_for_in_a_former_form_are_vouched_for_in_the_new_one(empty, engine, is_edited):
    empty.migrate("0205")
    with engine.begin() as connection:
        for row in (A_REPAYMENT[0], A_CHANGE):
            connection.exec_driver_sql(row)
        for reform in REFORMS:
            if reform.after.table.name in ("customer", "customer_change"):
                vouch_for(connection, reform.before.code, reform.before.stored(connection))
        if is_edited:
            connection.exec_driver_sql("UPDATE customer SET approved_limit_paise = 900000000")
    # The next server has connections of its own, on which nothing is prepared for the former columns.
    engine.dispose()
    empty.migrate()
    assert findings(empty) == (["TAMPERED customer 7: was changed without an event"] if is_edited else [])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE customer SET changed_fields = 1")
    assert findings(empty) == ["TAMPERED customer 7: was changed without an event"]


def test_book_that_was_written_before_has_no_events_and_gets_some_from_then_on(empty, engine):
    empty.migrate("0208")
    with engine.begin() as connection:
        for row in A_REPAYMENT_OF_TODAY:
            connection.exec_driver_sql(row)
    empty.migrate()
    events = ChangeEventService(empty)
    assert events.page(None, 10).events == []
    with engine.begin() as connection:
        for number in (1, 2):
            connection.exec_driver_sql(AN_EVENT)
            assert connection.exec_driver_sql("SELECT max(number) FROM change_event").scalar() == number
        assert connection.exec_driver_sql("SELECT number FROM change_event_cut").scalar() == 0


def test_summary_of_a_book_that_was_written_before_is_the_same_before_anything_is_added_up_and_after(empty, engine):
    empty.migrate("0209")
    paid = [A_REPAYMENT[3].replace("5, 1, 'r'", f"5, {number}, '{new_identifier(number)}'") for number in (1, 2, 3)]
    decided = A_DECISION.replace("'d9'", f"'{new_identifier(4)}'")
    with engine.begin() as connection:
        for row in (*A_REPAYMENT_OF_TODAY[:3], *paid, AFTER_BOOKING[0], decided):
            connection.exec_driver_sql(row)
    empty.migrate()
    sums = DailySums(empty, Clock(None, INDIA))
    for has_more in (True, True, True, False):
        with empty.read() as tx:
            assert list(tx.statistics.repayments(date(2026, 1, 5))) == [(date(2026, 1, 5), 2, 200)]
            assert list(tx.statistics.repayments(date(2026, 1, 4))) == []
            assert list(tx.statistics.decisions(date(2026, 1, 9))) == [(date(2026, 1, 9), (), 1)]
        assert sums.add_some() is has_more
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT sum(row_count) FROM daily_sum").scalar() == 3


def test_customers_of_a_book_that_was_written_before_are_found_by_their_names(empty, engine, monkeypatch):
    monkeypatch.setattr(steps, "ROWS_PER_BATCH", 2)
    empty.migrate("0201")
    names = {7: ("Asha", "Rao"), 8: ("\uff21\uff33\uff28\uff21", "Straße"), 9: ("Mary  Ann", "Rao")}
    with engine.begin() as connection:
        for customer_id, (first_name, last_name) in names.items():
            row = A_REPAYMENT[0].replace("7,", f"{customer_id},").replace("Asha", first_name).replace("Rao", last_name)
            connection.exec_driver_sql(row.replace("919999999999", f"91999999999{customer_id}"))
    empty.migrate()
    with empty.read() as tx:
        for prefix, found in (("asha", [7, 8]), ("rao", [7, 9]), ("strasse", [8]), ("mary ann r", [9])):
            assert [each.customer_id for each in tx.customers.found_by_name(prefix, 0, 10)] == found
        assert {each.changed_fields for each, _ in tx.customers.with_ids([7, 8, 9])} == {NO_FIELDS}
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM customer_name").scalar() == 6


def test_issues_of_earlier_imports_are_counted(empty, engine):
    empty.migrate("0201")
    with engine.begin() as connection:
        for row in (*imports_of_then(1, 2), *issues_of_then((1, 2), (1, 3), (1, 4))):
            connection.exec_driver_sql(row)
    empty.migrate()
    with engine.connect() as connection:
        query = "SELECT issues_total FROM import_file ORDER BY queue_number"
        assert connection.exec_driver_sql(query).scalars().all() == [3, 0]


UNRELEASED = ["0001", "0002", "0003", *(f"010{number}" for number in range(1, 9))]


def set_revision(engine, revision):
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


@pytest.mark.parametrize("revision", UNRELEASED)
def test_database_of_an_unreleased_version_is_refused_by_name_and_left_alone(revision, empty, engine):
    empty.migrate()
    set_revision(engine, revision)
    before = definitions(engine)
    said = (
        rf"before the first release \(schema {revision}\), .* no upgrade; name a new database .* import the book again"
    )
    with pytest.raises(DatabaseUnusable, match=said):
        empty.migrate()
    assert definitions(engine) == before
    assert revision_of(engine) == revision


def test_database_of_a_version_that_is_not_known_is_refused(empty, engine):
    empty.migrate()
    set_revision(engine, "9999")
    with pytest.raises(DatabaseUnusable, match=r"another version of the service \(schema 9999\)"):
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
    assert revision_of(stores[0].engine) == HEAD
    for store in stores:
        store.close()
