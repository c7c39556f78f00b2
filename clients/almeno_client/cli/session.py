"""One run of a command: its global options, its connection, its output and its exit code."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum

import typer
from rich.console import Console
from rich.text import Text

from almeno_client.base_client import DEFAULT_TIMEOUT_SECONDS
from almeno_client.cli.connection import Connection, ConnectionOptions, connection_of
from almeno_client.cli.output import OutputError, write_json
from almeno_client.client import CreditClient
from almeno_client.errors import CreditServiceError, Unauthenticated
from almeno_client.formatting import printable
from almeno_client.target import is_loopback

# Frames and tables are hard to read across more columns; and get as many where no terminal says how many there are.
_MAX_CONSOLE_COLUMNS = 120
# The variables that gRPC asks for a proxy, in its order.
_PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")


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
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    as_json: bool = False

    @contextmanager
    def connected(self, connection: Connection | None = None) -> Iterator[CreditClient]:
        """Connects for the duration of a command's calls; ends the command, in a few lines, when one fails.

        Args:
            connection: The service and the credentials; those of the options when None.
        """
        with self.errors_told():
            to = connection or connection_of(self.options)
            client = CreditClient(to.address, tls=to.tls, api_key=to.api_key, timeout_seconds=self.timeout_seconds)
            try:
                with client:
                    yield client
            except CreditServiceError as error:
                self._show_service_error(error, to)
                raise typer.Exit(exit_code_of(error)) from None

    @contextmanager
    def errors_told(self) -> Iterator[None]:
        """Ends the command, in a line, at a file that cannot be read or a number that does not fit the wire."""
        try:
            yield
        except (OSError, ValueError) as error:
            self.show_error(str(error))
            raise typer.Exit(ExitCode.USAGE) from None

    def show_json(self, **document: object) -> None:
        """Prints the one JSON document of the command."""
        write_json(sys.stdout, document, indent=2)

    def show_error(self, message: str, *details: str, **document: object) -> None:
        """Prints an error to stderr: for people, or as a JSON document. Where that is full, the exit code has to do."""
        with suppress(OSError):
            if self.as_json:
                write_json(sys.stderr, {"error": {"message": message, **document}})
                return
            console = Console(stderr=True, highlight=False, soft_wrap=True)
            console.print(Text.assemble(("Error: ", "bold red"), printable(message)))
            for detail in details:
                console.print(Text(f"  {printable(detail)}"))

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

    def _show_service_error(self, error: CreditServiceError, connection: Connection) -> None:
        message, details = error.message, list[str]()
        if not error.reason and exit_code_of(error) is ExitCode.UNAVAILABLE:
            details += _about_reaching(connection)
        if (scope := error.metadata.get("scope", "")) not in message:
            details.append(f"It takes the scope {scope}.")
        if isinstance(error, Unauthenticated) and connection.api_key is None:
            details.append("Name a key with --api-key-file or ALMENO_API_KEY_FILE, or keep one with almeno login.")
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
    root = context.find_root()
    session: Session = replace(root.obj, as_json=root.obj.as_json or as_json)
    # Who ends the command has to know how to tell.
    root.obj = session
    return session


def exit_code_of(error: CreditServiceError) -> ExitCode:
    """The exit code after an error: of a caller who is not known, of a retryable one, or of any other."""
    if isinstance(error, Unauthenticated):
        return ExitCode.UNAUTHENTICATED
    return ExitCode.UNAVAILABLE if error.retryable else ExitCode.REFUSED


def _about_reaching(connection: Connection) -> Iterator[str]:
    """What may be wrong where a service cannot be reached."""
    yield f"Is the service running, and reachable at {connection.address}?"
    proxy = next((name for name in _PROXY_VARIABLES if os.environ.get(name)), None)
    if proxy and not is_loopback(connection.address):
        yield f"The call goes through the proxy of {proxy}, unless no_proxy names the address."


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def new_console(*, stderr: bool = False) -> Console:
    """A console for tables, on stdout or stderr, of at most 120 columns."""
    console = Console(stderr=stderr, highlight=False)
    known = console.is_terminal or "COLUMNS" in os.environ
    console.width = min(console.width, _MAX_CONSOLE_COLUMNS) if known else _MAX_CONSOLE_COLUMNS
    return console
