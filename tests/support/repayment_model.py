"""A loan being repaid, walked instalment by instalment in the simplest way: what the service is held against.

It shares nothing with the service: instalments come from exact fractions, due dates from counting months, and every
payment is laid out over the instalments one by one.
"""

import math
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction


def nearest(value: Fraction) -> int:
    """Halves up, by the schoolbook."""
    return math.floor(value + Fraction(1, 2))


def month_later(day: date, months: int) -> date:
    """The same day so many months later, or the last one that month has."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for number in range(day.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError


@dataclass
class ModelInstallment:
    """An instalment in paise, and what has been paid of it."""

    due: date
    principal: int
    interest: int
    is_settled: bool = False
    """Paid before the first repayment, as an imported book says."""
    paid: int = 0
    paid_on: date | None = None
    """The day on which it was wholly paid."""

    @property
    def amount(self) -> int:
        return self.principal + self.interest

    @property
    def is_paid(self) -> bool:
        return self.is_settled or self.paid_on is not None

    @property
    def is_on_time(self) -> bool:
        return self.paid_on is not None and self.paid_on <= self.due


@dataclass
class ModelLoan:
    """A loan. Amounts in paise."""

    amount: int
    approved: date
    installments: list[ModelInstallment]
    received: int = 0
    settled_on_time: int = 0
    closed_on: date | None = None
    latest: date = field(init=False)

    def __post_init__(self) -> None:
        self.latest = self.approved

    @classmethod
    def on_reducing_balance(cls, amount: int, rate: Decimal | Fraction, months: int, approved: date) -> "ModelLoan":
        """A loan as it is booked here."""
        i = Fraction(rate) / 1200
        emi = nearest(amount * i * (1 + i) ** months / ((1 + i) ** months - 1) if i else Fraction(amount, months))
        balance, rows = amount, []
        for number in range(1, months + 1):
            interest = nearest(balance * i)
            principal = balance if number == months else emi - interest
            balance -= principal
            rows.append(ModelInstallment(month_later(approved, number), principal, interest))
        return cls(amount, approved, rows)

    @classmethod
    def of_the_book(
        cls, amount: int, emi: int, months: int, approved: date, settled: int = 0, on_time: int = 0
    ) -> "ModelLoan":
        """An imported loan: its principal in equal parts, the first instalments settled."""
        rows = []
        for number in range(1, months + 1):
            principal = nearest(Fraction(amount * (months - number + 1), months)) - nearest(
                Fraction(amount * (months - number), months)
            )
            due = month_later(approved, number)
            rows.append(ModelInstallment(due, principal, max(0, emi - principal), is_settled=number <= settled))
        return cls(amount, approved, rows, settled_on_time=on_time)

    @property
    def emis_paid(self) -> int:
        return sum(row.is_paid for row in self.installments)

    @property
    def emis_paid_on_time(self) -> int:
        return self.settled_on_time + sum(row.is_on_time for row in self.installments)

    @property
    def paid_toward_next(self) -> int:
        return 0 if self.closed_on else sum(row.paid for row in self.installments if not row.is_paid)

    @property
    def outstanding(self) -> int:
        return sum(row.principal for row in self.installments if not row.is_paid)

    def emis_due(self, on: date) -> int:
        return sum(row.due <= on for row in self.installments)

    def days_past_due(self, on: date) -> int:
        return max(((on - row.due).days for row in self.installments if not row.is_paid and row.due < on), default=0)

    def payoff(self, on: date) -> int:
        """What closes it on a day."""
        total, begin, is_running = 0, self.approved, True
        for row in self.installments:
            if row.due <= on:
                owed = row.amount
            else:
                owed = row.principal
                if is_running:
                    owed += nearest(Fraction(row.interest * (on - begin).days, (row.due - begin).days))
                is_running = False
            total += 0 if row.is_settled else owed - row.paid
            begin = row.due
        return total

    def pay(self, amount: int, on: date) -> None:
        """Takes a payment, of the payoff at most."""
        closes = amount == self.payoff(on)
        assert 0 < amount <= self.payoff(on)
        self.received += amount
        self.latest = on
        if closes:
            for row in self.installments:
                if not row.is_paid:
                    row.paid_on = on
            self.closed_on = on
            return
        for row in self.installments:
            if not row.is_paid and amount:
                part = min(amount, row.amount - row.paid)
                row.paid += part
                amount -= part
                if row.paid == row.amount:
                    row.paid_on = on
        assert amount == 0
