"""Groups of commands that load the module of a command when it runs, and the help of both.

`almeno --help` needs the names and a line on each; what a command imports, gRPC and the tables among it, takes ten
times as long.
"""

import re
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from almeno_client.cli.help_text import write_parameters, write_rows, write_text
from almeno_client.cli.output_options import command_output_option
from almeno_client.cli.session import ExitCode

# Typer exports one of its usage errors only.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_NEGATIVE = re.compile(r"-[0-9₹.]")
_MAX_HELP_COLUMNS = 100
CONTEXT_SETTINGS = {"help_option_names": ["--help", "-h"], "max_content_width": _MAX_HELP_COLUMNS}


@dataclass(frozen=True, slots=True)
class Entry:
    """A command in the table of commands, or a group of such.

    Attributes:
        name: What is typed: `customers`, `keys create`.
        summary: What the help of the group says about it, in a line.
        function: Module below `almeno_client.cli` and function of the command, `keys:create`; empty for a group.
        panel: Title under which the help of the group lists it.
        examples: Of a group: command lines for its help. A command has them in its docstring.
    """

    name: str
    summary: str
    function: str = ""
    panel: str = "Commands"
    examples: Sequence[str] = ()


class Command(TyperCommand):
    """A command whose help keeps paragraphs with indented lines, such as examples, as they are."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the arguments and the options; a number below zero that looks like an option is named."""
        words = list(args)
        try:
            rest: list[str] = super().parse_args(ctx, args)
        except UsageError as error:
            option = getattr(error, "option_name", "")
            if not _NEGATIVE.match(option):
                raise
            typed = next((word for word in words if word.startswith(option)), option)
            raise typer.BadParameter(f"{typed} is below zero; amounts and ids are above it", ctx) from None
        return rest

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Writes what the command does."""
        del ctx
        write_text(self.help or "", formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the arguments and the options."""
        write_parameters(self.get_params(ctx), ctx, formatter)


class LazyGroup(TyperGroup):
    """A group of the commands in a table."""

    entries: ClassVar[Sequence[Entry]] = ()

    def __init__(self, *, table: Sequence[Entry] = (), prefix: str = "", **attributes: Any) -> None:
        super().__init__(**attributes)
        self._entries = {
            entry.name.removeprefix(prefix): entry
            for entry in table or self.entries
            if entry.name.startswith(prefix) and " " not in entry.name.removeprefix(prefix)
        }
        self.commands = _LoadedCommands(self._entries, table or self.entries)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the options of the group; without any word there is help, on standard output as help is elsewhere."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            raise typer.Exit(ExitCode.USAGE)
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands, in the order of the table."""
        del ctx
        return list(self._entries)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Completes from the table: a shell waits for it at each key."""
        self.commands = {name: TyperCommand(name, help=entry.summary) for name, entry in self._entries.items()}
        return super().shell_complete(ctx, incomplete)

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Writes what the commands are for."""
        del ctx
        write_text(self.help or "", formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the options, and the commands."""
        write_parameters(self.get_params(ctx), ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes a line on each command, from the table."""
        del ctx
        for panel in dict.fromkeys(entry.panel for entry in self._entries.values()):
            listed = [(name, entry.summary) for name, entry in self._entries.items() if entry.panel == panel]
            write_rows(panel, listed, formatter)


class _LoadedCommands(MutableMapping[str, Any]):
    """The commands of a group by name, each made when it is looked up."""

    def __init__(self, entries: dict[str, Entry], table: Sequence[Entry]) -> None:
        self._entries = entries
        self._table = table
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _make(name, self._entries[name], self._table)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("the commands are those of the table")

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _make(name: str, entry: Entry, table: Sequence[Entry]) -> Any:
    if not entry.function:
        return LazyGroup(
            name=name,
            help="\n  ".join([f"{entry.summary}.\n\nExamples:", *entry.examples]),
            table=table,
            prefix=f"{entry.name} ",
            rich_markup_mode=None,
            context_settings=CONTEXT_SETTINGS,
        )
    module, _, function = entry.function.partition(":")
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command(name, cls=Command, context_settings=CONTEXT_SETTINGS)(
        getattr(import_module(f"almeno_client.cli.{module}"), function)
    )
    command = typer.main.get_command(made)
    command.params.append(command_output_option())
    return command
