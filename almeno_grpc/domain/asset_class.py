"""Asset classes: how long the oldest unpaid instalment of a loan has been due.

As the Reserve Bank of India has it for term loans (Prudential norms on Income Recognition, Asset Classification and
Provisioning, with its clarification of 12 November 2021): the due date is day one, a loan is a special mention account
(SMA) from then on, and non-performing from day 91 on until its arrears are wholly cleared.
"""

from datetime import date, timedelta
from enum import StrEnum

NON_PERFORMING_DAYS = 90
"""Days after its due date from which on an unpaid instalment makes the loan non-performing."""
_SMA_2_DAYS, _SMA_1_DAYS = 60, 30


class AssetClass(StrEnum):
    """The class of a loan or a customer, the best first."""

    STANDARD = "STANDARD"
    SMA_0 = "SMA_0"
    SMA_1 = "SMA_1"
    SMA_2 = "SMA_2"
    NON_PERFORMING = "NON_PERFORMING"


def asset_class(days_in_arrears: int | None, *, was_non_performing: bool = False) -> AssetClass:
    """The class that follows from the arrears.

    Args:
        days_in_arrears: Days since the due date of the oldest instalment due that is not wholly paid; None if all are.
        was_non_performing: Whether it has been non-performing since these arrears began.
    """
    if days_in_arrears is None:
        return AssetClass.STANDARD
    if was_non_performing or days_in_arrears >= NON_PERFORMING_DAYS:
        return AssetClass.NON_PERFORMING
    if days_in_arrears >= _SMA_2_DAYS:
        return AssetClass.SMA_2
    return AssetClass.SMA_1 if days_in_arrears >= _SMA_1_DAYS else AssetClass.SMA_0


def arrears_days(next_due: date | None, on: date) -> int | None:
    """Days since the due date of the oldest unpaid instalment, 0 on that day; None while it is not due or none is left.

    Args:
        next_due: The due date of the oldest instalment that is not wholly paid; None if there is none, or if the loan
            is not disbursed.
        on: The business date.
    """
    return None if next_due is None or next_due > on else (on - next_due).days


def class_on(next_due: date | None, non_performing_since: date | None, on: date) -> AssetClass:
    """The class of a loan on a day, which is not before its latest payment.

    Args:
        next_due: See `arrears_days`.
        non_performing_since: As of the latest payment; see `arrears.after_payment`.
        on: The business date.
    """
    return asset_class(arrears_days(next_due, on), was_non_performing=non_performing_since is not None)


def non_performing_since_on(next_due: date | None, non_performing_since: date | None, on: date) -> date | None:
    """The first day on which a loan that is non-performing on the day was so; None if it is not non-performing."""
    days = arrears_days(next_due, on)
    if next_due is None or days is None:
        return None
    if non_performing_since is not None:
        return non_performing_since
    return next_due + timedelta(days=NON_PERFORMING_DAYS) if days >= NON_PERFORMING_DAYS else None
