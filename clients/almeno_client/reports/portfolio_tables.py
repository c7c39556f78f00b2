"""The portfolio summary as tables."""

from decimal import Decimal
from itertools import groupby

from almeno_client.formatting import REASON_NAMES, count, humanized, month, rupees, share
from almeno_client.portfolio_records import BurdenBucket, LoanBucket, PortfolioSummary, Vintage
from almeno_client.records import DecisionReason, LoanState
from almeno_client.reports.tables import TextTable, score_groups


def loans_table(summary: PortfolioSummary) -> TextTable:
    """Loans by state and days past due."""
    rows = tuple(
        (
            bucket_name(bucket),
            count(bucket.loans),
            rupees(bucket.outstanding_principal),
            share(bucket.outstanding_principal, summary.outstanding_principal),
        )
        for bucket in summary.loan_buckets
    )
    return TextTable("Loans by state and days past due", ("State", "Loans", "Outstanding", "Share"), rows)


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


def bucket_name(bucket: LoanBucket) -> str:
    """The days past due of a bucket, in words."""
    if bucket.state is not LoanState.ACTIVE:
        return humanized(bucket.state).capitalize()
    if bucket.days_past_due_to is None:
        return f"More than {bucket.days_past_due_from - 1} days late"
    if bucket.days_past_due_to == 0:
        return "Up to date"
    return f"{bucket.days_past_due_from}–{bucket.days_past_due_to} days late"


def burden_name(bucket: BurdenBucket) -> str:
    """The share of the income that instalments take in a bucket, in words."""
    if bucket.percent_above < 0:
        return "nothing"
    if bucket.percent_to is None:
        return f"above {bucket.percent_above} %"
    return f"{bucket.percent_above}–{bucket.percent_to} %"


def past_due(summary: PortfolioSummary, days: int) -> Decimal:
    """Principal owed on active loans that are at least so many days past due."""
    return sum(
        (
            bucket.outstanding_principal
            for bucket in summary.loan_buckets
            if bucket.state is LoanState.ACTIVE and bucket.days_past_due_from >= days
        ),
        Decimal(),
    )
