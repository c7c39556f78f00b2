"""One run of a command: its global options, its connection, its output and its exit code."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum

import typer
from rich.console import Console
from rich.text import Text

from almeno_client.base_client import DEFAULT_TIMEOUT_SECONDS
from almeno_client.channel import DEFAULT_ADDRESS, Tls
from almeno_client.client import CreditClient
from almeno_client.errors import CreditServiceError
from almeno_client.formatting import printable

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
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Session:
    """The options that stand before the command."""

    address: str = DEFAULT_ADDRESS
    tls: Tls | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    as_json: bool = False

    @contextmanager
    def connected(self) -> Iterator[CreditClient]:
        """Connects for the duration of a command's calls; ends the command, in a few lines, when one fails."""
        try:
            with CreditClient(self.address, tls=self.tls, timeout_seconds=self.timeout_seconds) as client:
                yield client
        except CreditServiceError as error:
            self._show_service_error(error)
            raise typer.Exit(exit_code_of(error)) from None
        except (OSError, ValueError) as error:
            # A file that cannot be read; a number that does not fit the wire.
            self.show_error(str(error))
            raise typer.Exit(ExitCode.USAGE) from None

    def show_json(self, **document: object) -> None:
        """Prints the one JSON document of the command."""
        typer.echo(json.dumps(document, default=_json_value, ensure_ascii=False, indent=2))

    def show_error(self, message: str, *details: str, **document: object) -> None:
        """Prints an error to stderr: for people, or as a JSON document."""
        if self.as_json:
            typer.echo(json.dumps({"error": {"message": message, **document}}, ensure_ascii=False), err=True)
            return
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(Text.assemble(("Error: ", "bold red"), printable(message)))
        for detail in details:
            console.print(Text(f"  {printable(detail)}"))

    def _show_service_error(self, error: CreditServiceError) -> None:
        message, details = error.message, []
        if not error.reason and exit_code_of(error) is ExitCode.UNAVAILABLE:
            details.append(f"Is the service running, and reachable at {self.address}?")
        # The service's sentence often says already what is wrong with the fields.
        details += [f"{path}: {fault}" for path, fault in error.fields.items() if fault not in message]
        if error.retryable and error.request_id:
            details.append(f"To try again with one effect at most, add --request-id {error.request_id}")
        self.show_error(
            message if self.as_json else f"{message} ({error.reason or error.code.name})",
            *details,
            code=error.code.name,
            reason=error.reason,
            fields=error.fields,
            metadata=error.metadata,
            request_id=error.request_id,
        )


def session_of(context: typer.Context, as_json: bool) -> Session:
    """The session of a command, which may have been given --json of its own."""
    session: Session = context.obj
    return replace(session, as_json=session.as_json or as_json)


def exit_code_of(error: CreditServiceError) -> ExitCode:
    """The exit code after an error: of a retryable one, or of any other."""
    return ExitCode.UNAVAILABLE if error.retryable else ExitCode.REFUSED


def new_console(*, stderr: bool = False) -> Console:
    """A console for tables, on stdout or stderr, of at most 120 columns."""
    console = Console(stderr=stderr, highlight=False)
    known = console.is_terminal or "COLUMNS" in os.environ
    console.width = min(console.width, _MAX_CONSOLE_COLUMNS) if known else _MAX_CONSOLE_COLUMNS
    return console


def _json_value(value: object) -> object:
    """Writes what JSON has no form for: amounts and rates as strings, dates and instants in ISO form."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
