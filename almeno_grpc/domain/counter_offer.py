"""The search for the largest loan amount that amortizes at a rate and a tenure."""

from bisect import bisect_left
from decimal import Decimal
from heapq import heappop, heapreplace
from math import gcd

from almeno_grpc.domain.installments import InstallmentMethod, amortizes, installment_amount
from almeno_grpc.domain.money import PAISE_PER_RUPEE, RATE_SCALE, Rounding, scaled_rate

_MAX_RUNS = 300
"""Runs of amounts that are tried; more than enough for any rate in whole or half per cents."""

_MONTHLY_PER_RUPEE = 12 * RATE_SCALE
"""A month's interest on a whole rupee, in paise, is the rate in ten-thousandths of a per cent divided by this."""


def largest_amortizing_rupees(
    method: InstallmentMethod,
    rate: Decimal,
    months: int,
    minimum: int,
    maximum: int,
    rounding: Rounding = Rounding.HALF_UP,
) -> int | None:
    """The largest amount from `minimum` to `maximum` whole rupees whose terms amortize.

    Nearly always `maximum` itself. Only where a tenure is so long, or a rate so high, that the first instalments repay
    some paise of a small loan does the rounding decide, and then a larger amount may fail where a smaller one passes.

    Amounts whose exact monthly interest has the same fraction of a paisa, and whose instalment exceeds it by as much,
    form a run: they are rounded the same way from row to row, so each repays the same principal before the last row.
    When the largest of a run does not amortize, none of it does; the search goes down from run to run, highest amount
    first.

    Returns:
        The amount in rupees; None when there is none, or none in a bounded number of runs.
    """
    scaled = scaled_rate(rate)
    step = _MONTHLY_PER_RUPEE // gcd(scaled, _MONTHLY_PER_RUPEE)

    def excess_over_interest(rupees: int) -> int:
        emi = installment_amount(method, rupees * PAISE_PER_RUPEE, rate, months, rounding)
        return emi - rupees * scaled // _MONTHLY_PER_RUPEE

    def next_run_below(rupees: int) -> int:
        lower = range(rupees - step, minimum - 1, -step)
        own = excess_over_interest(rupees)
        return rupees - step * (1 + bisect_left(lower, True, key=lambda amount: excess_over_interest(amount) != own))

    heads = [-rupees for rupees in range(maximum, max(minimum - 1, maximum - min(step, _MAX_RUNS)), -1)]
    for _ in range(_MAX_RUNS):
        if not heads:
            return None
        rupees = -heads[0]
        if amortizes(method, rupees * PAISE_PER_RUPEE, rate, months, rounding):
            return rupees
        below = next_run_below(rupees)
        if below >= minimum:
            heapreplace(heads, -below)
        else:
            heappop(heads)
    return None
