"""The account of a loan: what is owed on it, and how a payment, a charge or a waiver changes that.

Money goes to the instalments due, the oldest first, then to charges, the oldest first, then to the instalments to come.
So the account is a few values besides the schedule: the instalments wholly paid, those of them paid on time, the amount
paid toward the next, and the charges.

The payoff without charges is never more than all unpaid instalments together, for those that fall due later are asked
for without their interest; so what is below the payoff leaves something unpaid. From day to day it does not fall:
interest only accrues, and by its due date an instalment is asked for in full, or was paid ahead in full. Each repayment
but the closing one leaves some of it, so that it is above zero for as long as instalments are left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from almeno_grpc.domain.arrears import Arrears, after_payment
from almeno_grpc.domain.charge import Charge, ChargeEntry, ChargeKind, LateTerms
from almeno_grpc.domain.errors import LoanClosed, RepaymentExceedsPayoff, WaiverExceedsCharges
from almeno_grpc.domain.installments import MONTHLY, ScheduledInstallment
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.money import round_half_up, scaled_rate
from almeno_grpc.domain.months import due_date


@dataclass(frozen=True, slots=True)
class Account:
    """A disbursed loan with everything that what is owed on it follows from. Amounts in paise."""

    loan: Loan
    rows: Sequence[ScheduledInstallment]
    """The loan's schedule."""
    settled: int
    """Instalments that had been paid before the first repayment recorded here, as an imported book says. They are
    neither owed nor an advance."""
    late_terms: LateTerms | None = None
    """None where nothing is charged for paying late."""
    charges: tuple[Charge, ...] = ()
    """Recorded ones, late ones of instalments that are wholly paid, and those of others that are waived in part; in the
    order in which they came about."""
    paise_days: int = 0
    """Of what is paid toward the oldest unpaid instalment: each part times the days it came after the due date."""

    @classmethod
    def of(cls, loan: Loan, *, settled: int, late_terms: LateTerms | None = None) -> "Account":
        """The account of a loan without charges, and without a late part payment where there are late terms."""
        return cls(loan, loan.rows(), settled, late_terms)

    def due(self, number: int) -> date:
        """The due date of an instalment; 0 for the day of the disbursement."""
        begin = self.loan.schedule_begin
        return due_date(begin, number) if number else begin

    @property
    def open_charges(self) -> int:
        """What is open of the charges, besides late ones of unpaid instalments."""
        return sum(charge.open for charge in self.charges)

    def charges_on(self, on: date) -> list[Charge]:
        """Every charge as it stands on a day, the oldest first; late ones of unpaid instalments up to the day."""
        # Of a loan that was given back no late charge runs any more: what it was charged by then is what stays.
        paid = self.loan.tenure_months if self.loan.ended_as else self.loan.emis_paid
        settled = [charge for charge in self.charges if charge.charge_date <= on and charge.installment_number <= paid]
        return sorted([*settled, *self._running_charges(on)], key=lambda charge: charge.charge_date)

    def all_charges(self, on: date) -> tuple[Charge, ...]:
        """Every charge as it stands on a day, and those that were recorded later."""
        later = (each for each in self.charges if each.charge_date > on and not each.installment_number)
        return *self.charges_on(on), *later

    def _running_charges(self, on: date) -> list[Charge]:
        """The late charges of instalments that are due and not wholly paid."""
        if self.late_terms is None or self.loan.next_due is None:
            return []
        waived = {charge.installment_number: charge.waived for charge in self.charges}
        running = []
        for row in self.rows[self.loan.emis_paid : self.loan.emis_due(on)]:
            is_next = row.number == self.loan.emis_paid + 1
            days = (on - self.due(row.number)).days
            unpaid = row.amount - (self.loan.paid_toward_next if is_next else 0)
            amount = self.late_terms.charge(row.amount, unpaid * days + (self.paise_days if is_next else 0), days)
            if amount:
                due, of_row = self.due(row.number), waived.get(row.number, 0)
                running.append(Charge(ChargeKind.LATE_PAYMENT, row.number, due, amount, waived=of_row))
        return running


