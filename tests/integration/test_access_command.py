"""`almeno-server access init`: the first administrator."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.audit_trail import findings

from almeno_grpc.api_keys import key_sha256
from almeno_grpc.commands import access as access_command
from almeno_grpc.storage.store import SqlStore

Init = Callable[..., int]


@pytest.fixture
def init(database_url: str, tmp_path: Path) -> Init:
    """Runs the command, for a key file in a folder."""

    def run(key_file: str, *options: str) -> int:
        arguments = ["init", "--key-file", str(tmp_path / key_file), *options]
        return access_command.main(arguments, {"ALMENO_DATABASE_URL": database_url})

    return run


def test_administrator_gets_a_key_in_a_file_for_its_owner_alone(init: Init, store: SqlStore, tmp_path: Path) -> None:
    assert init("admin.key") == 0
    file = tmp_path / "admin.key"
    assert file.stat().st_mode & 0o777 == 0o600
    with store.read() as tx:
        [key] = tx.access.keys("admin", "", 9)
    assert key.sha256 == key_sha256(file.read_text().strip())


def test_administrator_is_made_once_unless_keys_are_lost(
    init: Init, store: SqlStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init("first") == 0
    assert init("second") == 1
    assert "principal admin exists" in capsys.readouterr().err
    assert not (tmp_path / "second").exists()
    assert init("second", "--recover") == 0
    with store.read() as tx:
        assert len(tx.access.keys("admin", "", 9)) == 2
    assert findings(store) == []


@pytest.mark.parametrize("existing", ["file", "link"])
def test_key_is_written_over_nothing(init: Init, tmp_path: Path, existing: str) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    if existing == "link":
        (tmp_path / "admin.key").symlink_to(other)
    else:
        (tmp_path / "admin.key").write_text("mine")
    assert init("admin.key") == 1
    assert (other.read_text(), (tmp_path / "admin.key").read_text()) == ("mine", "mine")
    assert init("another.key") == 0


def test_database_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database_url = "oracle://x"
    arguments = ["init", "--key-file", str(tmp_path / "k"), "--database-url", database_url]
    assert access_command.main(arguments, {}) == 2
    assert "ALMENO_DATABASE_URL" in capsys.readouterr().err
    assert not (tmp_path / "k").exists()


def test_database_of_an_older_version_is_left_to_its_servers(
    new_database: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = new_database(empty=True)
    store = SqlStore(url)
    store.migrate("0201")
    arguments = ["init", "--key-file", str(tmp_path / "admin.key")]
    assert access_command.main(arguments, {"ALMENO_DATABASE_URL": url}) == 2
    assert "is one of an older version (schema 0201)" in capsys.readouterr().err
    assert store.revisions()[0] == "0201"
    assert not (tmp_path / "admin.key").exists()
    store.close()
