"""The files of a SQLite database: their owner's alone, and none behind a link that somebody else has put there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from almeno_grpc.domain.errors import StoreUnavailable
from almeno_grpc.service.store import Changes
from almeno_grpc.storage.engine import DatabaseUnusable
from almeno_grpc.storage.sqlite.private_files import UnsafeFile, open_lock_file
from almeno_grpc.storage.store import SqlStore

LOCKS = ("writer", "writers-waiting", "import-worker")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which a process without manners would make files that all can read."""
    before = os.umask(0)
    yield tmp_path
    os.umask(before)


@pytest.fixture
def open_book(folder: Path) -> Iterator[Callable[[str], SqlStore]]:
    opened: list[SqlStore] = []

    def open_one(name: str = "book.db") -> SqlStore:
        opened.append(SqlStore(f"sqlite:///{folder / name}"))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def use(store: SqlStore) -> None:
    """Has the store make every file that it ever makes."""
    store.migrate()
    store.write(lambda tx: tx.write(Changes(policy_pins={f"{id(tx)}": "sha"})))
    with store.try_lock("import-worker") as lock:
        assert lock.is_held()


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_all_files_of_a_new_database_are_its_owners_alone(folder, open_book):
    use(open_book())
    names = {"book.db", "book.db-wal", "book.db-shm", *(f"book.db-{lock}.lock" for lock in LOCKS)}
    assert modes(folder) == dict.fromkeys(names, 0o600)


def test_files_of_an_older_database_that_others_can_read_are_closed_to_them(folder, open_book):
    first = open_book()
    use(first)
    for path in folder.iterdir():
        path.chmod(0o644)
    use(open_book())
    assert set(modes(folder).values()) == {0o600}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_file_that_is_a_link_is_neither_followed_nor_made(folder, open_book, lock):
    elsewhere = folder / "elsewhere"
    (folder / f"book.db-{lock}.lock").symlink_to(elsewhere)
    with pytest.raises((DatabaseUnusable, StoreUnavailable), match=rf"book.db-{lock}.lock is a symbolic link"):
        use(open_book())
    assert not elsewhere.exists()


def test_lock_file_that_is_no_file_is_refused(folder):
    os.mkfifo(folder / "lock")
    with pytest.raises(UnsafeFile, match="was made by another user"):
        open_lock_file(folder / "lock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_lock_file_of_a_stranger_is_refused_and_one_of_the_folders_owner_is_not(folder):
    path = folder / "lock"
    path.touch()
    os.chown(path, 65534, -1)
    with pytest.raises(UnsafeFile, match="was made by another user"):
        open_lock_file(path)
    os.chown(folder, 65534, -1)
    open_lock_file(path).close()


def test_new_database_is_not_made_behind_a_link(folder, open_book):
    (folder / "book.db").symlink_to(folder / "elsewhere.db")
    with pytest.raises(DatabaseUnusable, match=r"book.db is a symbolic link"):
        open_book().migrate()
    assert not (folder / "elsewhere.db").exists()


def test_database_that_is_there_may_be_named_by_a_link(folder, open_book):
    use(open_book("elsewhere.db"))
    (folder / "book.db").symlink_to(folder / "elsewhere.db")
    use(open_book("book.db"))
    assert not list(folder.glob("book.db-*"))


def test_log_that_is_no_file_is_refused(folder, open_book):
    (folder / "book.db-wal").symlink_to(folder / "elsewhere")
    with pytest.raises(DatabaseUnusable, match=r"book.db-wal is no plain file"):
        open_book().migrate()


def test_database_that_others_can_read_and_that_is_not_ours_to_close_is_refused(folder, open_book, monkeypatch):
    use(open_book())
    (folder / "book.db").chmod(0o640)

    def refuse(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(DatabaseUnusable, match=r"book.db can be opened by other users; .* chmod 600"):
        open_book().migrate()
