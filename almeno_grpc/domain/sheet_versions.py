"""What sheets have said of an imported loan before the latest of them: for its figures of past days, and its ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from almeno_grpc.domain.customer_change import FieldChange
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
    versions: list[SheetVersion] = []
    version, until = opening_account(loan, history).loan, date.max
    for book_date, change in reversed(changes):
        # Of sheets that were loaded out of their order the earlier day counts.
        if not versions or book_date < until:
            until = min(until, book_date)
            versions.append(SheetVersion(until, version))
        version = replace(version, **{change.field: _READERS[change.field](change.old_value)})
        versions[-1] = SheetVersion(until, version)
    return versions[::-1]


def _paise(text: str) -> int:
    return int(Decimal(text).scaleb(2))


_READERS: Mapping[str, Callable[[str], Any]] = {
    "loan_amount": _paise,
    "interest_rate": Decimal,
    "tenure_months": int,
    "monthly_installment": _paise,
    "emis_paid": int,
    "emis_paid_on_time": int,
    "outstanding_principal": _paise,
    "approval_date": date.fromisoformat,
}
"""How the old value of each field of a loan is read."""
