"""Records of the statement of a loan's account. Amounts, dates and names are as in `records`."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from almeno_client.repayment_records import ChargeKind


class StatementLineKind(StrEnum):
    """What a line of a statement is."""

    UNSPECIFIED = "UNSPECIFIED"
    DISBURSEMENT = "DISBURSEMENT"
    FEE = "FEE"
    GST = "GST"
    PAID_BEFORE = "PAID_BEFORE"
    INSTALLMENT_DUE = "INSTALLMENT_DUE"
    CHARGE = "CHARGE"
    INTEREST = "INTEREST"
    REPAYMENT = "REPAYMENT"
    PREPAYMENT = "PREPAYMENT"
    WAIVER = "WAIVER"
    REVERSAL = "REVERSAL"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line of a statement: `balance` is the balance before it + `debit` − `credit`."""

    value_date: date
    kind: StatementLineKind
    debit: Decimal
    credit: Decimal
    balance: Decimal
    """What is owed after it, as it has been billed; below zero where more was paid than that."""
    installment_number: int
    """The instalment that fell due; of PAID_BEFORE the last one that was paid; 0 for other kinds."""
    installment_amount: Decimal | None
    """Principal and interest of the instalment that fell due; the line debits its interest alone."""
    charge_kind: ChargeKind
    """Of a charge; else UNSPECIFIED."""
    repayment_id: str
    """The repayment that was paid or reversed, or empty."""
    external_reference: str
    """Of a repayment, or empty."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement of a loan's account for a period: the answer of `get_statement`."""

    loan_id: int
    customer_id: int
    start: date
    end: date
    opening_balance: Decimal
    """At the end of the day before `start`."""
    lines: tuple[StatementLine, ...]
    """By value date."""
    closing_balance: Decimal
    """At the end of `end`."""
    accrued_interest: Decimal
    """Accrued by the end of `end`, and not in the balance yet."""
    accrued_charges: Decimal
    """Late charges, likewise. With both the closing balance is the payoff of the day."""

    @property
    def debits(self) -> Decimal:
        """All of the period."""
        return sum((line.debit for line in self.lines), Decimal("0.00"))

    @property
    def credits(self) -> Decimal:
        """All of the period."""
        return sum((line.credit for line in self.lines), Decimal("0.00"))
