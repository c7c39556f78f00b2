"""Provisioning norms: what a lender sets aside for the outstanding principal of a loan, by its asset class."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import IntEnum

from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.errors import NoPolicyInEffect
from almeno_grpc.domain.money import RATE_SCALE, round_half_up, scaled_rate
from almeno_grpc.domain.months import emis_due
from almeno_grpc.domain.rule_file import newest_in_effect

PERCENT_SCALE = 100 * RATE_SCALE
"""Percentages have at most four decimal places: a percentage times `RATE_SCALE`, over this, is the share exactly."""


class ProvisionCategory(IntEnum):
    """What loans are told apart by for their provision; the place of each in sums by category."""

    STANDARD = 0
    """Loans that perform, special mention accounts among them."""
    SUB_STANDARD = 1
    DOUBTFUL = 2


@dataclass(frozen=True, slots=True)
class Norms:
    """A version of the norms. Percentages are of the outstanding principal, with at most four decimal places."""

    version: str
    effective_date: date
    sha256: str
    """Of the file's bytes, in hexadecimal."""
    standard_percent: Decimal
    sub_standard_percent: Decimal
    doubtful_after_months: int
    """Calendar months for which a loan that is non-performing is sub-standard."""
    doubtful_percent: Decimal

    def percent(self, category: ProvisionCategory) -> Decimal:
        """The percentage of a category."""
        return (self.standard_percent, self.sub_standard_percent, self.doubtful_percent)[category]

    def category(self, asset_class: AssetClass, non_performing_since: date | None, on: date) -> ProvisionCategory:
        """The category of a loan on a day.

        A loan is doubtful from the day on which it has been non-performing for `doubtful_after_months`, that day
        included.

        Args:
            asset_class: On that day.
            non_performing_since: The first day on which it was; given for non-performing loans.
            on: The business date.
        """
        if asset_class is not AssetClass.NON_PERFORMING or non_performing_since is None:
            return ProvisionCategory.STANDARD
        # Months go by as those between due dates do.
        is_doubtful = emis_due(non_performing_since, self.doubtful_after_months, on) == self.doubtful_after_months
        return ProvisionCategory.DOUBTFUL if is_doubtful else ProvisionCategory.SUB_STANDARD


def provision(outstanding_principal: int, percent: Decimal) -> int:
    """The provision of one loan in paise, rounded once, halves up."""
    return round_half_up(outstanding_principal * scaled_rate(percent), PERCENT_SCALE)


def norms_in_effect(norms: Iterable[Norms], on: date) -> Norms:
    """The newest norms in effect on the day; of one day, those with the larger version.

    Raises:
        NoPolicyInEffect: All take effect later.
    """
    in_effect = newest_in_effect(norms, on)
    if in_effect is None:
        raise NoPolicyInEffect(f"no provisioning norms are in effect on {on}", metadata={"business_date": str(on)})
    return in_effect
