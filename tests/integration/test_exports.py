"""Exports over the wire: the book's loans, which load again, and its general ledger, which agrees with it."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from almeno_client import CreditClient, ExportedLoan, ExportProgress, JournalEntry, LoanState
from almeno_client.reports.export_sheets import LOAN_HEADINGS, loan_row
from almeno_client.reports.sheets import new_sheet
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2
from support.audit_trail import edit
from support.book import LAKH, RUPEE, TODAY
from support.served_book import Served, served
from support.servers import ROOT, make_sample_database

from almeno_grpc.api import import_pb2
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain import headings
from almeno_grpc.domain.imports import ImportKind, LoanRow, RowCounts
from almeno_grpc.service import exports

DAY = date(2026, 12, 10)
CUSTOMERS, LOANS = import_pb2.IMPORT_KIND_CUSTOMERS, import_pb2.IMPORT_KIND_LOANS
NOT_LENT = (LoanState.SANCTIONED, LoanState.EXPIRED, LoanState.CANCELLED)


def client_of(served_book: Served) -> CreditClient:
    return CreditClient(f"{served_book.address[0]}:{served_book.address[1]}")


def exported(served_book: Served, **asked: Any) -> list[ExportedLoan]:
    with client_of(served_book) as client:
        return [each for each in client.export_loans(**asked) if isinstance(each, ExportedLoan)]


def journal(served_book: Served, **asked: Any) -> list[JournalEntry]:
    with client_of(served_book) as client:
        return [each for each in client.export_journal(**asked) if isinstance(each, JournalEntry)]


def sheet(file: Path, loans: list[ExportedLoan]) -> bytes:
    with new_sheet(file, "Loans", LOAN_HEADINGS) as opened:
        for loan in loans:
            opened.write(loan_row(loan))
    return file.read_bytes()


def load(served_book: Served, content: bytes, kind: int, name: str) -> RowCounts:
    import_id = served_book.upload(content, kind, name).import_id
    served_book.book.work()
    file = served_book.book.imports.get(import_id)
    assert file.error == ""
    return file.rows


def lent(loans: list[ExportedLoan]) -> Decimal:
    """The outstanding principal, without what is sanctioned only."""
    return sum((each.loan.outstanding_principal for each in loans if each.loan.state not in NOT_LENT), Decimal(0))


def booked(entries: list[JournalEntry], account: str, until: date = date.max) -> Decimal:
    lines = (line for entry in entries if entry.entry_date <= until for line in entry.lines if line.account == account)
    return sum((line.debit - line.credit for line in lines), Decimal(0))


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> Iterator[Served]:
    """The book of `make run`, with everything that happens to loans."""
    file = tmp_path_factory.mktemp("sample") / "almeno.db"
    make_sample_database(file, DAY.isoformat())
    with served(f"sqlite:///{file}", business_date=DAY) as server:
        yield server


def test_sheet_begins_with_the_headings_of_the_book_and_goes_on_with_those_it_is_known_by():
    book = headings.HEADINGS[ImportKind.LOANS]
    assert LOAN_HEADINGS[: len(book)] == book
    assert LOAN_HEADINGS[len(book) :][:3] == headings.EXPORT_HEADINGS
    plain = [headings.plain_heading(heading) for heading in LOAN_HEADINGS]
    assert len({*plain}) == len(plain)


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_book_that_was_exported_loads_again_unchanged(lived, tmp_path, ending):
    before = exported(lived)
    assert {each.loan.state for each in before} == {*LoanState} - {LoanState.UNSPECIFIED}
    rows = load(lived, sheet(tmp_path / f"loans{ending}", before), LOANS, f"loans{ending}")
    assert (rows.unchanged, rows.seen) == (len(before), len(before))
    assert exported(lived) == before


def test_book_without_its_own_loans_loads_into_another_service(lived, new_database, tmp_path):
    loans = exported(lived)
    own = [each for each in loans if each.loan.source_loan_id is None]
    part_paid = [each for each in loans if each not in own and each.loan.paid_toward_next]
    with served(new_database(), business_date=DAY) as other:
        load(other, (ROOT / "data" / "customers.xlsx").read_bytes(), CUSTOMERS, "customers.xlsx")
        rows = load(other, sheet(tmp_path / "loans.xlsx", loans), LOANS, "loans.xlsx")
        assert rows.inserted == len(loans) - len(own)
        assert rows.rejected == len(own)
        assert rows.adjusted >= len(part_paid)
        figures = {each.loan.loan_id: figures_of(each) for each in exported(other)}
    assert figures == {each.loan.loan_id: figures_of(each) for each in loans if each not in own}


def figures_of(each: ExportedLoan) -> tuple[Any, ...]:
    """What a sheet brings of a loan; a part payment is not of it, and is to be recorded."""
    loan = each.loan
    terms = (loan.customer_id, loan.loan_amount, loan.interest_rate, loan.tenure_months, loan.approval_date)
    paid = (loan.emis_paid, loan.emis_paid_on_time, loan.outstanding_principal, loan.end_date, loan.days_past_due)
    return (
        *terms,
        *paid,
        each.payoff_amount + loan.paid_toward_next,
        each.overdue_amount + (loan.paid_toward_next if loan.days_past_due else 0),
    )


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_real_book_loads_again_unchanged(stubs, real_book, tmp_path, ending):
    load(stubs, (real_book / "customer_data.xlsx").read_bytes(), CUSTOMERS, "customer_data.xlsx")
    load(stubs, (real_book / "loan_data.xlsx").read_bytes(), LOANS, "loan_data.xlsx")
    loans = exported(stubs)
    assert len(loans) == 782
    rows = load(stubs, sheet(tmp_path / f"loans{ending}", loans), LOANS, f"loans{ending}")
    assert (rows.unchanged, rows.seen, rows.adjusted) == (782, 782, 29)
    assert exported(stubs) == loans


def test_loan_that_has_changed_since_the_export_is_not_taken_back(stubs, rows_of, tmp_path):
    book = stubs.book
    book.upsert([rows_of.customer(1)])
    book.upsert([rows_of.loan(1, 5)])
    own = book.lend(1, LAKH).loan
    content = sheet(tmp_path / "loans.csv", exported(stubs))
    for loan_id in (5, own.loan_id):
        book.repay(loan_id, 10_000 * RUPEE)
    before = exported(stubs)
    import_id = stubs.upload(content, LOANS, "loans.csv").import_id
    book.work()
    file = book.imports.get(import_id)
    # The loan of the sheet is as it was before what is recorded here; the other one is nothing that a sheet brings.
    assert (file.rows.unchanged, file.rows.rejected) == (1, 1)
    assert [row[1:3] for row in book.issues(file)] == [("REJECTED", "Loan ID")]
    assert exported(stubs) == before


def test_figures_are_those_that_the_service_tells_of_each_loan(lived):
    with client_of(lived) as client:
        for each in exported(lived)[::17]:
            loan = client.get_loan(each.loan.loan_id).loan
            assert each.loan == loan
            if loan.state is LoanState.ACTIVE:
                payoff = client.get_payoff(loan.loan_id)
                parts = (payoff.amount, payoff.overdue_amount, payoff.accrued_interest, payoff.charges)
                assert (each.payoff_amount, each.overdue_amount, each.accrued_interest, each.open_charges) == parts


def test_loans_are_in_the_order_of_their_ids_and_the_progress_counts_them(lived, monkeypatch):
    monkeypatch.setattr(exports, "PAGE_LOANS", 200)
    with client_of(lived) as client:
        updates = list(client.export_loans())
    ids = [each.loan.loan_id for each in updates if isinstance(each, ExportedLoan)]
    assert ids == sorted({*ids})
    progress = [(each.loans_done, each.loans_total) for each in updates if isinstance(each, ExportProgress)]
    assert progress[0] == (0, len(ids))
    assert progress[-1] == (len(ids), len(ids))


def test_loans_account_is_the_outstanding_principal_on_every_day(lived):
    entries = journal(lived)
    assert len({entry.entry_id for entry in entries}) == len(entries)
    for entry in entries:
        assert sum(line.debit - line.credit for line in entry.lines) == 0
    assert booked(entries, "LOANS") == lent(exported(lived))
    for day in (date(2024, 3, 1), date(2026, 6, 30), date(2026, 9, 17), date(2026, 11, 30), DAY):
        assert booked(entries, "LOANS", day) == lent(exported(lived, as_of=day))
    november = journal(lived, begin=date(2026, 11, 1), end=date(2026, 11, 30))
    assert november == [entry for entry in entries if entry.entry_date.month == 11 and entry.entry_date.year == 2026]


def test_figures_of_an_earlier_day_are_those_that_were_exported_on_it(database_url, rows_of):
    days = [TODAY, TODAY + timedelta(days=20), TODAY + timedelta(days=40)]
    seen, entries = {}, {}
    for day in days:
        with served(database_url, business_date=day) as server:
            if day == days[0]:
                server.book.upsert([rows_of.customer(1), rows_of.customer(2)])
                server.book.upsert([rows_of.loan(1, 5), *sheet_of_day(rows_of, 2)])
                own = server.book.lend(2, LAKH).loan
            elif day == days[1]:
                server.book.upsert(sheet_of_day(rows_of, 3), book_date=day)
                server.book.repay(5, 10_000 * RUPEE)
                server.book.repay(own.loan_id, 2_000 * RUPEE)
            else:
                server.book.upsert(sheet_of_day(rows_of, 5), book_date=day)
                server.book.lend(2, LAKH)
                server.book.charge(own.loan_id, 100 * RUPEE)
            seen[day], entries[day] = exported(server, as_of=day), journal(server)
            assert seen[day] == exported(server)
            assert booked(entries[day], "LOANS") == lent(seen[day])
    with served(database_url, business_date=days[-1] + timedelta(days=100)) as server:
        for day in days:
            assert exported(server, as_of=day) == seen[day]
            assert journal(server, end=day) == entries[day]


def sheet_of_day(rows_of, paid: int) -> list[LoanRow]:
    """Two loans of a lender who sends a sheet again and again; the second is paid off by the last of them."""
    return [rows_of.loan(1, 6, emis_paid=paid), rows_of.loan(1, 7, emis_paid=12 if paid == 5 else 3, tenure_months=12)]


def test_loans_that_changed_since_are_exported(stubs, rows_of):
    book = stubs.book
    book.now = book.clock.now_microseconds
    book.upsert([rows_of.customer(number) for number in (1, 2, 3)])
    book.upsert([rows_of.loan(number, number + 4) for number in (1, 2, 3)])
    own = book.lend(1, LAKH).loan
    time.sleep(0.01)
    since = datetime.now(UTC)
    assert exported(stubs, changed_since=since) == []
    repayment = book.repay(own.loan_id, 1_000 * RUPEE).repayment
    assert [each.loan.loan_id for each in exported(stubs, changed_since=since)] == [own.loan_id]
    time.sleep(0.01)
    since = datetime.now(UTC)
    book.charge(5, 100 * RUPEE)
    book.reverse(repayment.repayment_id)
    book.upsert([rows_of.loan(2, 6, emis_paid=4)])
    book.upsert([rows_of.loan(3, 7)])
    book.lend(2, LAKH)
    changed = exported(stubs, changed_since=since)
    assert [each.loan.loan_id for each in changed] == [5, 6, own.loan_id, own.loan_id + 1]


def test_next_export_is_to_look_back_behind_what_was_not_committed_yet(stubs):
    with client_of(stubs) as client:
        [progress] = client.export_loans()
    assert progress.next_changed_since < datetime.now(UTC) - timedelta(minutes=4)


@pytest.mark.parametrize("most", ["MAX_CHANGED_LOANS", "MAX_EVENTS"])
def test_where_too_many_have_changed_the_whole_book_is_exported(stubs, rows_of, monkeypatch, most):
    stubs.book.now = stubs.book.clock.now_microseconds
    stubs.book.upsert([rows_of.customer(number) for number in (1, 2)])
    stubs.book.upsert([rows_of.loan(1, 5)])
    time.sleep(0.01)
    since = datetime.now(UTC)
    stubs.book.upsert([rows_of.loan(2, 6)])
    monkeypatch.setattr(exports, most, 0)
    assert len(exported(stubs, changed_since=since)) == 2


def test_where_an_event_does_not_say_what_it_was_of_the_whole_book_is_exported(stubs, rows_of):
    stubs.book.now = stubs.book.clock.now_microseconds
    stubs.book.upsert([rows_of.customer(1)])
    stubs.book.upsert([rows_of.loan(1, 5)])
    time.sleep(0.01)
    since = datetime.now(UTC)
    stubs.book.register()
    assert exported(stubs, changed_since=since) == []
    edit(stubs.book.store, "UPDATE audit_event SET rows = hash")
    assert [each.loan.loan_id for each in exported(stubs, changed_since=since)] == [5]


@pytest.mark.parametrize(
    ("method", "request_message", "fields"),
    [
        ("ExportLoans", pb.ExportLoansRequest(as_of=date_pb2.Date(year=2026, month=4, day=11)), ["as_of"]),
        ("ExportLoans", pb.ExportLoansRequest(as_of=date_pb2.Date(year=2026)), ["as_of"]),
        ("ExportLoans", pb.ExportLoansRequest(changed_since=Timestamp(seconds=2**62)), ["changed_since"]),
        ("ExportJournal", pb.ExportJournalRequest(to=date_pb2.Date(year=2026, month=4, day=11)), ["to"]),
        (
            "ExportJournal",
            pb.ExportJournalRequest(
                **{"from": date_pb2.Date(year=2026, month=4, day=2)}, to=date_pb2.Date(year=2026, month=4, day=1)
            ),
            ["from"],
        ),
    ],
)
def test_days_after_the_business_date_and_in_the_wrong_order_are_refused(shared_stubs, method, request_message, fields):
    refusal = shared_stubs.refusal(lambda: list(getattr(shared_stubs.portfolio, method)(request_message)))
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", fields)


def test_export_of_an_empty_book_is_empty(stubs):
    assert exported(stubs) == journal(stubs) == []
