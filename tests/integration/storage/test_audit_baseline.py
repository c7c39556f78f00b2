"""A book from before the audit trail is vouched for while servers change it."""

import pytest
from support.audit_trail import NOT_VOUCHED_FOR, edit, findings, upkeep, write_baseline
from support.book import LAKH, Book
from support.schemas import write_book_of_0_1_0

from almeno_grpc.commands import COMMANDS
from almeno_grpc.domain.errors import StoreUnavailable, WriteConflict
from almeno_grpc.service import audit_baseline
from almeno_grpc.service.audit_baseline import AuditBaseline
from almeno_grpc.service.audit_upkeep import Retention

CHANGES, MAX_STEPS = 6, 100
"""Each change adds rows, and a step is of two."""


@pytest.fixture
def upgraded(empty, clock, monkeypatch):
    """A book of version 0.1.0 that was upgraded: three customers and their loans, with decisions and a repayment."""
    monkeypatch.setattr(audit_baseline, "_ROWS_PER_STEP", 2)
    empty.migrate("0201")
    write_book_of_0_1_0(empty.engine)
    empty.engine.dispose()
    empty.migrate()
    book = Book(empty, clock)
    yield book
    book.close()


@pytest.fixture
def baseline(upgraded):
    return AuditBaseline(upgraded.store, upgraded.clock)


def change_everything(book: Book, number: int) -> None:
    """A change of a customer and of loans from before, and new ones."""
    book.update(7 + number % 3, last_name=f"Iyer {'I' * number}")
    book.repay(101 + number % 3, 1_000_00)
    book.lend(book.register().customer_id, LAKH)


def test_rows_that_are_changed_before_during_and_after_the_baseline_are_vouched_for_as_they_were(upgraded, baseline):
    for number in range(MAX_STEPS):
        if number < CHANGES:
            change_everything(upgraded, number)
        baseline.step()
        if baseline.is_over:
            break
        for finding in findings(upgraded.store):
            assert finding.startswith("INCOMPLETE baseline: ")
            assert finding.endswith(NOT_VOUCHED_FOR)
    assert number > CHANGES
    change_everything(upgraded, number)
    assert findings(upgraded.store) == []
    assert upgraded.rows("audit_baseline") == []
    edit(upgraded.store, "UPDATE loan SET monthly_installment_paise = 1 WHERE loan_id = 101")
    assert findings(upgraded.store) == ["TAMPERED loan 7/101: was changed without an event"]


def test_baseline_that_was_interrupted_at_each_step_goes_on_behind_it(upgraded):
    for number in range(MAX_STEPS):
        if number < CHANGES:
            change_everything(upgraded, number)
        baseline = AuditBaseline(upgraded.store, upgraded.clock)
        baseline.step()
        if baseline.is_over:
            break
    assert baseline.is_over
    assert findings(upgraded.store) == []


@pytest.mark.parametrize("room", [3, 4, 5, 8])
def test_changes_for_which_there_is_no_room_are_read_again(upgraded, baseline, monkeypatch, room):
    monkeypatch.setattr(audit_baseline, "_MAX_CHANGED_ROWS", room)
    for number in range(3):
        change_everything(upgraded, number)
    for _ in range(MAX_STEPS):
        baseline.step()
        assert len(baseline._changed) <= room
    assert baseline.is_over
    assert findings(upgraded.store) == []


def test_two_that_write_the_baseline_at_once_do_not_vouch_twice(upgraded, baseline):
    other = AuditBaseline(upgraded.store, upgraded.clock)
    write = upgraded.store.write

    def meet(work, **options):
        upgraded.store.write = write
        other.step()
        return write(work, **options)

    upgraded.store.write = meet
    with pytest.raises(WriteConflict, match="baseline"):
        baseline.step()
    while not baseline.is_over:
        baseline.step()
    assert findings(upgraded.store) == []


def test_row_that_was_changed_behind_the_trail_is_not_vouched_for_by_setting_the_baseline_back(upgraded):
    write_baseline(upgraded.store)
    nothing = "zeroblob(0)" if upgraded.store.engine.dialect.name == "sqlite" else "''"
    edit(
        upgraded.store,
        "UPDATE customer SET approved_limit_paise = 900000000 WHERE customer_id = 7",
        f"INSERT INTO audit_baseline VALUES (1, 11, {nothing})",  # noqa: S608 - of our own
    )
    assert "TAMPERED audit_baseline 1: is in the book without an event" in findings(upgraded.store)
    write_baseline(upgraded.store)
    found = findings(upgraded.store)
    assert "TAMPERED audit_baseline 1: was removed from the book without an event" in found
    assert "TAMPERED customer 7: was changed without an event" in found


def test_upkeep_writes_the_baseline_before_it_removes_what_is_old(upgraded):
    keeper = upkeep(upgraded, retention=Retention(write_days=0, read_days=0))
    change_everything(upgraded, 0)
    for _ in range(40):
        keeper.run_due()
    assert upgraded.rows("audit_baseline") == []
    assert findings(upgraded.store) == []
    assert upgraded.rows("audit_cut") != []


def test_upkeep_leaves_the_baseline_for_a_while_when_the_database_could_not_be_used(upgraded, monkeypatch):
    times = [0]
    keeper = upkeep(upgraded, monotonic=lambda: times[0])
    keeper.run_due()

    def fail(_baseline):
        raise StoreUnavailable("the database cannot take the request at the moment")

    with monkeypatch.context() as failing:
        failing.setattr(AuditBaseline, "step", fail)
        keeper.run_due()
    place = upgraded.rows("audit_baseline")
    keeper.run_due()
    assert upgraded.rows("audit_baseline") == place
    times[0] += 60 * 10**9
    for _ in range(40):
        keeper.run_due()
    assert upgraded.rows("audit_baseline") == []


def test_nobody_removes_events_before_the_baseline_is_written(upgraded):
    keeper = upkeep(upgraded, retention=Retention(write_days=0, read_days=0))
    change_everything(upgraded, 0)
    assert not keeper.remove_expired()
    assert upgraded.rows("audit_cut") == []
    write_baseline(upgraded.store)
    assert keeper.remove_expired()


def test_upkeep_outlasts_an_event_that_nobody_can_read(upgraded):
    keeper = upkeep(upgraded)
    keeper.run_due()
    change_everything(upgraded, 0)
    nothing = "x'c1'" if upgraded.store.engine.dialect.name == "sqlite" else "'\\xc1'"
    edit(upgraded.store, f"UPDATE audit_event SET rows = {nothing}")  # noqa: S608 - of our own
    keeper.run_due()
    assert upgraded.rows("audit_baseline") != []


def test_command_says_that_a_book_which_is_not_vouched_for_yet_is_incomplete(upgraded, capsys):
    engine = upgraded.store.engine
    name = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
    url = engine.url.set(drivername=name).render_as_string(hide_password=False)
    arguments = ["verify", "--database-url", url]
    assert COMMANDS["audit"](arguments, {}) == 10
    write_baseline(upgraded.store)
    assert COMMANDS["audit"](arguments, {}) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("clean: ")
