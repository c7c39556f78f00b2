"""One loan's account, from the contract alone and in the simplest way: what the domain is held against.

A list of what was recorded, and one walk over it from the first entry to the last whenever somebody asks. It shares no
arithmetic with the service: exact fractions, plain loops, no shortcuts, nothing kept between two questions.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from support.repayment_model import month_later, nearest

PAYMENT, PREPAYMENT, EXIT, CHARGE, WAIVER = "REPAYMENT", "PREPAYMENT", "EXIT", "CHARGE", "WAIVER"
SHORTER, LOWER = "SHORTER_TENURE", "LOWER_INSTALLMENT"
NON_PERFORMING_DAYS = 90


class Refused(Exception):
    """Any of these reasons is a right answer."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons = set(reasons)


@dataclass(frozen=True)
class Late:
    """What paying late costs."""

    percent_a_year: Fraction
    grace_days: int
    max_percent: Fraction


@dataclass
class Entry:
    """Something recorded on the loan. Amounts in paise."""

    kind: str
    amount: int
    on: date
    effect: str | None = None
    stands: bool = True
    charge_kind: str | None = None


@dataclass
class Row:
    """An instalment, and the payments to it."""

    due: date
    principal: int
    interest: int
    paid: list[tuple[date, int]] = field(default_factory=list)
    paid_on: date | None = None
    """When it was wholly paid, or the loan paid off."""

    @property
    def amount(self) -> int:
        return self.principal + self.interest

    @property
    def paid_amount(self) -> int:
        return sum(part for _, part in self.paid)

    @property
    def unpaid(self) -> int:
        return 0 if self.paid_on else self.amount - self.paid_amount


@dataclass
class Charge:
    """A charge as it is on a day."""

    kind: str
    number: int | None
    """Of the instalment, for a late one."""
    on: date
    amount: int
    paid: int
    waived: int

    @property
    def open(self) -> int:
        return max(0, self.amount - self.paid - self.waived)


@dataclass(frozen=True)
class Prepaid:
    """What a prepayment does."""

    principal: int
    accrued_interest: int
    installments_left: int
    monthly_installment: int
    last_installment: int
    interest_left: int


def emi(balance: int, rate: Fraction, months: int) -> int:
    """The instalment by the reducing balance."""
    i = rate / 1200
    growth = (1 + i) ** months
    return nearest(balance * i * growth / (growth - 1) if i else Fraction(balance, months))


