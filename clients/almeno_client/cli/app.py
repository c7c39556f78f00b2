"""The commands of `almeno` and the options that stand before them.

A command is loaded when it runs, so nothing here imports the modules of commands, gRPC or Rich.
"""

import io
import math
import sys
from typing import Annotated

import typer

from almeno_client.cli.commands import Commands
from almeno_client.cli.connection_options import (
    Address,
    ApiKeyFile,
    ConnectionOptions,
    ProfileName,
    TlsCa,
    TlsCert,
    TlsKey,
    UseTls,
)
from almeno_client.cli.lazy_group import CONTEXT_SETTINGS, Entry
from almeno_client.cli.output_options import OutputForm, with_output
from almeno_client.cli.session import TIMEOUT_SECONDS, Session
from almeno_client.cli.termination import unwind_at_termination

_CUSTOMERS, _LOANS, _REPAYMENTS, _DECISIONS, _BOOK, _IMPORTS, _ACCESS = (
    "Customers",
    "Loans",
    "Repayments",
    "Decisions",
    "Policies and the book",
    "Imports",
    "Access",
)

COMMANDS = (
    Entry("register", "Register a customer", "customers:register", _CUSTOMERS),
    Entry("update", "Change what is known of a customer", "customers:update", _CUSTOMERS),
    Entry("limit", "Set the credit limit of a customer", "customers:limit", _CUSTOMERS),
    Entry("customer", "Show a customer and the credit position", "customers:customer", _CUSTOMERS),
    Entry("customers", "List the customers", "customers:customers", _CUSTOMERS),
    Entry("find", "Find customers by phone number or name", "customers:find", _CUSTOMERS),
    Entry("changes", "List what has changed of a customer", "customers:changes", _CUSTOMERS),
    Entry("check", "Show how a loan request would be decided", "eligibility:check", _LOANS),
    Entry("apply", "Decide a loan request, and book the loan", "loans:apply", _LOANS),
    Entry("loan", "Show a loan", "loans:loan", _LOANS),
    Entry("schedule", "Show every instalment of a loan", "loans:schedule", _LOANS),
    Entry("loans", "List a customer's loans", "loans:loans", _LOANS),
    Entry("key-facts", "Show what a loan costs", "key_facts:key_facts", _LOANS),
    Entry("disburse", "Disburse a sanctioned loan", "loan_changes:disburse", _LOANS),
    Entry("cancel", "Cancel a sanctioned loan", "loan_changes:cancel", _LOANS),
    Entry("exit", "Give a loan back in its cooling-off period", "loan_changes:exit_loan", _LOANS),
    Entry("statement", "Show a loan's account by value date", "statement:statement", _LOANS),
    Entry("repay", "Record a payment on a loan", "repayments:repay", _REPAYMENTS),
    Entry("repayments", "List what was paid on a loan", "repayments:repayments", _REPAYMENTS),
    Entry("payoff", "Show what closes a loan on a day", "repayments:payoff", _REPAYMENTS),
    Entry("reverse", "Reverse a repayment", "loan_changes:reverse", _REPAYMENTS),
    Entry("prepay", "Pay part of a loan early", "loan_changes:prepay", _REPAYMENTS),
    Entry(
        "charges",
        "List the charges on a loan, and add one",
        panel=_REPAYMENTS,
        examples=(
            "almeno charges list 1000000001",
            "almeno charges add 1000000001 --kind bounce --amount 500 --reason Returned",
        ),
    ),
    Entry("charges list", "List the charges on a loan", "charges:list_charges"),
    Entry("charges add", "Add a charge to a loan", "charges:add"),
    Entry("waive", "Waive charges that are open on a loan", "charges:waive", _REPAYMENTS),
    Entry("decision", "Show a stored decision", "decisions:decision", _DECISIONS),
    Entry("decisions", "List the stored decisions on a customer", "decisions:decisions", _DECISIONS),
    Entry("replay", "Take a stored decision again, and compare", "decisions:replay", _DECISIONS),
    Entry("policies", "List the versions of the credit policy, or show one", "policies:policies", _BOOK),
    Entry("terms", "List the versions of the lender's terms, or show one", "key_facts:terms", _BOOK),
    Entry("simulate", "Try a policy on every customer of the book", "simulation:simulate", _BOOK),
    Entry("report", "Show aggregates of the whole book", "report:report", _BOOK),
    Entry("late", "List the late loans", "report:late", _BOOK),
    Entry("events", "List or follow the changes of the book", "events:events", _BOOK),
    Entry("export", "Write the book, or its general ledger, to a file", "export:export", _BOOK),
    Entry(
        "import",
        "Load customers and loans from files, and see what became of them",
        panel=_IMPORTS,
        examples=(
            "almeno import customers customers.xlsx",
            "almeno import loans loans.csv --book-date 2026-01-31",
        ),
    ),
    Entry("import customers", "Load a file of customers", "imports:import_customers"),
    Entry("import loans", "Load a file of loans", "imports:import_loans"),
    Entry("import status", "Show how far an import has come", "imports:import_status"),
    Entry("import cancel", "Cancel an import", "imports:import_cancel"),
    Entry("imports", "List the imports", "imports:imports", _IMPORTS),
    Entry("login", "Keep a service and a key as a profile", "login:login", _ACCESS),
    Entry("whoami", "Show who the service takes you for", "login:whoami", _ACCESS),
    Entry("health", "Ask whether the service can serve", "health:health", _ACCESS),
    Entry(
        "keys",
        "Create, rotate, revoke and list API keys",
        panel=_ACCESS,
        examples=(
            "almeno keys create branch-pune --key-file pune.key",
            "almeno keys list --principal branch-pune",
        ),
    ),
    Entry("keys create", "Make an API key for a principal", "keys:create"),
    Entry("keys rotate", "Replace an API key by a second one", "keys:rotate"),
    Entry("keys revoke", "Revoke an API key", "keys:revoke"),
    Entry("keys list", "List the API keys", "keys:list_keys"),
    Entry(
        "principals",
        "Create, change and list principals: who is responsible for calls",
        panel=_ACCESS,
        examples=(
            "almeno principals create branch-pune --scope counter",
            "almeno principals update branch-pune --disable",
        ),
    ),
    Entry("principals create", "Create a principal", "principals:create"),
    Entry("principals update", "Change or disable a principal", "principals:update"),
    Entry("principals list", "List the principals", "principals:list_principals"),
    Entry(
        "certificates",
        "Say which principal a name in client certificates stands for",
        panel=_ACCESS,
        examples=(
            "almeno certificates set spiffe://example.com/pune --principal branch-pune",
            "almeno certificates remove spiffe://example.com/pune",
        ),
    ),
    Entry("certificates set", "Say which principal a name stands for", "certificates:set_name"),
    Entry("certificates remove", "Remove a name", "certificates:remove"),
    Entry(
        "audit",
        "Look at the audit trail",
        panel=_ACCESS,
        examples=(
            "almeno audit list --customer 14 --since 2026-01-31",
            "almeno audit checkpoint",
        ),
    ),
    Entry("audit list", "List who has done what", "audit:list_events"),
    Entry("audit checkpoint", "Show the signed state of the trail", "audit:checkpoint"),
)

