"""What the service takes as input: the least and the most of everything a caller or a file can state.

All bounds are inclusive unless said otherwise; amounts are in paise.
"""

from decimal import Decimal

_LAKH = 10_000_000
_CRORE = 100 * _LAKH

MAX_ID = 2**63 - 1
"""The largest customer_id or loan_id, an int64; the smallest is 1."""

MAX_BOOK_ID = 10**15
"""The largest number that an imported book may bring. The service numbers its own on from the largest there is, so a
book that brought `MAX_ID` would leave it none."""

MIN_AGE = 18
MAX_AGE = 120
"""Of a customer, in whole years."""

MAX_NAME_CHARACTERS = 100
"""Of a first or a last name, after trimming; at least one is needed."""

MAX_MONTHLY_INCOME = 100 * _CRORE
"""₹100 crore a month; the least is anything above nothing."""

MAX_APPROVED_LIMIT = 10_000 * _CRORE
"""₹10,000 crore; room for 36 times the largest income. The least is 0."""

MIN_LOAN_AMOUNT = 1_000 * 100
MAX_LOAN_AMOUNT = 100 * _CRORE
"""₹1,000 to ₹100 crore."""

MIN_TENURE_MONTHS = 1
MAX_TENURE_MONTHS = 600
"""Of a loan; the instalments number as many."""

MAX_REPAYMENTS = 10_000
"""Of a loan; the last of them has to close it."""

MIN_INTEREST_RATE = Decimal(0)
MAX_INTEREST_RATE = Decimal(100)
"""Per cent a year."""

RATE_DECIMAL_PLACES = 4
"""The finest step of a rate is 0.0001 per cent a year."""

MIN_BOOK_YEAR = 1900
MAX_BOOK_YEAR = 2199
"""Years in which a loan may be or have been approved; its last due date then lies well before the year 9999."""

MAX_MONTHLY_INSTALLMENT = 10_000 * _CRORE
"""Of an imported loan, whose payment is taken as the lender's sheet states it; the least is anything above nothing."""

MAX_POLICY_BYTES = 64 * 1024
"""Of a draft of a policy file, which has about three thousand."""