class Walk:
    """The account after some entries."""

    def __init__(self, model: "LendingModel") -> None:
        self.model = model
        self.rate = model.rate
        self.installment = emi(model.amount, model.rate, model.months)
        self.rows: list[Row] = []
        self.end: str | None = None
        self.ended_on: date | None = None
        """When it was exited; no charge comes after that."""
        self.latest = model.begin
        self.charges: list[Entry] = []
        self.paid_to: dict[object, int] = {}
        self.waived_of: dict[object, int] = {}
        self.keys: list[object] = []
        self.prepaid_principal = 0
        """Σ of what prepayments have taken off the balance."""
        self.prepaid_ahead: set[date] = set()
        """Due dates of instalments that had been paid ahead when the loan was prepaid."""
        self.joined = 0
        """Σ of what went to prepayments: theirs, and what was paid toward the next instalment before."""
        self.to_charges: list[int] = []
        """For each payment, what of it went to charges."""
        self.received = 0
        self.lay_out(model.amount, model.months)

    def lay_out(self, balance: int, months: int, *, stays: bool = False) -> None:
        """Adds the rows of a balance; with `stays` the first one that needs no more than the instalment is the last."""
        for number in range(1, months + 1):
            interest = nearest(balance * self.rate / 1200)
            is_last = number == months or (stays and balance + interest <= self.installment)
            principal = balance if is_last else self.installment - interest
            if principal <= 0 or principal > balance or (principal == balance and not is_last):
                raise Refused("TERMS_DO_NOT_AMORTIZE")
            balance -= principal
            self.rows.append(Row(month_later(self.model.begin, len(self.rows) + 1), principal, interest))
            if is_last:
                return

    # What stands on a day.

    @property
    def emis_paid(self) -> int:
        return sum(row.paid_on is not None for row in self.rows)

    @property
    def emis_paid_on_time(self) -> int:
        return sum(row.paid_on is not None and row.paid_on <= row.due for row in self.rows)

    @property
    def paid_toward_next(self) -> int:
        return 0 if self.end else sum(row.paid_amount for row in self.rows if not row.paid_on)

    @property
    def outstanding(self) -> int:
        return 0 if self.end else sum(row.principal for row in self.rows if not row.paid_on)

    @property
    def rows_left(self) -> int:
        return 0 if self.end else sum(row.paid_on is None for row in self.rows)

    def state(self, on: date) -> str:
        if self.end:
            return "EXITED"
        return "ACTIVE" if self.rows_left or self.open_charges(on) else "CLOSED"

    def late_charge(self, row: Row, on: date) -> int:
        """Of one instalment on a day."""
        late = self.model.late
        on = min(on, self.ended_on or on)
        if late is None or row.due > on:
            return 0
        grace_end = row.due + timedelta(days=late.grace_days)
        if on <= grace_end or (row.paid_on is not None and row.paid_on <= grace_end):
            return 0
        total, unpaid, since = 0, row.amount, row.due
        for day, part in [*row.paid, (min(on, row.paid_on or on), 0)]:
            if day > since:
                total += unpaid * (day - since).days
                since = day
            unpaid -= part
        charge = Fraction(total) * late.percent_a_year / 36500
        return nearest(min(charge, row.amount * late.max_percent / 100))

    def charges_on(self, on: date) -> list[Charge]:
        """Of every kind, the oldest first."""
        found = []
        for number, row in enumerate(self.rows if self.model.late else [], 1):
            key = ("late", number)
            amount, paid, waived = self.late_charge(row, on), self.paid_to.get(key, 0), self.waived_of.get(key, 0)
            if amount:
                found.append((row.due, 1, number, key, Charge("LATE_PAYMENT", number, row.due, amount, paid, waived)))
        for number, entry in enumerate(self.charges, 1):
            if entry.on <= on:
                key = ("recorded", number)
                charge = Charge(
                    str(entry.charge_kind),
                    None,
                    entry.on,
                    entry.amount,
                    self.paid_to.get(key, 0),
                    self.waived_of.get(key, 0),
                )
                found.append((entry.on, 0, number, key, charge))
        found.sort(key=lambda each: each[:3])
        self.keys = [each[3] for each in found]
        return [each[4] for each in found]

    def open_charges(self, on: date) -> int:
        return sum(charge.open for charge in self.charges_on(on))

    def running(self, on: date) -> tuple[date, Row | None]:
        """The last due date by the day, or the first day of the loan, and the instalment that runs."""
        begin = self.model.begin
        for row in self.rows:
            if row.due > on:
                return begin, row
            begin = row.due
        return begin, None

    def payoff(self, on: date) -> dict[str, int]:
        """What closes it on a day, by its parts."""
        begin, running = self.running(on)
        later = [row for row in self.rows if row.due > on]
        if not self.rows_left:
            # Paid off, with charges that came later.
            running, later = None, []
        accrued = nearest(Fraction(running.interest * (on - begin).days, (running.due - begin).days)) if running else 0
        if running and running.due in self.prepaid_ahead:
            # What is prepaid in the period of an instalment paid ahead bears no interest up to its due date, and has
            # been given that already: none of it is left to come out.
            days_left = (running.due - on).days
            balance = sum(row.principal for row in later)
            rate = self.rate / 1200
            accrued = running.interest - nearest(balance * rate * days_left / (running.due - begin).days)
        parts = {
            "overdue_amount": sum(row.unpaid for row in self.rows if row.due <= on),
            "principal": sum(row.principal for row in later),
            "accrued_interest": accrued,
            "advance": sum(row.paid_amount for row in later),
            "charges": self.open_charges(on),
        }
        amount = parts["overdue_amount"] + parts["principal"] + parts["accrued_interest"] - parts["advance"]
        return parts | {"amount": amount + parts["charges"]}

    def exit_amount(self, on: date) -> int:
        """Principal and interest of the days, less what was repaid."""
        return self.payoff(on)["amount"]

    def days_past_due(self, on: date) -> int:
        if self.end:
            return 0
        return max(((on - row.due).days for row in self.rows if row.paid_on is None and row.due < on), default=0)

    def class_on(self, on: date) -> tuple[str, date | None]:
        """The class and since when it is non-performing, from the first day to this one, day by day."""
        since, days, day = None, None, self.model.begin
        oldest = 0
        while day <= on:
            while oldest < len(self.rows) and (paid := self.rows[oldest].paid_on) is not None and paid <= day:
                oldest += 1
            is_in_arrears = oldest < len(self.rows) and self.rows[oldest].due <= day
            days = (day - self.rows[oldest].due).days if is_in_arrears else None
            if days is None:
                since = None
            elif days >= NON_PERFORMING_DAYS and since is None:
                since = day
            day += timedelta(days=1)
        if self.end or days is None:
            return "STANDARD", None
        if since is not None:
            return "NON_PERFORMING", since
        return ("SMA_2" if days >= 60 else "SMA_1" if days >= 30 else "SMA_0"), None

    # What is done to it.

    def take(self, entry: Entry) -> None:
        """One entry of the list."""
        if entry.kind == CHARGE:
            self.charges.append(entry)
        elif entry.kind == WAIVER:
            self.waive(entry.amount, entry.on)
        else:
            self.received += entry.amount
            self.latest = entry.on
            if entry.kind == PREPAYMENT:
                self.prepay(entry.amount, entry.on, str(entry.effect))
                self.to_charges.append(0)
            elif entry.kind == EXIT:
                charges = self.open_charges(entry.on)
                self.to_charges.append(charges)
                self.spend(self.paid_to, charges, entry.on)
                self.end, self.ended_on = EXIT, entry.on
            else:
                self.pay(entry.amount, entry.on)

    def pay(self, amount: int, on: date) -> None:
        """Instalments due, then charges, then the advance; exactly the payoff closes it."""
        payoff = self.payoff(on)
        if self.end or not (self.rows_left or payoff["charges"]):
            raise Refused("LOAN_CLOSED", "REPAYMENT_EXCEEDS_PAYOFF")
        if amount > payoff["amount"]:
            raise Refused("REPAYMENT_EXCEEDS_PAYOFF")
        if amount == payoff["amount"]:
            self.to_charges.append(payoff["charges"])
            self.spend(self.paid_to, payoff["charges"], on)
            for row in self.rows:
                row.paid_on = row.paid_on or on
            return
        left = self.lay_down(amount, on, [row for row in self.rows if row.due <= on])
        after_charges = self.spend(self.paid_to, left, on)
        self.to_charges.append(left - after_charges)
        assert self.lay_down(after_charges, on, self.rows) == 0

    def lay_down(self, amount: int, on: date, rows: list[Row]) -> int:
        for row in rows:
            part = min(amount, row.unpaid)
            if part:
                row.paid.append((on, part))
                amount -= part
                if row.paid_amount == row.amount:
                    row.paid_on = on
        return amount

    def spend(self, book: dict[object, int], amount: int, on: date) -> int:
        """On charges, the oldest first; answers what is left."""
        charges = self.charges_on(on)
        for key, charge in zip(self.keys, charges, strict=True):
            part = min(amount, charge.open)
            book[key] = book.get(key, 0) + part
            amount -= part
        return amount

    def waive(self, amount: int, on: date) -> None:
        self.spend(self.waived_of, amount, on)

    def prepayment_refusals(self, on: date) -> set[str]:
        reasons = set()
        is_due = [row for row in self.rows if row.due <= on]
        if self.state(on) != "ACTIVE":
            return {"LOAN_CLOSED", "REPAYMENT_EXCEEDS_PAYOFF"}
        if any(row.paid_on is None for row in is_due) or self.open_charges(on):
            reasons.add("INSTALLMENTS_OVERDUE")
        if sum(row.paid_amount for row in self.rows[len(is_due) + 1 :]):
            reasons.add("PAID_AHEAD")
        return reasons

    def prepay(self, amount: int, on: date, effect: str) -> Prepaid:
        if reasons := self.prepayment_refusals(on):
            raise Refused(*reasons)
        b, due_count = self.emis_paid, sum(row.due <= on for row in self.rows)
        joined = self.paid_toward_next
        total = amount + joined
        balance = sum(row.principal for row in self.rows[b:])
        begin, running = self.running(on)
        assert running is not None
        assert b in (due_count, due_count + 1)
        period = (running.due - begin).days
        last_due = self.rows[b - 1].due if b else self.model.begin
        d = (on - last_due).days
        k = 10_000 * self.rate
        x = nearest(total * 12_000_000 * period / (12_000_000 * period + k * d))
        if x >= balance:
            raise Refused("REPAYMENT_EXCEEDS_PAYOFF")
        if b > due_count:
            self.prepaid_ahead.add(running.due)
        months = len(self.rows) - b
        if effect == LOWER:
            self.installment = emi(balance - x, self.rate, months)
        del self.rows[b:]
        self.lay_out(balance - x, months, stays=effect == SHORTER)
        self.prepaid_principal += x
        self.joined += total
        # The payoff is below the balance where an instalment is paid ahead, for it leaves out interest to come.
        if self.payoff(on)["amount"] <= 0:
            raise Refused("REPAYMENT_EXCEEDS_PAYOFF")
        new = self.rows[b:]
        return Prepaid(x, total - x, len(new), self.installment, new[-1].amount, sum(row.interest for row in new))


