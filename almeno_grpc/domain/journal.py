"""The general ledger of a loan: double entries that follow from what was recorded on it. Nothing of them is stored.

What each account holds is a function of the loan's account and the day, and an entry is the difference from what is
booked: so entries balance, and the loans account is the outstanding principal, on every day. Interest is earned by the
day, round(interest of the row · d/D) on the d-th of the D days of its period, and is accrued at the ends of months, on
due dates and where something is recorded. Interest that was paid before it is earned is an advance until then.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import partial
from itertools import accumulate, pairwise
from typing import NamedTuple

from almeno_grpc.domain.account import Account, accrued_interest, owed_on
from almeno_grpc.domain.charge import ChargeEntry, ChargeKind, LateTerms
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.months import due_date, emis_due
from almeno_grpc.domain.postings import Fact, Posting, postings
from almeno_grpc.domain.repayment import Repayment, RepaymentKind
from almeno_grpc.domain.replay import History, opening_account
from almeno_grpc.domain.sheet_versions import SheetVersion
from almeno_grpc.domain.terms import Fees, Terms, fees_of

_ONE_DAY = timedelta(days=1)
_MONTH = timedelta(days=32)
"""Behind a day so long before another there is a month's end before that, whichever it is."""


class JournalAccount(StrEnum):
    """The accounts of the ledger, in the order of the lines of an entry."""

    LOANS = "LOANS"
    INTEREST_RECEIVABLE = "INTEREST_RECEIVABLE"
    CHARGES_RECEIVABLE = "CHARGES_RECEIVABLE"
    BANK = "BANK"
    BORROWER_ADVANCES = "BORROWER_ADVANCES"
    """Paid toward instalments that are not wholly paid, and interest paid before it is earned."""
    GST_PAYABLE = "GST_PAYABLE"
    OPENING_BALANCES = "OPENING_BALANCES"
    """The principal of imported loans as their sheets state it, less the interest that later sheets say is paid."""
    INTEREST_INCOME = "INTEREST_INCOME"
    FEE_INCOME = "FEE_INCOME"
    CHARGE_INCOME = "CHARGE_INCOME"
    """Less what was waived."""


class JournalEntryKind(StrEnum):
    """What an entry is of."""

    OPENING = "OPENING"
    DISBURSEMENT = "DISBURSEMENT"
    ACCRUAL = "ACCRUAL"
    REPAYMENT = "REPAYMENT"
    PREPAYMENT = "PREPAYMENT"
    EXIT = "EXIT"
    REVERSAL = "REVERSAL"
    CHARGE = "CHARGE"
    WAIVER = "WAIVER"


