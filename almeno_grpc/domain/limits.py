"""Limits on input: the minimum and the maximum of every value in a request or a file.

All bounds are inclusive unless said otherwise; amounts are in paise.
"""

from decimal import Decimal

_LAKH = 10_000_000
_CRORE = 100 * _LAKH

MAX_ID = 2**63 - 1
"""The largest customer_id or loan_id, an int64; the smallest is 1."""

MAX_BOOK_ID = 10**15
"""The largest id in an imported book. Generated ids continue after the largest id there is, so a book that contained
`MAX_ID` would leave none to generate."""

MIN_AGE = 18
MAX_AGE = 120
"""Of a customer, in whole years."""

MAX_NAME_CHARACTERS = 100
"""Of a first or a last name, after trimming; at least one is needed."""

MAX_REASON_CHARACTERS = 200
"""Of the reason for a change, a charge or a waiver, after trimming; at least one is needed."""

MIN_NAME_PREFIX_CHARACTERS = 2
MAX_NAME_PREFIX_CHARACTERS = 2 * MAX_NAME_CHARACTERS + 1
"""Of what a name is to begin with: the longest is a first and a last name with a space between."""

MAX_MONTHLY_INCOME = 100 * _CRORE
"""₹100 crore a month; the minimum is a paisa."""

MAX_APPROVED_LIMIT = 10_000 * _CRORE
"""₹10,000 crore; room for 36 times the largest income. The minimum is 0."""

MAX_MONTHLY_OBLIGATIONS = 100 * _CRORE
"""₹100 crore a month to other lenders; the minimum is 0."""

MIN_BUREAU_SCORE = 300
MAX_BUREAU_SCORE = 900
"""The range of the scores of India's credit bureaus."""

MIN_LOAN_AMOUNT = 1_000 * 100
MAX_LOAN_AMOUNT = 100 * _CRORE
"""₹1,000 to ₹100 crore."""

MIN_TENURE_MONTHS = 1
MAX_TENURE_MONTHS = 600
"""Of a loan; it has an instalment a month."""

MAX_PART_REPAYMENTS = 9_999
"""Repayments of a loan, of whatever amount, those that were reversed too. A later one has to complete an instalment."""

MAX_REPAYMENTS = MAX_PART_REPAYMENTS + MAX_TENURE_MONTHS
"""All repayments of a loan, those that were reversed too. Where none was, each instalment can still be paid after
the last part of one."""

MAX_CHARGES = 10_000
"""Recorded charges and waivers of a loan, after which it is charged no more. As many waivers are taken after them, so
that what is charged can be waived."""

MAX_STATEMENT_LINES = 12_000
"""Of the period of a statement: of a loan of the longest term with as many part repayments as it may have, all of them.
Such an answer stays below 4 MiB, the most that gRPC's clients take unless they say otherwise."""

MAX_REFERENCE_CHARACTERS = 64
"""Of a caller's reference of a payment; visible ones."""

MAX_RETURN_CODE_CHARACTERS = 20
"""Of a bank's code for a returned payment; visible ones."""

MAX_CHARGE = 100 * _LAKH
"""Of a single charge: ₹1 crore; the minimum is a paisa."""

MIN_INTEREST_RATE = Decimal(0)
MAX_INTEREST_RATE = Decimal(100)
"""Per cent a year."""

RATE_DECIMAL_PLACES = 4
"""The finest step of a rate is 0.0001 per cent a year."""

MIN_BOOK_YEAR = 1900
MAX_BOOK_YEAR = 2199
"""Years of a loan's approval date; its last due date is then well before the year 9999."""

MAX_MONTHLY_INSTALLMENT = 10_000 * _CRORE
"""Of an imported loan, whose payment is imported as the sheet states it; the minimum is a paisa."""

MAX_POLICY_BYTES = 64 * 1024
"""Of a draft of a policy file; the default policy has about 3,000."""
