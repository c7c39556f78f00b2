"""The page on a simulation."""

from collections.abc import Iterable
from dataclasses import astuple
from html import escape

from plotly.graph_objects import Figure, Scatter
from plotly.subplots import make_subplots

from almeno_client.formatting import REASON_NAMES, change, count, per_cent, rupee_unit, rupees, rupees_in_short, share
from almeno_client.portfolio_records import SimulatedPolicy, SimulationSummary
from almeno_client.reports import simulation_tables as tables
from almeno_client.reports.page import Section, Tile, page
from almeno_client.reports.plots import (
    AFTER,
    APPROVED,
    BEFORE,
    DECLINED,
    FAINT,
    LINE,
    SCORES_A_BAR,
    SCORES_PIXELS,
    bars,
    count_ticks,
    horizontal_bars,
    scaled,
    score_axis,
    score_bars,
    styled,
    with_horizontal_grid,
)
from almeno_client.reports.simulation_result import Simulation
from almeno_client.reports.tables import score_groups

_MAX_MARK_PIXELS = 26


def simulation_sections(simulation: Simulation) -> list[Section]:
    """What the page shows: outcome with its money, scores, bands, rates, reasons, and whose answer flips."""
    summary = simulation.summary
    return [
        _outcome(summary),
        _scores(summary),
        _bands(summary),
        _rates(summary),
        _reasons(summary),
        _flips(simulation),
    ]


def simulation_page(simulation: Simulation, sections: Iterable[Section]) -> str:
    """Writes the page."""
    summary = simulation.summary
    before, after = tables.versions(summary)
    subtitle = (
        f"{simulation.terms}, asked for by each of {count(summary.customers)} customers on {summary.business_date}"
    )
    return page(
        f"Policy {after} against {before}",
        subtitle,
        _tiles(summary),
        sections,
    )


def _outcome(summary: SimulationSummary) -> Section:
    title = "Outcome"
    if not summary.before.approvals and not summary.after.approvals:
        return Section(title, "Neither policy approves anybody.", None, (tables.outcome_table(summary),))
    policies = _policies(summary)
    names, colours = [escape(name) for name, *_ in policies], [colour for *_, colour in policies]
    titles, drawn = [], []
    for name, amounts in (
        ("Approved", [policy.approved_amount for _, policy, _ in policies]),
        ("Interest", [policy.expected_interest for _, policy, _ in policies]),
    ):
        unit, unit_name = rupee_unit(max(amounts))
        titles.append(f"{name}, ₹ {unit_name}".strip())
        drawn.append(bars("", names, [scaled(amount, unit) for amount in amounts], list(map(rupees, amounts)), colours))
    figure = make_subplots(rows=1, cols=2, subplot_titles=titles, horizontal_spacing=0.16)
    for column, trace in enumerate(drawn, 1):
        figure.add_trace(trace, row=1, col=column)
    styled(figure, across="", up="", height_pixels=300)
    figure.update_annotations(font_size=13)
    figure.update_xaxes(type="category")
    figure.update_traces(showlegend=False)
    return Section(
        title,
        "What each policy would lend, and the interest of those loans' schedules at the corrected rates if all of it "
        "is paid as scheduled.",
        figure,
        (tables.outcome_table(summary),),
    )


def _tiles(summary: SimulationSummary) -> list[Tile]:
    before, after = summary.before, summary.after
    without = [Tile("No schedule repays the loan", count(after.not_amortizing), f"was {count(before.not_amortizing)}")]
    return [
        Tile(
            "Approved",
            f"{count(before.approvals)} → {count(after.approvals)}",
            f"{change(before.approvals, after.approvals)} customers",
        ),
        Tile(
            "Share approved",
            share(after.approvals, summary.customers),
            f"was {share(before.approvals, summary.customers)}",
        ),
        Tile(
            "Average rate approved",
            tables.average_rate(after),
            f"was {tables.average_rate(before)}",
        ),
        Tile(
            "Amount approved",
            rupees_in_short(after.approved_amount),
            f"was {rupees_in_short(before.approved_amount)}",
        ),
        Tile(
            "Expected interest",
            rupees_in_short(after.expected_interest),
            f"was {rupees_in_short(before.expected_interest)}",
        ),
        Tile(
            "Answers that flip",
            count(summary.newly_approved + summary.newly_declined),
            f"{count(summary.newly_approved)} newly approved, {count(summary.newly_declined)} newly declined",
        ),
        *(without if before.not_amortizing or after.not_amortizing else []),
    ]


