"""What follows from the terms of a sheet's loans, and what does not follow and is corrected."""

from datetime import date
from functools import partial
from typing import Any

import numpy as np

from almeno_grpc.domain import headings, limits
from almeno_grpc.domain.installments import InstallmentMethod, installment_amount, outstanding_in_equal_parts
from almeno_grpc.domain.money import PAISE_PER_RUPEE, rate_from_scaled
from almeno_grpc.domain.months import day_number, day_of_number, due_date, emis_due
from almeno_grpc.imports.parsing.cells import Adjusted, Fault, Fraction
from almeno_grpc.imports.parsing.columns import Column, Numbers, Values
from almeno_grpc.imports.parsing.table import Table

_NO_DAY = 0
"""A day that could not be read."""


def decide_fractions(table: Table) -> None:
    """Decides what the rates below 1 are that may be percentages: what the monthly payment follows from.

    Where it follows from both or from none the row is rejected.
    """
    rates = table.columns[headings.INTEREST_RATE]
    for place, fraction in rates.marked(Fraction):
        fits = partial(_payment_follows, table, place)
        as_it_stands, as_percentage = fits(fraction.value), fits(fraction.as_percentage)
        percentage = f"{rate_from_scaled(fraction.as_percentage)} %"
        if as_percentage and not as_it_stands:
            rates.values[place] = fraction.as_percentage
            message = f"{fraction.found} taken as {percentage} a year, from which the monthly payment follows"
            rates.marks[place] = Adjusted(fraction.as_percentage, message)
        elif as_percentage or not as_it_stands:
            rates.marks[place] = Fault(
                f"{fraction.found} may be that many per cent or {percentage}, as a cell in the format of percentages "
                f"holds it; write {percentage} or {fraction.found.strip(chr(39))} %, with the sign, as text"
            )


def _payment_follows(table: Table, place: int, rate_e4: int) -> bool:
    """Whether the payment of a loan is, to the rupee, that of a rate by either method."""
    amount, months, payment = (
        int(table.columns[heading].values[place])
        for heading in (headings.LOAN_AMOUNT, headings.TENURE, headings.MONTHLY_PAYMENT)
    )
    if not (amount and months and payment and rate_e4):
        return False
    rate = rate_from_scaled(rate_e4)
    return any(
        abs(installment_amount(method, amount, rate, months) - payment) < PAISE_PER_RUPEE
        for method in InstallmentMethod
    )


def loan_columns(table: Table, book_date: date) -> list[Values]:
    """The fields of `LoanRow` behind the row number, as columns: what the rows say, and what follows from it.

    What does not follow is corrected, and said in the table's columns. What comes of rows with a fault does not matter.
    Instalments count as due by the book date; of a sheet that was exported those are paid that it says.
    """
    values = {heading: column.values for heading, column in table.columns.items()}
    approvals: Numbers = values[headings.DATE_OF_APPROVAL]
    # A tenure that could not be read would have to be left out of every division.
    tenures: Numbers = np.maximum(values[headings.TENURE], 1)
    on_time = np.minimum(values[headings.EMIS_PAID_ON_TIME], tenures)
    distinct, codes = np.unique(approvals, return_inverse=True)
    # Asked for the longest tenure, the same for all loans of a day.
    due = [day and emis_due(day_of_number(day), limits.MAX_TENURE_MONTHS, book_date) for day in distinct.tolist()]
    paid = np.minimum(tenures, np.maximum(on_time, np.array(due, dtype=np.int64)[codes]))
    part_payments = reducing = np.zeros(len(tenures), dtype=np.int64)
    if headings.INSTALLMENTS_PAID in values:
        paid, part_payments = values[headings.INSTALLMENTS_PAID], values[headings.PAID_TOWARD_NEXT]
        reducing = values[headings.INSTALLMENT_METHOD]
        for place in np.flatnonzero((paid < on_time) | (paid > tenures)).tolist():
            message = f"must be {on_time[place]} to {tenures[place]}: from those paid on time to the tenure"
            table.columns[headings.INSTALLMENTS_PAID].marks.setdefault(place, Fault(message))
    years, months, days = _parts_of(approvals)
    # The rule is the domain's, and holds for columns as for single numbers.
    rule: Any = outstanding_in_equal_parts
    outstanding: Values = rule(values[headings.LOAN_AMOUNT], tenures, paid)
    for place in np.flatnonzero(values[headings.EMIS_PAID_ON_TIME] > tenures).tolist():
        message = f"{values[headings.EMIS_PAID_ON_TIME][place]} corrected to {tenures[place]}, the tenure"
        table.columns[headings.EMIS_PAID_ON_TIME].marks[place] = Adjusted(int(tenures[place]), message)
    # A loan that was booked by a service ends by its disbursement.
    _correct_ends(table.columns[headings.END_DATE], np.where(reducing, _NO_DAY, approvals), tenures)
    same = [headings.CUSTOMER_ID, headings.LOAN_ID, headings.LOAN_AMOUNT]
    columns: list[Values] = [*(values[heading] for heading in same), tenures, values[headings.INTEREST_RATE]]
    stated = [values[headings.MONTHLY_PAYMENT], paid, on_time, years, months, days, outstanding]
    return [*columns, *stated, part_payments, reducing]


def _correct_ends(column: Column, approvals: Numbers, tenures: Numbers) -> None:
    """Corrects the End Dates that do not follow. Only rows whose end is on another day of the month are reckoned."""
    (years, months, days), (end_years, end_months, end_days) = _parts_of(approvals), _parts_of(column.values)
    follows = (end_days == days) & ((end_years - years) * 12 + end_months - months == tenures)
    for place in np.flatnonzero(~follows & (approvals != _NO_DAY)).tolist():
        end = due_date(day_of_number(int(approvals[place])), int(tenures[place]))
        stated = int(column.values[place])
        if stated == _NO_DAY or day_of_number(stated) != end:
            mark = column.marks.get(place)
            found = mark.found if isinstance(mark, Fault) else f"'{day_of_number(stated)}'"
            message = f"{found} corrected to {end}, {tenures[place]} months after approval"
            column.marks[place] = Adjusted(day_number(end), message)


def _parts_of(days: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Years, months and days of the month of numbers that `day_number` has made."""
    return days // 10_000, days // 100 % 100, days % 100
