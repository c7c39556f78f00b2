"""The search for the largest amount that can be lent at a rate and a tenure."""

from bisect import bisect_left
from decimal import Decimal
from heapq import heappop, heapreplace
from math import gcd

from almeno_grpc.domain.installments import InstallmentMethod, amortizes, installment_amount
from almeno_grpc.domain.money import PAISE_PER_RUPEE, RATE_SCALE, Rounding, scaled_rate

_RUNS_TRIED = 300
"""How many runs of amounts are tried; more than enough for any rate in whole or half per cents."""

_MONTHLY_PER_RUPEE = 12 * RATE_SCALE
"""A month's interest on a whole rupee, in paise, is the rate in ten-thousandths of a per cent divided by this."""


def largest_amortizing_rupees(
    method: InstallmentMethod,
    rate: Decimal,
    months: int,
    least: int,
    most: int,
    rounding: Rounding = Rounding.HALF_UP,
) -> int | None:
    """The largest amount from `least` to `most` whole rupees whose terms amortize.

    Nearly always `most` itself. Only where a tenure is so long, or a rate so high, that the first instalments repay
    some paise of a small loan does the rounding decide, and then a larger amount may fail where a smaller one passes.

    Amounts whose exact monthly interest has the same fraction of a paisa, and whose instalment exceeds it by as much,
    form a run: they are rounded alike from row to row, so each repays the same principal before the last row. When the
    largest of a run does not amortize, none of it does; the search goes down from run to run, highest amount first.

    Returns:
        The amount in rupees; None when there is none, or none in a bounded number of runs.
    """
    scaled = scaled_rate(rate)
    step = _MONTHLY_PER_RUPEE // gcd(scaled, _MONTHLY_PER_RUPEE)

    def beyond_interest(rupees: int) -> int:
        emi = installment_amount(method, rupees * PAISE_PER_RUPEE, rate, months, rounding)
        return emi - rupees * scaled // _MONTHLY_PER_RUPEE

    def below_its_run(rupees: int) -> int:
        lower = range(rupees - step, least - 1, -step)
        own = beyond_interest(rupees)
        return rupees - step * (1 + bisect_left(lower, True, key=lambda amount: beyond_interest(amount) != own))

    heads = [-rupees for rupees in range(most, max(least - 1, most - min(step, _RUNS_TRIED)), -1)]
    for _ in range(_RUNS_TRIED):
        if not heads:
            return None
        rupees = -heads[0]
        if amortizes(method, rupees * PAISE_PER_RUPEE, rate, months, rounding):
            return rupees
        below = below_its_run(rupees)
        if below >= least:
            heapreplace(heads, -below)
        else:
            heappop(heads)
    return None