def _scores(summary: SimulationSummary) -> Section:
    figure, highest = Figure(), 0
    for name, policy, colour in _policies(summary):
        groups = score_groups(policy.scores, SCORES_A_BAR)
        figure.add_trace(score_bars(escape(name), groups, colour))
        highest = max(highest, *(group.customers for group in groups))
        for band in policy.bands:
            if band.above is not None:
                figure.add_vline(band.above, line={"color": colour, "dash": "dot", "width": 1.5}, layer="below")
    styled(figure, across="Credit score", up="Customers", height_pixels=SCORES_PIXELS)
    return Section(
        "Credit scores",
        "How many customers get which score. 0 stands by itself: it is also what debt above the limit gives. Dotted "
        "lines are where the bands of each policy begin.",
        score_axis(figure, groups).update_yaxes(**count_ticks(highest)),
        (tables.scores_table(summary, SCORES_A_BAR),),
    )


def _bands(summary: SimulationSummary) -> Section:
    titles = [escape(name) for name in tables.versions(summary)]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.14)
    for row, (_, policy, _) in enumerate(_policies(summary), 1):
        names = [
            name if band.least_rate is None else f"{name}: {tables.least_rate(band)}"
            for name, band in zip(tables.band_names(policy.bands), policy.bands, strict=True)
        ]
        approved = [band.approvals for band in policy.bands]
        declined = [band.customers - band.approvals for band in policy.bands]
        for title, lengths, colour in (("Approved", approved, APPROVED), ("Not approved", declined, DECLINED)):
            hover_texts = [f"{title}: {count(number)} customers" for number in lengths]
            trace = horizontal_bars(title, names, lengths, hover_texts, colour)
            figure.add_trace(trace.update(showlegend=row == 1, legendgroup=title), row=row, col=1)
    with_horizontal_grid(styled(figure, across="Customers", up="", height_pixels=500))
    figure.update_xaxes(title_text="", row=1)
    figure.update_annotations(font_size=13)
    max_customers = max((band.customers for _, policy, _ in _policies(summary) for band in policy.bands), default=0)
    figure.update_xaxes(**count_ticks(max_customers, 4)).update_xaxes(range=[0, max_customers * 1.05 or 1])
    figure.update_layout(barmode="stack", legend={"y": 1.08}, margin={"t": 70})
    return Section(
        "Approvals by band",
        "Each policy sorts the customers into its own bands of scores, and asks for at least the band's rate.",
        figure,
        (
            tables.bands_table(summary.before, "approvals-by-band-before"),
            tables.bands_table(summary.after, "approvals-by-band-after"),
        ),
    )


def _rates(summary: SimulationSummary) -> Section:
    table = tables.rates_table(summary)
    if not table.rows:
        return Section("Rates", "Neither policy approves anybody.", None, ())
    figure = Figure()
    categories = [row[0] for row in table.rows]
    for name, policy, colour in _policies(summary):
        approvals = {per_cent(rate.interest_rate): rate.approvals for rate in policy.rates}
        heights = [approvals.get(place, 0) for place in categories]
        hover_texts = [f"{escape(name)}: {count(number)} approvals" for number in heights]
        figure.add_trace(bars(escape(name), categories, heights, hover_texts, colour))
    figure.update_xaxes(type="category")
    figure.update_yaxes(
        **count_ticks(max(rate.approvals for _, policy, _ in _policies(summary) for rate in policy.rates))
    )
    return Section(
        "Rates",
        "The rates at which loans are approved: the requested rate, or the minimum rate of the score's band.",
        styled(figure, across="Corrected rate, per cent a year", up="Approvals", height_pixels=320),
        (table,),
    )


