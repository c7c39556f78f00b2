"""A lender's terms: fees, late charges and periods of grace of the loans booked under them, as dated data."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from almeno_grpc.domain.errors import FeesExceedAmount
from almeno_grpc.domain.money import RATE_SCALE, round_half_up, scaled_rate

_PERCENT = 100 * RATE_SCALE


@dataclass(frozen=True, slots=True)
class Terms:
    """Checked terms. Amounts in paise; shares, also of the tax, in per cent with at most four decimals."""

    version: str
    effective_date: date
    sha256: str
    """Of the file's bytes, in hexadecimal."""
    toml: str = field(repr=False)
    """The file itself."""
    valid_days: int
    """Days after the approval on which a sanctioned loan may be disbursed."""
    cooling_off_days: int
    """Days after the disbursement on which the borrower may exit the loan."""
    processing_percent: Decimal
    """Of the loan amount."""
    processing_min: int
    processing_max: int
    gst_percent: Decimal
    """Of the processing fee."""
    refunded_on_exit: bool
    """Whether a borrower who exits gets the fee and its tax back."""
    charge_percent_a_year: Decimal
    """Late charge, of what is unpaid of an instalment."""
    grace_days: int
    """Days after the due date on which an instalment can be paid without a late charge."""
    charge_max_percent_of_installment: Decimal
    """Of an instalment: all its late charges together."""

    def valid_until(self, approval_date: date) -> date:
        """The last day on which a loan that was approved on a day may be disbursed."""
        return approval_date + timedelta(days=self.valid_days)


@dataclass(frozen=True, slots=True)
class Fees:
    """What is kept back when a loan is disbursed, in paise."""

    processing_fee: int = 0
    gst: int = 0

    @property
    def total(self) -> int:
        """Fee and tax."""
        return self.processing_fee + self.gst


def fees_of(terms: Terms | None, loan_amount: int) -> Fees:
    """The fees of a loan, each rounded once to the paisa, halves up; none where it has no terms."""
    if terms is None:
        return Fees()
    share = round_half_up(loan_amount * scaled_rate(terms.processing_percent), _PERCENT)
    fee = max(terms.processing_min, min(terms.processing_max, share))
    return Fees(fee, round_half_up(fee * scaled_rate(terms.gst_percent), _PERCENT))


def net_disbursed(loan_amount: int, fees: Fees) -> int:
    """What the borrower gets: the amount less the fees.

    Raises:
        FeesExceedAmount: It would be nothing.
    """
    if fees.total >= loan_amount:
        raise FeesExceedAmount(loan_amount, fees.total)
    return loan_amount - fees.total
