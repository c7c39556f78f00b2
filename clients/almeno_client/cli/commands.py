"""The group of all commands: it ends a command whose answer cannot be written in a line, with the way to repeat it."""

import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn

import typer

from almeno_client.cli.documents import Output
from almeno_client.cli.lazy_group import LazyGroup, UsageError
from almeno_client.cli.output import OutputError, checked_output
from almeno_client.cli.output_options import OUTPUT_VARIABLE
from almeno_client.cli.session import REQUEST_ID, USAGE_CODE, ExitCode, Session


class Commands(LazyGroup):
    """Commands whose standard output is checked: what was booked is booked, whether or not its answer is read."""

    def main(self, args: Sequence[str] | None = None, *others: Any, **extra: Any) -> NoReturn:
        """Runs a command; help and version are written before there is one."""
        words = list(sys.argv[1:] if args is None else args)
        try:
            with checked_output():
                try:
                    ended = super().main(words, *others, **extra | {"standalone_mode": False})
                finally:
                    sys.stdout.flush()
        except OutputError as error:
            Session().show_output_error(error, None)
            ended = ExitCode.UNWRITTEN
        except UsageError as error:
            _show_usage_error(error, words)
            ended = ExitCode.USAGE
        except typer.Abort:
            typer.echo("Aborted!", err=True)
            ended = ExitCode.INTERRUPTED
        sys.exit(ended or ExitCode.OK)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command whose options are known."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except OutputError as error:
            _end_unwritten(ctx, error)


def _show_usage_error(error: Any, words: Sequence[str]) -> None:
    """Tells what is wrong with a command line: as JSON, where that is asked for anywhere in it."""
    if not _asks_for_json(words):
        error.show()
        return
    usage = error.ctx.get_usage().removeprefix("Usage: ") if error.ctx else None
    Session(output=Output.JSON).show_error(error.format_message(), code=USAGE_CODE, usage=usage)


def _asks_for_json(words: Sequence[str]) -> bool:
    """Whether errors are to be JSON, read from words that could not be understood."""
    values = {after for before, after in pairwise(words) if before == "--output"}
    values |= {word.removeprefix("--output=") for word in words if word.startswith("--output=")}
    return "--json" in words or (values or {os.environ.get(OUTPUT_VARIABLE, "")}) == {Output.JSON}


def _end_unwritten(context: typer.Context, error: OutputError) -> NoReturn:
    session: Session = context.obj or Session()
    session.show_output_error(error, context.meta.get(REQUEST_ID))
    raise typer.Exit(ExitCode.UNWRITTEN) from None
