"""PortfolioService over the wire: uploads, the queue, watching, cancelling."""

import hashlib
import threading
import time
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.type import date_pb2
from support.cut_streams import Cut, send_cut
from support.served_book import UPLOAD_LIMIT_BYTES

from almeno_grpc.api import import_pb2
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.domain.errors import CommitOutcomeUnknown, StoreUnavailable
from almeno_grpc.domain.imports import ImportKind, ImportState, RowCounts
from almeno_grpc.rpc import portfolio_servicer, uploads
from almeno_grpc.rpc.portfolio_servicer import BookServices, PortfolioServicer
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.imports import Upload

START_IMPORT = "/almeno.credit.v1.PortfolioService/StartImport"
CUSTOMERS, LOANS = import_pb2.IMPORT_KIND_CUSTOMERS, import_pb2.IMPORT_KIND_LOANS
ENDS = {import_pb2.IMPORT_STATE_SUCCEEDED, import_pb2.IMPORT_STATE_FAILED, import_pb2.IMPORT_STATE_CANCELLED}


def header(kind=CUSTOMERS, file_name="book.csv", **more):
    return pb.StartImportRequest(header=pb.ImportHeader(kind=kind, file_name=file_name, **more))


def chunk(content=b"a,b\n"):
    return pb.StartImportRequest(chunk=content)


def counts(file):
    return (file.rows_total, file.rows_inserted, file.rows_updated, file.rows_unchanged, file.rows_rejected)


def watch(stubs, file):
    answers = stubs.portfolio.WatchImport(pb.WatchImportRequest(import_id=file.import_id), timeout=60)
    return [answer.book_import for answer in answers]


def test_real_book_is_uploaded_watched_to_its_end_and_unchanged_the_second_time(stubs, real_book):
    customers = (real_book / "customer_data.xlsx").read_bytes()
    loans = (real_book / "loan_data.xlsx").read_bytes()
    for expected in (((300, 300, 0, 0, 0), (782, 782, 0, 0, 0)), ((300, 0, 0, 300, 0), (782, 0, 0, 782, 0))):
        files = [
            stubs.upload(customers, CUSTOMERS, "customer_data.xlsx"),
            stubs.upload(loans, LOANS, "loan_data.xlsx"),
        ]
        assert [file.state for file in files] == [import_pb2.IMPORT_STATE_QUEUED] * 2
        assert [file.sha256 for file in files] == [
            hashlib.sha256(content).hexdigest() for content in (customers, loans)
        ]
        worker = threading.Thread(target=stubs.book.work)
        worker.start()
        watched = [watch(stubs, file) for file in files]
        worker.join()
        for states, ends_with in zip(watched, expected, strict=True):
            assert [state.state in ENDS for state in states] == [False] * (len(states) - 1) + [True]
            assert states[-1].state == import_pb2.IMPORT_STATE_SUCCEEDED
            assert counts(states[-1]) == ends_with
            assert states[-1].end_time.seconds >= states[-1].start_time.seconds >= states[-1].create_time.seconds
        assert watched[1][-1].rows_adjusted == 29
        issues = stubs.portfolio.ListImportIssues(pb.ListImportIssuesRequest(import_id=files[1].import_id)).issues
        assert len(issues) == 29
        assert {(issue.outcome, issue.column) for issue in issues} == {
            (import_pb2.IMPORT_ISSUE_OUTCOME_ADJUSTED, "Loan ID")
        }
    assert len(stubs.book.rows("loan")) == 782


def test_upload_in_any_pieces_is_the_same_file(stubs):
    content = bytes(range(256)) * 12_000
    for size in (1, 1000, 2**20, 3 * 2**20):
        pieces = [content[at : at + size] for at in range(0, len(content) if size > 1 else 300, size)]
        sent = b"".join(pieces)
        messages = iter([header(), chunk(b""), *map(chunk, pieces), chunk(b"")])
        file = stubs.portfolio.StartImport(messages).book_import
        assert file.sha256 == hashlib.sha256(sent).hexdigest()
        stored = stubs.book.imports.get(file.import_id)
        with stubs.book.store.read() as tx:
            assert b"".join(tx.imports.content(stored.import_id)) == sent


