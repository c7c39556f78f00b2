"""The result of a simulation as tables."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from almeno_client.decision_records import DecisionReason
from almeno_client.formatting import REASON_NAMES, change, count, per_cent, rupees, share
from almeno_client.portfolio_records import (
    BandCount,
    SimulatedDecision,
    SimulatedPolicy,
    SimulationFlip,
    SimulationSummary,
)
from almeno_client.reports.tables import TextTable, score_groups


def outcome_table(summary: SimulationSummary) -> TextTable:
    """Approvals and declines of both policies."""
    before, after = summary.before, summary.after
    rows = [
        _comparison_row("Approved", before.approvals, after.approvals),
        _comparison_row("Declined", before.declines, after.declines),
    ]
    if before.not_amortizing or after.not_amortizing:
        rows.append(_comparison_row("No schedule repays the loan", before.not_amortizing, after.not_amortizing))
    rows += [
        ("Share approved", share(before.approvals, summary.customers), share(after.approvals, summary.customers), ""),
        ("Average rate approved", average_rate(before), average_rate(after), ""),
        _money_row("Amount approved", before.approved_amount, after.approved_amount),
        _money_row("Expected interest", before.expected_interest, after.expected_interest),
        ("Newly approved", "", count(summary.newly_approved), ""),
        ("Newly declined", "", count(summary.newly_declined), ""),
    ]
    return TextTable("Outcome", ("Customers", *versions(summary), "Change"), tuple(rows))


def scores_table(summary: SimulationSummary, width: int) -> TextTable:
    """Customers by score under both policies, in groups of `width` scores."""
    groups = zip(score_groups(summary.before.scores, width), score_groups(summary.after.scores, width), strict=True)
    rows = tuple(_comparison_row(before.name, before.customers, after.customers) for before, after in groups)
    total = _comparison_row("Total", summary.customers, summary.customers)
    columns = ("Score", *versions(summary), "Change")
    return TextTable("Customers by credit score", columns, rows, totals=(total,))


def bands_table(policy: SimulatedPolicy, name: str) -> TextTable:
    """Customers and approvals by the bands of one policy; `name` is what its file is called."""
    names = band_names(policy.bands)
    rows = tuple(
        (
            name,
            least_rate(band),
            count(band.customers),
            count(band.approvals),
            share(band.approvals, band.customers),
        )
        for name, band in zip(names, policy.bands, strict=True)
    )
    columns = ("Score", "Rate", "Customers", "Approved", "Share")
    customers = sum(band.customers for band in policy.bands)
    approvals = sum(band.approvals for band in policy.bands)
    total = ("Total", "", count(customers), count(approvals), share(approvals, customers))
    title = f"Approvals by band of {policy.policy_version}"
    return TextTable(title, columns, rows, text_columns=("Rate",), totals=(total,) if rows else (), name=name)


def rates_table(summary: SimulationSummary) -> TextTable:
    """Approvals by corrected rate under both policies."""
    before = {rate.interest_rate: rate.approvals for rate in summary.before.rates}
    after = {rate.interest_rate: rate.approvals for rate in summary.after.rates}
    rows = tuple(
        _comparison_row(per_cent(rate), before.get(rate, 0), after.get(rate, 0)) for rate in sorted({*before, *after})
    )
    total = _comparison_row("Total", sum(before.values()), sum(after.values()))
    columns = ("Rate a year", *versions(summary), "Change")
    return TextTable("Approvals by rate", columns, rows, totals=(total,) if rows else ())


def reasons_table(summary: SimulationSummary) -> TextTable:
    """Declines by reason under both policies."""
    before = {each.reason: each.declines for each in summary.before.declines_by_reason}
    after = {each.reason: each.declines for each in summary.after.declines_by_reason}
    rows = tuple(
        _comparison_row(REASON_NAMES[reason], before.get(reason, 0), after.get(reason, 0))
        for reason in DecisionReason
        if reason in before or reason in after
    )
    return TextTable("Declines by reason", ("Reason", *versions(summary), "Change"), rows)


def flips_table(summary: SimulationSummary, flips: Iterable[SimulationFlip]) -> TextTable:
    """Customers whose answer flips, one a row."""
    rows = tuple((str(flip.customer_id), _decision_text(flip.before), _decision_text(flip.after)) for flip in flips)
    names = versions(summary)
    return TextTable("Customers whose answer flips", ("Customer", *names), rows, text_columns=names)


def versions(summary: SimulationSummary) -> tuple[str, str]:
    """What the columns of the two policies are called, never both the same."""
    before, after = summary.before.policy_version, summary.after.policy_version
    return (before, after) if before != after else (f"{before}, before", f"{after}, tried")


def band_names(bands: Iterable[BandCount]) -> list[str]:
    """The scores of each band in words: above 50, 31 to 50, up to 10."""
    names: list[str] = []
    top: int | None = None
    for band in bands:
        if band.above is None:
            names.append("any" if top is None else f"up to {top}")
        else:
            names.append(f"above {band.above}" if top is None else f"{band.above + 1} to {top}")
        top = band.above
    return names


def least_rate(band: BandCount) -> str:
    """What a band does to the rate, in words."""
    if band.least_rate is None:
        return "declined"
    return f"at least {per_cent(band.least_rate)}" if band.least_rate else "as asked"


def average_rate(policy: SimulatedPolicy) -> str:
    """The mean of the rates at which a policy approves, to two places; a dash where it approves nobody."""
    approvals = sum(rate.approvals for rate in policy.rates)
    if not approvals:
        return "–"
    mean = sum((rate.interest_rate * rate.approvals for rate in policy.rates), Decimal()) / approvals
    return f"{mean.quantize(Decimal('0.01'), ROUND_HALF_UP)} %"


def _comparison_row(name: str, before: int, after: int) -> tuple[str, str, str, str]:
    return name, count(before), count(after), change(before, after)


def _money_row(name: str, before: Decimal, after: Decimal) -> tuple[str, str, str, str]:
    difference = after - before
    sign = "+" if difference > 0 else "−" if difference else ""
    return name, rupees(before), rupees(after), f"{sign}{rupees(abs(difference))}"


def _decision_text(decision: SimulatedDecision | None) -> str:
    """One policy's answer in a line."""
    if decision is None:
        return "no schedule repays the loan"
    if decision.approved:
        return f"approved at {per_cent(decision.corrected_interest_rate)}, score {decision.credit_score}"
    reasons = ", ".join(REASON_NAMES[reason].lower() for reason in decision.reasons)
    return f"declined, score {decision.credit_score}: {reasons}"
