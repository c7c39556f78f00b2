"""What sheets have said of an imported loan before the latest of them: for its figures of past days, and its ledger."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from almeno_grpc.domain.customer_change import FieldChange, before_change
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.replay import History, opening_account


class SheetChange(NamedTuple):
    """A field of a loan that a sheet has changed."""

    book_date: date
    """The day for which the sheet's figures stand."""
    change: FieldChange


class SheetVersion(NamedTuple):
    """A loan as sheets had it."""

    until: date
    """The book date of the sheet that has changed it: the loan stood so before that day."""
    loan: Loan


def sheet_versions(loan: Loan, history: History, changes: Sequence[SheetChange]) -> list[SheetVersion]:
    """The versions of a loan but for the latest one, by ascending days.

    Args:
        loan: As it stands.
        history: What was recorded on it; no sheet changes it from then on.
        changes: What sheets have changed of it, in that order.
    """
    if not changes:
        return []
    versions: list[SheetVersion] = []
    version, until = opening_account(loan, history).loan, date.max
    for book_date, change in reversed(changes):
        version = before_change(version, change)
        # Of sheets that were loaded out of their order the earlier day counts.
        if book_date < until:
            until = book_date
            versions.append(SheetVersion(until, version))
        else:
            versions[-1] = SheetVersion(until, version)
    return versions[::-1]
