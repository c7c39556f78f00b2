"""The portfolio summary as tables."""

from decimal import Decimal
from itertools import groupby

from almeno_client.formatting import ASSET_CLASS_NAMES, REASON_NAMES, count, humanized, month, rupees, share
from almeno_client.portfolio_records import BurdenBucket, PortfolioSummary, Vintage
from almeno_client.records import DecisionReason
from almeno_client.reports.tables import TextTable, score_groups


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
    return TextTable("Active loans by asset class", ("Class", "Loans", "Outstanding", "Share", "Provision"), rows)


def states_table(summary: PortfolioSummary) -> TextTable:
    """Loans by state."""
    rows = tuple(
        (humanized(entry.state).capitalize(), count(entry.loans), rupees(entry.outstanding_principal))
        for entry in summary.loans_by_state
    )
    return TextTable("Loans by state", ("State", "Loans", "Outstanding"), rows)


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
    return TextTable(title, columns, rows, text_columns=("Class",))


def vintages_table(summary: PortfolioSummary) -> TextTable:
    """Loans by the year of their approval."""
    rows = tuple(
        (
            str(year.year),
            count(year.loans),
            rupees(year.loan_amount),
            rupees(year.outstanding_principal),
            share(year.outstanding_principal, year.loan_amount),
        )
        for year in years_of_approval(summary)
    )
    columns = ("Approved in", "Loans", "Lent", "Outstanding", "Still owed")
    return TextTable("Outstanding by vintage", columns, rows)


def years_of_approval(summary: PortfolioSummary) -> list[Vintage]:
    """The vintages of each year as one, which stands for its first month."""
    years = []
    for year, vintages in groupby(summary.vintages, lambda vintage: vintage.year):
        months = list(vintages)
        lent = sum((vintage.loan_amount for vintage in months), Decimal())
        owed = sum((vintage.outstanding_principal for vintage in months), Decimal())
        years.append(Vintage(year, 1, sum(vintage.loans for vintage in months), lent, owed))
    return years


def scores_table(summary: PortfolioSummary, width: int) -> TextTable:
    """Customers by credit score, in groups of `width` scores."""
    rows = tuple(
        (group.name, count(group.customers), share(group.customers, summary.customers))
        for group in score_groups(summary.scores, width)
    )
    return TextTable("Customers by credit score", ("Score", "Customers", "Share"), rows)


def burden_table(summary: PortfolioSummary) -> TextTable:
    """Customers by the share of the income that instalments take."""
    rows = tuple(
        (burden_name(bucket), count(bucket.customers), share(bucket.customers, summary.customers))
        for bucket in summary.emi_burden
    )
    return TextTable("Instalments as a share of the income", ("Share of income", "Customers", "Share"), rows)


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
    return TextTable("Decisions by month", ("Month", "Approved", "Declined", "Share approved"), rows)


def reasons_table(summary: PortfolioSummary) -> TextTable:
    """Declines by month and reason."""
    reasons = reasons_given(summary)
    rows = []
    for each in summary.decisions:
        declines = {given.reason: given.declines for given in each.declines_by_reason}
        rows.append((month(each.year, each.month), *(count(declines.get(reason, 0)) for reason in reasons)))
    columns = ("Month", *(REASON_NAMES[reason] for reason in reasons))
    return TextTable("Declines by reason and month", columns, tuple(rows))


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
