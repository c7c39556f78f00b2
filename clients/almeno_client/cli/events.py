"""The command that follows the book: events."""

import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Annotated

import typer

from almeno_client.cli.documents import Output, write_document
from almeno_client.cli.instants import local_time
from almeno_client.cli.list_table import ListTable
from almeno_client.cli.options import AsJson, Limit, first, page_size_for
from almeno_client.cli.output import write_json
from almeno_client.cli.rendering import show_list
from almeno_client.cli.session import Session, new_console, session_of
from almeno_client.client import CreditClient
from almeno_client.event_records import ChangeEvent
from almeno_client.formatting import humanized, printable, rupees

_MAX_LAST_EVENTS = 1000


def events(
    context: typer.Context,
    after: Annotated[
        int | None,
        typer.Option(
            "--after",
            metavar="SEQUENCE",
            min=0,
            help="Only events behind this one, as the last one seen.  [default: from the first that is kept]",
            show_default=False,
        ),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(
            "--last",
            metavar="EVENTS",
            min=0,
            max=_MAX_LAST_EVENTS,
            help="Only the newest so many; 0 with --follow: those from now on.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more, until interrupted.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List the changes of the book in the order in which they took effect; with --json one document a line.

    Times in tables are local.

    Examples:
      almeno events --limit 10
      almeno events --after 1200 --output csv
      almeno events --last 20
      almeno events --follow --last 0 --json
    """
    session = session_of(context, as_json)
    if follow and session.output is Output.CSV:
        raise typer.BadParameter("takes lines, --json or --output tsv, for it has no end", param_hint="'--follow'")
    _check_options(context, after, last, follow=follow)
    with session.connected() as client:
        if follow:
            for event in _followed(client, after, last):
                _show(session, event)
            return
        if last is None:
            rows, more = first(client.list_events(after=after, page_size=page_size_for(limit)), limit)
        else:
            rows, more = list(islice(client.list_events(newest=last, page_size=last), last)), False
    if session.wants_json:
        for event in rows:
            _show(session, event)
    elif session.as_json:
        session.show_rows(ChangeEvent, events=rows, more=more)
    else:
        show_list(new_console(), events_table(rows), nothing="Nothing has changed.", more=more)


def _check_options(context: typer.Context, after: int | None, last: int | None, *, follow: bool) -> None:
    """Refuses options that do not go together."""
    has_limit = str(context.get_parameter_source("limit")).endswith("COMMANDLINE")
    if follow and has_limit:
        raise typer.BadParameter("cannot be used with --follow, which has no end", param_hint="'--limit'")
    if last is None:
        return
    if after is not None:
        raise typer.BadParameter("cannot be used with --after", param_hint="'--last'")
    if has_limit:
        raise typer.BadParameter("cannot be used with --limit", param_hint="'--last'")
    if last == 0 and not follow:
        raise typer.BadParameter("takes 0 with --follow alone", param_hint="'--last'")


def _followed(client: CreditClient, after: int | None, last: int | None) -> Iterator[ChangeEvent]:
    """The events behind one, or the last ones, and then each as it comes."""
    if last == 0:
        after = client.last_event_sequence()
    elif last is not None:
        for event in client.list_events(newest=last, page_size=last):
            after = event.sequence
            yield event
    yield from client.watch_events(after=after)


def events_table(rows: Iterable[ChangeEvent]) -> ListTable:
    """Events, one a row."""
    table = ListTable(
        "Sequence", "When", "What", "Customer", "Loan", "Amount", "By",
        right=("Sequence", "Customer", "Loan", "Amount"), whole=("When",), spare=("By", "When"),
    )  # fmt: skip
    for event in rows:
        table.add_row(*_cells(event))
    return table


def _show(session: Session, event: ChangeEvent) -> None:
    """Prints an event on a line of its own, at once: who reads it waits for it."""
    if session.wants_json:
        write_json(sys.stdout, event)
    elif session.as_json:
        write_document({"events": [event]}, session.output, rows_of=ChangeEvent)
    else:
        sys.stdout.write("  ".join(filter(None, _cells(event))) + "\n")
    sys.stdout.flush()


def _cells(event: ChangeEvent) -> tuple[str, ...]:
    return (
        str(event.sequence),
        local_time(event.event_time),
        humanized(event.kind),
        str(event.customer_id),
        "" if event.loan_id is None else str(event.loan_id),
        _amount(event),
        printable(event.principal or ("an import" if event.import_id else "")),
    )


def _amount(event: ChangeEvent) -> str:
    """The amount that the event is about."""
    if event.repayment:
        return rupees(event.repayment.amount)
    if event.charges:
        return rupees(sum((charge.amount for charge in event.charges), Decimal()))
    return rupees(event.loan.loan_amount) if event.loan else ""
