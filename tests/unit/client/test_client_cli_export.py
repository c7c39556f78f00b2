"""`almeno export`: what it writes, what it says, what it refuses."""

import csv
import json
import os
import signal
import threading

import grpc
import pytest
from almeno_client.cli.termination import unwind_at_termination
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from support.credit_messages import loan, rupees
from support.interrupts import almeno_interrupted_while_waiting

from almeno_grpc.api import export_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio

JANUARY = Date(year=2026, month=1, day=31)


def loan_stream(*loans):
    since = Timestamp(seconds=1_780_000_000)
    yield portfolio.ExportLoansResponse(
        progress=export_pb2.ExportProgress(loans_total=len(loans), next_changed_since=since)
    )
    for each in loans:
        yield portfolio.ExportLoansResponse(
            loan=export_pb2.ExportedLoan(
                loan=each,
                as_of=JANUARY,
                overdue_amount=rupees(0),
                accrued_interest=rupees(12),
                open_charges=rupees(0),
                payoff_amount=rupees(99),
            )
        )


def journal_stream(*_):
    lines = [
        export_pb2.JournalLine(account=1, debit=rupees(500), credit=rupees(0)),
        export_pb2.JournalLine(account=4, debit=rupees(0), credit=rupees(500)),
    ]
    yield portfolio.ExportJournalResponse(progress=export_pb2.ExportProgress(loans_total=1))
    yield portfolio.ExportJournalResponse(
        entry=export_pb2.JournalEntry(
            entry_id="5-disbursement", entry_date=JANUARY, loan_id=5, customer_id=1, kind=2, lines=lines
        )
    )


@pytest.fixture
def loans(service):
    service.answers("ExportLoans", lambda *_: loan_stream(loan()))
    return service


def rows_of(file):
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_loans_are_written_under_the_headings_of_the_book(almeno, loans, tmp_path):
    file = tmp_path / "book.csv"
    result = almeno("export", str(file))
    assert result.exit_code == 0, result.output
    assert "1 loan is in" in result.stdout
    assert "--changed-since 2026-05-28T20:26:40Z" in result.stdout
    [row] = rows_of(file)
    assert (row["Customer ID"], row["Payoff"], row["As of"]) == (str(loan().customer_id), "99.00", "2026-01-31")
    assert loans.requests["ExportLoans"] == [portfolio.ExportLoansRequest()]


def test_day_and_instant_are_sent(almeno, loans, tmp_path):
    arguments = ("--as-of", "2026-01-31", "--changed-since", "2026-05-28T20:26:40Z", "--json")
    result = almeno("export", str(tmp_path / "book.xlsx"), *arguments)
    assert json.loads(result.stdout) == {
        "file": str(tmp_path / "book.xlsx"),
        "loans": 1,
        "next_changed_since": "2026-05-28T20:26:40Z",
    }
    expected = portfolio.ExportLoansRequest(as_of=JANUARY, changed_since=Timestamp(seconds=1_780_000_000))
    assert loans.requests["ExportLoans"] == [expected]


def test_journal_is_written_a_row_a_line(almeno, service, tmp_path):
    service.answers("ExportJournal", journal_stream)
    file = tmp_path / "journal.csv"
    result = almeno("export", str(file), "--journal", "--from", "2026-01-31", "--to", "2026-01-31")
    assert result.exit_code == 0, result.output
    assert [(row["Entry ID"], row["Account"], row["Debit"], row["Credit"]) for row in rows_of(file)] == [
        ("5-disbursement", "LOANS", "500.00", "0.00"),
        ("5-disbursement", "BANK", "0.00", "500.00"),
    ]
    assert service.requests["ExportJournal"] == [portfolio.ExportJournalRequest(**{"from": JANUARY}, to=JANUARY)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("book.txt",), "ends in neither .csv nor .xlsx"),
        (("missing/book.csv",), "there is no folder"),
        (("book.csv", "--from", "2026-01-31"), "needs --journal"),
        (("book.csv", "--journal", "--as-of", "2026-01-31"), "is of the loans"),
        (("book.csv", "--as-of", "31 January"), "is not a date"),
        (("there.csv",), "--overwrite writes over it"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(almeno, loans, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("kept")
    result = almeno("export", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert (tmp_path / "there.csv").read_text() == "kept"
    assert "ExportLoans" not in loans.requests


@pytest.mark.usefixtures("loans")
def test_file_that_is_there_is_overwritten_when_that_is_said(almeno, tmp_path):
    file = tmp_path / "book.csv"
    file.write_text("before")
    assert almeno("export", str(file), "--overwrite").exit_code == 0
    assert len(rows_of(file)) == 1


def test_export_that_breaks_off_writes_nothing(almeno, service, sample, tmp_path):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "the server is about to stop", "SERVER_STOPPING")
    service.answers("ExportLoans", lambda *_: [*loan_stream(loan()), down])
    result = almeno("export", str(tmp_path / "book.csv"))
    assert result.exit_code == 5
    assert list(tmp_path.iterdir()) == []
    # Rows must not come twice.
    assert len(service.requests["ExportLoans"]) == 1


@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_export_that_is_terminated_leaves_no_borrower_behind(service, address, tmp_path, by, code):
    over, sent = threading.Event(), tmp_path / "sent"

    def endless(*_):
        yield from loan_stream(loan())
        sent.touch()
        over.wait(60)

    service.answers("ExportLoans", endless)
    command = ("--address", address, "export", tmp_path / "book.csv")
    try:
        ended = almeno_interrupted_while_waiting(
            *command, sign=sent, environment=os.environ | {"LANG": "C.UTF-8"}, by=by
        )
    finally:
        over.set()
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert [*tmp_path.iterdir()] == [sent]


def test_signal_that_is_ignored_as_under_nohup_stays_ignored():
    numbers = (signal.SIGHUP, signal.SIGTERM)
    before = [signal.signal(number, how) for number, how in zip(numbers, (signal.SIG_IGN, signal.SIG_DFL), strict=True)]
    try:
        unwind_at_termination()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
        assert ended.value.code == 143
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_export_that_breaks_before_its_first_row_begins_again(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "not yet", "STORE_UNAVAILABLE")
    service.answers("ExportLoans", lambda *_: [down], lambda *_: loan_stream(loan()))
    *_, exported = client.export_loans()
    assert exported.loan.loan_id == loan().loan_id


def test_instant_without_a_time_zone_is_refused(client):
    from datetime import datetime  # noqa: PLC0415

    with pytest.raises(ValueError, match="time zone"):
        client.export_loans(changed_since=datetime(2026, 1, 31))  # noqa: DTZ001
