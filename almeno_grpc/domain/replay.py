"""The account of a loan from everything that was recorded on it, and reversals, which leave a repayment out of that."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from almeno_grpc.domain.account import Account, add_charge, repay, waive
from almeno_grpc.domain.charge import ChargeEntry, ChargeKind, LateTerms
from almeno_grpc.domain.cooling_off import exited
from almeno_grpc.domain.errors import AlreadyReversed, LaterChange, LoanClosed, RepaymentExceedsPayoff
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.prepayment import prepay
from almeno_grpc.domain.repayment import Repayment, RepaymentKind, Reversal, Standing


@dataclass(frozen=True, slots=True)
class History:
    """What was recorded on a loan, in its order."""

    repayments: Sequence[Repayment] = ()
    """Those that were reversed too."""
    charges: Sequence[ChargeEntry] = ()
    """Charges and waivers."""


@dataclass(frozen=True, slots=True)
class Replay:
    """An account with the repayments that brought it there."""

    account: Account
    repayments: Sequence[Repayment]
    """Those that stand, each with the standing of the loan before and after it as it is without the reversed ones."""


def replay(loan: Loan, history: History, late_terms: LateTerms | None = None) -> Replay:
    """Takes what stands of a loan's history again, in its recorded order.

    Args:
        loan: As it stands; of its repayment state no more than the counts of what was recorded is looked at.
        history: All of it.
        late_terms: Those the loan was booked under.
    """
    return replay_from(opening_account(loan, history, late_terms), history)


def opening_account(loan: Loan, history: History, late_terms: LateTerms | None = None) -> Account:
    """The account before anything was recorded on it; the arguments are those of `replay`."""
    first = history.repayments[0].before if history.repayments else Standing.of(loan)
    return Account.of(_unpaid(loan, first), settled=first.emis_paid, late_terms=late_terms)


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of a loan's history that stands, and the account before and after it."""

    entry: Repayment | ChargeEntry
    """A repayment with what it has done to the account."""
    before: Account
    after: Account

    @property
    def value_date(self) -> date:
        """The day of the payment; of a charge or a waiver the day it was recorded."""
        return self.entry.entry_date if isinstance(self.entry, ChargeEntry) else self.entry.payment_date


def steps(account: Account, history: History) -> Iterator[Step]:
    """Takes what stands of a history, entry after entry in its recorded order, on the account before all of it."""
    for entry in in_order(history):
        step = step_of(account, entry)
        if step is not None:
            account = step.after
            yield step


def step_of(account: Account, entry: Repayment | ChargeEntry) -> Step | None:
    """Takes an entry; None where it is reversed.

    Raises:
        CreditError: As of `repaid`.
    """
    if isinstance(entry, ChargeEntry):
        return Step(entry, account, with_entry(account, entry))
    if entry.reversal is not None:
        return None
    after, repayment = repaid(account, entry)
    return Step(repayment, account, after)


def replay_from(account: Account, history: History) -> Replay:
    """Takes what stands of a history, or of a beginning of it, on the account before anything was recorded."""
    standing: list[Repayment] = []
    for step in steps(account, history):
        account = step.after
        if isinstance(step.entry, Repayment):
            standing.append(step.entry)
    return Replay(account, standing)


def repaid(before: Account, repayment: Repayment) -> tuple[Account, Repayment]:
    """The account after a repayment of any kind, and the repayment with what it has done to the account.

    Args:
        before: The account as it stands.
        repayment: What is paid; what it holds of the loan before and after it is not looked at.

    Raises:
        CreditError: As of `repay` and `prepay`.
    """
    after = _paid(before, repayment)
    number = repayment.number
    counted = replace(after.loan, latest_repayment=number, repayment_count=max(number, after.loan.repayment_count))
    after = replace(after, loan=counted)
    return after, replace(
        repayment,
        before=Standing.of(before.loan),
        after=Standing.of(after.loan),
        closes_loan=after.loan.state in (LoanState.CLOSED, LoanState.EXITED),
        charges_paid=_charges_paid(after) - _charges_paid(before),
    )


def reverse(
    loan: Loan, history: History, repayment: Repayment, reversal: Reversal, late_terms: LateTerms | None = None
) -> tuple[History, Replay]:
    """A loan's history once a repayment of it is reversed, and the account that follows from that.

    Raises:
        AlreadyReversed: It was reversed before.
        LaterChange: A prepayment or an exit came after it, and stands. Or it is a prepayment, and without what it has
            rounded a later repayment would be some paise too large.
    """
    if repayment.reversal is not None:
        raise AlreadyReversed(repayment.repayment_id)
    later = [each for each in history.repayments[repayment.number :] if each.reversal is None]
    for each in later:
        if each.kind is not RepaymentKind.REPAYMENT:
            raise LaterChange(each.repayment_id)
    without = replace(repayment, reversal=reversal)
    left = [without if each.number == repayment.number else each for each in history.repayments]
    changed = History(left, history.charges)
    try:
        return changed, replay(loan, changed, late_terms)
    except (RepaymentExceedsPayoff, LoanClosed) as error:
        raise LaterChange(later[-1].repayment_id) from error


def _unpaid(loan: Loan, baseline: Standing) -> Loan:
    """The loan as it was before anything was recorded on it."""
    booked = loan.booked_terms
    return replace(
        loan,
        tenure_months=booked.installments,
        monthly_installment=booked.monthly_installment,
        emis_paid=baseline.emis_paid,
        emis_paid_on_time=baseline.emis_paid_on_time,
        paid_toward_next=baseline.paid_toward_next,
        outstanding_principal=baseline.outstanding_principal,
        ended_as=None if loan.ended_as is LoanState.EXITED else loan.ended_as,
        latest_repayment=0,
        segments=(),
        open_charges=0,
        non_performing_since=None,
    )


def in_order(history: History) -> list[Repayment | ChargeEntry]:
    """Repayments, charges and waivers in the order they were recorded in."""
    placed: list[tuple[int, int, Repayment | ChargeEntry]] = [
        *((each.number, 0, each) for each in history.repayments),
        *((each.repayment_count, each.number, each) for each in history.charges),
    ]
    return [entry for _, _, entry in sorted(placed, key=lambda place: place[:2])]


def with_entry(account: Account, entry: ChargeEntry) -> Account:
    """The account with a charge or a waiver. A reversal may leave less of a charge open than was waived."""
    if entry.kind is not ChargeKind.WAIVER:
        return add_charge(account, entry)
    amount = min(entry.amount, sum(charge.open for charge in account.charges_on(entry.entry_date)))
    return waive(account, amount, entry.entry_date)


def _paid(account: Account, repayment: Repayment) -> Account:
    if repayment.kind is RepaymentKind.EXIT:
        return exited(account, repayment.payment_date)
    if repayment.effect is not None:
        return prepay(account, repayment.amount, repayment.payment_date, repayment.effect)
    return repay(account, repayment.amount, repayment.payment_date)


def _charges_paid(account: Account) -> int:
    return sum(charge.paid for charge in account.charges)
