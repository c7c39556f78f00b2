"""Commands on the audit trail: audit list, audit checkpoint."""

from typing import Annotated

import typer

from almeno_client.access_records import AuditEvent
from almeno_client.cli.access_options import read_instant
from almeno_client.cli.access_rendering import audit_events_table, checkpoint_panel
from almeno_client.cli.options import AsJson, Limit, first, page_size_for
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import new_console, session_of


def list_events(
    context: typer.Context,
    principal: Annotated[
        str, typer.Option("--principal", metavar="NAME", show_default=False, help="Only what this principal has done.")
    ] = "",
    customer: Annotated[
        int, typer.Option("--customer", metavar="CUSTOMER_ID", show_default=False, help="Only what concerns this one.")
    ] = 0,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", show_default=False, help="Only from this time on: 2026-01-31."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", show_default=False, help="Only before this time: 2026-02-01."),
    ] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List who has done what, the latest first: writes, persons shown in full, refusals. Times are local.

    Examples:
      almeno audit list --customer 14 --since 2026-01-31
    """
    session = session_of(context, as_json)
    start_time = None if since is None else read_instant("--since", since)
    end_time = None if until is None else read_instant("--until", until)
    with session.connected() as client:
        events = client.list_audit_events(
            principal=principal,
            customer_id=customer,
            start_time=start_time,
            end_time=end_time,
            page_size=page_size_for(limit),
        )
        rows, more = first(events, limit)
    if session.as_json:
        session.show_rows(AuditEvent, events=rows, more=more)
    else:
        show_list(new_console(), audit_events_table(rows), nothing="There are no such events.", more=more)


def checkpoint(
    context: typer.Context,
    number: Annotated[
        int,
        typer.Argument(metavar="NUMBER", min=0, show_default=False, help="Its number.  [default: the latest]"),
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Show a signed checkpoint of the audit trail, to compare with the anchor file.

    Examples:
      almeno audit checkpoint
    """
    session = session_of(context, as_json)
    with session.connected() as client:
        found = client.get_audit_checkpoint(number)
    if session.as_json:
        session.show_json(checkpoint=found)
    else:
        new_console().print(checkpoint_panel(found))
