"""The option `--output`, which stands before the command or after it, as `--json` does."""

import sys
from dataclasses import replace
from typing import Annotated, Any

import typer

from almeno_client.cli.documents import Output
from almeno_client.cli.session import Session

OUTPUT_VARIABLE = "ALMENO_OUTPUT"

_HELP = "How to print the answer; --json is short for json."

OutputForm = Annotated[
    Output | None,
    typer.Option(
        "--output",
        envvar=OUTPUT_VARIABLE,
        show_default="table at a terminal, else tsv",
        help=f"{_HELP} May stand after the command too.",
    ),
]


def with_output(session: Session, context: typer.Context, output: Output | None, *, as_json: bool) -> Session:
    """The session with the form of its answer: what is asked for; else tables at a terminal, elsewhere TSV as gh does.

    Raises:
        typer.BadParameter: Two forms are asked for. The variable gives way to an option.
    """
    source = context.get_parameter_source("output")
    if output is None:
        session = replace(session, output=Output.TABLE if sys.stdout.isatty() else Output.TSV)
    elif source is not None and source.name == "COMMANDLINE":
        session = session.asked_for(output)
    else:
        session = replace(session, output=output)
    return session.asked_for(Output.JSON) if as_json else session


def _take(context: typer.Context, output: Output | None) -> Output | None:
    session: Session | None = context.find_root().obj
    if output is not None and session is not None:
        context.find_root().obj = session.asked_for(output)
    return output


def command_output_option() -> Any:
    """The option as one of a command's own: each command has it, none needs to name it."""
    made = typer.Typer(add_completion=False, rich_markup_mode=None)

    @made.command()
    def command(
        output: Annotated[
            Output | None,
            typer.Option("--output", expose_value=False, callback=_take, show_default=False, help=_HELP),
        ] = None,
    ) -> None:
        """Has the option, and is never run."""

    del command
    return typer.main.get_command(made).params[0]
