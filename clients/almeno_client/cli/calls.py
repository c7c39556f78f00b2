"""The calls of a command: its connection, and what is told where one fails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from almeno_client.cli.connection import Connection, connection_of
from almeno_client.cli.session import Calls, ExitCode, Session
from almeno_client.errors import CreditServiceError, Unauthenticated
from almeno_client.target import is_loopback

# The variables that gRPC asks for a proxy, in its order.
_PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")


@contextmanager
def connected(session: Session, connection: Connection | None, calls: type[Calls]) -> Iterator[Calls]:
    """Connects for the duration of a command's calls; ends the command, in a few lines, when one fails.

    Args:
        session: The options.
        connection: The service and the credentials; those of the options when None.
        calls: The class of the client.
    """
    with session.errors_told():
        to = connection or connection_of(session.options)
        client = open_client(calls, to, session.timeout_seconds)
        try:
            with client:
                yield client
        except CreditServiceError as error:
            _show_service_error(session, error, to)
            raise typer.Exit(exit_code_of(error)) from None


def open_client(calls: type[Calls], to: Connection, timeout_seconds: float) -> Calls:
    """Makes the client of a command."""
    return calls(to.address, tls=to.tls, api_key=to.api_key, timeout_seconds=timeout_seconds)


def _show_service_error(session: Session, error: CreditServiceError, connection: Connection) -> None:
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
    session.show_error(
        message if session.wants_json else f"{message} ({error.reason or error.code.name})",
        *details,
        code=error.code.name,
        reason=error.reason,
        fields=error.fields,
        metadata=error.metadata,
        request_id=error.request_id,
    )


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