def test_answer_tells_what_was_queued(stubs):
    stated = date_pb2.Date(year=2025, month=3, day=31)
    file = stubs.upload(b"x", LOANS, "  März 2025.XLSX ", book_date=stated)
    assert (file.kind, file.file_name, file.book_date) == (LOANS, "März 2025.XLSX", stated)
    assert not file.HasField("start_time")
    assert not file.HasField("end_time")
    found = stubs.portfolio.GetImport(pb.GetImportRequest(import_id=file.import_id))
    assert found.book_import == file
    assert list(stubs.portfolio.ListImports(pb.ListImportsRequest()).imports) == [file]
    again = stubs.upload(b"x", LOANS, "again.csv")
    assert again.book_date == stated
    other = stubs.upload(b"y", LOANS, "other.csv")
    assert (other.book_date.year, other.book_date.month, other.book_date.day) == (2026, 4, 10)


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "header"),
        ([chunk()], "header"),
        ([chunk(), header()], "header"),
        ([pb.StartImportRequest()], "header"),
        ([header(), header()], "chunk"),
        ([header(), chunk(), header(), chunk()], "chunk"),
        ([header(), pb.StartImportRequest()], "chunk"),
        ([header(kind=0), chunk()], "header.kind"),
        ([header(kind=3), chunk()], "header.kind"),
        ([header(kind=-1), chunk()], "header.kind"),
        *(
            ([header(file_name=name), chunk()], "header.file_name")
            for name in (
                *("", "  ", "book", "book.xlsm", "book.xl", "book.csv.exe", "xlsx", "a" * 252 + ".csv", "a\u0000.csv"),
                *("a\nb.csv", "book.csv\u200f.txt", "\u202ebook.csv", "a\u2028b.csv", "a" * 1_000_000 + ".csv"),
            )
        ),
        *(
            ([header(book_date=date_pb2.Date(year=year, month=month, day=day)), chunk()], "header.book_date")
            for year, month, day in (
                *((0, 0, 0), (2026, 4, 0), (2026, 0, 10), (0, 4, 10), (2026, 2, 29), (2026, 13, 1)),
                *((10_000, 1, 1), (-1, 1, 1), (2**31 - 1, 2**31 - 1, 2**31 - 1), (-(2**31), 1, 1)),
            )
        ),
        ([header(request_id="x"), chunk()], "header.request_id"),
        ([header(size_bytes=-1), chunk()], "header.size_bytes"),
        *(([header(sha256=sha256), chunk()], "header.sha256") for sha256 in ("", "0" * 63, "A" * 64, "é" * 64)),
        ([header(book_date=date_pb2.Date(year=2026, month=4, day=11)), chunk()], "header.book_date"),
        *(
            ([header(columns=columns), chunk()], "header.columns")
            for columns in (
                *({"Salary": "x"}, {"Loan ID": "x"}, {"Age": ""}, {"Age": "\u200b _"}, {"Age": "a" * 256}),
                {"Age": "a", "AGE ": "b"},
            )
        ),
    ],
)
def test_upload_that_is_no_upload_is_refused_and_not_queued(shared_stubs, messages, field):
    refusal = shared_stubs.refusal(lambda: shared_stubs.portfolio.StartImport(iter(messages), timeout=20))
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", [field])
    assert shared_stubs.book.rows("import_file") == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"size_bytes": 5}, "header.size_bytes"),
        ({"size_bytes": 3}, "header.size_bytes"),
        ({"sha256": "0" * 64}, "header.sha256"),
        ({"size_bytes": 4, "sha256": hashlib.sha256(b"a,b").hexdigest()}, "header.sha256"),
    ],
)
def test_upload_that_is_not_what_its_header_says_is_refused_and_leaves_nothing(stubs, more, field):
    refusal = stubs.refusal(lambda: stubs.portfolio.StartImport(iter([header(**more), chunk(b"a,b\n")]), timeout=20))
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "UPLOAD_MISMATCH", [field])
    assert stubs.book.rows("import_file") == stubs.book.rows("import_content") == []
    right = {"size_bytes": 4, "sha256": hashlib.sha256(b"a,b\n").hexdigest()}
    assert stubs.upload(b"a,b\n", **right).sha256 == right["sha256"]


@pytest.mark.parametrize(
    "name", ["loans\u00a0march.csv", "Export 10.15.30\u202fAM.csv", "kunden\u00adliste.csv", "अनिल\u200dकर्ज़.ods"]
)
def test_name_of_a_file_may_hold_what_cannot_be_seen(stubs, name):
    assert stubs.upload(b"a,b\n", name=name).file_name == name


@pytest.mark.parametrize("ending", ["xlsx", "xls", "xlsb", "ods", "csv", "XLSB"])
def test_kinds_of_files_are_known_by_their_endings(stubs, ending):
    assert stubs.upload(b"a,b\n", name=f"book.{ending}").state == import_pb2.IMPORT_STATE_QUEUED