def _reasons(summary: SimulationSummary) -> Section:
    table = tables.reasons_table(summary)
    if not table.rows:
        return Section("Reasons to decline", "Neither policy declines anybody.", None, ())
    figure = Figure()
    categories = [row[0] for row in table.rows]
    for name, policy, colour in _policies(summary):
        declines = {REASON_NAMES[each.reason]: each.declines for each in policy.declines_by_reason}
        lengths = [declines.get(place, 0) for place in categories]
        hover_texts = [f"{escape(name)}: {count(number)} declines" for number in lengths]
        figure.add_trace(horizontal_bars(escape(name), categories, lengths, hover_texts, colour))
    most = max(each.declines for _, policy, _ in _policies(summary) for each in policy.declines_by_reason)
    return Section(
        "Reasons to decline",
        "A decline counts under each of its reasons.",
        with_horizontal_grid(
            styled(figure, across="Declines", up="", height_pixels=130 + 65 * len(categories))
        ).update_xaxes(**count_ticks(most, 5)),
        (table,),
    )


def _flips(simulation: Simulation) -> Section:
    summary = simulation.summary
    title = "Customers whose answer flips"
    if not simulation.flips_by_scores:
        return Section(title, "There are none: every customer gets the same answer from both policies.", None, ())
    figure = Figure(
        Scatter(
            x=[0, 100],
            y=[0, 100],
            mode="lines",
            line={"color": FAINT, "dash": "dot", "width": 1},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    figure.add_trace(_marks(simulation, "Newly approved", APPROVED, "circle", newly_approved=True))
    figure.add_trace(_marks(simulation, "Newly declined", DECLINED, "diamond", newly_approved=False))
    before, after = map(escape, tables.versions(summary))
    styled(figure, across=f"Credit score by {before}", up=f"Credit score by {after}", height_pixels=SCORES_PIXELS)
    figure.update_xaxes(range=[-3, 103], showgrid=True, gridcolor=LINE)
    figure.update_yaxes(range=[-3, 103])
    approved, declined = count(summary.newly_approved), count(summary.newly_declined)
    shown = f" The table has the first {count(len(simulation.flips))}." if simulation.more_flips else ""
    return Section(
        title,
        f"{approved} newly approved, {declined} newly declined. A mark's area is the number of customers with the two "
        f"scores; on the dotted line both scores are the same.{shown}",
        figure,
        (tables.flips_table(summary, simulation.flips),),
        # Of all of them there is a file of its own.
        figures=(),
    )


def _marks(simulation: Simulation, name: str, colour: str, symbol: str, *, newly_approved: bool) -> Scatter:
    """A mark for each pair of scores of the customers who flip one way; none where a policy gives no score."""
    drawable = {pair: number for pair, number in simulation.flips_by_scores.items() if None not in astuple(pair)}
    pairs = [(pair, number) for pair, number in drawable.items() if pair.newly_approved is newly_approved]
    return Scatter(
        name=name,
        mode="markers",
        cliponaxis=False,
        x=[pair.before for pair, _ in pairs],
        y=[pair.after for pair, _ in pairs],
        customdata=[count(number) for _, number in pairs],
        hovertemplate=name + ": %{customdata} customers<br>score %{x} before, %{y} after<extra></extra>",
        marker={
            "color": colour,
            "symbol": symbol,
            "opacity": 0.75,
            "line": {"color": "white", "width": 1},
            "size": [number for _, number in pairs],
            "sizemode": "area",
            # One scale for both ways: plotly's own words for `sizeref` give this formula.
            "sizeref": 2 * max(drawable.values(), default=1) / _MAX_MARK_PIXELS**2,
            "sizemin": 4,
        },
    )


def _policies(summary: SimulationSummary) -> list[tuple[str, SimulatedPolicy, str]]:
    """Both policies with their names and colours."""
    before, after = tables.versions(summary)
    return [(before, summary.before, BEFORE), (after, summary.after, AFTER)]
