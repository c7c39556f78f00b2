"""The table of commands, their help, and the package that imports a name when it is used."""

import ast
import sys
from pathlib import Path

import almeno_client
import pytest
import typer.main
from almeno_client.base_client import DEFAULT_TIMEOUT_SECONDS
from almeno_client.cli import app
from almeno_client.cli.app import COMMANDS
from almeno_client.cli.session import TIMEOUT_SECONDS


def test_every_entry_of_the_table_is_a_command_with_a_summary_of_one_line():
    for entry in COMMANDS:
        command = typer.main.get_command(app)
        for name in entry.name.split():
            command = command.commands[name]
        assert command.help
        assert entry.summary == entry.summary.strip().removesuffix(".")
        assert len(entry.summary) <= 66, entry.name


def test_default_timeout_is_that_of_the_library():
    assert TIMEOUT_SECONDS == DEFAULT_TIMEOUT_SECONDS


def test_package_gives_each_name_from_the_module_that_its_imports_name():
    source = Path(almeno_client.__file__).read_text(encoding="utf-8")
    imported = {
        alias.name: node.module
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("almeno")
        for alias in node.names
    }
    assert imported.keys() == set(almeno_client.__all__)
    for name, module in imported.items():
        __import__(module)
        assert getattr(almeno_client, name) is getattr(sys.modules[module], name)
    with pytest.raises(AttributeError, match="no attribute 'Lender'"):
        almeno_client.Lender  # noqa: B018 - the look-up is what is tried


def every_command(command, path=()):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from every_command(below, (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in every_command(typer.main.get_command(app))], ids=" ".join)
def test_help_fits_80_columns_with_whole_dates_and_no_control_characters(almeno, path):
    shown = almeno(*path, "--help", width=80).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert [line for line in shown.splitlines() if line.rstrip().endswith("-") or not line.isprintable()] == []


def test_help_tells_defaults_also_those_in_words(almeno):
    assert "[env var: ALMENO_ADDRESS; default:" in almeno("--help").stdout.replace("\n" + " " * 33, " ")
    simulated = " ".join(almeno("simulate", "--help").stdout.split())
    for default in ("5,00,000", "10.5", "60", "20; x>=0", "the one in effect"):
        assert f"[default: {default}]" in simulated
    assert "[default: the service's business date]" in " ".join(almeno("repay", "--help").stdout.split())
