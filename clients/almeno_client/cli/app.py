"""The commands of `almeno` and the options that stand before them."""

import io
import math
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from almeno_client.base_client import DEFAULT_TIMEOUT_SECONDS
from almeno_client.cli import (
    audit,
    certificates,
    charges,
    customers,
    decisions,
    events,
    imports,
    key_facts,
    keys,
    loan_changes,
    loans,
    login,
    policies,
    principals,
    repayments,
    report,
    simulation,
)
from almeno_client.cli.commands import Commands
from almeno_client.cli.connection import ConnectionOptions
from almeno_client.cli.connection_options import Address, ApiKeyFile, ProfileName, TlsCa, TlsCert, TlsKey, UseTls
from almeno_client.cli.session import Session

app = typer.Typer(
    name="almeno",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)
_imports = typer.Typer(no_args_is_help=True, help="Load customers and loans from files, and see what became of them.")
_charges = typer.Typer(no_args_is_help=True, help="List the charges on a loan, and add one.")
_keys = typer.Typer(no_args_is_help=True, help="Create, rotate, revoke and list API keys.")
_principals = typer.Typer(
    no_args_is_help=True, help="Create, change and list principals: who is responsible for calls."
)
_certificates = typer.Typer(no_args_is_help=True, help="Say which principal a name in client certificates stands for.")
_audit = typer.Typer(no_args_is_help=True, help="Look at the audit trail.")

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
  9    not known to the service: no key, or none that is valid
  10   the answer could not be written; what was done is done
  130  interrupted
"""


def _print_version(is_given: bool) -> None:
    if is_given:
        sys.stdout.write(f"almeno {version('almeno-grpc')}\n")
        raise typer.Exit


def _number(seconds: float) -> float:
    if math.isnan(seconds):
        raise typer.BadParameter("is not a number")
    return seconds


@app.callback(help=_HELP)
def almeno(
    context: typer.Context,
    address: Address = None,
    profile: ProfileName = None,
    api_key_file: ApiKeyFile = None,
    tls: UseTls = False,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", min=0.001, callback=_number, help="How long a call may take."),
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
    options = ConnectionOptions(address, profile, api_key_file, tls, tls_ca, tls_cert, tls_key)
    context.obj = Session(options, timeout, as_json)


_CUSTOMERS, _LOANS, _REPAYMENTS, _DECISIONS, _BOOK, _IMPORTS, _ACCESS = (
    "Customers",
    "Loans",
    "Repayments",
    "Decisions",
    "Policies and the book",
    "Imports",
    "Access",
)
app.command("register", rich_help_panel=_CUSTOMERS)(customers.register)
app.command("update", rich_help_panel=_CUSTOMERS)(customers.update)
app.command("limit", rich_help_panel=_CUSTOMERS)(customers.limit)
app.command("customer", rich_help_panel=_CUSTOMERS)(customers.customer)
app.command("customers", rich_help_panel=_CUSTOMERS)(customers.customers)
app.command("find", rich_help_panel=_CUSTOMERS)(customers.find)
app.command("changes", rich_help_panel=_CUSTOMERS)(customers.changes)
app.command("check", rich_help_panel=_LOANS)(loans.check)
app.command("apply", rich_help_panel=_LOANS)(loans.apply)
app.command("loan", rich_help_panel=_LOANS)(loans.loan)
app.command("schedule", rich_help_panel=_LOANS)(loans.schedule)
app.command("loans", rich_help_panel=_LOANS)(loans.loans)
app.command("key-facts", rich_help_panel=_LOANS)(key_facts.key_facts)
app.command("disburse", rich_help_panel=_LOANS)(loan_changes.disburse)
app.command("cancel", rich_help_panel=_LOANS)(loan_changes.cancel)
app.command("exit", rich_help_panel=_LOANS)(loan_changes.exit_loan)
app.command("repay", rich_help_panel=_REPAYMENTS)(repayments.repay)
app.command("repayments", rich_help_panel=_REPAYMENTS)(repayments.repayments)
app.command("payoff", rich_help_panel=_REPAYMENTS)(repayments.payoff)
app.command("reverse", rich_help_panel=_REPAYMENTS)(loan_changes.reverse)
app.command("prepay", rich_help_panel=_REPAYMENTS)(loan_changes.prepay)
app.add_typer(_charges, name="charges", rich_help_panel=_REPAYMENTS)
_charges.command("list")(charges.list_charges)
_charges.command("add")(charges.add)
app.command("waive", rich_help_panel=_REPAYMENTS)(charges.waive)
app.command("decision", rich_help_panel=_DECISIONS)(decisions.decision)
app.command("decisions", rich_help_panel=_DECISIONS)(decisions.decisions)
app.command("replay", rich_help_panel=_DECISIONS)(decisions.replay)
app.command("policies", rich_help_panel=_BOOK)(policies.policies)
app.command("terms", rich_help_panel=_BOOK)(key_facts.terms)
app.command("simulate", rich_help_panel=_BOOK)(simulation.simulate)
app.command("events", rich_help_panel=_BOOK)(events.events)
app.command("report", rich_help_panel=_BOOK)(report.report)
app.command("late", rich_help_panel=_BOOK)(report.late)
app.add_typer(_imports, name="import", rich_help_panel=_IMPORTS)
app.command("imports", rich_help_panel=_IMPORTS)(imports.imports)
_imports.command("customers")(imports.import_customers)
_imports.command("loans")(imports.import_loans)
_imports.command("status")(imports.import_status)
_imports.command("cancel")(imports.import_cancel)
app.command("login", rich_help_panel=_ACCESS)(login.login)
app.command("whoami", rich_help_panel=_ACCESS)(login.whoami)
app.add_typer(_keys, name="keys", rich_help_panel=_ACCESS)
_keys.command("create")(keys.create)
_keys.command("rotate")(keys.rotate)
_keys.command("revoke")(keys.revoke)
_keys.command("list")(keys.list_keys)
app.add_typer(_principals, name="principals", rich_help_panel=_ACCESS)
_principals.command("create")(principals.create)
_principals.command("update")(principals.update)
_principals.command("list")(principals.list_principals)
app.add_typer(_certificates, name="certificates", rich_help_panel=_ACCESS)
_certificates.command("set")(certificates.set_name)
_certificates.command("remove")(certificates.remove)
app.add_typer(_audit, name="audit", rich_help_panel=_ACCESS)
_audit.command("list")(audit.list_events)
_audit.command("checkpoint")(audit.checkpoint)


def main() -> None:
    """Runs the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without ₹ shows a question mark rather than break off.
            stream.reconfigure(errors="replace")
    app()
