"""The command that simulates a policy over the whole book: simulate."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from almeno_client.cli.book_rendering import show_tables
from almeno_client.cli.options import (
    Amount,
    AsJson,
    BureauReportDate,
    BureauScore,
    OutsideObligations,
    RequestedRate,
    Tenure,
    page_option,
    read_outside_credit,
    read_rate,
    read_rupees,
)
from almeno_client.cli.page_files import page_file
from almeno_client.cli.progress import with_progress
from almeno_client.cli.session import Session, new_console, session_of
from almeno_client.files import write_page
from almeno_client.formatting import printable
from almeno_client.reports import simulation_tables
from almeno_client.reports.simulation_result import Simulation, Terms, collect_results
from almeno_client.reports.table_files import FLIPS, flips_file, tables_folder, write_tables
from almeno_client.reports.tables import TextTable

_PAGE = "almeno-simulation.html"
_SCORES_A_ROW = 10
_MAX_DRAFT_BYTES = 64 * 1024
"""The bound of the service."""

Draft = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE", exists=True, dir_okay=False, readable=True, show_default=False, help="The draft's TOML file."
    ),
]
Tried = Annotated[
    str | None,
    typer.Option("--policy", metavar="VERSION", help="Try this version instead of a draft.", show_default=False),
]
Against = Annotated[
    str,
    typer.Option(
        "--against",
        metavar="VERSION",
        show_default=False,
        help="The version to compare with.  [default: the one in effect]",
    ),
]
Flips = Annotated[
    int,
    typer.Option("--flips", metavar="ROWS", min=0, help="Show at most so many customers whose answer flips; 0: all."),
]


def simulate(
    context: typer.Context,
    draft: Draft = None,
    version: Tried = None,
    against: Against = "",
    amount: Amount = "5,00,000",
    rate: RequestedRate = "10.5",
    tenure: Tenure = 60,
    outside_obligations: OutsideObligations = None,
    bureau_score: BureauScore = None,
    bureau_report_date: BureauReportDate = None,
    flips: Flips = 20,
    html: Annotated[Path | None, page_option(_PAGE)] = None,
    as_json: AsJson = False,
) -> None:
    """Decide one loan request for every customer under two policies, and write a page with plots. Changes nothing.

    The page goes to almeno-simulation.html unless --html says otherwise; where the answer is no table, as in a pipe,
    only --html writes one. Every customer whose answer flips, and the figures of every table, go into files of CSV, in
    a folder beside the page: almeno-simulation-tables.

    Examples:
      almeno simulate draft.toml --against 2026-12
      almeno simulate --policy 2026-12 --amount 5L --html simulation.html
    """
    session = session_of(context, as_json)
    if (draft is None) == (version is None):
        raise typer.BadParameter("give either the file of a draft or --policy", param_hint="'FILE'")
    outside = read_outside_credit(outside_obligations, bureau_score, bureau_report_date)
    terms = Terms(read_rupees("--amount", amount), read_rate("--rate", rate), tenure, outside)
    file = page_file(html, _PAGE, as_json=session.as_json)
    flips_kept = nullcontext(lambda _: None) if file is None else flips_file(file)
    with session.connected() as client, flips_kept as keep:
        updates = client.simulate_policy(
            policy=None if draft is None else _read_draft(draft),
            version=version,
            against_version=against,
            loan_amount=terms.loan_amount,
            interest_rate=terms.interest_rate,
            tenure_months=terms.tenure_months,
            outside=outside,
        )
        simulation = collect_results(terms, with_progress(session, "simulating", updates), max_flips=flips, keep=keep)
        if file is not None:
            _write_page(simulation, file, client.address)
    _show(session, simulation, file)


def _read_draft(file: Path) -> str:
    """Reads a draft, at most one byte more than is allowed.

    Raises:
        ValueError: The file is too long, or no text.
    """
    with file.open("rb") as draft:
        content = draft.read(_MAX_DRAFT_BYTES + 1)
    if len(content) > _MAX_DRAFT_BYTES:
        raise ValueError(f"{file} is too long for a policy: the service takes {_MAX_DRAFT_BYTES // 1024} KiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not a text file in UTF-8") from None


def _write_page(simulation: Simulation, file: Path, address: str) -> None:
    from almeno_client.reports import simulation_page as plots  # noqa: PLC0415 - plotting loads slowly
    from almeno_client.reports.page import tables_of  # noqa: PLC0415 - the same
    from almeno_client.reports.provenance import Source, provenance_of_simulation  # noqa: PLC0415 - the same

    source = Source(datetime.now().astimezone(), address)
    provenance = provenance_of_simulation(source, simulation.summary, simulation.terms)
    sections = [*plots.simulation_sections(simulation), provenance]
    write_page(file, plots.simulation_page(simulation, sections))
    write_tables(tables_folder(file), tables_of(sections))


def _show(session: Session, simulation: Simulation, file: Path | None) -> None:
    summary = simulation.summary
    if session.as_json:
        session.show_json(summary=summary, flips=simulation.flips, more_flips=simulation.more_flips)
        session.show_page(file)
        return
    console = new_console()
    before, after = simulation_tables.versions(summary)
    console.print(
        Text.assemble((printable(f"Policy {after} against {before}"), "bold"), f" on {summary.business_date}")
    )
    console.print(Text(f"{simulation.terms}, for every customer.\n"))
    show_tables(console, _tables(simulation))
    if not simulation.flips_by_scores:
        console.print(Text("No customer's answer flips.", "dim"))
    elif simulation.more_flips:
        console.print(Text("There are more; --flips 0 shows all.", "dim"))
    if file is not None:
        console.print(Text(f"The plots are in {printable(str(file))}"), soft_wrap=True)
        tables = printable(str(tables_folder(file)))
        console.print(Text(f"The tables are in {tables}, every flip in its {FLIPS}"), soft_wrap=True)


def _tables(simulation: Simulation) -> Iterator[TextTable]:
    summary = simulation.summary
    yield simulation_tables.outcome_table(summary)
    yield simulation_tables.scores_table(summary, _SCORES_A_ROW)
    yield simulation_tables.bands_table(summary.before, "approvals-by-band-before")
    yield simulation_tables.bands_table(summary.after, "approvals-by-band-after")
    yield simulation_tables.rates_table(summary)
    yield simulation_tables.reasons_table(summary)
    yield simulation_tables.flips_table(summary, simulation.flips)
