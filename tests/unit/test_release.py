"""What is released says so in one voice: package metadata, both programs, changelog, protos kept to compare with."""

import itertools
import re
import tomllib
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import almeno_client
import pytest
from almeno_client.cli import app
from typer.testing import CliRunner

import almeno_grpc
from almeno_grpc.config import settings_from_command_line

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
DEPENDENCIES = [*PROJECT["dependencies"], *itertools.chain.from_iterable(EXTRAS.values())]
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


def lower_bound(name: str) -> tuple[int, ...]:
    """The lower bound of a dependency in pyproject.toml."""
    (bound,) = (bound for bound in DEPENDENCIES if re.match(rf"{re.escape(name)}\b(?!-)", bound))
    stated = re.search(r">=([0-9.]+)", bound)
    assert stated is not None
    return as_version(stated[1])


def as_version(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(".")]
    return (*numbers, *[0] * (3 - len(numbers)))


def test_stubs_demand_no_newer_grpcio_and_protobuf_than_the_lower_bounds() -> None:
    stubs = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "almeno_grpc/_gen").rglob("*.py"))
    for name, statement in (
        ("grpcio", r"^GRPC_GENERATED_VERSION = '(.*)'"),
        ("protobuf", r"^# Protobuf Python Version: (.*)"),
    ):
        demanded = {as_version(stated) for stated in re.findall(statement, stubs, re.MULTILINE)}
        assert demanded == {lower_bound(name)}, name
    for companion in ("grpcio-health-checking", "grpcio-reflection", "grpcio-status"):
        assert lower_bound(companion) == lower_bound("grpcio")


@pytest.mark.parametrize("package", [almeno_grpc, almeno_client], ids=lambda package: package.__name__)
def test_package_is_marked_as_typed(package: ModuleType) -> None:
    assert resources.files(package).joinpath("py.typed").is_file()
