"""The command on the health of the service: health."""

import time
from contextlib import suppress
from typing import Annotated

import typer
from rich.text import Text

from almeno_client.channel import Retries
from almeno_client.cli.connection import connection_of
from almeno_client.cli.list_table import ListTable
from almeno_client.cli.options import AsJson
from almeno_client.cli.session import ExitCode, Session, new_console, session_of
from almeno_client.client import CreditClient
from almeno_client.errors import CreditServiceError
from almeno_client.formatting import printable
from almeno_client.health import WHOLE, ServiceHealth

_PAUSE_SECONDS = 0.25
_MAX_ATTEMPT_SECONDS = 2.0
"""While one waits, a server that does not answer is asked again."""


def health(
    context: typer.Context,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0.0, help="Wait so long for it to serve.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Ask whether the service can do what it is for; ends with 5 where it cannot. No key is needed.

    Examples:
      almeno health
      almeno health --wait 60
    """
    session = session_of(context, as_json)
    if wait:
        with session.errors_told():
            _wait_until_serving(session, time.monotonic() + wait)
    with session.connected() as client:
        services = client.check_health()
    is_serving = all(service.is_serving for service in services)
    if session.as_json:
        session.show_rows(ServiceHealth, serving=is_serving, services=services)
    else:
        table = ListTable("Service", "Status", whole=("Status",))
        for service in services:
            name = "the server" if service.service == WHOLE else service.service
            table.add_row(printable(name), Text(service.status, "green" if service.is_serving else "red"))
        new_console().print(table)
    if not is_serving:
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _wait_until_serving(session: Session, deadline: float) -> None:
    """Waits until all serve, or the deadline; each time on a connection of its own, for gRPC would pause for longer."""
    to = connection_of(session.options)
    while (left_seconds := deadline - time.monotonic()) > 0:
        timeout_seconds = min(left_seconds, session.timeout_seconds, _MAX_ATTEMPT_SECONDS)
        client = CreditClient(
            to.address, tls=to.tls, api_key=to.api_key, timeout_seconds=timeout_seconds, retries=Retries(attempts=1)
        )
        with client, suppress(CreditServiceError):
            if all(service.is_serving for service in client.check_health()):
                return
        time.sleep(min(_PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))
