"""How much may wait for its import, and that nothing stays of an upload that came to nothing."""

import hashlib
import uuid

import pytest

from almeno_grpc.domain.errors import DeadlineExceeded, ImportQueueFull, StoreUnavailable
from almeno_grpc.domain.imports import ImportKind, ImportState
from almeno_grpc.service.imports import CHUNK_BYTES, ImportQuota, ImportService, Upload


def upload_of(*pieces: bytes, chunks=None) -> Upload:
    content = b"".join(pieces)
    digest = hashlib.sha256(content).hexdigest()
    return Upload(ImportKind.CUSTOMERS, "customers.csv", None, len(content), digest, {}, chunks or pieces)


def imports_with(book, files=100, pieces=100) -> ImportService:
    return ImportService(book.store, book.clock, ImportQuota(files, pieces * CHUNK_BYTES))


def send(book, imports: ImportService, upload: Upload):
    import_id = imports.store(upload)
    return book.store.write(lambda tx: imports.queue(tx, upload, import_id))


def test_files_beyond_those_that_may_wait_are_refused_until_one_has_ended(book):
    imports = imports_with(book, files=2)
    first, _ = send(book, imports, upload_of(b"a")), send(book, imports, upload_of(b"b"))
    with pytest.raises(ImportQueueFull, match="2 files wait"):
        imports.store(upload_of(b"c"))
    assert len(book.rows("import_content")) == 2
    book.store.write(lambda tx: imports.cancel(tx, first.import_id))
    assert send(book, imports, upload_of(b"c")).state is ImportState.QUEUED


def test_files_that_are_sent_at_the_same_time_are_no_more_than_may_wait(book):
    imports = imports_with(book, files=1)
    uploads = [upload_of(b"a"), upload_of(b"b")]
    first, second = map(imports.store, uploads)
    book.store.write(lambda tx: imports.queue(tx, uploads[0], first))
    with pytest.raises(ImportQueueFull):
        book.store.write(lambda tx: imports.queue(tx, uploads[1], second))


def test_bytes_beyond_those_that_may_wait_are_refused_and_none_of_them_kept(book):
    imports = imports_with(book, pieces=4)
    send(book, imports, upload_of(b"a", b"b", b"c"))
    with pytest.raises(ImportQueueFull, match="1048576 bytes wait"):
        imports.store(upload_of(b"d", b"e"))
    assert len(book.rows("import_content")) == 3
    send(book, imports, upload_of(b"d"))


def test_files_of_the_servers_own_start_are_under_no_quota(book):
    for _ in range(3):
        send(book, ImportService(book.store, book.clock), upload_of(b"a"))


def test_upload_whose_caller_has_gone_leaves_nothing(book):
    left = iter([True] * 7)
    with pytest.raises(DeadlineExceeded):
        book.imports.store(upload_of(b"a", b"b", b"c", b"d"), lambda: next(left, False))
    assert book.rows("import_content") == []


def test_upload_that_breaks_off_while_it_is_stored_leaves_nothing(book):
    def chunks():
        yield from (b"a", b"b")
        raise OSError("the disk of the upload")

    with pytest.raises(OSError, match="the disk"):
        book.imports.store(upload_of(chunks=chunks()))
    assert book.rows("import_content") == []


def test_database_that_is_away_is_not_asked_to_drop_an_upload(book, monkeypatch):
    monkeypatch.setattr(book.imports, "drop", lambda _: pytest.fail("asked"))

    def chunks():
        yield b"a"
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        book.imports.store(upload_of(chunks=chunks()))


def test_caller_is_told_that_the_queue_is_full_and_a_repetition_gets_its_first_answer(stubs):
    stubs.application._portfolio._imports._quota = ImportQuota(1, 2**30)
    request_id = str(uuid.uuid4())
    first = stubs.upload(b"a", request_id=request_id)
    refusal = stubs.refusal(lambda: stubs.upload(b"b"))
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "IMPORT_QUEUE_FULL")
    assert stubs.upload(b"a", request_id=request_id) == first
    assert len(stubs.book.rows("import_content")) == 1


@pytest.mark.usefixtures("file")
def test_pieces_of_cancelled_imports_go_while_another_is_worked_on(book, file):
    book.queue_customers()
    cancelled = [book.queue_customers(content=b"x" * CHUNK_BYTES) for _ in range(3)]
    left = []

    def cancel(at):
        if not at:
            for each in cancelled:
                book.store.write(lambda tx, each=each: book.imports.cancel(tx, each.import_id))
        left.append(len(book.rows("import_content")))

    file.before_batch = cancel
    book.work()
    assert left[:2] == [4, 1]
