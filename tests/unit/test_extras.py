"""What needs an extra says which one where it is missing, and hides no fault of our own."""

import re
import sys
import tomllib
from importlib.metadata import files
from pathlib import Path

import almeno_client.__main__ as client_program
import pytest
from almeno_client import cli

from almeno_grpc import __main__ as server_program
from almeno_grpc import server
from almeno_grpc.extras import EXTRAS, ExtraMissing, has_extra, require_extra
from almeno_grpc.storage.engine import DatabaseUnusable, parse_url

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DONE_WITHOUT = {"pysqlite3", "tzdata"}
"""A newer SQLite, and the time zones of a machine that has none."""


def files_of(requirement: str) -> set[str]:
    distribution = re.match(r"[a-z0-9-]+", requirement)
    assert distribution is not None
    return {str(path) for path in files(distribution[0]) or []}


@pytest.mark.parametrize("extra", EXTRAS)
def test_modules_of_an_extra_are_those_of_its_distributions(extra: str) -> None:
    distributions = {
        requirement: files_of(requirement)
        for requirement in PROJECT["optional-dependencies"][extra]
        if not requirement.startswith(tuple(DONE_WITHOUT))
    }
    homes = {
        module: [name for name, paths in distributions.items() if f"{module.replace('.', '/')}/__init__.py" in paths]
        for module in EXTRAS[extra]
    }
    assert sorted(homes.values()) == sorted([name] for name in distributions), homes


def test_every_extra_is_known_by_its_modules() -> None:
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize(
    ("extra", "module"), [(extra, module) for extra, modules in EXTRAS.items() for module in modules]
)
def test_extra_that_lacks_one_of_its_packages_is_missing(
    extra: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert has_extra(extra)
    monkeypatch.setitem(sys.modules, module, None)
    assert not has_extra(extra)
    with pytest.raises(ExtraMissing, match=re.escape(f"this is not installed: pip install 'almeno-grpc[{extra}]'")):
        require_extra(extra, "this")


def test_extra_that_lacks_the_package_around_its_module_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert not has_extra("otel")


def test_command_line_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as ended:
        client_program.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "almeno: the command line is not installed: pip install 'almeno-grpc[cli]'\n"


def test_server_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert server_program.main() == 2
    assert capsys.readouterr().err == "almeno-server: the server is not installed: pip install 'almeno-grpc[server]'\n"


def test_driver_of_postgresql_that_is_not_installed_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert parse_url("sqlite:///almeno.db").database == "almeno.db"
    with pytest.raises(DatabaseUnusable, match=re.escape("pip install 'almeno-grpc[postgres]'")):
        parse_url("postgresql://bank@db/credit")


def lacks_a_module_of_its_own() -> None:
    raise ModuleNotFoundError("No module named 'almeno_grpc.gone'", name="almeno_grpc.gone")


def test_module_of_our_own_that_is_gone_is_not_taken_for_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "main", lacks_a_module_of_its_own)
    monkeypatch.setattr(server, "main", lacks_a_module_of_its_own)
    for program in (client_program, server_program):
        with pytest.raises(ModuleNotFoundError, match="gone"):
            program.main()