@dataclass
class LendingModel:
    """A loan by the reducing balance, and the list of what was recorded on it."""

    amount: int
    rate: Fraction
    months: int
    begin: date
    """When it was disbursed."""
    late: Late | None = None
    cooling_off_days: int = 3
    entries: list[Entry] = field(default_factory=list)

    def walk(self) -> Walk:
        """The account by everything that stands, in its recorded order."""
        walk = Walk(self)
        for entry in self.entries:
            if entry.stands:
                walk.take(entry)
        return walk

    @property
    def payments(self) -> list[Entry]:
        """In their recorded order, those that were reversed too."""
        return [entry for entry in self.entries if entry.kind in (PAYMENT, PREPAYMENT, EXIT)]

    def record(self, entry: Entry) -> None:
        """Adds an entry, if it may be.

        Raises:
            Refused: With every reason that is a right answer.
        """
        self.walk().take(entry)
        self.entries.append(entry)

    def waive(self, amount: int, on: date) -> None:
        if amount > self.walk().open_charges(on):
            raise Refused("WAIVER_EXCEEDS_CHARGES")
        self.entries.append(Entry(WAIVER, amount, on))

    def exit(self, on: date) -> None:
        walk = self.walk()
        if walk.state(on) != "ACTIVE":
            raise Refused("LOAN_CLOSED")
        if on > self.begin + timedelta(days=self.cooling_off_days):
            raise Refused("COOLING_OFF_OVER")
        self.entries.append(Entry(EXIT, walk.exit_amount(on), on))

    def reverse(self, number: int) -> None:
        entry = self.payments[number - 1]
        if not entry.stands:
            raise Refused("ALREADY_REVERSED")
        if any(later.stands and later.kind in (PREPAYMENT, EXIT) for later in self.payments[number:]):
            raise Refused("LATER_CHANGE")
        entry.stands = False
        try:
            self.walk()
        except Refused:
            # The roundings of a prepaid schedule had let a later repayment be larger by some paise.
            entry.stands = True
            raise Refused("LATER_CHANGE") from None
