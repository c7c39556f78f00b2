import os
import stat

import pytest
from almeno_client.files import is_page, read_private, write_page, write_private, write_table

LONG = "x" * (64 * 1024 + 1)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "file"


def test_private_file_is_its_owners_alone_from_the_first_byte(file, monkeypatch):
    seen = []
    monkeypatch.setattr("almeno_client.files.os.fsync", lambda descriptor: seen.append(stat.S_IMODE(mode(descriptor))))
    write_private(file, "secret")
    write_private(file, "another", overwrite=True)
    assert (seen, file.read_text()) == ([0o600, 0o600], "another")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("write", [write_page, write_table])
def test_page_and_table_which_name_borrowers_are_their_owners_alone(file, write):
    before = os.umask(0)
    try:
        write(file, "first")
        file.chmod(0o644)
        write(file, "second")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_interrupted_page_leaves_no_part_of_itself(file, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("almeno_client.files.os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_page(file, "borrowers")
    assert [*file.parent.iterdir()] == []


def mode(descriptor):

    return os.fstat(descriptor).st_mode


def test_private_file_is_not_overwritten_unasked(file):
    write_private(file, "kept")
    with pytest.raises(FileExistsError):
        write_private(file, "another")
    assert file.read_text() == "kept"


@pytest.mark.parametrize(
    "write", [write_page, write_private, lambda file, text: write_private(file, text, overwrite=True)]
)
def test_nothing_is_written_through_a_symbolic_link(file, tmp_path, write):
    (tmp_path / "target").write_text("kept")
    file.symlink_to("target")
    with pytest.raises(ValueError, match="symbolic link"):
        write(file, "another")
    assert ((tmp_path / "target").read_text(), file.is_symlink()) == ("kept", True)


def test_page_that_cannot_be_written_leaves_the_one_before(file, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    write_page(file, "before")
    monkeypatch.setattr("almeno_client.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_page(file, "after")
    with pytest.raises(OSError, match="No space left"):
        write_private(file.with_name("key"), "secret")
    assert (file.read_text(), [*file.parent.iterdir()]) == ("before", [file])


def test_private_file_has_a_bound_and_is_text(file):
    file.touch(0o600)
    file.write_text(LONG)
    with pytest.raises(ValueError, match="64 KiB"):
        read_private(file)
    file.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="UTF-8"):
        read_private(file)


def test_page_is_known_by_its_mark(file):
    file.write_text('<!DOCTYPE html>\n<meta name="generator" content="another">')
    assert not is_page(file)
    file.write_text('<!DOCTYPE html>\n<meta name="generator" content="almeno">')
    assert is_page(file)
