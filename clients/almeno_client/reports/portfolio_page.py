"""The page of the portfolio summary."""

from collections.abc import Iterable
from decimal import Decimal
from html import escape

from plotly.graph_objects import Figure
from plotly.subplots import make_subplots

from almeno_client.decision_records import AssetClass
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
    count_ticks,
    horizontal_bars,
    month_ticks,
    scaled,
    score_axis,
    score_bars,
    styled,
    with_horizontal_grid,
    year_ticks,
)
from almeno_client.reports.tables import score_groups

# Of a book that goes back further, years are drawn instead.
_MAX_MONTHS_DRAWN = 60
_MAX_LATE_LOANS = 100
_MAX_CASH_MONTHS = 12
_MAX_MONTHS_LISTED = 1200
_NO_CUSTOMERS = "There are no customers yet."
_CLASS_COLOURS: dict[AssetClass, str] = dict(zip(list(AssetClass)[1:], CLASSES, strict=True))


def portfolio_sections(summary: PortfolioSummary) -> list[Section]:
    """What the page shows: loans by class, vintages, cash, scores, EMI burden, decisions, late loans."""
    sections = [_classes(summary), _vintages(summary), _overdue_vintages(summary), _cash(summary)]
    sections += [_scores(summary), _burden(summary), _decisions(summary)]
    if tables.reasons_given(summary):
        sections.append(_reasons(summary))
    return [*sections, _late_loans(summary)]


def portfolio_page(summary: PortfolioSummary, sections: Iterable[Section]) -> str:
    """Writes the page."""
    subtitle = (
        f"{count(summary.loans)} loans of {count(summary.customers)} customers on {summary.business_date}; "
        f"scores under policy {summary.policy_version}"
    )
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
    figure.update_xaxes(**count_ticks(max(loans, default=0), 3), row=1, col=1)
    return Section(
        "Loans by asset class",
        "By the days since the due date of a loan's oldest unpaid instalment: SMA-0 from that day on, SMA-1 from 30, "
        "SMA-2 from 60, non-performing from 90 until nothing is overdue. "
        f"Provisions under norms {summary.norms_version}.",
        figure if any(loans) else None,
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
        figures=(tables.late_loans_table(summary, len(summary.late_loans)),),
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
    figure.update_xaxes(**({"type": "date"} if by_month else year_ticks(vintages[0].year, vintages[-1].year)))
    return Section(
        title,
        f"What was lent in each {'month' if by_month else 'year'} of approval, and how much of its principal is still "
        "owed.",
        figure,
        (tables.vintages_table(summary),),
    )


def _overdue_vintages(summary: PortfolioSummary) -> Section:
    title = "Vintages by days past due"
    years = [year for year in tables.years_of_approval(summary) if year.outstanding_principal]
    table = tables.overdue_vintages_table(summary)
    if not years:
        return Section(title, "Nothing is owed.", None, (table,))
    figure = Figure()
    for asset_class in AssetClass:
        if asset_class is AssetClass.UNSPECIFIED:
            continue
        shares, hover_texts = [], []
        for year in years:
            owed = [each.outstanding_principal for each in year.loans_by_class if each.asset_class is asset_class]
            amount = sum(owed, Decimal())
            shares.append(float(100 * amount / year.outstanding_principal))
            hover_texts.append(f"{ASSET_CLASS_NAMES[asset_class]}: {rupees(amount)}")
        colour, name = _CLASS_COLOURS[asset_class], tables.class_in_days(asset_class)
        figure.add_trace(bars(name, [str(year.year) for year in years], shares, hover_texts, colour))
    figure.update_layout(barmode="stack")
    figure.update_xaxes(**year_ticks(years[0].year, years[-1].year))
    figure.update_yaxes(range=[0, 100])
    return Section(
        title,
        "The principal that each year of approval still owes, by the days that its loans are past due; non-performing "
        "from 90 days on, until nothing is overdue.",
        styled(figure, across="Year of approval", up="% of the principal owed"),
        (table,),
        wide=True,
    )


def _cash(summary: PortfolioSummary) -> Section:
    title = "Disbursements and collections by month"
    months = tables.last_months(summary, _MAX_CASH_MONTHS)
    if not months:
        return Section(title, "Nothing has been disbursed or repaid here.", None, ())
    disbursed, collected = [each.disbursed_amount for each in months], [each.collected_amount for each in months]
    of_all = (tables.cash_table(summary, _MAX_MONTHS_LISTED),)
    if not any((*disbursed, *collected)):
        lead = f"Nothing has been disbursed or repaid here in the last {_MAX_CASH_MONTHS} months."
        return Section(title, lead, None, (), figures=of_all)
    unit, unit_name = rupee_unit(max(*disbursed, *collected))
    names = [month(each.year, each.month) for each in months]
    figure = Figure()
    for name, amounts, colour in (("Disbursed", disbursed, ONE), ("Collected", collected, APPROVED)):
        hover_texts = [f"{name}: {rupees(amount)}" for amount in amounts]
        figure.add_trace(bars(name, names, [scaled(amount, unit) for amount in amounts], hover_texts, colour))
    figure.update_xaxes(**month_ticks((each.year, each.month) for each in months))
    return Section(
        title,
        "Loans by the month of disbursement, for imported ones that of their approval; repayments recorded here by "
        f"payment date, without those that were reversed. The last {_MAX_CASH_MONTHS} months.",
        styled(figure, across="Month", up=f"Amount, ₹ {unit_name}".strip()),
        (tables.cash_table(summary, _MAX_CASH_MONTHS),),
        figures=of_all,
    )


def _scores(summary: PortfolioSummary) -> Section:
    if not summary.customers:
        return Section("Credit scores", _NO_CUSTOMERS, None, ())
    groups = score_groups(summary.scores, SCORES_A_BAR)
    figure = Figure(score_bars("Today", groups, ONE))
    across = f"Credit score under policy {escape(summary.policy_version)}"
    styled(figure, across=across, up="Customers", height_pixels=SCORES_PIXELS)
    return Section(
        "Credit scores",
        "The score that each customer has today, before any further loan. 0 stands by itself: it is also what debt "
        "above the limit gives.",
        score_axis(figure, groups).update_yaxes(**count_ticks(max(group.customers for group in groups))),
        (tables.scores_table(summary, SCORES_A_BAR),),
    )


def _burden(summary: PortfolioSummary) -> Section:
    if not summary.customers:
        return Section("EMI burden", _NO_CUSTOMERS, None, ())
    customers = [bucket.customers for bucket in summary.emi_burden]
    hover_texts = [f"{count(number)} customers" for number in customers]
    names = [tables.burden_name(bucket).removesuffix(" %") for bucket in summary.emi_burden]
    figure = Figure(bars("Customers", names, customers, hover_texts, ONE))
    figure.update_xaxes(type="category").update_yaxes(**count_ticks(max(customers, default=0)))
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
    figure.update_xaxes(**month_ticks((each.year, each.month) for each in summary.decisions))
    figure.update_yaxes(**count_ticks(max(each.approvals + each.declines for each in summary.decisions)))
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
    given = [sum(each.declines for each in month_.declines_by_reason) for month_ in summary.decisions]
    figure.update_xaxes(**month_ticks((each.year, each.month) for each in summary.decisions))
    figure.update_yaxes(**count_ticks(max(given)))
    return Section(
        "Reasons to decline by month",
        "A decline counts under each of its reasons.",
        styled(figure, across="Month", up="Declines by reason", height_pixels=320),
        (tables.reasons_table(summary),),
    )
