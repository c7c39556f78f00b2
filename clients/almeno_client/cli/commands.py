"""The group of all commands: it ends a command whose answer cannot be written in a line, with the way to repeat it."""

import sys
from typing import Any, NoReturn

import typer

from almeno_client.cli.lazy_group import LazyGroup
from almeno_client.cli.output import OutputError, checked_output
from almeno_client.cli.session import REQUEST_ID, ExitCode, Session


class Commands(LazyGroup):
    """Commands whose standard output is checked: what was booked is booked, whether or not its answer is read."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Runs a command; help and version are written before there is one."""
        try:
            with checked_output():
                try:
                    return super().main(*args, **extra)
                finally:
                    sys.stdout.flush()
        except OutputError as error:
            Session().show_output_error(error, None)
            sys.exit(ExitCode.UNWRITTEN)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command whose options are known."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except OutputError as error:
            _end_unwritten(ctx, error)


def _end_unwritten(context: typer.Context, error: OutputError) -> NoReturn:
    session: Session = context.obj or Session()
    session.show_output_error(error, context.meta.get(REQUEST_ID))
    raise typer.Exit(ExitCode.UNWRITTEN) from None
