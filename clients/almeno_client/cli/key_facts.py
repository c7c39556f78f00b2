"""Commands on key facts and on the lender's terms: key-facts, terms."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from almeno_client.cli.book_rendering import show_tables
from almeno_client.cli.key_facts_rendering import key_facts_panel, show_terms, terms_table
from almeno_client.cli.options import AsJson
from almeno_client.cli.page_files import page_file
from almeno_client.cli.rule_files import RuleFiles, Version, show_rule_files
from almeno_client.cli.session import new_console, session_of
from almeno_client.client import CreditClient
from almeno_client.files import write_page
from almeno_client.formatting import printable
from almeno_client.key_facts_records import KeyFacts, Terms
from almeno_client.reports import key_facts_tables

_TERMS = RuleFiles(
    "terms",
    "terms",
    Terms,
    CreditClient.list_terms,
    CreditClient.get_terms,
    terms_table,
    show_terms,
    "There are no terms.",
)


def key_facts(
    context: typer.Context,
    loan_id: Annotated[int | None, typer.Argument(metavar="LOAN_ID", help="The loan's id.", show_default=False)] = None,
    decision_id: Annotated[
        str | None,
        typer.Option(
            "--decision", metavar="DECISION_ID", help="Of the loan that a decision approved.", show_default=False
        ),
    ] = None,
    with_schedule: Annotated[bool, typer.Option("--schedule", help="Show the repayment schedule too.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", dir_okay=False, show_default=False, help="Write them as a page here."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a loan costs: fees, totals, the annual percentage rate, charges, schedule.

    Examples:
      almeno key-facts 1000000001 --schedule
      almeno key-facts --decision DECISION_ID --html key-facts.html
    """
    session = session_of(context, as_json)
    if (loan_id is None) == (decision_id is None):
        raise typer.BadParameter("name a loan or a decision", param_hint="'LOAN_ID' / '--decision'")
    file = None if html is None else page_file(html, html.name, as_json=session.as_json)
    with session.connected() as client:
        facts = client.get_key_facts(loan_id, decision_id=decision_id)
        if file is not None:
            _write_page(facts, file)
    if session.as_json:
        session.show_json(key_facts=facts)
        return
    console = new_console()
    console.print(key_facts_panel(facts))
    if with_schedule:
        show_tables(console, [key_facts_tables.schedule_table(facts)])
    if file is not None:
        console.print(Text(f"The page is {printable(str(file))}"), soft_wrap=True)


def terms(
    context: typer.Context,
    version: Version = None,
    as_toml: Annotated[
        bool, typer.Option("--toml", help="Print the version's file and nothing else, to make new terms of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the versions of the lender's terms, or show one.

    Examples:
      almeno terms
      almeno terms 2026-12 --toml > terms.toml
    """
    show_rule_files(session_of(context, as_json), _TERMS, version, as_toml=as_toml)


def _write_page(facts: KeyFacts, file: Path) -> None:
    from almeno_client.reports.key_facts_page import key_facts_page  # noqa: PLC0415 - plotting loads slowly

    write_page(file, key_facts_page(facts))
