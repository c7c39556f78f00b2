"""What follows from the terms of a sheet's loans, and what does not follow and is corrected."""

from collections.abc import Mapping, Set
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from almeno_grpc.domain import limits
from almeno_grpc.domain.imports import IssueOutcome
from almeno_grpc.domain.installments import outstanding_in_equal_parts
from almeno_grpc.domain.months import day_of_number, due_date, emis_due
from almeno_grpc.imports.parsing import cells, headings
from almeno_grpc.imports.parsing.columns import Values, each_once, parts_of_days
from almeno_grpc.imports.sandbox.messages import IssueFields
from almeno_grpc.imports.parsing.table import BookTable
from almeno_grpc.imports.parsing.short_cells import Numbers

_NO_DAY = 0
"""A day that could not be read."""


def settled(
    table: BookTable, values: Mapping[str, Values], book_date: date, rejected: Set[int]
) -> tuple[list[Values], dict[int, list[IssueFields]]]:
    """Works out what follows from the rows of loans, and corrects what does not follow.

    Args:
        table: The rows as they were read.
        values: What their cells came to, by heading.
        book_date: The day by which instalments count as due.
        rejected: The places of the rows that are not taken; what comes of them does not matter.

    Returns:
        The fields of `LoanRow` behind the row number as columns; and the corrections as issues, by place.
    """
    approvals: Numbers = values[headings.DATE_OF_APPROVAL]
    # A tenure that could not be read would have to be left out of every division.
    tenures: Numbers = np.maximum(values[headings.TENURE], 1)
    stated_on_time: Numbers = values[headings.EMIS_PAID_ON_TIME]
    on_time = np.minimum(stated_on_time, tenures)
    paid = np.minimum(tenures, np.maximum(on_time, each_once(partial(_most_due, book_date), approvals)))
    years, months, days = parts_of_days(approvals)
    # The rule is the domain's, and holds for columns as for single numbers.
    rule: Any = outstanding_in_equal_parts
    outstanding: Values = rule(values[headings.LOAN_AMOUNT], tenures, paid)
    columns: list[Values] = [
        values[headings.CUSTOMER_ID],
        values[headings.LOAN_ID],
        values[headings.LOAN_AMOUNT],
        tenures,
        values[headings.INTEREST_RATE],
        values[headings.MONTHLY_PAYMENT],
        paid,
        on_time,
        years,
        months,
        days,
        outstanding,
    ]
    issues: dict[int, list[IssueFields]] = {}
    for place in np.flatnonzero(stated_on_time > tenures).tolist():
        if place not in rejected:
            message = f"{headings.EMIS_PAID_ON_TIME} {stated_on_time[place]} corrected to {tenures[place]}, the tenure"
            issues[place] = [_adjustment(table, place, headings.EMIS_PAID_ON_TIME, message)]
    ends: Numbers = values[headings.END_DATE]
    corrected: dict[int, date] = {}
    for place in np.flatnonzero(~_are_plainly_due(ends, years, months, days, tenures)).tolist():
        if place not in rejected:
            end = due_date(day_of_number(int(approvals[place])), int(tenures[place]))
            if ends[place] == _NO_DAY or day_of_number(int(ends[place])) != end:
                corrected[place] = end
    for (place, end), cell in zip(corrected.items(), table.cells(headings.END_DATE, corrected), strict=True):
        after = f"{end}, {tenures[place]} months after approval"
        message = f"{headings.END_DATE} {cells.quoted(cell)} corrected to {after}"
        issues.setdefault(place, []).append(_adjustment(table, place, headings.END_DATE, message))
    return columns, issues


def _are_plainly_due(ends: Numbers, years: Numbers, months: Numbers, days: Numbers, tenures: Numbers) -> Values:
    """Whether each end is so many months on, on the same day of the month: then nothing can have been clipped.

    Spares nearly every row the reckoning of its due date; False says nothing.
    """
    end_years, end_months, end_days = parts_of_days(ends)
    are_due: Values = (end_days == days) & ((end_years - years) * 12 + end_months - months == tenures)
    return are_due


def _most_due(book_date: date, approval: int) -> int:
    """Instalments due of a loan approved on the day: asked for the longest tenure, the same for all of them."""
    return emis_due(day_of_number(approval), limits.MAX_TENURE_MONTHS, book_date) if approval != _NO_DAY else 0


def _adjustment(table: BookTable, place: int, heading: str, message: str) -> IssueFields:
    return int(table.row_numbers[place]), IssueOutcome.ADJUSTED, heading, message
