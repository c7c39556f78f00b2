"""The page of the portfolio summary."""

from decimal import Decimal
from html import escape

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from almeno_client.formatting import REASON_NAMES, count, month, rupee_unit, rupees, rupees_in_short, share
from almeno_client.portfolio_records import LoanBucket, PortfolioSummary
from almeno_client.records import LoanState
from almeno_client.reports import portfolio_tables as tables
from almeno_client.reports.page import Section, Tile, page
from almeno_client.reports.plots import (
    APPROVED,
    CLOSED,
    DAYS_PAST_DUE,
    DECLINED,
    ONE,
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
# Portfolio at risk: days past due from which a loan counts.
_AT_RISK_DAYS = 31


def portfolio_page(summary: PortfolioSummary) -> str:
    """Writes the page: loans by days past due, vintages, scores, EMI burden, decisions."""
    subtitle = (
        f"{count(summary.loans)} loans of {count(summary.customers)} customers on {summary.business_date}; "
        f"scores under policy {summary.policy_version}"
    )
    sections = [_loans(summary), _vintages(summary), _scores(summary), _burden(summary), _decisions(summary)]
    if tables.reasons_given(summary):
        sections.append(_reasons(summary))
    return page(f"The loan book on {summary.business_date}", subtitle, _tiles(summary), sections)


def _tiles(summary: PortfolioSummary) -> list[Tile]:
    active = sum(bucket.loans for bucket in summary.loan_buckets if bucket.state is LoanState.ACTIVE)
    late, at_risk = tables.past_due(summary, 1), tables.past_due(summary, _AT_RISK_DAYS)
    outstanding = summary.outstanding_principal
    return [
        Tile("Customers", count(summary.customers)),
        Tile("Active loans", count(active), f"of {count(summary.loans)} in all"),
        Tile("Outstanding principal", rupees_in_short(outstanding), rupees(outstanding)),
        Tile("Past due", share(late, outstanding), f"{rupees_in_short(late)} of the principal"),
        Tile(
            f"{_AT_RISK_DAYS} or more days past due",
            share(at_risk, outstanding),
            f"{rupees_in_short(at_risk)} of the principal",
        ),
    ]


def _loans(summary: PortfolioSummary) -> Section:
    buckets = summary.loan_buckets
    names = [tables.bucket_name(bucket) for bucket in buckets]
    colours = [_bucket_colour(bucket) for bucket in buckets]
    unit, unit_name = rupee_unit(max((bucket.outstanding_principal for bucket in buckets), default=Decimal()))
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    loans = [bucket.loans for bucket in buckets]
    hover_texts = [f"{count(number)} loans" for number in loans]
    figure.add_trace(horizontal_bars("Loans", names, loans, hover_texts, colours), row=1, col=1)
    amounts = [bucket.outstanding_principal for bucket in buckets]
    lengths = [scaled(amount, unit) for amount in amounts]
    figure.add_trace(horizontal_bars("Outstanding", names, lengths, list(map(rupees, amounts)), colours), row=1, col=2)
    figure.update_traces(showlegend=False)
    with_horizontal_grid(styled(figure, across="Loans", up="", height_pixels=320))
    figure.update_xaxes(title_text=f"Outstanding principal, ₹ {unit_name}".strip(), row=1, col=2)
    return Section(
        "Loans by state and days past due",
        "A loan is as many days past due as its oldest unpaid instalment.",
        figure,
        (tables.loans_table(summary),),
    )


def _bucket_colour(bucket: LoanBucket) -> str:
    if bucket.state is not LoanState.ACTIVE:
        return CLOSED
    starts = (0, 1, 31, 61, 91)
    behind = sum(bucket.days_past_due_from >= start for start in starts)
    return DAYS_PAST_DUE[behind - 1]


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
        styled(figure, across="Instalments as a share of the monthly income, per cent", up="Customers"),
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