def test_columns_that_the_sender_has_named_are_those_of_the_file(stubs):
    content = (
        b"Customer ID,First Name,Last Name,Age,Mobile,Monthly Salary,Limit\n7,Asha,Rao,41,9876543210,50000,1800000\n"
    )
    file = stubs.upload(content, columns={"phone_number": "mobile", "Approved Limit": "Limit"})
    stubs.book.work()
    assert counts(watch(stubs, file)[-1]) == (1, 1, 0, 0, 0)
    assert stubs.book.rows("customer")[0]["phone_digits"] == 919876543210


def test_file_beyond_the_limit_is_refused_and_one_at_the_limit_is_not(stubs):
    pieces = [chunk(b"x" * 2**20)] * 6
    assert stubs.portfolio.StartImport(iter([header(), *pieces]))
    for messages in ([header(), *pieces, chunk(b"x")], [header(), *pieces * 20]):
        refusal = stubs.refusal(lambda messages=messages: stubs.portfolio.StartImport(iter(messages)))
        assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "UPLOAD_TOO_LARGE")
        assert refusal.metadata == {"max_bytes": str(UPLOAD_LIMIT_BYTES)}
    assert len(stubs.book.rows("import_file")) == 1


def test_upload_that_comes_in_drops_ends_and_is_not_queued(stubs, monkeypatch):
    monkeypatch.setattr(uploads, "_UNHURRIED_SECONDS", 0.2)

    def drops():
        yield header()
        while True:
            time.sleep(0.05)
            yield chunk(b"a")

    refusal = stubs.refusal(lambda: stubs.portfolio.StartImport(drops(), timeout=20))
    assert (refusal.code, refusal.reason) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
    assert stubs.book.rows("import_file") == []


def test_upload_that_its_caller_cancels_is_not_queued(stubs):
    sent = threading.Event()

    def break_off():
        yield header()
        yield chunk()
        sent.set()
        time.sleep(30)

    call = stubs.portfolio.StartImport.future(break_off())
    sent.wait(10)
    time.sleep(0.1)
    call.cancel()
    time.sleep(0.2)
    assert stubs.book.rows("import_file") == []
    assert stubs.book.rows("import_content") == []


CONTENT = b"Customer ID\n" + b"1\n" * 2_000
SUM = {"size_bytes": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}


@pytest.mark.parametrize("end", [Cut.RESET, Cut.CLOSE])
@pytest.mark.parametrize("in_message", [False, True])
@pytest.mark.parametrize("more", [{}, SUM])
def test_upload_whose_stream_breaks_off_is_never_queued(stubs, end, in_message, more):
    messages = [header(**more), chunk(CONTENT[:2_000]), chunk(CONTENT[2_000:])]
    for _ in range(5):
        send_cut(stubs.address, START_IMPORT, messages, end=end, cut_bytes=100 if in_message else 0)
    time.sleep(0.3)
    assert stubs.book.rows("import_file") == stubs.book.rows("import_content") == []


def test_upload_that_something_in_between_ends_early_is_refused(stubs):
    messages = [header(**SUM), chunk(CONTENT[:2_000]), chunk(CONTENT[2_000:])]
    answer = send_cut(stubs.address, START_IMPORT, messages, end=Cut.END_STREAM, cut_bytes=100)
    assert b"header.size_bytes: is 4012, but 2000 bytes came" in answer
    assert stubs.book.rows("import_file") == stubs.book.rows("import_content") == []
    answer = send_cut(stubs.address, START_IMPORT, messages, end=Cut.END_STREAM, cut_bytes=0)
    assert b"UPLOAD_MISMATCH" not in answer
    assert len(stubs.book.rows("import_file")) == 1


def test_request_sent_again_leaves_one_upload(stubs):
    request_id = "5f0c2c5a-3c2e-4a47-9d55-0c7a4a6f1a01"
    first = stubs.portfolio.StartImport(iter([header(request_id=request_id), chunk(b"a,b")]))
    assert stubs.portfolio.StartImport(iter([header(request_id=request_id), chunk(b"a,b")])) == first
    refusal = stubs.refusal(
        lambda: stubs.portfolio.StartImport(iter([header(request_id=request_id), chunk(b"another")]))
    )
    assert refusal.reason == "REQUEST_ID_REUSED"
    queued = first.book_import.import_id
    assert [(row["import_id"], row["content"]) for row in stubs.book.rows("import_content")] == [(queued, b"a,b")]


