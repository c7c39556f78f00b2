"""Commands on names in client certificates: certificates set, certificates remove."""

from typing import Annotated

import typer

from almeno_client.access_records import CertificateName
from almeno_client.cli.access_options import CertificateNameArgument
from almeno_client.cli.access_rendering import certificate_name_panel
from almeno_client.cli.options import AsJson, RequestId
from almeno_client.cli.session import Session, new_console, session_of


def set_name(
    context: typer.Context,
    name: CertificateNameArgument,
    principal: Annotated[
        str, typer.Option("--principal", metavar="NAME", help="The principal that the name stands for from now on.")
    ],
    request_id: RequestId = None,
    as_json: AsJson = False,
) -> None:
    """Let a name in client certificates stand for a principal.

    Examples:
      almeno certificates set spiffe://example.com/pune --principal branch-pune
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        _show(session, client.set_certificate_name(name, principal, request_id=request_id))


def remove(
    context: typer.Context, name: CertificateNameArgument, request_id: RequestId = None, as_json: AsJson = False
) -> None:
    """Let a name in client certificates stand for nobody; show whom it stood for.

    Examples:
      almeno certificates remove spiffe://example.com/pune
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        _show(session, client.remove_certificate_name(name, request_id=request_id))


def _show(session: Session, name: CertificateName) -> None:
    if session.as_json:
        session.show_json(certificate_name=name)
    else:
        new_console().print(certificate_name_panel(name))