class JournalLine(NamedTuple):
    """A side of an entry."""

    account: JournalAccount
    amount: int
    """In paise; above zero for a debit, below for a credit."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """Debits and credits that come to the same."""

    entry_id: str
    entry_date: date
    loan_id: int
    customer_id: int
    kind: JournalEntryKind
    lines: tuple[JournalLine, ...]


_Balances = tuple[int, ...]
"""What each account holds, in paise and in the order of `JournalAccount`; debits above zero."""
_ACCOUNTS = tuple(JournalAccount)
_EMPTY: _Balances = (0,) * len(_ACCOUNTS)


class _Booked(NamedTuple):
    """A loan as far as the ledger goes, once something is posted."""

    account: Account
    opening: int
    """The principal the ledger began with, in paise."""
    fees: Fees
    """Kept back at the disbursement, less what an exit has given back."""
    refunded: int
    """Of the fees and their tax."""
    is_imported: bool
    received: int
    """From the borrower by all that stands, less what is due back."""
    refund_due: int
    """What an exit has left to be paid to the borrower, outside the service."""
    prepaid_interest: int
    """Interest up to the day of each prepayment, of the principal that it repaid."""
    interest: Sequence[int]
    """Of the first rows of the schedule together, by their number from 0 on."""
    earned_before: int = 0
    """Interest earned by the day of the latest sheet, of an imported loan that a sheet has changed."""

    def balances(self, on: date) -> _Balances:
        """What the accounts hold on a day."""
        account, loan = self.account, self.account.loan
        paid_charges = sum(charge.paid for charge in account.charges)
        has_charges = account.charges or account.late_terms
        open_charges = sum(charge.open for charge in account.charges_on(on)) if has_charges else 0
        kept_principal = loan.outstanding_principal - self.opening
        paid_interest = self.received + self.refunded - paid_charges - loan.paid_toward_next + kept_principal
        earned = self._earned_interest(on, paid_interest)
        disbursed = 0 if self.is_imported else self.opening - self.fees.total - self.refunded
        return (
            loan.outstanding_principal,
            max(0, earned - paid_interest),
            open_charges,
            self.received + self.refund_due - disbursed,
            -loan.paid_toward_next - max(0, paid_interest - earned) - self.refund_due,
            -self.fees.gst,
            self.earned_before - self.opening if self.is_imported else 0,
            -self.earned_before - earned,
            -self.fees.processing_fee,
            -open_charges - paid_charges,
        )

    def income(self, on: date) -> int:
        """The interest earned by a day."""
        return -self.balances(on)[_ACCOUNTS.index(JournalAccount.INTEREST_INCOME)]

    def _earned_interest(self, on: date, paid_interest: int) -> int:
        account, loan, settled = self.account, self.account.loan, self.account.settled
        if loan.repayments_left == 0:
            return paid_interest
        due = loan.emis_due(on)
        if due < settled:
            return self.prepaid_interest
        running = accrued_interest(account, due, on)
        return self.prepaid_interest + self.interest[due] - self.interest[settled] + running


class _Change(NamedTuple):
    """Something on a day that changes what is booked of a loan."""

    day: date
    kind: JournalEntryKind
    number: int
    applied_to: Callable[[_Booked], _Booked]


class LoanJournal:
    """The entries of one loan."""

    def __init__(
        self,
        loan: Loan,
        history: History,
        late_terms: LateTerms | None,
        terms: Terms | None,
        versions: Sequence[SheetVersion] = (),
    ) -> None:
        """Takes the loan.

        Args:
            loan: As it stands.
            history: All that was recorded on it.
            late_terms: As of `replay`.
            terms: Those it was booked under; None where it has none.
            versions: As sheets had it before the latest one.
        """
        self._loan = loan
        self._history = history
        self._late_terms = late_terms
        self._terms = terms
        self._fees = fees_of(terms, loan.loan_amount)
        self._versions = versions

    def entries(self, begin: date, end: date) -> Iterator[JournalEntry]:
        """The entries from one day to another, both included, in the order they are posted in."""
        first = self._versions[0].loan if self._versions else self._loan
        start, can_change = first.disbursement_date, self._versions or self._history.repayments or self._history.charges
        # A sheet's loan that was paid when it came owes nothing, and never will.
        if start is None or start > end or (first.repayments_left == 0 and not can_change):
            return
        begin = max(begin, start)
        point = self._opened(first)
        if start == begin:
            kind = JournalEntryKind.OPENING if point.is_imported else JournalEntryKind.DISBURSEMENT
            yield from self._entry(kind, "", start, _EMPTY, point.balances(start))
        # What is booked is known of the last day on which something was: so that what came before the first day that
        # was asked for need not be reckoned.
        booked_on = start
        for change in self._changes(start):
            if change.day > end:
                break
            days = self._accrual_days(point, booked_on, change.day, begin, is_posted=True)
            yield from self._accruals(point, booked_on, days, begin)
            after = change.applied_to(point)
            if change.day >= begin:
                balances = point.balances(change.day), after.balances(change.day)
                yield from self._entry(change.kind, f"-{change.number}", change.day, *balances)
            point, booked_on = after, change.day
        days = self._accrual_days(point, booked_on, end, begin, is_posted=False)
        yield from self._accruals(point, booked_on, days, begin)

    def _changes(self, day: date) -> Iterator[_Change]:
        """What changes the loan, by ascending days from one on."""
        versions = [*self._versions, SheetVersion(date.max, self._loan)]
        for number, (before, after) in enumerate(pairwise(versions), start=1):
            day = max(day, before.until)
            yield _Change(day, JournalEntryKind.OPENING, number, partial(self._reopened, after.loan, day))
        for posting in postings(self._loan, self._history, self._late_terms):
            day = max(day, posting.day)
            yield _Change(day, _kind_of(posting.fact), posting.fact.number, partial(self._posted, posting))

    def _opened(self, loan: Loan) -> _Booked:
        history = self._history if loan is self._loan else History()
        account = opening_account(loan, history, self._late_terms)
        is_imported = loan.source_loan_id is not None
        opening = account.loan.outstanding_principal
        return _Booked(account, opening, self._fees, 0, is_imported, 0, 0, 0, _sums(account))

    def _reopened(self, loan: Loan, day: date, before: _Booked) -> _Booked:
        """What is booked once a sheet has changed the loan: what was earned until then stays income."""
        after = self._opened(loan)
        return after._replace(earned_before=before.income(day) - after.income(day))

    def _posted(self, posting: Posting, before: _Booked) -> _Booked:
        """What is booked once something more is posted."""
        account, fees, refunded, refund_due = posting.after, self._fees, 0, 0
        repaid = [(step.before, step.entry) for step in posting.steps if isinstance(step.entry, Repayment)]
        received = sum(repayment.amount for _, repayment in repaid)
        if account.loan.ended_as is LoanState.EXITED:
            refunded = fees.total if self._terms is not None and self._terms.refunded_on_exit else 0
            fees = Fees() if refunded else fees
            as_before, given_back = repaid[-1]
            refund_due = refunded + given_back.amount - owed_on(as_before, given_back.payment_date).amount
            received -= refund_due
        rows_changed = account.rows is not before.account.rows
        return before._replace(
            account=account,
            fees=fees,
            refunded=refunded,
            received=received,
            refund_due=refund_due,
            prepaid_interest=sum(_prepaid_interest(repayment) for _, repayment in repaid),
            interest=_sums(account) if rows_changed else before.interest,
        )

    def _accrual_days(self, point: _Booked, after: date, until: date, begin: date, *, is_posted: bool) -> list[date]:
        """The days behind one, up to another, on which interest and charges are accrued.

        Of those before the first day that was asked for there is no more than the last, and others shortly before it.
        """
        loan = point.account.loan
        if loan.repayments_left == 0 or until <= after:
            return []
        days = {until} if is_posted and until >= begin else set[date]()
        if point.account.late_terms is None:
            # Nothing is earned behind the last due date.
            until = min(until, loan.end_date)
        # Nothing is earned before that the sheet of an imported loan says is paid.
        first = max(after, begin - _MONTH, point.account.due(point.account.settled))
        if first < until:
            dues = range(loan.emis_due(first) + 1, loan.emis_due(until) + 1)
            days |= {due_date(loan.schedule_begin, number) for number in dues}
            days |= {*_month_ends(first, until)}
        elif after < until:
            days.add(until)
        return sorted(days)

    def _accruals(self, point: _Booked, booked_on: date, days: Sequence[date], begin: date) -> Iterator[JournalEntry]:
        """The entries of those of the days that were asked for."""
        earlier = [day for day in days if day < begin]
        before = None
        for day in days[len(earlier) :]:
            if before is None:
                before = point.balances(earlier[-1] if earlier else booked_on)
            after = point.balances(day)
            yield from self._entry(JournalEntryKind.ACCRUAL, f"-{day:%Y%m%d}", day, before, after)
            before = after

    def _entry(
        self, kind: JournalEntryKind, number: str, day: date, before: _Balances, after: _Balances
    ) -> Iterator[JournalEntry]:
        """The entry that makes one of the balances of the other, if they differ."""
        if before == after:
            return
        pairs = zip(_ACCOUNTS, before, after, strict=True)
        lines = tuple(JournalLine(account, to - was) for account, was, to in pairs if to != was)
        if sum(line.amount for line in lines):
            raise ValueError(f"an entry of loan {self._loan.loan_id} on {day} does not balance")
        entry_id = f"{self._loan.loan_id}-{kind.lower()}{number}"
        yield JournalEntry(entry_id, day, self._loan.loan_id, self._loan.customer_id, kind, lines)


def _kind_of(fact: Fact) -> JournalEntryKind:
    if isinstance(fact, ChargeEntry):
        return JournalEntryKind.WAIVER if fact.kind is ChargeKind.WAIVER else JournalEntryKind.CHARGE
    return JournalEntryKind.REVERSAL if fact.reversal else JournalEntryKind(fact.kind.value)


def _prepaid_interest(repayment: Repayment) -> int:
    """What of a prepayment is interest of the principal that it repays."""
    if repayment.kind is not RepaymentKind.PREPAYMENT:
        return 0
    before, after = repayment.before, repayment.after
    principal = before.outstanding_principal - after.outstanding_principal
    return repayment.amount - repayment.charges_paid + before.paid_toward_next - after.paid_toward_next - principal


def _sums(account: Account) -> list[int]:
    return [0, *accumulate(row.interest for row in account.rows)]


def _month_ends(after: date, until: date) -> Iterator[date]:
    """The last days of months behind one day, up to another."""
    first = (after + _ONE_DAY).replace(day=1)
    for number in range(1, emis_due(first, 12 * 9999, until) + 2):
        day = due_date(first, number) - _ONE_DAY
        if after < day <= until:
            yield day
