"""Records of exports: loans with their figures on a day, and entries of the general ledger; frozen dataclasses.

Amounts, dates and instants are as in `portfolio_records`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from almeno_client.records import Loan


class JournalAccount(StrEnum):
    """An account of the general ledger."""

    UNSPECIFIED = "UNSPECIFIED"
    LOANS = "LOANS"
    INTEREST_RECEIVABLE = "INTEREST_RECEIVABLE"
    CHARGES_RECEIVABLE = "CHARGES_RECEIVABLE"
    BANK = "BANK"
    BORROWER_ADVANCES = "BORROWER_ADVANCES"
    GST_PAYABLE = "GST_PAYABLE"
    OPENING_BALANCES = "OPENING_BALANCES"
    INTEREST_INCOME = "INTEREST_INCOME"
    FEE_INCOME = "FEE_INCOME"
    CHARGE_INCOME = "CHARGE_INCOME"


class JournalEntryKind(StrEnum):
    """What an entry of the journal is of."""

    UNSPECIFIED = "UNSPECIFIED"
    OPENING = "OPENING"
    DISBURSEMENT = "DISBURSEMENT"
    ACCRUAL = "ACCRUAL"
    REPAYMENT = "REPAYMENT"
    PREPAYMENT = "PREPAYMENT"
    EXIT = "EXIT"
    REVERSAL = "REVERSAL"
    CHARGE = "CHARGE"
    WAIVER = "WAIVER"


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """How far an export has come."""

    loans_done: int
    loans_total: int
    next_changed_since: datetime | None
    """Of an export of loans: the `changed_since` that misses no change next time."""


@dataclass(frozen=True, slots=True)
class ExportedLoan:
    """A loan with its figures on a day."""

    loan: Loan
    as_of: date
    overdue_amount: Decimal
    accrued_interest: Decimal
    open_charges: Decimal
    payoff_amount: Decimal
    """What would have closed it on the day; zero for a loan that is not active."""
    next_due_date: date | None


@dataclass(frozen=True, slots=True)
class JournalLine:
    """A debit or a credit; the other one is zero."""

    account: JournalAccount
    debit: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A double entry: its debits and its credits are the same."""

    entry_id: str
    entry_date: date
    loan_id: int
    customer_id: int
    kind: JournalEntryKind
    lines: tuple[JournalLine, ...]