_HELP = """\
Decide on loans, book and repay them, import and simulate a book, on a service of Almeno Credit.

Examples:
  almeno check 100001 --amount 5L --rate 10.5 --tenure 60
  almeno --address credit.example.com:443 --tls health

A command ends with
  0    done, or approved
  2    wrong usage, or a file that cannot be read
  3    declined
  4    refused by the service: invalid, not found, ...
  5    not reached, too slow or not serving; try again
  6    the import failed or was cancelled
  7    the import went through but rejected rows
  8    the replay of a decision differs from what is stored
  9    not known to the service: no key, or none that is valid
  10   the answer could not be written; what was done is done
  129  hung up, as its terminal has gone (SIGHUP)
  130  interrupted
  143  terminated (SIGTERM)
"""


class _Almeno(Commands):
    """All commands."""

    entries = COMMANDS


app = typer.Typer(
    name="almeno",
    cls=_Almeno,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=CONTEXT_SETTINGS,
)


def _print_version(is_given: bool) -> None:
    if is_given:
        # To find the version of a package takes longer than to import typer.
        from importlib.metadata import version  # noqa: PLC0415

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
    ] = TIMEOUT_SECONDS,
    output: OutputForm = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; may stand after the command too.")
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
    context.obj = with_output(Session(options, timeout), context, output, as_json=as_json)


def main() -> None:
    """Runs the command line."""
    unwind_at_termination()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without ₹ shows a question mark rather than break off.
            stream.reconfigure(errors="replace")
    app()
