"""What history is let go after how many days, how it is brought back, and what stands meanwhile."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from support.audit_trail import edit, findings
from support.book import LAKH, Book

from almeno_grpc.bootstrap import load_policies
from almeno_grpc.clock import Clock
from almeno_grpc.commands import COMMANDS
from almeno_grpc.domain.errors import DecisionNotFound
from almeno_grpc.service.audit_upkeep import AuditUpkeep, Retention
from almeno_grpc.service.change_events import ChangeEventService
from almeno_grpc.service.daily_sums import DailySums
from almeno_grpc.service.decisions import DecisionService
from almeno_grpc.service.housekeeping import HistoryDays, Housekeeping
from almeno_grpc.service.store import Changes, IdempotencyRecord
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import decision

DAY_US = 86_400_000_000
YEAR = HistoryDays(requests=90, events=90, decisions=365)


@pytest.fixture
def at_day(book: Book, monkeypatch: pytest.MonkeyPatch):
    """Lets days pass, with a look after the house every two weeks."""
    now = book.clock.now_microseconds()
    book.now = book.clock.now_microseconds
    passed = [0]

    def go_to(day: int, days: HistoryDays = YEAR) -> None:
        while passed[0] < day:
            passed[0] = min(passed[0] + 14, day)
            monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda: now + passed[0] * DAY_US))
            Housekeeping(book.store, book.clock, days).work(60_000)

    yield go_to
    assert tampered(book) == []


def tampered(book: Book) -> list[str]:
    """What verification finds, but for checkpoints, which nobody makes here."""
    return [finding for finding in findings(book.store) if not finding.startswith("INCOMPLETE")]


def is_on_sqlite(book: Book) -> bool:
    return book.store.engine.dialect.name == "sqlite"


def decisions_of(book: Book) -> list[str]:
    return [row["decision_id"] for row in book.rows("decision")]


def decisions(book: Book) -> DecisionService:
    return DecisionService(book.store, load_policies())


def test_decisions_are_let_go_when_their_days_are_over_and_their_loans_stay(book, at_day):
    customer = book.register()
    first = book.lend(customer.customer_id, LAKH)
    at_day(100)
    second = book.lend(customer.customer_id, LAKH)
    at_day(360)
    assert len(decisions_of(book)) == 2
    # PostgreSQL removes months, of which the first lasts until the end of the one behind.
    at_day(365 + 62)
    assert decisions_of(book) == [second.decision_id]
    with pytest.raises(DecisionNotFound):
        decisions(book).get(first.decision_id)
    with book.store.read() as tx:
        assert tx.loans.get(first.loan.loan_id) == first.loan
    at_day(365 + 100 + 31)
    assert decisions_of(book) == []
    with book.store.read() as tx:
        assert sum(group.decisions for group in tx.statistics.decisions(book.clock.today())) == 2


def test_decisions_are_let_go_once_the_summary_has_them_in_its_sums(book, at_day, monkeypatch):
    monkeypatch.setattr(DailySums, "add_some", lambda _sums: False)
    book.lend(book.register().customer_id, LAKH)
    at_day(365 + 90)
    assert len(decisions_of(book)) == 1


def test_decisions_are_kept_as_long_as_nobody_says_otherwise(book, at_day):
    book.lend(book.register().customer_id, LAKH)
    at_day(800, HistoryDays())
    assert len(decisions_of(book)) == 1


def test_decision_that_the_retention_has_not_let_go_is_missed(book, at_day):
    customer = book.register()
    book.lend(customer.customer_id, LAKH)
    at_day(365 + 62)
    book.lend(customer.customer_id, LAKH)
    [cut] = book.rows("decision_cut")
    edit(book.store, "CREATE TABLE kept AS SELECT * FROM decision", "DELETE FROM decision")
    [finding] = tampered(book)
    assert finding.startswith("TAMPERED decision ")
    assert finding.endswith("was removed from the book without an event")
    # Whoever moves the cut to hide that is found out by the cut.
    edit(book.store, "UPDATE decision_cut SET decision_id = 'ffffffff'")
    assert tampered(book) == ["TAMPERED decision_cut 1: was changed without an event"]
    columns = ", ".join(column.name for column in decision.c)
    edit(
        book.store,
        f"UPDATE decision_cut SET decision_id = '{cut['decision_id']}'",  # noqa: S608 - an id of our own
        f"INSERT INTO decision ({columns}) SELECT {columns} FROM kept",  # noqa: S608 - names of our own
    )


def test_answers_are_repeated_until_their_requests_are_forgotten(book, at_day):
    names = ("first", "second", "third")
    for day, name in zip((0, 30, 60), names, strict=True):
        at_day(day)
        made = IdempotencyRecord(name, "f", name.encode(), book.clock.now_microseconds())
        book.store.write(lambda tx, made=made: tx.write(Changes(idempotency_records=[made])))

    def answers() -> dict[str, bytes]:
        found = book.store.write(lambda tx: tx.idempotency.get_many([("", name) for name in names]))
        return {request_id: record.answer for (_, request_id), record in found.items()}

    at_day(89)
    assert answers() == {name: name.encode() for name in names}
    at_day(91)
    assert [*answers()] == ["second", "third"]
    at_day(121)
    assert answers() == {"third": b"third"}
    # The last week of answers may be there a while longer on PostgreSQL.
    at_day(165)
    assert answers() == {}
    assert book.rows("idempotency_record") == book.rows("idempotency_answer") == []


def test_answer_that_stands_with_its_record_is_repeated(book):
    """As answers of before there was a table for them do."""
    with book.store.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO idempotency_record VALUES ('r', 'f', :answer, 1, 'branch-pune')"), {"answer": b"inline"}
        )
    found = book.store.write(lambda tx: tx.idempotency.get_many([("branch-pune", "r"), ("", "r")]))
    assert found == {("branch-pune", "r"): IdempotencyRecord("r", "f", b"inline", 1, "branch-pune")}


def test_record_without_its_answer_is_never_taken_for_a_new_request(book):
    record = IdempotencyRecord("r", "f", b"answer", 1)
    book.store.write(lambda tx: tx.write(Changes(idempotency_records=[record])))
    with book.store.engine.begin() as connection:
        connection.execute(text("DELETE FROM idempotency_answer"))
        connection.execute(text("UPDATE idempotency_record SET answer = NULL"))
    with pytest.raises(LookupError, match="the answer to the request r is gone"):
        book.store.write(lambda tx: tx.idempotency.get_many([("", "r")]))


def run(capsys, book: Book, *arguments: str) -> tuple[int, str, str]:
    url = book.store.engine.url.render_as_string(hide_password=False)
    code = COMMANDS["retention"]([*arguments, "--database-url", url.replace("+almeno", "")], {})
    return code, *capsys.readouterr()


def test_command_shows_what_is_kept_for_how_long(book, capsys):
    book.lend(book.register().customer_id, LAKH)
    code, shown, _ = run(capsys, book, "show", "--decision-days", "2922")
    assert code == 0
    assert "decision: kept for 2922 days\n" in shown
    assert "idempotency_answer: kept for 90 days\n" in shown
    assert ("decision_first: from the beginning to before 20" in shown) is not is_on_sqlite(book)
    code, shown, _ = run(capsys, book, "show", "--json")
    lines = list(map(json.loads, shown.splitlines()))
    assert {"table": "audit_event", "days": 2922} in lines
    assert (len(lines) > 4) is not is_on_sqlite(book)


def test_command_lets_go_what_is_older(book, at_day, capsys):
    customer = book.register()
    book.lend(customer.customer_id, LAKH)
    at_day(100, HistoryDays())
    kept = book.lend(customer.customer_id, LAKH)
    at_day(230, HistoryDays())
    assert run(capsys, book, "apply", "--decision-days", "365")[:2] == (0, "")
    code, shown, _ = run(capsys, book, "apply", "--decision-days", "150")
    assert code == 0
    assert ("dropped decision_first\n" in shown) is not is_on_sqlite(book)
    assert decisions_of(book) == [kept.decision_id]


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_month_of_decisions_is_detached_and_replays_when_it_is_attached_again(book, at_day, capsys):
    customer = book.register()
    before = [book.lend(customer.customer_id, LAKH).decision_id for _ in range(3)]
    at_day(100, HistoryDays())
    kept = book.lend(customer.customer_id, LAKH).decision_id
    at_day(230, HistoryDays())
    code, shown, _ = run(capsys, book, "apply", "--decision-days", "150", "--detach")
    assert code == 0
    assert "detached decision_first\n" in shown
    assert decisions_of(book) == [kept]
    assert [row["decision_id"] for row in book.rows("decision_first")] == before
    assert tampered(book) == []
    assert ", detached\n" in run(capsys, book, "show")[1]
    assert run(capsys, book, "attach", "decision_first")[:2] == (0, "attached decision_first\n")
    assert decisions_of(book) == [*before, kept]
    for each in before:
        assert decisions(book).replay(each).matches
    assert tampered(book) == []
    # And what was changed meanwhile is found out.
    edit(book.store, "UPDATE decision_first SET credit_score = credit_score - 1")
    assert len(tampered(book)) == 3
    edit(book.store, "UPDATE decision_first SET credit_score = credit_score + 1")
    code, _, said = run(capsys, book, "attach", "decision_first")
    assert (code, said) == (2, "almeno-server: there is no table decision_first that was detached\n")


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_month_that_was_attached_again_stays_until_somebody_asks_for_its_end(book, at_day, capsys):
    customer = book.register()
    before = book.lend(customer.customer_id, LAKH).decision_id
    at_day(230, HistoryDays())
    asked = ("apply", "--decision-days", "150", "--detach")
    assert run(capsys, book, *asked)[0] == 0
    assert run(capsys, book, "attach", "decision_first")[0] == 0
    at_day(260, HistoryDays(decisions=150))
    assert decisions_of(book) == [before]
    code, shown, _ = run(capsys, book, *asked)
    assert (code, "detached decision_first\n" in shown) == (0, True)
    assert run(capsys, book, "drop", "decision_first")[:2] == (0, "dropped decision_first\n")
    code, _, said = run(capsys, book, "drop", "decision_first")
    assert (code, said) == (2, "almeno-server: there is no table decision_first that was detached\n")
    assert decisions_of(book) == []


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_command_tells_what_is_in_use(book, at_day, admin, capsys):
    book.lend(book.register().customer_id, LAKH)
    at_day(230, HistoryDays())
    admin.execute("BEGIN; LOCK TABLE decision IN ACCESS SHARE MODE")
    code, shown, _ = run(capsys, book, "apply", "--decision-days", "150")
    assert code == 1
    assert "left decision_first: in use, or not added up yet\n" in shown
    admin.execute("COMMIT")
    assert "dropped decision_first\n" in run(capsys, book, "apply", "--decision-days", "150")[1]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_command_detaches_nothing_on_sqlite_and_deletes_nothing_instead(book, at_day, capsys):
    book.lend(book.register().customer_id, LAKH)
    at_day(230, HistoryDays())
    code, _, said = run(capsys, book, "apply", "--decision-days", "150", "--detach")
    assert (code, said.startswith("almeno-server: SQLite has no partitions to detach")) == (2, True)
    assert len(decisions_of(book)) == 1


def test_request_that_came_again_while_it_was_forgotten_is_remembered(book):
    record = IdempotencyRecord("r", "f", b"first", 1)
    book.store.write(lambda tx: tx.write(Changes(idempotency_records=[record])))
    with book.store.read() as tx:
        [(key, _)] = tx.idempotency.create_times(None, 10)
    book.store.write(lambda tx: tx.idempotency.forget([key], before=5))
    again = record._replace(answer=b"second", create_time=7)
    book.store.write(lambda tx: tx.write(Changes(idempotency_records=[again])))
    book.store.write(lambda tx: tx.idempotency.forget([key], before=5))
    assert book.store.write(lambda tx: tx.idempotency.get_many([("", "r")])) == {("", "r"): again}


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_calls_wait_for_no_partition_that_is_made_or_removed_while_its_table_is_in_use(book, at_day):
    book.lend(book.register().customer_id, LAKH)
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        with book.store.read() as tx:
            tx.decisions.page(1, "", 1)
            reading.set()
            done.wait()

    at_day(365 + 50, HistoryDays())
    reader = threading.Thread(target=read)
    reader.start()
    reading.wait()
    customer = book.register()
    removed: list[bool] = []
    remover = threading.Thread(
        target=lambda: removed.extend(
            book.store.write(lambda tx: tx.decisions.remove(book.clock.now_microseconds(), 1)) for _ in range(3)
        )
    )
    try:
        began = time.monotonic()
        remover.start()
        while remover.is_alive():
            book.lend(customer.customer_id, LAKH)
        assert time.monotonic() - began < 3
    finally:
        done.set()
        reader.join()
        remover.join()
    assert removed == [False] * 3
    assert len(decisions_of(book)) > 1
    assert book.rows("decision_cut") == []


PARTITIONS_WITH_ROWS = "SELECT DISTINCT tableoid::regclass::text FROM {}"


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_rows_of_now_and_of_the_months_to_come_have_partitions(book, at_day, admin):
    for day in (0, 13, 45, 80, 400):
        at_day(day, HistoryDays(requests=1_000, events=1_000))
        book.lend(book.register().customer_id, LAKH, request_id=f"0199fdc8-0000-7000-8000-{day:012}")
    places = {
        table: [name for (name,) in admin.execute(PARTITIONS_WITH_ROWS.format(table)).fetchall()]
        for table in ("decision", "idempotency_answer", "audit_event", "change_event", "repayment")
    }
    assert len(places["decision"]) >= 3
    assert len(places["change_event"]) >= 2
    assert [name for names in places.values() for name in names if name.endswith("_default")] == []


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_row_that_no_partition_is_made_for_is_taken_all_the_same(book, monkeypatch):
    booked = book.lend(book.register().customer_id, LAKH)
    now = book.clock.now_microseconds()
    monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda: now + 300 * DAY_US))
    late = book.lend(book.register().customer_id, LAKH)
    assert [row["decision_id"] for row in book.rows("decision_default")] == [late.decision_id]
    assert decisions(book).get(late.decision_id).decision == late.decision
    # Where they are, no other partition comes; behind them there are some again.
    prepare(book)
    assert decisions_of(book) == [booked.decision_id, late.decision_id]
    monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda: now + 340 * DAY_US))
    prepare(book)
    later = book.lend(book.register().customer_id, LAKH)
    assert [row["decision_id"] for row in book.rows("decision_default")] == [late.decision_id]
    # And they are let go as the others are.
    monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda: now + 700 * DAY_US))
    Housekeeping(book.store, book.clock, YEAR).work(60_000)
    assert decisions_of(book) == [later.decision_id]
    assert book.rows("decision_default") == []
    assert tampered(book) == []


def prepare(book: Book) -> None:
    """Makes partitions as each start does."""
    while book.store.write(lambda tx: tx.prepare_partitions(book.clock.now_microseconds())):
        pass


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_event_of_a_clock_that_was_behind_takes_no_other_from_who_follows(book, at_day, monkeypatch):
    book.register()
    at_day(40, HistoryDays(events=30))
    kept = [book.register().customer_id]
    now = book.clock.now_microseconds()
    monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda: now - 200 * DAY_US))
    kept.append(book.register().customer_id)
    monkeypatch.setattr(Clock, "now_microseconds", staticmethod(lambda: now))
    kept.append(book.register().customer_id)
    at_day(56, HistoryDays(events=30))
    assert [event.customer_id for event in ChangeEventService(book.store).page(1, 10).events] == kept


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_servers_that_start_together_make_partitions_one_after_the_other(book, at_day, open_store):
    at_day(0)
    for name in [each.name for each in book.store.partitions() if not each.name.endswith("_first")]:
        with book.store.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE {name}")
    stores = [open_store() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(SqlStore.migrate, stores))
    assert len(book.store.partitions()) > 8


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_month_of_audit_events_goes_when_all_of_them_were_removed(book, at_day):
    book.register()
    keeper = AuditUpkeep(book.store, book.clock, Retention(write_days=30, read_days=30))
    there = {each.name for each in book.store.partitions()}
    at_day(60)
    keeper.remove_expired()
    assert "audit_event_first" in {each.name for each in book.store.partitions()}
    at_day(100)
    while keeper.remove_expired():
        pass
    gone = there - {each.name for each in book.store.partitions()}
    assert "audit_event_first" in gone


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_partition_is_as_append_only_as_its_table(book, at_day, admin):
    book.repay(book.lend(book.register().customer_id, LAKH).loan.loan_id, 1_000_00)
    at_day(30)
    names = admin.execute(
        "SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits i JOIN pg_class c"
        " ON c.oid = i.inhparent WHERE c.relkind = 'p'"
    ).fetchall()
    assert len(names) > 15
    for partition, table in names:
        changes = {
            "repayment": ("UPDATE {} SET amount_paise = 1", "DELETE FROM {}", "TRUNCATE {} CASCADE"),
            "change_event": ("UPDATE {} SET kind = 1", "TRUNCATE {}"),
            "audit_event": ("UPDATE {} SET kind = 1", "TRUNCATE {}"),
        }.get(table, ())
        for change in changes:
            for name in (partition, table):
                with pytest.raises(Exception, match="is never changed"):
                    admin.execute(change.format(name))
