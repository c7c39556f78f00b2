"""One run of a command: its global options, its connection, its output and its exit code.

What loads slowly is imported where it is used: every run loads this module, `almeno --help` too.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from almeno_client.cli.connection_options import ConnectionOptions
from almeno_client.cli.documents import Output, RecordKind, options_for_more, write_document
from almeno_client.cli.output import OutputError, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from almeno_client.base_client import BaseClient
    from almeno_client.cli.connection import Connection
    from almeno_client.client import CreditClient

Calls = TypeVar("Calls", bound="BaseClient")

REQUEST_ID = "almeno_client.request_id"
"""Where the context of a command keeps its request_id."""

USAGE_CODE = "USAGE"
"""The code, in JSON, of errors that the service knows nothing of: the command line, or a file that it names."""

TIMEOUT_SECONDS = 30.0
"""The default deadline of the library, whose module loads gRPC."""

# Frames and tables are hard to read across more columns; and get as many where no terminal says how many there are.
_MAX_CONSOLE_COLUMNS = 120


class ExitCode(IntEnum):
    """Exit codes of the commands."""

    OK = 0
    USAGE = 2
    DECLINED = 3
    REFUSED = 4
    UNAVAILABLE = 5
    IMPORT_ENDED_EARLY = 6
    ROWS_REJECTED = 7
    DRIFT = 8
    UNAUTHENTICATED = 9
    UNWRITTEN = 10
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Session:
    """The options that stand before the command."""

    options: ConnectionOptions = field(default_factory=ConnectionOptions)
    timeout_seconds: float = TIMEOUT_SECONDS
    output: Output = Output.TABLE
    asked: Output | None = None
    """The form of the answer that an option asks for."""

    def asked_for(self, output: Output) -> "Session":
        """The session with the form of the answer that an option asks for.

        Raises:
            typer.BadParameter: Another option asks for another form.
        """
        if self.asked not in (None, output):
            raise typer.BadParameter(f"{self.asked} and {output} are asked for", param_hint="'--output' / '--json'")
        return replace(self, output=output, asked=output)

    @property
    def as_json(self) -> bool:
        """Whether the answer is one document for programs, by `show_json`, rather than tables."""
        return self.output is not Output.TABLE

    @property
    def wants_json(self) -> bool:
        """Whether the document is JSON; errors then are JSON too."""
        return self.output is Output.JSON

    @contextmanager
    def connected(self, connection: "Connection | None" = None) -> "Iterator[CreditClient]":
        """Connects for the duration of a command's calls; ends the command, in a few lines, when one fails.

        Args:
            connection: The service and the credentials; those of the options when None.
        """
        from almeno_client.client import CreditClient  # noqa: PLC0415

        with self.connected_for(CreditClient, connection) as client:
            yield client

    @contextmanager
    def connected_for(self, calls: "type[Calls]", connection: "Connection | None" = None) -> "Iterator[Calls]":
        """Connects likewise, for a command that has to start quickly: it imports the calls that it makes alone.

        Args:
            calls: One of the bases of `CreditClient`.
            connection: The service and the credentials; those of the options when None.
        """
        from almeno_client.cli.calls import connected  # noqa: PLC0415

        with connected(self, connection, calls) as client:
            yield client

    @contextmanager
    def errors_told(self) -> Iterator[None]:
        """Ends the command, in a line, at a file that cannot be read or a number that does not fit the wire."""
        try:
            yield
        except (OSError, ValueError) as error:
            self.show_error(str(error), code=USAGE_CODE)
            raise typer.Exit(ExitCode.USAGE) from None

    def show_json(self, **document: object) -> None:
        """Prints the one document of the command, as JSON unless another form was asked for."""
        self._show_document(document, None)

    def show_rows(self, rows_of: RecordKind, /, **document: object) -> None:
        """Prints the one document of a command that lists, as `show_json`.

        Args:
            rows_of: What the items of the list are: the columns are its fields, even where the list is empty.
            document: The list by its name, and what stands beside it.
        """
        self._show_document(document, rows_of)

    def _show_document(self, document: Mapping[str, object], rows_of: RecordKind | None) -> None:
        write_document(document, self.output, rows_of=rows_of)
        if not self.wants_json:
            for option in options_for_more(document):
                self.show_note(f"There are more; {option} shows all.")

    def show_note(self, text: str) -> None:
        """Tells a person what does not belong into a document, on stderr."""
        with suppress(OSError):
            typer.echo(text, err=True)

    def show_page(self, file: Path | None) -> None:
        """Tells where a page was written, beside a document of cells; who asks for JSON has named the file."""
        if file is not None and not self.wants_json:
            self.show_note(f"The page is {file}")

    def show_error(self, message: str, *details: str, **document: object) -> None:
        """Prints an error to stderr: for people, or as a JSON document. Where that is full, the exit code has to do."""
        with suppress(OSError):
            if self.wants_json:
                write_json(sys.stderr, {"error": {"message": message, **document}})
                return
            from almeno_client.formatting import printable  # noqa: PLC0415

            typer.echo(f"{typer.style('Error:', fg='red', bold=True)} {printable(message)}", err=True)
            for detail in details:
                typer.echo(f"  {printable(detail)}", err=True)

    def show_output_error(self, error: OutputError, request_id: str | None) -> None:
        """Tells that the answer was not written, and how to have it again. A reader that has gone wants to know less.

        Args:
            error: Why.
            request_id: The request_id of a command that changes something.
        """
        if error.is_broken_pipe and not request_id:
            return
        repeat = f"; to have it again, with no second effect, add --request-id {request_id}" if request_id else ""
        self.show_error(f"cannot write the answer: {error}{repeat}", request_id=request_id)


def session_of(context: typer.Context, as_json: bool) -> Session:
    """The session of a command, which may have been given --json of its own."""
    root = context.find_root()
    session: Session = root.obj.asked_for(Output.JSON) if as_json else root.obj
    # Who ends the command has to know how to tell.
    root.obj = session
    return session


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def new_console(*, stderr: bool = False) -> "Console":
    """A console for tables, on stdout or stderr, of at most 120 columns."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=stderr, highlight=False)
    known = console.is_terminal or "COLUMNS" in os.environ
    console.width = min(console.width, _MAX_CONSOLE_COLUMNS) if known else _MAX_CONSOLE_COLUMNS
    return console