def test_upload_that_may_be_queued_keeps_its_content(book):
    def fail_once_committed(*arguments):
        Idempotency(book.store, book.clock).execute(*arguments)
        raise CommitOutcomeUnknown("the connection was lost at the commit")

    unused: Any = None
    idempotency: Any = SimpleNamespace(execute=fail_once_committed)
    scans = BookServices(unused, unused, unused, unused)
    servicer = PortfolioServicer(unused, idempotency, book.imports, unused, scans, 10, threading.Event())
    with pytest.raises(StoreUnavailable):
        servicer._queue_once(RequestContext(), Upload(ImportKind.LOANS, "l.csv", None, 3, "0" * 64, {}, [b"a,b"]))
    assert [row["content"] for row in book.rows("import_content")] == [b"a,b"]


def test_upload_without_room_for_it_may_be_sent_again(stubs, monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

        def close(self):
            """Nothing was opened."""

    with monkeypatch.context() as patch:
        patch.setattr("almeno_grpc.rpc.uploads.tempfile.SpooledTemporaryFile", lambda _: Full())
        refusal = stubs.refusal(lambda: stubs.upload(b"a,b"))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert stubs.upload(b"a,b").state == import_pb2.IMPORT_STATE_QUEUED


def test_queued_import_is_cancelled_at_once(stubs):
    file = stubs.upload(b"a,b")
    cancelled = stubs.portfolio.CancelImport(pb.CancelImportRequest(import_id=file.import_id)).book_import
    assert cancelled.state == import_pb2.IMPORT_STATE_CANCELLED
    assert [state.state for state in watch(stubs, file)] == [import_pb2.IMPORT_STATE_CANCELLED]


def test_watch_tells_each_step_and_ends_with_the_import(stubs):
    file = stubs.upload(b"a,b")
    answers = stubs.portfolio.WatchImport(pb.WatchImportRequest(import_id=file.import_id), timeout=20)
    steps = [next(answers)]
    store = stubs.book.store
    for step in (
        lambda tx: tx.imports.start(1, 2),
        lambda tx: tx.imports.set_rows_total(1, 9),
        lambda tx: tx.imports.add_progress(1, RowCounts(inserted=9), []),
        lambda tx: tx.imports.end(1, ImportState.SUCCEEDED, 3),
    ):
        store.write(step)
        steps.append(next(answers))
    steps = [step.book_import for step in steps]
    assert [step.state for step in steps] == [1, 2, 2, 2, 3]
    assert [step.rows_inserted for step in steps] == [0, 0, 0, 9, 9]
    assert list(answers) == []


def test_watch_is_sent_away_when_the_server_stops(stubs):
    file = stubs.upload(b"a,b")
    answers = stubs.portfolio.WatchImport(pb.WatchImportRequest(import_id=file.import_id), timeout=20)
    next(answers)
    stubs.application.drain()
    refusal = stubs.refusal(lambda: list(answers))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "SERVER_STOPPING")


def test_watch_that_has_nothing_to_tell_for_long_ends_and_may_be_opened_again(stubs, monkeypatch):
    monkeypatch.setattr(portfolio_servicer, "IDLE_WATCH_SECONDS", 0.3)
    file = stubs.upload(b"a,b\n")
    for _ in range(2):
        answers = stubs.portfolio.WatchImport(pb.WatchImportRequest(import_id=file.import_id), timeout=20)
        assert next(answers).book_import.state == import_pb2.IMPORT_STATE_QUEUED
        refusal = stubs.refusal(lambda answers=answers: list(answers))
        assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "STREAM_IDLE")


def test_watch_lasts_no_longer_than_its_caller(stubs):
    file = stubs.upload(b"a,b")
    with pytest.raises(grpc.RpcError) as caught:
        list(stubs.portfolio.WatchImport(pb.WatchImportRequest(import_id=file.import_id), timeout=0.5))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "empty.csv", "empty"),
        (b"", "empty.xlsx", ""),
        (b"PK\x03\x04 and then nothing", "cut.xlsx", ""),
        (b"Customer ID,First Name\n1,Asha\n", "short.csv", "Last Name"),
        (b"\xff\xfe\x00", "binary.csv", ""),
    ],
)
def test_unsound_file_ends_failed_with_the_reason_and_the_server_alive(shared_stubs, content, name, said):
    file = shared_stubs.upload(content, CUSTOMERS, name)
    shared_stubs.book.work()
    last = watch(shared_stubs, file)[-1]
    assert last.state == import_pb2.IMPORT_STATE_FAILED
    assert last.error
    assert said in last.error
    assert counts(last) == (0, 0, 0, 0, 0)
    # The next test of this module counts what is queued.
    with shared_stubs.book.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM import_file")
