"""The page of the portfolio summary."""

from decimal import Decimal
from html import escape

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from almeno_client.formatting import (
    ASSET_CLASS_NAMES,
    REASON_NAMES,
    count,
    month,
    rupee_unit,
    rupees,
    rupees_in_short,
)
from almeno_client.portfolio_records import PortfolioSummary
from almeno_client.records import AssetClass
from almeno_client.reports import portfolio_tables as tables
from almeno_client.reports.page import Section, Tile, page
from almeno_client.reports.plots import (
    APPROVED,
    CLASSES,
    DECLINED,
    ONE,
    OTHER,
    REASONS,
    REPAID,
    SCORES_A_BAR,
    SCORES_PIXELS,
    bars,
    horizontal_bars,
    scaled,
    score_axis,
    score_bars,
    styled,
    with_horizontal_grid,
)
from almeno_client.reports.tables import score_groups

# Of a book that goes back further, years are drawn instead.
_MAX_MONTHS_DRAWN = 60
_MAX_LATE_LOANS = 100
_CLASS_COLOURS: dict[AssetClass, str] = dict(zip(list(AssetClass)[1:], CLASSES, strict=True))


def portfolio_page(summary: PortfolioSummary) -> str:
    """Writes the page: loans by class, vintages, scores, EMI burden, decisions, late loans."""
    subtitle = (
        f"{count(summary.loans)} loans of {count(summary.customers)} customers on {summary.business_date}; "
        f"scores under policy {summary.policy_version}"
    )
    sections = [_classes(summary), _vintages(summary), _scores(summary), _burden(summary), _decisions(summary)]
    if tables.reasons_given(summary):
        sections.append(_reasons(summary))
    sections.append(_late_loans(summary))
    return page(f"The loan book on {summary.business_date}", subtitle, _tiles(summary), sections)


def _tiles(summary: PortfolioSummary) -> list[Tile]:
    active = sum(entry.loans for entry in summary.loans_by_class)
    non_performing = sum(
        (
            entry.outstanding_principal
            for entry in summary.loans_by_class
            if entry.asset_class is AssetClass.NON_PERFORMING
        ),
        Decimal(),
    )
    outstanding, ratio = summary.outstanding_principal, summary.gross_non_performing_ratio
    return [
        Tile("Customers", count(summary.customers)),
        Tile("Active loans", count(active), f"of {count(summary.loans)} in all"),
        Tile("Outstanding principal", rupees_in_short(outstanding), rupees(outstanding)),
        Tile("Gross NPA ratio", "–" if ratio is None else f"{ratio} %", rupees(non_performing)),
        Tile("Provision", rupees_in_short(summary.provision), rupees(summary.provision)),
        Tile(
            "Overdue",
            rupees_in_short(summary.overdue_amount),
            f"on {count(summary.late_loan_count)} late {'loan' if summary.late_loan_count == 1 else 'loans'}",
        ),
    ]


def _classes(summary: PortfolioSummary) -> Section:
    entries = summary.loans_by_class
    names = [ASSET_CLASS_NAMES[entry.asset_class] for entry in entries]
    colours = [_CLASS_COLOURS.get(entry.asset_class, OTHER) for entry in entries]
    unit, unit_name = rupee_unit(max((entry.outstanding_principal for entry in entries), default=Decimal()))
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    loans = [entry.loans for entry in entries]
    hover_texts = [f"{count(number)} loans" for number in loans]
    figure.add_trace(horizontal_bars("Loans", names, loans, hover_texts, colours), row=1, col=1)
    amounts = [entry.outstanding_principal for entry in entries]
    lengths = [scaled(amount, unit) for amount in amounts]
    figure.add_trace(horizontal_bars("Outstanding", names, lengths, list(map(rupees, amounts)), colours), row=1, col=2)
    figure.update_traces(showlegend=False)
    with_horizontal_grid(styled(figure, across="Loans", up="", height_pixels=320))
    # Short enough for a telephone, where each of the two is 70 pixels wide.
    figure.update_xaxes(title_text=f"Owed, ₹ {unit_name}".strip(), row=1, col=2)
    figure.update_xaxes(tickangle=0, nticks=3)
    return Section(
        "Loans by asset class",
        "By the days since the due date of a loan's oldest unpaid instalment: SMA-0 from that day on, SMA-1 from 30, "
        "SMA-2 from 60, non-performing from 90 until nothing is overdue. "
        f"Provisions under norms {summary.norms_version}.",
        figure,
        (tables.classes_table(summary), tables.states_table(summary)),
    )


def _late_loans(summary: PortfolioSummary) -> Section:
    if not summary.late_loans:
        return Section("Late loans", "No instalment is overdue.", None, ())
    return Section(
        "Late loans",
        "Loans with an instalment that fell due before this day and is not wholly paid, the latest first.",
        None,
        (tables.late_loans_table(summary, _MAX_LATE_LOANS),),
    )


