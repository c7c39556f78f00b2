"""Every help of `almeno-server` has examples that its own parser takes."""

import argparse
import shlex
from collections.abc import Iterator

import pytest

from almeno_grpc import config
from almeno_grpc.commands import COMMANDS, access, audit, migrate, ops, retention

PARSERS = {
    "access": access._parser(),
    "audit": audit._parser(),
    "migrate": migrate._parser(),
    "ops": ops._parser(),
    "retention": retention._parser(),
}


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from walk(command)


HELPS = [each for parser in (config._parser(), *PARSERS.values()) for each in walk(parser)]


def examples(parser: argparse.ArgumentParser) -> list[list[str]]:
    """Words of the examples, without a redirection."""
    text = parser.format_help().partition("\nExamples:\n")[2]
    return [shlex.split(line.partition(" > ")[0]) for line in text.splitlines()]


def test_every_command_of_the_server_is_looked_at() -> None:
    assert PARSERS.keys() == COMMANDS.keys()
    assert {parser.prog for parser in HELPS} >= {
        "almeno-server",
        "almeno-server access init",
        "almeno-server ops alerts",
    }


@pytest.mark.parametrize("parser", HELPS, ids=lambda parser: parser.prog)
def test_help_ends_with_examples_that_are_taken_and_fit_a_terminal(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, parser.format_help().splitlines())) <= 80
    assert examples(parser)
    for words in examples(parser):
        assert " ".join(words).startswith(parser.prog)
        command = PARSERS.get(words[1])
        if "--help" in words:
            with pytest.raises(SystemExit) as ended:
                (command or config._parser()).parse_args(words[2:])
            assert ended.value.code == 0
        elif command:
            command.parse_args(words[2:])
        else:
            config.settings_from_command_line(words[1:], {})
    assert not capsys.readouterr().err
