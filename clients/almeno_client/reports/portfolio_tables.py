"""The portfolio summary as tables."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby

from almeno_client.decision_records import AssetClass, DecisionReason
from almeno_client.formatting import ASSET_CLASS_NAMES, REASON_NAMES, count, humanized, month, rupees, share
from almeno_client.portfolio_records import BurdenBucket, LoansOfClass, MonthOfCash, PortfolioSummary, Vintage
from almeno_client.reports.tables import TextTable, score_groups

CLASSES = tuple(AssetClass)[1:]
"""The best first."""
LATE_CLASSES = (AssetClass.SMA_1, AssetClass.SMA_2, AssetClass.NON_PERFORMING)
"""30 days past due and more."""
_DAYS = {AssetClass.SMA_0: ", 0–29 days", AssetClass.SMA_1: ", 30–59 days", AssetClass.SMA_2: ", 60–89 days"}


def classes_table(summary: PortfolioSummary) -> TextTable:
    """Active loans by asset class."""
    outstanding = sum((entry.outstanding_principal for entry in summary.loans_by_class), Decimal())
    rows = tuple(
        (
            ASSET_CLASS_NAMES[entry.asset_class],
            count(entry.loans),
            rupees(entry.outstanding_principal),
            share(entry.outstanding_principal, outstanding),
            rupees(entry.provision),
        )
        for entry in summary.loans_by_class
    )
    loans = count(sum(entry.loans for entry in summary.loans_by_class))
    total = ("Total", loans, rupees(outstanding), share(outstanding, outstanding), rupees(summary.provision))
    columns = ("Class", "Loans", "Outstanding", "Share", "Provision")
    return TextTable("Active loans by asset class", columns, rows, totals=(total,))


def states_table(summary: PortfolioSummary) -> TextTable:
    """Loans by state."""
    rows = tuple(
        (humanized(entry.state).capitalize(), count(entry.loans), rupees(entry.outstanding_principal))
        for entry in summary.loans_by_state
    )
    total = (
        "Total",
        count(sum(entry.loans for entry in summary.loans_by_state)),
        rupees(sum((entry.outstanding_principal for entry in summary.loans_by_state), Decimal())),
    )
    return TextTable("Loans by state", ("State", "Loans", "Outstanding"), rows, totals=(total,))


def late_loans_table(summary: PortfolioSummary, max_rows: int) -> TextTable:
    """The loans with the most days past due."""
    rows = tuple(
        (
            str(late.loan_id),
            str(late.customer_id),
            ASSET_CLASS_NAMES[late.asset_class],
            count(late.days_past_due),
            rupees(late.overdue_amount),
            rupees(late.outstanding_principal),
        )
        for late in summary.late_loans[:max_rows]
    )
    title = "Late loans"
    if len(rows) < summary.late_loan_count:
        title = f"Late loans, {count(len(rows))} of {count(summary.late_loan_count)}"
    columns = ("Loan", "Customer", "Class", "Days late", "Overdue", "Outstanding")
    listed = summary.late_loans[:max_rows]
    total = (
        "Total" if len(rows) == summary.late_loan_count else "Total of these",
        "",
        "",
        "",
        rupees(sum((late.overdue_amount for late in listed), Decimal())),
        rupees(sum((late.outstanding_principal for late in listed), Decimal())),
    )
    return TextTable(title, columns, rows, text_columns=("Class",), totals=(total,), name="late-loans")


def vintages_table(summary: PortfolioSummary) -> TextTable:
    """Loans by the year of their approval."""
    years = years_of_approval(summary)
    rows = tuple(_vintage_row(str(year.year), [year]) for year in years)
    columns = ("Approved in", "Loans", "Lent", "Outstanding", "Still owed")
    return TextTable("Outstanding by vintage", columns, rows, totals=(_vintage_row("Total", years),))


def _vintage_row(name: str, years: Iterable[Vintage]) -> tuple[str, ...]:
    vintages = list(years)
    lent = sum((vintage.loan_amount for vintage in vintages), Decimal())
    owed = sum((vintage.outstanding_principal for vintage in vintages), Decimal())
    return name, count(sum(vintage.loans for vintage in vintages)), rupees(lent), rupees(owed), share(owed, lent)


def overdue_vintages_table(summary: PortfolioSummary) -> TextTable:
    """Outstanding principal by year of approval and asset class, of the years that still owe something."""
    years = [year for year in years_of_approval(summary) if year.outstanding_principal]
    rows = tuple(_overdue_row(str(year.year), year.loans_by_class) for year in years)
    columns = ("Approved in", *map(class_in_days, CLASSES), "30 days and more")
    total = _overdue_row("Total", [entry for year in years for entry in year.loans_by_class])
    return TextTable("Outstanding by vintage and days past due", columns, rows, totals=(total,) if rows else ())


def _overdue_row(name: str, entries: Iterable[LoansOfClass]) -> tuple[str, ...]:
    owed = dict.fromkeys(CLASSES, Decimal())
    for entry in entries:
        owed[entry.asset_class] = owed.get(entry.asset_class, Decimal()) + entry.outstanding_principal
    late = sum((owed[each] for each in LATE_CLASSES), Decimal())
    return name, *(rupees(owed[each]) for each in CLASSES), share(late, sum(owed.values(), Decimal()))


def class_in_days(asset_class: AssetClass) -> str:
    """A class with the days past due that it stands for: SMA-1, 30–59 days."""
    return f"{ASSET_CLASS_NAMES[asset_class]}{_DAYS.get(asset_class, '')}"


def cash_table(summary: PortfolioSummary, max_months: int) -> TextTable:
    """What was disbursed and collected in each of the last months."""
    months = last_months(summary, max_months)
    rows = tuple(_cash_row(month(each.year, each.month), [each]) for each in months)
    columns = ("Month", "Disbursements", "Disbursed", "Repayments", "Collected")
    total = (_cash_row("Total", months),) if rows else ()
    return TextTable("Disbursements and collections by month", columns, rows, totals=total)


def _cash_row(name: str, months: Iterable[MonthOfCash]) -> tuple[str, ...]:
    cash = list(months)
    return (
        name,
        count(sum(each.disbursements for each in cash)),
        rupees(sum((each.disbursed_amount for each in cash), Decimal())),
        count(sum(each.repayments for each in cash)),
        rupees(sum((each.collected_amount for each in cash), Decimal())),
    )


def last_months(summary: PortfolioSummary, max_months: int) -> list[MonthOfCash]:
    """The months up to the business date, also those without cash: as many, or all since the first with any."""
    if not summary.cash:
        return []
    known = {(each.year, each.month): each for each in summary.cash}
    end = 12 * summary.business_date.year + summary.business_date.month
    first = 12 * summary.cash[0].year + summary.cash[0].month
    nothing = Decimal("0.00")
    months = []
    for number in range(max(first, end - max_months + 1), end + 1):
        year, index = divmod(number - 1, 12)
        place = (year, index + 1)
        months.append(known.get(place, MonthOfCash(*place, 0, nothing, 0, nothing)))
    return months


def years_of_approval(summary: PortfolioSummary) -> list[Vintage]:
    """The vintages of each year as one, which stands for its first month; a class has an entry for each month."""
    years = []
    for year, vintages in groupby(summary.vintages, lambda vintage: vintage.year):
        months = list(vintages)
        lent = sum((vintage.loan_amount for vintage in months), Decimal())
        owed = sum((vintage.outstanding_principal for vintage in months), Decimal())
        classes = tuple(entry for vintage in months for entry in vintage.loans_by_class)
        years.append(Vintage(year, 1, sum(vintage.loans for vintage in months), lent, owed, classes))
    return years


def scores_table(summary: PortfolioSummary, width: int) -> TextTable:
    """Customers by credit score, in groups of `width` scores."""
    rows = tuple(
        (group.name, count(group.customers), share(group.customers, summary.customers))
        for group in score_groups(summary.scores, width)
    )
    total = ("Total", count(summary.customers), share(summary.customers, summary.customers))
    return TextTable("Customers by credit score", ("Score", "Customers", "Share"), rows, totals=(total,))


def burden_table(summary: PortfolioSummary) -> TextTable:
    """Customers by the share of the income that instalments take."""
    rows = tuple(
        (burden_name(bucket), count(bucket.customers), share(bucket.customers, summary.customers))
        for bucket in summary.emi_burden
    )
    total = ("Total", count(summary.customers), share(summary.customers, summary.customers))
    columns = ("Share of income", "Customers", "Share")
    return TextTable("Instalments as a share of the income", columns, rows, totals=(total,))


def decisions_table(summary: PortfolioSummary) -> TextTable:
    """Stored decisions by month."""
    rows = tuple(
        (
            month(each.year, each.month),
            count(each.approvals),
            count(each.declines),
            share(each.approvals, each.approvals + each.declines),
        )
        for each in summary.decisions
    )
    approved = sum(each.approvals for each in summary.decisions)
    declined = sum(each.declines for each in summary.decisions)
    total = ("Total", count(approved), count(declined), share(approved, approved + declined))
    columns = ("Month", "Approved", "Declined", "Share approved")
    return TextTable("Decisions by month", columns, rows, totals=(total,) if rows else ())


def reasons_table(summary: PortfolioSummary) -> TextTable:
    """Declines by month and reason."""
    reasons = reasons_given(summary)
    rows = []
    for each in summary.decisions:
        declines = {given.reason: given.declines for given in each.declines_by_reason}
        rows.append((month(each.year, each.month), *(count(declines.get(reason, 0)) for reason in reasons)))
    columns = ("Month", *(REASON_NAMES[reason] for reason in reasons))
    total = ("Total", *(count(_given(summary, reason)) for reason in reasons))
    return TextTable("Declines by reason and month", columns, tuple(rows), totals=(total,) if rows else ())


def _given(summary: PortfolioSummary, reason: DecisionReason) -> int:
    return sum(
        each.declines for month_ in summary.decisions for each in month_.declines_by_reason if each.reason is reason
    )


def reasons_given(summary: PortfolioSummary) -> tuple[DecisionReason, ...]:
    """The reasons for which anything was declined, in the order of the reasons."""
    given = {each.reason for month_ in summary.decisions for each in month_.declines_by_reason if each.declines}
    return tuple(reason for reason in DecisionReason if reason in given)


def burden_name(bucket: BurdenBucket) -> str:
    """The share of the income that instalments take in a bucket, in words."""
    if bucket.percent_above < 0:
        return "nothing"
    if bucket.percent_to is None:
        return f"above {bucket.percent_above} %"
    return f"{bucket.percent_above}–{bucket.percent_to} %"