def _vintages(summary: PortfolioSummary) -> Section:
    title = "Outstanding by vintage"
    if not summary.vintages:
        return Section(title, "There are no loans yet.", None, ())
    first, last = summary.vintages[0], summary.vintages[-1]
    by_month = 12 * (last.year - first.year) + last.month - first.month < _MAX_MONTHS_DRAWN
    vintages = list(summary.vintages) if by_month else tables.years_of_approval(summary)
    unit, unit_name = rupee_unit(max(vintage.loan_amount for vintage in vintages))
    categories = [f"{vintage.year}-{vintage.month:02}-01" if by_month else str(vintage.year) for vintage in vintages]
    named = [month(vintage.year, vintage.month) if by_month else str(vintage.year) for vintage in vintages]
    owed = [vintage.outstanding_principal for vintage in vintages]
    repaid = [vintage.loan_amount - vintage.outstanding_principal for vintage in vintages]
    figure = Figure()
    for name, amounts, colour in (("Outstanding", owed, ONE), ("Repaid", repaid, REPAID)):
        hover_texts = [f"{when}<br>{name}: {rupees(amount)}" for when, amount in zip(named, amounts, strict=True)]
        trace = bars(name, categories, [scaled(amount, unit) for amount in amounts], hover_texts, colour)
        figure.add_trace(trace.update(hovertemplate="%{customdata}<extra></extra>"))
    across = "Month of approval" if by_month else "Year of approval"
    styled(figure, across=across, up=f"Principal, ₹ {unit_name}".strip())
    figure.update_layout(barmode="stack")
    # Years without loans have their place too.
    figure.update_xaxes(type="date" if by_month else "linear", dtick=None if by_month else max(1, len(categories) // 8))
    return Section(
        title,
        f"What was lent in each {'month' if by_month else 'year'} of approval, and how much of its principal is still "
        "owed.",
        figure,
        (tables.vintages_table(summary),),
    )


def _scores(summary: PortfolioSummary) -> Section:
    groups = score_groups(summary.scores, SCORES_A_BAR)
    figure = Figure(score_bars("Today", groups, ONE))
    across = f"Credit score under policy {escape(summary.policy_version)}"
    styled(figure, across=across, up="Customers", height_pixels=SCORES_PIXELS)
    return Section(
        "Credit scores",
        "The score that each customer has today, before any further loan. 0 stands by itself: it is also what debt "
        "above the limit gives.",
        score_axis(figure, groups),
        (tables.scores_table(summary, SCORES_A_BAR),),
    )


def _burden(summary: PortfolioSummary) -> Section:
    customers = [bucket.customers for bucket in summary.emi_burden]
    hover_texts = [f"{count(number)} customers" for number in customers]
    names = [tables.burden_name(bucket).removesuffix(" %") for bucket in summary.emi_burden]
    figure = Figure(bars("Customers", names, customers, hover_texts, ONE))
    figure.update_xaxes(type="category")
    return Section(
        "EMI burden",
        "The share of a customer's monthly income that the instalments of the active loans take.",
        styled(figure, across="Instalments, % of the monthly income", up="Customers"),
        (tables.burden_table(summary),),
    )


def _decisions(summary: PortfolioSummary) -> Section:
    title = "Decisions by month"
    if not summary.decisions:
        return Section(title, "Nothing has been decided here yet: imported loans come without a decision.", None, ())
    categories = [month(each.year, each.month) for each in summary.decisions]
    figure = Figure()
    for name, numbers, colour in (
        ("Approved", [each.approvals for each in summary.decisions], APPROVED),
        ("Declined", [each.declines for each in summary.decisions], DECLINED),
    ):
        figure.add_trace(bars(name, categories, numbers, [f"{name}: {count(number)}" for number in numbers], colour))
    figure.update_layout(barmode="stack")
    figure.update_xaxes(type="category")
    return Section(
        title,
        "Loan requests that were decided, approved or not.",
        styled(figure, across="Month", up="Decisions", height_pixels=320),
        (tables.decisions_table(summary),),
    )


def _reasons(summary: PortfolioSummary) -> Section:
    categories = [month(each.year, each.month) for each in summary.decisions]
    figure = Figure()
    for reason, colour in zip(tables.reasons_given(summary), REASONS, strict=False):
        given = [
            sum(each.declines for each in month_.declines_by_reason if each.reason is reason)
            for month_ in summary.decisions
        ]
        name = REASON_NAMES[reason]
        figure.add_trace(bars(name, categories, given, [f"{name}: {count(number)}" for number in given], colour))
    figure.update_layout(barmode="stack")
    figure.update_xaxes(type="category")
    return Section(
        "Reasons to decline by month",
        "A decline counts under each of its reasons.",
        styled(figure, across="Month", up="Declines by reason", height_pixels=320),
        (tables.reasons_table(summary),),
    )
