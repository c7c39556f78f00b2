"""The commands of `almeno` and the options that stand before them."""

import io
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from almeno_client.base_client import DEFAULT_TIMEOUT_SECONDS
from almeno_client.channel import DEFAULT_ADDRESS, Tls
from almeno_client.cli import customers, decisions, imports, loans, policies, repayments, report, simulation
from almeno_client.cli.session import Session

app = typer.Typer(
    name="almeno",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)
_imports = typer.Typer(no_args_is_help=True, help="Load customers and loans from files, and see what became of them.")

# The character \b keeps the lines of the paragraph behind it apart.
_HELP = """\
Decide on loans, book and repay them, import and simulate a book, on a service of Almeno Credit.

\b
A command ends with
  0    done, or approved
  2    wrong usage, or a file that cannot be read
  3    declined
  4    refused by the service: invalid, not found, ...
  5    not reached or too slow; try again
  6    the import failed or was cancelled
  7    the import went through but rejected rows
  8    the replay of a decision differs from what is stored
  130  interrupted
"""


def _print_version(is_given: bool) -> None:
    if is_given:
        typer.echo(f"almeno {version('almeno-grpc')}")
        raise typer.Exit


@app.callback(help=_HELP)
def almeno(
    context: typer.Context,
    address: Annotated[
        str,
        typer.Option("--address", envvar="ALMENO_ADDRESS", metavar="HOST:PORT", help="Where the service listens."),
    ] = DEFAULT_ADDRESS,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-ca",
            exists=True,
            dir_okay=False,
            metavar="FILE",
            show_default=False,
            help="Encrypt, and trust the certificates of this PEM file.",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(
            "--tls-cert",
            exists=True,
            dir_okay=False,
            metavar="FILE",
            show_default=False,
            help="Encrypt, and show the service this PEM certificate.",
        ),
    ] = None,
    tls_key: Annotated[
        Path | None,
        typer.Option(
            "--tls-key",
            exists=True,
            dir_okay=False,
            metavar="FILE",
            show_default=False,
            help="The private key of --tls-cert.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="How long a call may take.")
    ] = DEFAULT_TIMEOUT_SECONDS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of tables; may stand after the command too.")
    ] = False,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Reads the global options."""
    del show_version  # its callback has done the work
    if (tls_cert is None) != (tls_key is None):
        raise typer.BadParameter("one needs the other", param_hint="'--tls-cert' / '--tls-key'")
    tls = Tls(tls_ca, tls_cert, tls_key) if tls_ca or tls_cert else None
    context.obj = Session(address, tls, timeout, as_json)


_CUSTOMERS, _LOANS, _REPAYMENTS, _DECISIONS, _BOOK, _IMPORTS = (
    "Customers",
    "Loans",
    "Repayments",
    "Decisions",
    "Policies and the book",
    "Imports",
)
app.command("register", rich_help_panel=_CUSTOMERS)(customers.register)
app.command("customer", rich_help_panel=_CUSTOMERS)(customers.customer)
app.command("customers", rich_help_panel=_CUSTOMERS)(customers.customers)
app.command("changes", rich_help_panel=_CUSTOMERS)(customers.changes)
app.command("check", rich_help_panel=_LOANS)(loans.check)
app.command("apply", rich_help_panel=_LOANS)(loans.apply)
app.command("loan", rich_help_panel=_LOANS)(loans.loan)
app.command("schedule", rich_help_panel=_LOANS)(loans.schedule)
app.command("loans", rich_help_panel=_LOANS)(loans.loans)
app.command("repay", rich_help_panel=_REPAYMENTS)(repayments.repay)
app.command("repayments", rich_help_panel=_REPAYMENTS)(repayments.repayments)
app.command("payoff", rich_help_panel=_REPAYMENTS)(repayments.payoff)
app.command("decision", rich_help_panel=_DECISIONS)(decisions.decision)
app.command("decisions", rich_help_panel=_DECISIONS)(decisions.decisions)
app.command("replay", rich_help_panel=_DECISIONS)(decisions.replay)
app.command("policies", rich_help_panel=_BOOK)(policies.policies)
app.command("simulate", rich_help_panel=_BOOK)(simulation.simulate)
app.command("report", rich_help_panel=_BOOK)(report.report)
app.add_typer(_imports, name="import", rich_help_panel=_IMPORTS)
app.command("imports", rich_help_panel=_IMPORTS)(imports.imports)
_imports.command("customers")(imports.import_customers)
_imports.command("loans")(imports.import_loans)
_imports.command("status")(imports.import_status)
_imports.command("cancel")(imports.import_cancel)


def main() -> None:
    """Runs the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without ₹ shows a question mark rather than break off.
            stream.reconfigure(errors="replace")
    app()