@dataclass(frozen=True, slots=True)
class Payoff:
    """The payoff amount of a loan on a date, by its parts. Amounts in paise."""

    payoff_date: date
    overdue_amount: int
    """Unpaid parts of the instalments that have fallen due by the day."""
    principal: int
    """Of the instalments that fall due later."""
    accrued_interest: int
    """Of the running instalment, for the days since the last due date."""
    advance: int
    """What has been paid toward the instalments that fall due later."""
    charges: int = 0
    """Charges that are open on the day."""

    @property
    def amount(self) -> int:
        """The repayment that closes the loan on that date."""
        return self.overdue_amount + self.principal + self.accrued_interest - self.advance + self.charges


def payoff(account: Account, on: date) -> Payoff:
    """The payoff of an active loan on a date.

    Args:
        account: As it stands.
        on: The day; not before the disbursement or the latest repayment.

    Raises:
        LoanClosed: Nothing is owed.
    """
    loan = account.loan
    if loan.state is not LoanState.ACTIVE:
        raise LoanClosed(loan.loan_id)
    owed = owed_on(account, on)
    if loan.repayments_left and owed.amount <= owed.charges:
        raise ValueError(f"loan {loan.loan_id} is active, and nothing is owed on it: its amounts contradict each other")
    return owed


def owed_on(account: Account, on: date) -> Payoff:
    """What is owed on a day; as `payoff`, of an account that may not be one."""
    loan, rows, settled = account.loan, account.rows, account.settled
    charges = sum(charge.open for charge in account.charges_on(on))
    if loan.repayments_left == 0:
        return Payoff(on, 0, 0, 0, 0, charges)
    due = loan.emis_due(on)
    unpaid_due = sum(row.amount for row in rows[loan.emis_paid : due])
    prepaid = sum(row.amount for row in rows[max(due, settled) : loan.emis_paid])
    next_is_due = loan.emis_paid < due
    return Payoff(
        payoff_date=on,
        overdue_amount=unpaid_due - (loan.paid_toward_next if next_is_due else 0),
        principal=sum(row.principal for row in rows[max(due, settled) :]),
        accrued_interest=accrued_interest(account, due, on) if due >= settled else 0,
        advance=prepaid + (0 if next_is_due else loan.paid_toward_next),
        charges=charges,
    )


def repay(account: Account, amount: int, paid_on: date) -> Account:
    """The account after a repayment.

    Args:
        account: As it stands.
        amount: In paise, above zero.
        paid_on: Not before the disbursement or the latest repayment.

    Raises:
        LoanClosed: Nothing is owed.
        RepaymentExceedsPayoff: It is more than closes the loan on that day.
    """
    owed = payoff(account, paid_on)
    if amount > owed.amount:
        raise RepaymentExceedsPayoff(amount, owed.amount, paid_on)
    if amount == owed.amount:
        return settle(account, owed)
    to_charges = max(0, min(amount - owed.overdue_amount, owed.charges))
    paid = _pay_installments(account, amount - to_charges, paid_on)
    return after_change(account, _pay_charges(paid, to_charges, paid_on), paid_on)


def settle(account: Account, owed: Payoff) -> Account:
    """The account once the payoff is paid; on time is what had not fallen due before the day."""
    loan, paid_on = account.loan, owed.payoff_date
    unpaid = range(loan.emis_paid + 1, loan.tenure_months + 1)
    closed = replace(
        loan,
        emis_paid=loan.tenure_months,
        emis_paid_on_time=loan.emis_paid_on_time + sum(paid_on <= account.due(number) for number in unpaid),
        paid_toward_next=0,
        outstanding_principal=0,
    )
    settled = replace(account, loan=closed, charges=account.all_charges(paid_on), paise_days=0)
    paid = _pay_charges(settled, owed.charges, paid_on)
    return after_change(account, paid, paid_on)


def add_charge(account: Account, entry: ChargeEntry) -> Account:
    """The account with a charge more."""
    charge = Charge(entry.kind, 0, entry.entry_date, entry.amount, reason=entry.reason)
    return _with_open_charges(replace(account, charges=(*account.charges, charge)))


