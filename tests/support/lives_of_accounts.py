"""Accounts through whatever happens to them, in any order, against a model written from the rules alone."""

import copy
from collections import Counter
from dataclasses import asdict, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from almeno_grpc.domain.account import Account, payoff
from almeno_grpc.domain.charge import ChargeKind, LateTerms
from almeno_grpc.domain.errors import CreditError
from almeno_grpc.domain.installments import InstallmentMethod, amortizes, installment
from almeno_grpc.domain.loan import LoanState
from almeno_grpc.domain.repayment import PrepaymentEffect
from almeno_grpc.domain.replay import replay
from support.account_agreement import assert_agreement, life
from support.lending_model import CHARGE, EXIT, PAYMENT, PREPAYMENT, Entry, Late, Refused
from support.repayment_model import month_later
from support.statement_agreement import assert_statement

HAPPENS = ("repaid", "prepaid", "reversed", "charged", "waived", "refused")
ONE_DAY = timedelta(days=1)
LATE = (None, Late(Fraction(24), 3, Fraction(10)), Late(Fraction(36), 0, Fraction(100)))
BEGINS = [date(2027, 1, 15), date(2027, 1, 31), date(2027, 11, 30), date(2028, 1, 29), date(2027, 12, 31)]
BEGINS += [date(2028, 2, 29), date(2027, 2, 28), date(2028, 1, 30)]
SIZES = st.sampled_from(
    [
        *("a paisa", "an instalment", "an instalment", "an instalment", "two instalments", "the rest of one"),
        *("what is due", "what is due and charged", "into the charges", "a part", "a small part"),
        *("payoff", "a paisa more than the payoff", "a paisa less than the payoff"),
    ]
)
PORTIONS = st.one_of(st.sampled_from([0, 1, 999, 1000]), st.integers(0, 1000))


def without_counts(account: Account) -> Account:
    """The account but for the numbers of what was recorded."""
    return replace(account, loan=replace(account.loan, repayment_count=0, latest_repayment=0))


