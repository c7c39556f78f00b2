"""Where the figures of a page are from: when, which service, which rules."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from almeno_client.portfolio_records import PortfolioSummary, SimulationSummary
from almeno_client.reports.page import Section
from almeno_client.reports.tables import PROVENANCE, TextTable

_UNKNOWN = "not told by the service"


@dataclass(frozen=True, slots=True)
class Source:
    """When a page was written, and from which service."""

    written: datetime
    """With its time zone."""
    address: str


def provenance_of_portfolio(source: Source, summary: PortfolioSummary) -> Section:
    """Of the portfolio summary: policy and norms."""
    return _section(
        source,
        summary.server_version,
        [
            ("Business date", str(summary.business_date)),
            ("Policy", summary.policy_version),
            ("SHA-256 of the policy", summary.policy_sha256),
            ("Norms", summary.norms_version),
            ("SHA-256 of the norms", summary.norms_sha256),
        ],
    )


def provenance_of_simulation(source: Source, summary: SimulationSummary, terms: object) -> Section:
    """Of a simulation: both policies, and what was asked for."""
    return _section(
        source,
        summary.server_version,
        [
            ("Business date", str(summary.business_date)),
            ("Asked for", str(terms)),
            ("Policy before", summary.before.policy_version),
            ("SHA-256 of the policy before", summary.before.policy_sha256),
            ("Policy after", summary.after.policy_version),
            ("SHA-256 of the policy after", summary.after.policy_sha256),
        ],
    )


def _section(source: Source, server_version: str, facts: Iterable[tuple[str, str]]) -> Section:
    written = source.written.isoformat(sep=" ", timespec="seconds")
    service = [("Written", written), ("Service", source.address), ("Version of the service", server_version)]
    rows = tuple((name, value or _UNKNOWN) for name, value in (*service, *facts))
    table = TextTable("Provenance", ("Fact", "Value"), rows, text_columns=("Value",), name=PROVENANCE)
    lead = "Where the figures are from. Those of every table are also in files of CSV, in the folder beside this page."
    return Section("Provenance", lead, None, (table,))
