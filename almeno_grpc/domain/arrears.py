"""Arrears from payment to payment: since when a loan, and a customer, have been non-performing.

On a day the payments dated on or before it count, so a payment that clears the arrears on the ninetieth day after the
due date keeps the loan performing. What has once been non-performing stays so until a day on which nothing due is
unpaid: of the loan for the loan, of all of the customer's loans for the customer. Neither follows from the oldest
unpaid instalment alone, hence the history.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from almeno_grpc.domain.asset_class import NON_PERFORMING_DAYS, non_performing_since_on

_ONE_DAY = timedelta(days=1)


class Arrears(NamedTuple):
    """What the class of a loan follows from, as of its latest payment."""

    next_due: date | None
    """Due date of the oldest instalment that is not wholly paid; None if none is left, or the loan is not disbursed."""
    non_performing_since: date | None = None
    """Set while the loan has been non-performing and its arrears are not wholly cleared."""


def after_payment(arrears: Arrears, paid_on: date, next_due: date | None) -> Arrears:
    """The arrears after a payment.

    Args:
        arrears: Before it.
        paid_on: The payment date; not before that of the payment before.
        next_due: Due date of the oldest instalment that is not wholly paid after it, or None.
    """
    if next_due is None or next_due > paid_on:
        return Arrears(next_due)
    since = arrears.non_performing_since
    if since is None:
        since = non_performing_since_on(arrears.next_due, None, paid_on - _ONE_DAY)
    return Arrears(next_due, since)


class Payment(NamedTuple):
    """A payment, as far as arrears go."""

    paid_on: date
    next_due: date | None
    """See `Arrears.next_due`, after the payment."""


class Timeline(NamedTuple):
    """The arrears of a loan since its disbursement; of closed loans too."""

    first_due: date | None
    """Due date of the oldest instalment unpaid before the first of the payments; None if the loan is not disbursed."""
    payments: Sequence[Payment] = ()
    """Those that stand, in their recorded order, so none is dated before another that stands before it."""


class _Stretch(NamedTuple):
    """Days, as proleptic Gregorian ordinals, through which one instalment was the oldest that was due and unpaid."""

    due: int
    begin: int
    end: int
    """Not one of them."""


def customer_non_performing_since(timelines: Iterable[Timeline], on: date) -> date | None:
    """The first day from which a customer has been non-performing to a day; None if the customer is not.

    Args:
        timelines: All of the customer's loans.
        on: The business date. Payments dated later do not count.
    """
    today = on.toordinal()
    run_end, since = 0, None
    for stretch in sorted((s for timeline in timelines for s in _stretches(timeline, today)), key=lambda s: s.begin):
        if stretch.begin > run_end:
            # There was a day without arrears of any loan.
            since = None
        run_end = max(run_end, stretch.end)
        non_performing = max(stretch.begin, stretch.due + NON_PERFORMING_DAYS)
        if non_performing < stretch.end and (since is None or non_performing < since):
            since = non_performing
    return None if since is None or run_end <= today else date.fromordinal(since)


def _stretches(timeline: Timeline, today: int) -> Iterator[_Stretch]:
    """The loan's stretches in arrears, each up to the payment that ended it, or up to today, today included."""
    next_due, begin = timeline.first_due, 0
    for payment in (*timeline.payments, None):
        paid_on = today + 1 if payment is None else min(payment.paid_on.toordinal(), today + 1)
        if next_due is not None:
            due = next_due.toordinal()
            if max(due, begin) < paid_on:
                yield _Stretch(due, max(due, begin), paid_on)
        if payment is not None:
            next_due, begin = payment.next_due, paid_on
