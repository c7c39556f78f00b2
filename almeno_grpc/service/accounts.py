"""Accounts of loans as transactions read them: the few values of a plain loan, or everything recorded on another."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

from almeno_grpc.domain.account import Account
from almeno_grpc.domain.arrears import Payment, Timeline, customer_non_performing_since
from almeno_grpc.domain.charge import LateTerms
from almeno_grpc.domain.errors import LoanNotFound
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.months import due_date
from almeno_grpc.domain.repayment import Repayment, RepaymentKind, Reversal
from almeno_grpc.domain.replay import History, Replay, replay, reverse
from almeno_grpc.domain.terms import Terms
from almeno_grpc.service.store import Changes, Transaction

_MAX_LOANS_PER_PAGE = 1_000
_ONE_DAY = timedelta(days=1)


class TermsSource(Protocol):
    """Where the terms of loans are found."""

    def read(self, tx: Transaction, version: str) -> Terms:
        """The terms with a version, by a transaction that is open: a thread reads in one at a time."""


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """An account, and from which day on money may be recorded on it."""

    account: Account
    earliest: date
    """The day of the disbursement or of the latest repayment that stands."""


class AccountReader:
    """Reads accounts."""

    def __init__(self, terms: TermsSource) -> None:
        self._terms = terms

    def terms_of(self, tx: Transaction, loan: Loan) -> Terms | None:
        """The terms that the loan was booked under; None where it has none."""
        return None if loan.terms_version is None else self._terms.read(tx, loan.terms_version)

    def open_accounts(self, tx: Transaction, loans: Collection[Loan]) -> dict[int, OpenAccount]:
        """The accounts of loans, by loan_id; of plain loans all by one statement."""
        late_terms = {loan.loan_id: self.late_terms_of(tx, loan) for loan in loans}
        plain = [loan for loan in loans if late_terms[loan.loan_id] is None and not loan.charge_count]
        repaid = [loan for loan in plain if loan.repayment_count]
        ends = tx.repayments.first_and_latest(repaid) if repaid else {}
        accounts = {loan.loan_id: _plain_account(loan, ends.get(loan.loan_id)) for loan in plain}
        others = [loan for loan in loans if loan.loan_id not in accounts]
        histories = self.histories(tx, others)
        for loan in others:
            replayed = _replay(loan, histories[loan.loan_id], late_terms[loan.loan_id])
            latest = replayed.repayments[-1].payment_date if replayed.repayments else loan.schedule_begin
            accounts[loan.loan_id] = OpenAccount(replayed.account, latest)
        return accounts

    def history(self, tx: Transaction, loan: Loan) -> History:
        """Everything that was recorded on a loan."""
        return History(
            tx.repayments.of_loan(loan) if loan.repayment_count else (),
            tx.charges.of_loan(loan) if loan.charge_count else (),
        )

    def histories(self, tx: Transaction, loans: Collection[Loan]) -> dict[int, History]:
        """Everything that was recorded on loans, by loan_id; by a statement a table."""
        if not loans:
            return {}
        repayments, charges = tx.repayments.of_loans(loans), tx.charges.of_loans(loans)
        return {
            loan.loan_id: History(repayments.get(loan.loan_id, ()), charges.get(loan.loan_id, ())) for loan in loans
        }

    def replay(self, tx: Transaction, loan: Loan) -> Replay:
        """The account of a loan from everything that was recorded on it."""
        return _replay(loan, self.history(tx, loan), self.late_terms_of(tx, loan))

    def reverse(
        self, tx: Transaction, loan: Loan, history: History, repayment: Repayment, reversal: Reversal
    ) -> tuple[History, Replay]:
        """A loan's history and account once a repayment is reversed; raises as `replay.reverse`."""
        return reverse(loan, history, repayment, reversal, self.late_terms_of(tx, loan))

    def late_terms_of(self, tx: Transaction, loan: Loan) -> LateTerms | None:
        """What the loan is charged for paying late; None for nothing."""
        terms = self.terms_of(tx, loan)
        if terms is None or not terms.charge_percent_a_year:
            return None
        return LateTerms(terms.charge_percent_a_year, terms.grace_days, terms.charge_max_percent_of_installment)

    def update_class_after(
        self, tx: Transaction, changes: Changes, before: Loan, after: Loan, was_since: date | None, today: date
    ) -> None:
        """As `update_class`, for a loan on which the changes record a repayment.

        Where neither the customer nor the loan has been non-performing nothing is read, for a repayment makes neither
        of them so.
        """
        [repayment] = changes.repayments
        if was_since is None and before.non_performing_on(repayment.payment_date - _ONE_DAY) is None:
            return
        history = self.history(tx, before)
        history = replace(history, repayments=[*history.repayments, repayment])
        self.update_class(tx, changes, replay(after, history, self.late_terms_of(tx, after)), was_since, today)

    def update_class(
        self, tx: Transaction, changes: Changes, replayed: Replay, was_since: date | None, today: date
    ) -> None:
        """Keeps since when a customer is non-performing, from all that was paid on the customer's loans.

        Args:
            tx: A transaction in which the customer is locked.
            changes: What the transaction changes; the day is added where it is another one.
            replayed: The loan that changes, as it stands after the change; the others are read.
            was_since: Since when the customer was before; None for a customer who was not.
            today: The business date.
        """
        changed = replayed.account.loan
        others = (loan for loan in _loans_of(tx, changed.customer_id, today) if loan.loan_id != changed.loan_id)
        timelines = [_timeline(replayed), *(_timeline(self.replay(tx, loan)) for loan in others)]
        since = customer_non_performing_since(timelines, today)
        if since != was_since:
            changes.non_performing_customers[changed.customer_id] = since


