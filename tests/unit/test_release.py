"""What is released says so in one voice: package metadata, both programs, changelog, protos kept to compare with."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from almeno_client.cli import app
from typer.testing import CliRunner

from almeno_grpc.config import settings_from_command_line

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
# The newest entry of the changelog: its version and its date.
ENTRIES = re.findall(r"^## (\S+) – (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_newest_entry_of_the_changelog_is_the_version_with_its_date() -> None:
    newest, _ = ENTRIES[0]
    assert newest == VERSION == version("almeno-grpc")
    for _, day in ENTRIES:
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", day)


def test_both_programs_say_their_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        settings_from_command_line(["--version"], {})
    assert (ended.value.code, capsys.readouterr().out) == (0, f"almeno-server {VERSION}\n")
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"almeno {VERSION}\n")


def test_protos_are_compared_with_those_of_a_released_version() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    kept = re.search(r"^RELEASED_PROTOS := (protos/almeno-(.*)\.binpb)$", makefile, re.MULTILINE)
    assert kept is not None
    assert kept[2] in {entry for entry, _ in ENTRIES}
    assert (ROOT / kept[1]).is_file()