def waive(account: Account, amount: int, on: date) -> Account:
    """The account with charges waived, the oldest first.

    Args:
        account: As it stands.
        amount: In paise, above zero.
        on: The business date, up to which late charges are counted.

    Raises:
        WaiverExceedsCharges: So much is not open.
    """
    charges = account.charges_on(on)
    open_charges = sum(charge.open for charge in charges)
    if amount > open_charges:
        raise WaiverExceedsCharges(amount, open_charges)
    waived, rest = [], amount
    for charge in charges:
        part = min(rest, charge.open)
        rest -= part
        waived.append(charge._replace(waived=charge.waived + part))
    kept = (charge for charge in waived if charge.waived or charge.installment_number <= account.loan.emis_paid)
    return _with_open_charges(replace(account, charges=tuple(kept)))


def after_change(before: Account, after: Account, paid_on: date) -> Account:
    """The account after a payment, with what its loan carries of its arrears and its open charges."""
    arrears = Arrears(before.loan.next_due, before.loan.non_performing_since)
    since = after_payment(arrears, paid_on, after.loan.next_due).non_performing_since
    return _with_open_charges(replace(after, loan=replace(after.loan, non_performing_since=since)))


def _with_open_charges(account: Account) -> Account:
    """The account with its loan active for as long as charges are open."""
    is_paid = account.loan.repayments_left == 0 and not account.loan.ended_as
    return replace(account, loan=replace(account.loan, open_charges=account.open_charges if is_paid else 0))


def _pay_installments(account: Account, amount: int, paid_on: date) -> Account:
    """The account after so much has gone to the oldest unpaid instalments."""
    loan, rows, charges = account.loan, account.rows, list(account.charges)
    paid, on_time = loan.emis_paid, loan.emis_paid_on_time
    toward, paise_days = loan.paid_toward_next, account.paise_days
    while amount:
        row, due = rows[paid], account.due(paid + 1)
        part, days_late = min(amount, row.amount - toward), max(0, (paid_on - due).days)
        amount -= part
        toward += part
        paise_days += part * days_late
        if toward == row.amount:
            paid += 1
            on_time += not days_late
            charges = _with_late_charge(account, charges, paid, paise_days, days_late)
            toward = paise_days = 0
    moved = replace(
        loan,
        emis_paid=paid,
        emis_paid_on_time=on_time,
        paid_toward_next=toward,
        outstanding_principal=loan.outstanding_principal if paid == loan.emis_paid else rows[paid - 1].balance_after,
    )
    return replace(account, loan=moved, charges=tuple(charges), paise_days=paise_days)


def _with_late_charge(
    account: Account, charges: list[Charge], number: int, paise_days: int, days_late: int
) -> list[Charge]:
    """The charges once an instalment is wholly paid, and what it is charged for being late stays."""
    if account.late_terms is None:
        return charges
    waived = sum(charge.waived for charge in charges if charge.installment_number == number)
    others = [charge for charge in charges if charge.installment_number != number]
    amount = account.late_terms.charge(account.rows[number - 1].amount, paise_days, days_late)
    if not amount:
        return others
    return [*others, Charge(ChargeKind.LATE_PAYMENT, number, account.due(number), amount, waived=waived)]


def _pay_charges(account: Account, amount: int, paid_on: date) -> Account:
    """The account after so much has gone to the oldest charges that are open on the day."""
    charges = list(account.charges)
    for place in sorted(range(len(charges)), key=lambda place: charges[place].charge_date):
        charge = charges[place]
        if charge.charge_date <= paid_on:
            part = min(amount, charge.open)
            amount -= part
            charges[place] = charge._replace(paid=charge.paid + part)
    return replace(account, charges=tuple(charges))


def accrued_interest(account: Account, due: int, on: date) -> int:
    """The running instalment's interest up to the day; none once all have fallen due.

    Where it was paid ahead and the loan prepaid then, the prepayment was given what would have accrued on its principal
    up to the due date: so that is not given back once more by what the payoff leaves out.
    """
    rows = account.rows
    if due == len(rows):
        return 0
    begin, end = account.due(due), account.due(due + 1)
    days, days_of_period = (on - begin).days, (end - begin).days
    row = rows[due]
    left = rows[due + 1].opening_balance if due + 1 < len(rows) else 0
    if left == row.balance_after:
        return round_half_up(row.interest * days, days_of_period)
    to_come = (row.principal + left) * scaled_rate(account.loan.interest_rate) * (days_of_period - days)
    return row.interest - round_half_up(to_come, MONTHLY * days_of_period)