def locked_loan(tx: Transaction, loan_id: int) -> Loan:
    """A loan whose customer is locked until the transaction ends.

    Raises:
        LoanNotFound: No loan has the id.
    """
    customer_id = tx.loans.owners([loan_id]).get(loan_id)
    if customer_id is None:
        raise LoanNotFound(loan_id)
    tx.borrowers.lock([customer_id], wait=True)
    loan = tx.loans.get_many([(customer_id, loan_id)]).get(loan_id)
    if loan is None:
        raise LoanNotFound(loan_id)
    return loan


def _replay(loan: Loan, history: History, late_terms: LateTerms | None) -> Replay:
    repayments = history.repayments
    if late_terms or history.charges or any(repayment.reversal for repayment in repayments):
        return replay(loan, history, late_terms)
    # What was recorded has the standing of the loan before and after it, which no reversal has moved.
    settled = repayments[0].before.emis_paid if repayments else loan.emis_paid
    return Replay(Account.of(loan, settled=settled), repayments)


def _plain_account(loan: Loan, ends: tuple[Repayment, Repayment | None] | None) -> OpenAccount:
    """The account of a loan on which nothing but repayments was recorded."""
    if ends is None:
        return OpenAccount(Account.of(loan, settled=loan.emis_paid), loan.schedule_begin)
    first, latest = ends
    account = Account.of(loan, settled=first.before.emis_paid)
    return OpenAccount(account, loan.schedule_begin if latest is None else latest.payment_date)


def _loans_of(tx: Transaction, customer_id: int, today: date) -> Iterator[Loan]:
    after = 0
    while page := tx.loans.page(customer_id, None, after, _MAX_LOANS_PER_PAGE, today):
        yield from page
        after = page[-1].loan_id


def _timeline(replayed: Replay) -> Timeline:
    """The arrears of a loan from payment to payment."""
    account = replayed.account
    begin, settled = account.loan.disbursement_date, account.settled
    if begin is None or account.loan.tenure_months == settled:
        return Timeline(None)

    def next_due(repayment: Repayment) -> date | None:
        paid = repayment.after.emis_paid
        if repayment.kind is RepaymentKind.EXIT or paid == account.loan.tenure_months:
            return None
        return due_date(begin, paid + 1)

    payments = [Payment(each.payment_date, next_due(each)) for each in replayed.repayments]
    return Timeline(due_date(begin, settled + 1), payments)