class LivesOfAccounts(RuleBasedStateMachine):
    """Everything that can happen to a loan that is disbursed."""

    def __init__(self, result: Counter[str]) -> None:
        super().__init__()
        self.result = result

    @initialize(
        rupees=st.one_of(st.integers(1_000, 50_00_000), st.sampled_from([1_000, 1_00_000, 5_00_000, 50_00_000])),
        paise=st.sampled_from([0, 0, 1, 99]),
        rate=st.sampled_from(["0", "10.5", "24", "100"]),
        months=st.one_of(st.integers(1, 6), st.integers(1, 60)),
        begin=st.sampled_from(BEGINS),
        late=st.sampled_from(LATE),
        cooling_off_days=st.sampled_from([3, 3, 45]),
    )
    def is_booked(self, rupees, paise, rate, months, begin, late, cooling_off_days) -> None:
        amount, self.begin, self.today = rupees * 100 + paise, begin, begin
        if not amortizes(
            InstallmentMethod.REDUCING_BALANCE,
            amount,
            Decimal(rate),
            months,
            installment(InstallmentMethod.REDUCING_BALANCE, amount, Decimal(rate), months),
        ):
            rate = "10.5"
        self.ledger, self.model = life(amount, Decimal(rate), months, begin, late)
        self.model.cooling_off_days = cooling_off_days
        self.result["examples"] += 1

    # What the rules are asked with.

    def day(self, portion: int) -> date:
        """A day on which a payment may be dated: from that of the latest one that stands to today."""
        first = self.model.walk().latest
        return first + timedelta(days=(self.today - first).days * portion // 1000)

    def is_active(self) -> bool:
        return self.ledger.loan.state is LoanState.ACTIVE

    def pay(self, amount: int, on: date) -> None:
        """A repayment that both have to take."""
        self.model.record(Entry(PAYMENT, amount, on))
        self.ledger.pay(amount, on)
        self.result["repaid"] += 1

    def both(self, on_model, on_domain) -> bool:
        """Whether both did it; both refuse it for a reason that fits, or neither does."""
        try:
            on_model()
        except Refused as refused:
            with pytest.raises(CreditError) as error:
                on_domain()
            return self.refused(error.value, refused)
        on_domain()
        return True

    def refused(self, error: CreditError, expected: Refused) -> bool:
        assert error.reason in expected.reasons
        self.result["refused"] += 1
        self.result[error.reason] += 1
        return False

    def amount(self, size: str, portion: int, on: date) -> int:
        walk = self.model.walk()
        parts = walk.payoff(on)
        left = [row for row in walk.rows if not row.paid_on]
        amounts = {
            "a paisa": 1,
            "an instalment": walk.installment,
            "two instalments": 2 * walk.installment,
            "the rest of one": left[0].unpaid if left else 1,
            "what is due": parts["overdue_amount"],
            "what is due and charged": parts["overdue_amount"] + parts["charges"],
            "into the charges": parts["overdue_amount"] + max(1, parts["charges"] * portion // 1000),
            "payoff": parts["amount"],
            "a paisa more than the payoff": parts["amount"] + 1,
            "a paisa less than the payoff": parts["amount"] - 1,
            "a part": parts["amount"] * portion // 1000,
            "a small part": parts["amount"] * portion // 50_000,
        }
        return max(1, amounts[size])

    # What happens.

    @rule(days=st.integers(1, 45))
    def days_pass(self, days) -> None:
        self.today += timedelta(days=days)

    @rule(
        to=st.sampled_from(["due", "due", "month end", "29 February", "grace", "non-performing", "maturity"]),
        days=st.integers(-1, 1),
    )
    def a_turn_comes(self, to, days) -> None:
        walk = self.model.walk()
        oldest = next((row.due for row in walk.rows if not row.paid_on), self.today)
        next_due = next((row.due for row in walk.rows if row.due > self.today), self.today)
        leap = self.today.year + -self.today.year % 4
        turns = {
            "due": next_due,
            "month end": month_later(self.today.replace(day=1), 1) - ONE_DAY,
            "29 February": date(leap, 2, 29) if date(leap, 2, 29) - self.today < timedelta(days=400) else self.today,
            "grace": oldest + timedelta(days=self.model.late.grace_days if self.model.late else 3),
            "non-performing": oldest + timedelta(days=90),
            "maturity": walk.rows[-1].due if len(walk.rows) <= 12 else next_due,
        }
        self.today = max(self.today, turns[to] + timedelta(days=days))

    @rule(size=SIZES, portion=PORTIONS, back=PORTIONS)
    def is_repaid(self, size, portion, back) -> None:
        on = self.day(1000 - back)
        amount = self.amount(size, portion, on)
        if self.both(lambda: self.model.record(Entry(PAYMENT, amount, on)), lambda: self.ledger.pay(amount, on)):
            self.result["repaid"] += 1
            self.result["closed"] += self.ledger.loan.state is LoanState.CLOSED

    @rule(month=st.integers(1, 6))
    def instalments_are_repaid_as_they_fall_due(self, month) -> None:
        for _ in range(month):
            walk = self.model.walk()
            due = next((row.due for row in walk.rows if row.due > self.today), None)
            if due is None or not walk.rows_left or walk.payoff(due)["overdue_amount"] == 0:
                return
            self.today = due
            self.pay(walk.payoff(due)["overdue_amount"], due)

    @precondition(lambda self: self.is_active())
    @rule(days=st.sampled_from([89, 90, 91]), size=st.sampled_from(["an instalment", "the rest of one", "a paisa"]))
    def is_repaid_about_the_day_it_turns_non_performing(self, days, size) -> None:
        oldest = next((row.due for row in self.model.walk().rows if not row.paid_on), self.today)
        if oldest + timedelta(days=days) >= self.today:
            self.today = oldest + timedelta(days=days)
            amount = min(self.amount(size, 0, self.today), self.model.walk().payoff(self.today)["amount"])
            self.pay(amount, self.today)

    @rule(
        size=st.sampled_from(["a paisa", "an instalment", "two instalments", "a part", "a part", "payoff"]),
        portion=PORTIONS,
        back=PORTIONS,
        effect=st.sampled_from(PrepaymentEffect),
        before=st.sampled_from(["nothing", "what is owed", "what is owed", "the running instalment"]),
    )
    def is_prepaid(self, size, portion, back, effect, before) -> None:
        on = self.day(1000 - back)
        parts = self.model.walk().payoff(on)
        running = next((row.unpaid for row in self.model.walk().rows if row.due > on), 0)
        first = parts["overdue_amount"] + parts["charges"] + (running if before == "the running instalment" else 0)
        if before != "nothing" and 0 < first < parts["amount"] and self.is_active():
            self.pay(first, on)
        amount = self.amount(size, portion, on)
        kept = self.ledger.account
        try:
            preview = self.ledger.preview(amount, on, effect)
        except CreditError as refused:
            preview = refused
        assert self.ledger.account == kept
        asked = copy.deepcopy(self.model).walk()
        if not self.both(
            lambda: self.model.record(Entry(PREPAYMENT, amount, on, effect)),
            lambda: self.ledger.pay(amount, on, effect),
        ):
            assert isinstance(preview, CreditError)
            return
        expected = asked.prepay(amount, on, effect)
        assert asdict(preview) == asdict(expected)
        booked = self.ledger.account
        left = booked.rows[booked.loan.emis_paid :]
        assert (len(left), left[-1].amount) == (preview.installments_left, preview.last_installment)
        assert booked.loan.monthly_installment == preview.monthly_installment
        assert sum(row.interest for row in left) == preview.interest_left
        assert kept.loan.outstanding_principal - booked.loan.outstanding_principal == preview.principal
        assert preview.principal + preview.accrued_interest == amount + kept.loan.paid_toward_next
        self.result["prepaid"] += 1

    @precondition(lambda self: self.model.payments)
    @rule(place=st.integers(0, 5))
    def is_reversed(self, place) -> None:
        number = max(1, len(self.model.payments) - place)
        entry, before, account = self.model.payments[number - 1], copy.deepcopy(self.model), self.ledger.account
        if not self.both(lambda: self.model.reverse(number), lambda: self.ledger.reverse(number, self.today)):
            return
        self.result["reversed"] += 1
        self.assert_never_was()
        has_charges = self.model.late or any(each.kind not in (PAYMENT, PREPAYMENT, EXIT) for each in before.entries)
        if entry.kind == PAYMENT and not has_charges and account.loan.state is LoanState.ACTIVE:
            for days in (0, 1, 13, 31, 100, 1_000):
                on = self.today + timedelta(days=days)
                assert self.ledger.payoff(on).amount == payoff(account, on).amount + entry.amount

    def assert_never_was(self) -> None:
        """The account is that of a loan on which what was reversed was never recorded."""
        fresh, _ = life(
            self.model.amount,
            self.ledger.loan.interest_rate,
            self.model.months,
            self.begin,
            self.model.late,
        )
        for entry in self.model.entries:
            if entry.kind == CHARGE:
                fresh.charge(entry.amount, entry.on, ChargeKind(entry.charge_kind))
            elif entry.kind == "WAIVER":
                fresh.waive(entry.amount, entry.on)
            elif entry.stands and entry.kind == EXIT:
                fresh.exit(entry.on, self.model.cooling_off_days)
            elif entry.stands:
                fresh.pay(entry.amount, entry.on, PrepaymentEffect(entry.effect) if entry.effect else None)
        assert without_counts(fresh.account) == without_counts(self.ledger.account)

    @rule(amount=st.sampled_from([1, 500_00, 590_00, 3_00]), kind=st.sampled_from(["BOUNCE", "OTHER"]))
    def is_charged(self, amount, kind) -> None:
        if self.is_active():
            self.model.record(Entry(CHARGE, amount, self.today, charge_kind=kind))
            self.ledger.charge(amount, self.today, ChargeKind(kind))
            self.result["charged"] += 1

    @precondition(lambda self: self.model.late or any(entry.kind == CHARGE for entry in self.model.entries))
    @rule(portion=st.one_of(st.sampled_from([1000, 1001]), st.integers(1, 1000)))
    def charges_are_waived(self, portion) -> None:
        charges = self.model.walk().open_charges(self.today)
        amount = max(1, charges * min(portion, 1000) // 1000) + (portion > 1000)
        if self.both(lambda: self.model.waive(amount, self.today), lambda: self.ledger.waive(amount, self.today)):
            self.result["waived"] += 1

    @precondition(lambda self: self.today < self.begin + timedelta(days=60))
    @rule(back=PORTIONS)
    def is_exited(self, back) -> None:
        on = self.day(1000 - back)
        walk = self.model.walk()
        if walk.rows_left or walk.end:
            days = self.model.cooling_off_days
            if self.both(lambda: self.model.exit(on), lambda: self.ledger.exit(on, days)):
                self.result["exited"] += 1
                assert self.ledger.history.repayments[-1].amount == self.model.payments[-1].amount

    # What holds at any time.

    @invariant()
    def both_agree(self) -> None:
        self.result["steps"] += 1
        ledger = self.ledger
        replayed = assert_agreement(ledger, self.model, self.today)
        account, loan = replayed.account, replayed.account.loan
        # A payment's day, and days on which late charges or interest have accrued since something was billed.
        paid = replayed.repayments[-1].payment_date if replayed.repayments else self.begin
        assert_statement(ledger, self.model, self.today, {paid, paid + (self.today - paid) / 2})
        # Nothing was changed by looking at it.
        assert replay(loan, ledger.history, ledger.late_terms) == replayed
        if ledger.late_terms is None:
            free = replay(loan, ledger.history, LateTerms(Decimal(0), 0, Decimal(100)))
            assert replace(free.account, late_terms=None, paise_days=0) == replace(account, paise_days=0)
