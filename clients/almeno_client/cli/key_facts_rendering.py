"""Rendering of key facts and terms for the terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from almeno_client.cli.list_table import ListTable
from almeno_client.cli.rendering import key_value_table, titled_panel
from almeno_client.formatting import per_cent, printable
from almeno_client.key_facts_records import KeyFacts, Terms
from almeno_client.reports import key_facts_tables


def key_facts_panel(facts: KeyFacts) -> Panel:
    """What a loan costs, and what its terms say beside."""
    rows = [*key_facts_tables.loan_rows(facts), *key_facts_tables.condition_rows(facts)]
    return titled_panel(
        printable(key_facts_tables.title(facts)),
        key_value_table([(name, Text(printable(value))) for name, value in rows]),
    )


def terms_table(terms: Iterable[Terms]) -> ListTable:
    """Versions of the terms, one a row."""
    table = ListTable(
        "Version", "Books from", "", "Fee", "Late, a year",
        right=("Fee", "Late, a year"), whole=("Books from", ""),
    )  # fmt: skip
    for each in terms:
        table.add_row(
            Text(printable(each.version)),
            str(each.effective_date),
            Text("in effect", "green") if each.in_effect else Text(),
            per_cent(each.processing_percent),
            per_cent(each.late.charge_percent_a_year),
        )
    return table


def show_terms(console: Console, terms: Terms) -> None:
    """Prints a version of the terms, and the file itself."""
    rows = [
        ("Books from", Text(str(terms.effective_date))),
        ("Today", Text("in effect", "green") if terms.in_effect else Text("not in effect")),
        ("SHA-256", Text(printable(terms.sha256))),
    ]
    console.print(titled_panel(f"Terms {printable(terms.version)}", key_value_table(rows)))
    console.print(Text("\n".join(map(printable, terms.toml.splitlines()))), soft_wrap=True)
