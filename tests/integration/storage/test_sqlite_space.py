"""The space of deleted rows in a SQLite file: overwritten, given back, and erased from the log."""

import contextlib
import logging
from pathlib import Path

import pysqlite3
import pytest
from sqlalchemy import make_url

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.domain.imports import ImportKind
from almeno_grpc.service.imports import CHUNK_BYTES, Upload
from almeno_grpc.storage.sqlite import space
from almeno_grpc.storage.store import SqlStore


@pytest.fixture(scope="module")
def databases(sqlite_databases):
    return sqlite_databases


@pytest.fixture
def path(database_url) -> Path:
    return Path(make_url(database_url).database)


def upload(store, pieces: int, mark: bytes = b"x") -> None:
    for number in range(pieces):
        store.write(lambda tx, n=number: tx.imports.add_content("an upload", n, (mark * 2**18)[: 2**18]))


def drop(store, pieces: int) -> None:
    for number in range(pieces):
        store.write(lambda tx, n=number: tx.imports.drop_content("an upload", n))


def return_all(store) -> None:
    while store.return_space():
        pass
    assert store.erase_log()


def test_space_of_a_deleted_upload_comes_back_but_for_a_reserve(store, path):
    upload(store, 60)
    drop(store, 60)
    store.erase_log()
    assert path.stat().st_size > 15 * 2**20
    return_all(store)
    assert path.stat().st_size < 6 * 2**20


def test_deleted_upload_is_nowhere_to_be_read(store, path):
    mark = b"7,Asha,Rao,30,9000000000,50000,1800000\n"
    upload(store, 3, mark)
    store.checkpoint()
    drop(store, 3)
    return_all(store)
    files = [path, *path.parent.glob(f"{path.name}-*")]
    assert [file.name for file in files if mark in file.read_bytes()] == []
    assert path.with_name(f"{path.name}-wal").stat().st_size == 0


def test_log_is_not_erased_under_a_reader_and_nobody_waits_for_it(store):
    upload(store, 1)
    with store.engine.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM import_content")
        drop(store, 1)
        assert not store.erase_log()
    assert store.erase_log()


def test_log_that_the_disk_cannot_erase_is_an_error_of_the_store(store):
    with store.read():
        reader = store._backend._reader().connection.dbapi_connection
    # SQLite ends the statement with an error, as a full disk does.
    reader.set_progress_handler(lambda: 1, 1)
    with pytest.raises(StoreUnavailable):
        store.erase_log()
    reader.set_progress_handler(None, 0)
    assert store.erase_log()


@pytest.fixture
def older(tmp_path, monkeypatch):
    """A database as version 0.1.0 left it, after it dropped an upload of 15 MiB."""
    file = tmp_path / "older.db"
    with contextlib.closing(pysqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    store = SqlStore(f"sqlite:///{file}")
    monkeypatch.setattr(space, "_MAX_REBUILT_BYTES", -1)
    store.migrate("0201")
    upload(store, 60)
    drop(store, 60)
    store.close()
    monkeypatch.setattr(space, "_MAX_REBUILT_BYTES", 2**20)
    store = SqlStore(f"sqlite:///{file}")
    yield store, file
    store.close()


def auto_vacuum(store) -> int:
    with store.engine.connect() as connection:
        return connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one()


def events(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_older_database_is_rebuilt_once_and_gives_back_its_space(older, caplog):
    store, file = older
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            store.migrate()
    assert events(caplog).count("database_rebuilt") == 1
    assert auto_vacuum(store) == 2
    assert store.erase_log()
    assert file.stat().st_size < 2**20


def test_older_database_with_no_room_to_be_rebuilt_works_on(older, monkeypatch, caplog):
    def fail(*_):
        raise pysqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(space, "rebuild_if_older", fail)
    older[0].migrate()
    assert "database_not_rebuilt" in events(caplog)
    upload(older[0], 1)


def test_older_database_that_is_too_large_for_that_works_on_and_says_so(older, monkeypatch, caplog):
    store, file = older
    monkeypatch.setattr(space, "_MAX_REBUILT_BYTES", 0)
    with caplog.at_level(logging.INFO):
        store.migrate()
    assert auto_vacuum(store) == 0
    assert "database_keeps_free_space" in events(caplog)
    upload(store, 1)
    assert not store.return_space()
    assert file.stat().st_size > 15 * 2**20


def test_uploads_that_are_cancelled_leave_a_small_file(book, path):
    mark = b"7,Asha,Rao,30,9000000000,50000,1800000\n"
    content = mark * (2**23 // len(mark))
    for _ in range(2):
        upload = Upload(ImportKind.CUSTOMERS, "a.csv", None, len(content), "0" * 64, {}, pieces_of(content))
        name = book.imports.store(upload)
        queued = book.store.write(lambda tx, upload=upload, name=name: book.imports.queue(tx, upload, name))
        book.store.write(lambda tx, queued=queued: book.imports.cancel(tx, queued.import_id))
    book.store.checkpoint(in_steps=True)
    assert path.stat().st_size > 15 * 2**20
    log = path.with_name(f"{path.name}-wal")
    book.work(until=lambda: path.stat().st_size < 6 * 2**20 and not log.stat().st_size)
    assert mark not in path.read_bytes()


def pieces_of(content: bytes) -> list[bytes]:
    return [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
