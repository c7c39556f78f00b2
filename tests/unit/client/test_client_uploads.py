import datetime as dt
import hashlib
import io
import os
import signal
import tempfile
import threading
import time
import uuid

import grpc
import pytest
from almeno_client import CreditClient, DeadlineExceeded, ImportKind, ImportState, ResourceExhausted, Unavailable
from almeno_client import upload as upload_module

from almeno_grpc.api import import_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio


@pytest.fixture
def book(service, sample):
    """A service that takes every upload and lets every import be fetched and cancelled."""
    service.answers("StartImport", portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    service.answers("GetImport", portfolio.GetImportResponse(book_import=sample.import_("RUNNING")))
    service.answers("CancelImport", portfolio.CancelImportResponse(book_import=sample.import_("CANCELLED")))
    return service


def only(service, method):
    (request,) = service.requests[method]
    return request


@pytest.mark.parametrize("rest", [0, 1, 17])
def test_file_arrives_whole_after_its_header(client, book, tmp_path, rest):
    content = bytes(range(256)) * (2 * 4096) + b"x" * rest  # 2 MiB and the rest
    file = tmp_path / "loans.csv"
    file.write_bytes(content)
    started = client.start_import(ImportKind.LOANS, file, book_date=dt.date(2026, 1, 31))
    header, *chunks = only(book, "StartImport")
    assert header.header.kind == import_pb2.IMPORT_KIND_LOANS
    assert header.header.file_name == "loans.csv"
    assert (header.header.book_date.year, header.header.book_date.day) == (2026, 31)
    assert uuid.UUID(header.header.request_id)
    assert (header.header.size_bytes, header.header.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert b"".join(message.chunk for message in chunks) == content
    assert max(len(message.chunk) for message in chunks) == 128 * 1024
    assert started.state is ImportState.QUEUED


def test_content_needs_a_name_and_no_book_date(client, book):
    with pytest.raises(ValueError, match="file_name"):
        client.start_import(ImportKind.CUSTOMERS, b"Customer ID\n1\n")
    client.start_import(ImportKind.CUSTOMERS, b"Customer ID\n1\n", file_name="c.csv")
    header, chunk = only(book, "StartImport")
    assert not header.header.HasField("book_date")
    assert (header.header.size_bytes, header.header.sha256) == (14, hashlib.sha256(chunk.chunk).hexdigest())
    assert not header.header.columns
    assert chunk.chunk == b"Customer ID\n1\n"


def test_columns_that_are_headed_otherwise_are_named(client, book):
    client.start_import(ImportKind.LOANS, b"x", file_name="l.ods", columns={"Date of Approval": "opened"})
    assert dict(only(book, "StartImport")[0].header.columns) == {"Date of Approval": "opened"}


@pytest.fixture
def pipe(tmp_path):
    """A named pipe, and the end that is written to; while that is open, the reader waits."""
    path = tmp_path / "loans.csv"
    os.mkfifo(path)
    # Opened for both, for to open a pipe for writing alone waits for a reader.
    with os.fdopen(os.open(path, os.O_RDWR), "wb", buffering=0) as writer:
        yield path, writer


def test_pipe_is_sent_whole_with_its_sum_in_each_attempt(client, service, sample, pipe):
    content = bytes(range(256)) * 4096  # more than a pipe holds
    path, writer = pipe

    def write():
        with writer:
            for start in range(0, len(content), 4096):
                writer.write(content[start : start + 4096])

    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    service.answers("StartImport", down, portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    writing = threading.Thread(target=write)
    writing.start()
    client.start_import(ImportKind.LOANS, path)
    writing.join()
    assert len(service.requests["StartImport"]) == 2
    for header, *chunks in service.requests["StartImport"]:
        assert b"".join(message.chunk for message in chunks) == content
        assert (header.header.size_bytes, header.header.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_copy_of_a_pipe_is_removed(client, book, pipe, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path, writer = pipe
    with writer:
        writer.write(b"Customer ID\n1\n")
        threading.Timer(0.05, writer.close).start()
        client.start_import(ImportKind.LOANS, path)
    assert len(book.requests["StartImport"]) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_does_not_end_is_not_read_for_ever(client, book, tmp_path, monkeypatch):
    monkeypatch.setattr(upload_module, "MAX_CONTENT_BYTES", 1000)
    file = tmp_path / "loans.csv"
    file.write_bytes(b"x" * 1000)
    client.start_import(ImportKind.LOANS, file)
    file.write_bytes(b"x" * 1001)
    with pytest.raises(ValueError, match="larger than 1000 bytes"):
        client.start_import(ImportKind.LOANS, file)
    assert len(book.requests["StartImport"]) == 1


def test_control_c_ends_the_wait_for_a_pipe_that_has_stalled(address, book, pipe):
    path, writer = pipe
    writer.write(b"Customer ID\n")
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with CreditClient(address) as client, pytest.raises(KeyboardInterrupt):
            client.start_import(ImportKind.LOANS, path)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert not book.requests


def test_upload_begins_again_with_the_same_request_id(client, service, sample):
    content = b"y" * (3 * 1024 * 1024)  # more than gRPC would keep to send again
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    service.answers("StartImport", down, down, portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    client.start_import(ImportKind.LOANS, content, file_name="loans.csv")
    uploads = service.requests["StartImport"]
    assert len(uploads) == 3
    assert len({upload[0].header.request_id for upload in uploads}) == 1
    assert all(b"".join(message.chunk for message in upload[1:]) == content for upload in uploads)


def test_upload_that_is_too_large_is_not_sent_again(client, service, sample):
    refusal = sample.refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "too large", "UPLOAD_TOO_LARGE")
    service.answers("StartImport", refusal)
    with pytest.raises(ResourceExhausted) as caught:
        client.start_import(ImportKind.LOANS, b"z", file_name="loans.csv")
    assert len(service.requests["StartImport"]) == 1
    assert not caught.value.retryable


def test_upload_ends_at_its_deadline(client, service):
    service.answers("StartImport", lambda *_: time.sleep(0.3))
    with pytest.raises(DeadlineExceeded) as caught:
        client.start_import(ImportKind.LOANS, b"z", file_name="loans.csv", timeout_seconds=0.1)
    assert uuid.UUID(caught.value.request_id)


def test_missing_file_is_told_before_anything_is_sent(client, book, tmp_path):
    with pytest.raises(FileNotFoundError):
        client.start_import(ImportKind.LOANS, tmp_path / "none.csv")
    assert not book.requests


BREAKS = [OSError("the disk is worn"), ValueError("the disk is worn"), RuntimeError("the disk is worn")]


@pytest.mark.parametrize("failure", BREAKS, ids=lambda failure: type(failure).__name__)
def test_file_that_breaks_off_is_never_taken_for_whole(client, service, tmp_path, monkeypatch, failure):
    taken = []

    class Worn(io.BytesIO):
        """Breaks off when it is read for the second time: for its sum it was whole."""

        opened = 0

        def __init__(self, content):
            super().__init__(content)
            Worn.opened += 1

        def read(self, _size=-1):
            if Worn.opened > 1 and self.tell():
                raise failure
            return super().read(4)

    def take_whole(upload, context):
        # As the server does: a stream that is reset ends like one that is whole, and is cancelled a moment later.
        time.sleep(0.1)
        if context.is_active():
            taken.append(upload)

    service.answers("StartImport", take_whole)
    monkeypatch.setattr(upload_module.Path, "open", lambda *_: Worn(b"Customer ID\n1\n"))
    with pytest.raises(type(failure), match="worn"):
        client.start_import(ImportKind.LOANS, tmp_path / "loans.csv")
    assert not taken
    assert Worn.opened == 2


def test_import_is_watched_to_its_end(client, service, sample):
    states = [sample.import_("QUEUED"), sample.import_("RUNNING", rows_inserted=3), sample.import_("SUCCEEDED")]
    service.answers("WatchImport", lambda *_: [portfolio.WatchImportResponse(book_import=s) for s in states])
    watched = list(client.watch_import("i-0001"))
    assert [state.state for state in watched] == [ImportState.QUEUED, ImportState.RUNNING, ImportState.SUCCEEDED]
    assert watched[1].rows_done == 3


def test_watch_goes_on_when_the_service_restarts(client, service, sample):
    def moved(state):
        return portfolio.WatchImportResponse(book_import=sample.import_(state))

    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    interrupted = [lambda *_: [moved("RUNNING"), down]] * 5  # more often than one call is sent again
    drained = [lambda *_: [moved("RUNNING")]]  # the stream ends in good order, the import has not ended
    service.answers("WatchImport", *interrupted, *drained, lambda *_: [moved("RUNNING"), moved("FAILED")])
    states = [state.state.value for state in client.watch_import("i-0001")]
    assert states == ["RUNNING"] * 7 + ["FAILED"]


def test_watch_gives_up_on_a_service_that_stays_down(client, service, sample):
    service.answers("WatchImport", sample.refusal(grpc.StatusCode.UNAVAILABLE, "down"))
    with pytest.raises(Unavailable):
        list(client.watch_import("i-0001"))
    assert len(service.requests["WatchImport"]) == 4


def test_watch_ends_at_its_deadline(client, service, sample):
    def endless(*_):
        yield portfolio.WatchImportResponse(book_import=sample.import_("RUNNING"))
        time.sleep(0.3)

    service.answers("WatchImport", endless)
    watch = client.watch_import("i-0001", timeout_seconds=0.1)
    assert next(watch).state is ImportState.RUNNING
    with pytest.raises(DeadlineExceeded):
        next(watch)


def test_imports_and_issues_are_listed_over_pages(client, service, sample):
    service.answers(
        "ListImports",
        lambda request, _: portfolio.ListImportsResponse(
            imports=[sample.import_("RUNNING")], next_page_token="" if request.page_token else "b"
        ),
    )
    service.answers(
        "ListImportIssues",
        lambda request, _: portfolio.ListImportIssuesResponse(
            issues=[import_pb2.ImportIssue(row_number=7)], next_page_token="" if request.page_token else "b"
        ),
    )
    assert len(list(client.list_imports())) == 2
    assert [issue.row_number for issue in client.list_import_issues("i-0001")] == [7, 7]
    assert {request.import_id for request in service.requests["ListImportIssues"]} == {"i-0001"}


def test_import_is_fetched_and_cancelled(client, book):
    assert client.get_import("i-0001").state is ImportState.RUNNING
    assert client.cancel_import("i-0001").state is ImportState.CANCELLED
    assert uuid.UUID(only(book, "CancelImport").request_id)
