"""What is kept for how long: answers to requests, and the issues of imports."""

import pytest
from sqlalchemy import text
from support.book import book_customer

from almeno_grpc.domain.imports import ImportState, IssueOutcome, RowIssue
from almeno_grpc.service import housekeeping
from almeno_grpc.service.housekeeping import HistoryDays, Housekeeping
from almeno_grpc.storage import imports as stored_imports

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    monkeypatch.setattr(housekeeping, "_ROWS_PER_STEP", 3)


def remember(book, days_ago: dict[str, int]) -> None:
    """Has the book remember requests, some of them of long ago."""
    now = book.clock.now_microseconds()
    with book.store.engine.begin() as connection:
        for request_id, days in days_ago.items():
            connection.execute(
                text(
                    "INSERT INTO idempotency_record (request_id, fingerprint, answer, create_time_us)"
                    " VALUES (:request_id, 'f', :answer, :time)"
                ),
                {"request_id": request_id, "answer": b"a", "time": now - days * DAY_US},
            )


def remembered(book) -> list[str]:
    return [row["request_id"] for row in book.rows("idempotency_record")]


def test_answers_are_remembered_for_so_many_days_and_then_forgotten(book):
    remember(book, {f"{number:02}": 29 + number % 3 for number in range(20)})
    Housekeeping(book.store, book.clock, HistoryDays(requests=30, events=90)).work(60_000)
    assert remembered(book) == [f"{number:02}" for number in range(20) if number % 3 == 0]


def test_space_is_given_back_step_by_step(book, monkeypatch):
    steps = [True, True, False]
    monkeypatch.setattr(book.store, "return_space", lambda: steps.pop(0))
    Housekeeping(book.store, book.clock, HistoryDays(requests=30, events=90)).work(60_000)
    assert steps == []


def test_a_round_is_made_once_a_day_and_goes_on_where_it_was(book, monkeypatch):
    times = [0]
    monkeypatch.setattr(housekeeping, "_milliseconds", lambda: times[0])
    remember(book, dict.fromkeys("abcdefgh", 91))
    keeper = Housekeeping(book.store, book.clock, HistoryDays(requests=90, events=90))
    while len(remembered(book)) == 8:
        keeper.work(0)
    assert remembered(book) == [*"defgh"]
    for _ in range(10):
        keeper.work(0)
    assert remembered(book) == []
    remember(book, {"late": 91})
    for hours, left in ((1, ["late"]), (24, [])):
        times[0] = hours * 3_600_000
        for _ in range(10):
            keeper.work(0)
        assert remembered(book) == left


def with_issues(book, count: int):
    """An import of a row with an issue each, ended now."""
    rows = [book_customer(number) for number in range(1, count + 1)]
    file = book.upsert(rows, [RowIssue(row.row_number, IssueOutcome.ADJUSTED, "Age", "as a test") for row in rows], 4)
    book.store.write(lambda tx: tx.imports.end(file.queue_number, ImportState.CANCELLED, book.clock.now_microseconds()))
    return book.imports.get(file.import_id)


@pytest.mark.parametrize(("days", "left"), [(89, 10), (91, 0)])
def test_issues_are_kept_for_ninety_days_after_the_end_of_their_import(book, days, left):
    file, running = with_issues(book, 10), book.upsert([book_customer(1)], [RowIssue(2, IssueOutcome.ADJUSTED, "", "")])
    Housekeeping(book.store, Later(book.clock, days), HistoryDays(requests=90, events=90)).work(60_000)
    assert len(book.issues(file)) == left
    assert len(book.issues(running)) == 1
    assert book.imports.get(file.import_id).issues_total == 10


class Later:
    """The clock of a day to come."""

    def __init__(self, clock, days):
        self._clock, self._days = clock, days

    def now_microseconds(self):
        return self._clock.now_microseconds() + self._days * DAY_US


def test_of_an_import_the_first_issues_are_kept_and_all_are_counted(book, monkeypatch):
    monkeypatch.setattr(stored_imports, "MAX_ISSUES", 6)
    file = with_issues(book, 10)
    assert file.issues_total == file.rows.adjusted == 10
    assert [issue[0] for issue in book.issues(file)] == [2, 3, 4, 5, 6, 7]
