"""Loans of the tests' own with what happens on them, as the domain has it, without a store."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from almeno_grpc.domain.account import Account, Payoff, add_charge, payoff, waive
from almeno_grpc.domain.charge import ChargeEntry, ChargeKind, LateTerms
from almeno_grpc.domain.cooling_off import exit_amount, raise_if_over
from almeno_grpc.domain.installments import InstallmentMethod, installment
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.prepayment import Prepayment, prepay
from almeno_grpc.domain.repayment import (
    PrepaymentEffect,
    Repayment,
    RepaymentKind,
    Reversal,
    ReversalReason,
    Standing,
)
from almeno_grpc.domain.replay import History, repaid, replay, reverse
from almeno_grpc.domain.terms import Terms


def loan_of_2027(**changes) -> Loan:
    """₹5,00,000 at 10.5 % over 60 months from 15 January 2027: ₹10,746.95 a month."""
    amount, rate, months = 500_000_00, Decimal("10.5"), 60
    emi = installment(InstallmentMethod.REDUCING_BALANCE, amount, rate, months)
    loan = Loan(
        loan_id=1,
        customer_id=7,
        loan_amount=amount,
        interest_rate=rate,
        tenure_months=months,
        monthly_installment=emi,
        installment_method=InstallmentMethod.REDUCING_BALANCE,
        emis_paid=0,
        emis_paid_on_time=0,
        outstanding_principal=amount,
        approval_date=date(2027, 1, 15),
        decision_id="d",
    )
    return replace(loan, **changes)


def terms_of_2027(**changes) -> Terms:
    """1 % and the tax on it are kept back; three days of cooling-off; no late charge."""
    terms = Terms(
        version="2026-12",
        effective_date=date(2026, 12, 1),
        sha256="",
        toml="",
        valid_days=30,
        cooling_off_days=3,
        processing_percent=Decimal(1),
        processing_min=0,
        processing_max=25_000_00,
        gst_percent=Decimal(18),
        refunded_on_exit=False,
        charge_percent_a_year=Decimal(0),
        grace_days=0,
        charge_max_percent_of_installment=Decimal(0),
    )
    return replace(terms, **changes)


@dataclass
class Ledger:
    """A loan, and everything that is recorded on it, one after the other."""

    loan: Loan
    late_terms: LateTerms | None = None
    history: History = field(default_factory=History)

    @property
    def account(self) -> Account:
        return replay(self.loan, self.history, self.late_terms).account

    @property
    def next_time(self) -> int:
        """When the next fact is recorded: each a microsecond after the one before."""
        reversals = sum(repayment.reversal is not None for repayment in self.history.repayments)
        return 1 + len(self.history.repayments) + len(self.history.charges) + reversals

    def payoff(self, on: date) -> Payoff:
        return payoff(self.account, on)

    def pay(
        self,
        amount: int,
        on: date,
        effect: PrepaymentEffect | None = None,
        kind: RepaymentKind = RepaymentKind.REPAYMENT,
    ) -> Repayment:
        account = self.account
        number, standing = len(self.history.repayments) + 1, Standing.of(account.loan)
        kind = RepaymentKind.PREPAYMENT if effect else kind
        draft = Repayment(
            f"r{number}", 1, 7, number, amount, on, standing, standing, False, self.next_time, kind=kind, effect=effect
        )
        after, repayment = repaid(account, draft)
        self.history = History([*self.history.repayments, repayment], self.history.charges)
        self.loan = after.loan
        return repayment

    def preview(self, amount: int, on: date, effect: PrepaymentEffect) -> Prepayment:
        before = self.account
        return Prepayment.of(before, prepay(before, amount, on, effect), amount)

    def exit(self, on: date, cooling_off_days: int) -> Repayment:
        account = self.account
        terms = terms_of_2027(cooling_off_days=cooling_off_days)
        raise_if_over(account.loan, on, terms)
        return self.pay(exit_amount(account, on, terms).due, on, kind=RepaymentKind.EXIT)

    def reverse(self, number: int, on: date) -> None:
        reversal = Reversal(on, ReversalReason.RETURNED, "", self.next_time)
        repayment = self.history.repayments[number - 1]
        self.history, replayed = reverse(self.loan, self.history, repayment, reversal, self.late_terms)
        self.loan = replayed.account.loan

    def charge(self, amount: int, on: date, kind: ChargeKind = ChargeKind.BOUNCE) -> None:
        number, count = len(self.history.charges) + 1, len(self.history.repayments)
        entry = ChargeEntry(7, 1, number, kind, amount, "as agreed", on, count, self.next_time)
        account = self.account
        is_waiver = kind is ChargeKind.WAIVER
        self.loan = (waive(account, amount, on) if is_waiver else add_charge(account, entry)).loan
        self.history = History(self.history.repayments, [*self.history.charges, entry])

    def waive(self, amount: int, on: date) -> None:
        self.charge(amount, on, ChargeKind.WAIVER)
