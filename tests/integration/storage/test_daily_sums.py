"""A summary of the book from sums kept a day: the same as a count of all rows, whatever was added up, and when."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import delete
from support.dated_history import DAY_US, HOUR_US, ClockAt, DatedHistory
from support.trials import SUM_TRIALS

from almeno_grpc.domain.decision import DecisionReason
from almeno_grpc.domain.errors import WriteConflict
from almeno_grpc.service import daily_sums as upkeep
from almeno_grpc.service.daily_sums import DailySums
from almeno_grpc.service.housekeeping import Housekeeping
from almeno_grpc.service.store import SumSource
from almeno_grpc.storage import daily_sums as stored
from almeno_grpc.storage.ranges import Ranges
from almeno_grpc.storage.tables import decision

TODAY = date(2026, 4, 10)
NOW = 1_775_800_000_000_000
REASONS = ("", "", "CREDIT_SCORE_TOO_LOW", "LOAN_EXCEEDS_LIMIT,EMI_BURDEN_TOO_HIGH")


@pytest.fixture
def history(with_customers, rows_of):
    with_customers.upsert([rows_of.loan(1, 1)])
    return DatedHistory(with_customers.store)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    monkeypatch.setattr(upkeep, "_ROWS_PER_STEP", 3)
    monkeypatch.setattr(stored, "ROWS_PER_STATEMENT", 4)


def add_up(store, now_us: int, steps: int = 10_000) -> None:
    """Lets a server add up, by its clock, until it has no more to do or for so many steps."""
    sums = DailySums(store, ClockAt(now_us))
    while steps and sums.add_some():
        steps -= 1


def summary(store, on: date):
    with store.read() as tx:
        groups = list(tx.statistics.decisions(on)), list(tx.statistics.repayments(on))
    found = tuple(map(set, groups))
    assert [len(each) for each in groups] == [len(each) for each in found]
    return found


def sums_of(store) -> list[tuple]:
    with store.engine.connect() as connection:
        return connection.exec_driver_sql("SELECT * FROM daily_sum ORDER BY name, day, label").all()


def some_history(history: DatedHistory) -> None:
    """Twelve decisions and ten repayments, of an hour each, of which four are reversed."""
    for number in range(12):
        history.decide(NOW + number * HOUR_US, TODAY + timedelta(days=number // 6), REASONS[number % 4])
    for number in range(10):
        history.repay(NOW + number * HOUR_US, TODAY + timedelta(days=number // 4), 1_000 + number)
    for number in (1, 2, 3, 7):
        history.reverse(NOW + 12 * HOUR_US, number)


@pytest.mark.parametrize("seed", range(SUM_TRIALS))
def test_summary_is_the_count_of_all_rows_whatever_was_added_up_and_when(history, seed):
    random, now = Random(seed), NOW
    added_up = compared = 0
    for _ in range(120):
        now += random.choice([0, 0, 300, 1_000, HOUR_US, 5 * HOUR_US, 30 * HOUR_US])
        on = TODAY + timedelta(days=random.randint(-3, 3))
        step = random.choice(["decide", "decide", "repay", "repay", "reverse", "add up", "compare"])
        if step == "decide":
            history.decide(now, on, random.choice(REASONS))
        elif step == "repay":
            history.repay(now, on, random.randint(0, 2) * 10**13 + random.randint(1, 9))
        elif step == "reverse" and history.standing:
            history.reverse(now, random.choice(history.standing))
        elif step == "add up":
            # The clock of the server that adds up may be ahead of that of the one that books.
            add_up(history.store, now + random.choice([0, 20 * HOUR_US]), random.randint(1, 4))
            added_up += len(sums_of(history.store)) > 0
        elif step == "compare":
            compared += 1
            assert summary(history.store, on) == (history.decisions(on), history.repaid(on))
    assert added_up
    assert compared
    add_up(history.store, now + 2 * DAY_US)
    assert summary(history.store, date.max) == (history.decisions(date.max), history.repaid(date.max))


def test_day_of_which_all_repayments_are_reversed_is_in_no_summary(history):
    for on, amount in ((TODAY, 500), (TODAY, 700), (TODAY + timedelta(days=1), 900)):
        history.repay(NOW, on, amount)
    for number in (1, 2):
        history.reverse(NOW + HOUR_US, number)
    for now in (NOW, NOW + 2 * DAY_US):
        add_up(history.store, now)
        assert summary(history.store, date.max)[1] == {(TODAY + timedelta(days=1), 1, 900)}


def test_rows_of_the_last_day_are_not_added_up(history):
    some_history(history)
    add_up(history.store, NOW + DAY_US - 1_000)
    assert sums_of(history.store) == []
    add_up(history.store, NOW + DAY_US + 5 * HOUR_US + 1_000)
    assert sum(row[3] for row in sums_of(history.store) if row[0] == "DECISIONS") == 6
    assert sum(row[3] for row in sums_of(history.store) if row[0] == "REPAYMENTS") == 6


def test_what_was_added_up_is_told_to_who_removes_decisions(history):
    some_history(history)
    with history.store.read() as tx:
        assert {tx.daily_sums.place(source) for source in SumSource} == {""}
    add_up(history.store, NOW + DAY_US + 5 * HOUR_US + 1_000)
    with history.store.read() as tx, history.store.engine.connect() as connection:
        place = tx.daily_sums.place(SumSource.DECISIONS)
        ids = connection.exec_driver_sql("SELECT decision_id FROM decision ORDER BY decision_id").scalars().all()
    assert ids.index(place) == 5


def test_decisions_that_were_removed_stay_in_the_summary(history):
    some_history(history)
    before = summary(history.store, date.max)
    add_up(history.store, NOW + DAY_US + 7 * HOUR_US + 1_000, steps=2)
    with history.store.read() as tx:
        place = tx.daily_sums.place(SumSource.DECISIONS)
    with history.store.engine.begin() as connection:
        assert connection.execute(delete(decision).where(decision.c.decision_id <= place)).rowcount == 6
    assert summary(history.store, date.max) == before
    add_up(history.store, NOW + 3 * DAY_US)
    assert summary(history.store, date.max) == before


def test_step_that_does_not_come_to_its_end_counts_nothing(history, monkeypatch):
    some_history(history)
    before = summary(history.store, date.max)
    add = stored.DailySums.add

    def add_and_fail(sums, summed):
        add(sums, summed)
        raise RuntimeError("the power is gone")

    for steps in range(4):
        add_up(history.store, NOW + 3 * DAY_US, steps)
        with monkeypatch.context() as patch:
            patch.setattr(stored.DailySums, "add", add_and_fail)
            with pytest.raises(RuntimeError, match="power"):
                add_up(history.store, NOW + 3 * DAY_US, 1)
        assert summary(history.store, date.max) == before
    add_up(history.store, NOW + 3 * DAY_US)
    assert summary(history.store, date.max) == before


def test_range_that_another_server_has_added_is_refused(history, open_store):
    some_history(history)
    ranges = []
    for store in (history.store, open_store()):
        with store.read() as tx:
            ranges.append(tx.daily_sums.next_range(SumSource.DECISIONS, NOW + DAY_US, 3))
    history.store.write(lambda tx: tx.daily_sums.add(ranges[0]))
    before = sums_of(history.store)
    with pytest.raises(WriteConflict, match="another server has added up decisions"):
        history.store.write(lambda tx: tx.daily_sums.add(ranges[1]), max_attempts=1)
    assert sums_of(history.store) == before


def test_servers_that_add_up_at_the_same_time_count_everything_once(history, open_store, monkeypatch):
    monkeypatch.setattr(upkeep, "_ROWS_PER_STEP", 1)
    some_history(history)
    stores = [history.store, open_store(), open_store()]
    with ThreadPoolExecutor(len(stores)) as pool:
        for done in [pool.submit(add_up, store, NOW + 3 * DAY_US) for store in stores]:
            done.result()
    assert summary(history.store, date.max) == (history.decisions(date.max), history.repaid(date.max))
    with history.store.engine.begin() as connection:
        connection.execute(delete(decision))
    assert sum(group.decisions for group in summary(history.store, date.max)[0]) == 12


def test_who_keeps_house_adds_up_and_looks_again_after_a_while(history, monkeypatch):
    times = [0]
    monkeypatch.setattr(upkeep, "_milliseconds", lambda: times[0])
    some_history(history)
    clock = ClockAt(NOW + 3 * DAY_US)
    keeper = Housekeeping(history.store, clock)
    keeper.work(60_000)
    assert sum(row[3] for row in sums_of(history.store)) == 12 + 10 - 4
    history.decide(NOW + DAY_US, TODAY, "CREDIT_SCORE_TOO_LOW")
    for minutes, decisions in ((9, 12), (10, 13)):
        times[0] = minutes * 60_000
        keeper.work(60_000)
        assert sum(row[3] for row in sums_of(history.store) if row[0] == "DECISIONS") == decisions


def test_no_statement_of_a_summary_reads_more_than_some_rows(history, monkeypatch):
    some_history(history)
    read, rows = [], Ranges.rows

    def noted(ranges, connection, after, last, *parameters):
        found = rows(ranges, connection, after, last, *parameters)
        read.append(sum(row[2] for row in found))
        return found

    monkeypatch.setattr(Ranges, "rows", noted)
    decisions, _ = summary(history.store, date.max)
    # Reversals of the same time are not divided.
    assert read == [4, 4, 4, 4, 4, 2, -4]
    assert {group.reasons for group in decisions} == {
        (),
        (DecisionReason.CREDIT_SCORE_TOO_LOW,),
        (DecisionReason.LOAN_EXCEEDS_LIMIT, DecisionReason.EMI_BURDEN_TOO_HIGH),
    }
