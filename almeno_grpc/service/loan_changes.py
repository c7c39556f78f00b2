"""What happens to a booked loan besides repayments: disbursement and its end, prepayments, reversals, charges."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date

from almeno_grpc.clock import Clock
from almeno_grpc.domain.account import Account, add_charge, waive
from almeno_grpc.domain.charge import Charge, ChargeEntry, ChargeKind
from almeno_grpc.domain.cooling_off import exit_amount, raise_if_over
from almeno_grpc.domain.errors import InvalidField, LoanClosed, LoanNotFound, RepaymentNotFound, TooManyCharges
from almeno_grpc.domain.limits import MAX_CHARGES
from almeno_grpc.domain.loan import Loan, LoanState, SanctionEnd
from almeno_grpc.domain.prepayment import Prepayment, prepay
from almeno_grpc.domain.repayment import (
    PrepaymentEffect,
    Repayment,
    RepaymentChannel,
    RepaymentKind,
    Reversal,
    ReversalReason,
)
from almeno_grpc.domain.replay import repaid
from almeno_grpc.domain.sanction import cancelled, disbursed, raise_if_not_disbursed
from almeno_grpc.domain.terms import Fees, fees_of
from almeno_grpc.service.accounts import AccountReader, OpenAccount, locked_loan
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.repayments import (
    Recorded,
    draft_repayment,
    raise_if_not_payable,
    raise_if_taken,
    raise_if_too_many,
)
from almeno_grpc.service.store import Changes, SegmentRecord, Store, Transaction


@dataclass(frozen=True, slots=True)
class Changed:
    """A loan after a change."""

    loan: Loan
    business_date: date


@dataclass(frozen=True, slots=True)
class Disbursed:
    """A loan that was disbursed, and what of it was kept back. Amounts in paise."""

    loan: Loan
    fees: Fees
    business_date: date

    @property
    def net_disbursed(self) -> int:
        """What the borrower gets."""
        return self.loan.loan_amount - self.fees.total


@dataclass(frozen=True, slots=True)
class Exited:
    """A loan that was given back."""

    repayment: Repayment
    loan: Loan
    refund_due: int
    """What the lender owes the borrower, in paise."""
    business_date: date


@dataclass(frozen=True, slots=True)
class PrepaymentRequest:
    """What is to be prepaid."""

    loan_id: int
    amount: int
    """In paise, above zero."""
    payment_date: date | None
    """None for the business date."""
    effect: PrepaymentEffect
    external_reference: str = ""
    channel: RepaymentChannel | None = None


@dataclass(frozen=True, slots=True)
class Prepaid:
    """What a prepayment does, and the loan after it; without a repayment where it is a preview."""

    prepayment: Prepayment
    loan: Loan
    business_date: date
    repayment: Repayment | None = None


@dataclass(frozen=True, slots=True)
class ReversalRequest:
    """A repayment that is to be taken back."""

    repayment_id: str
    reason: ReversalReason
    reversal_date: date | None
    """None for the business date."""
    return_code: str = ""


@dataclass(frozen=True, slots=True)
class Charged:
    """A loan with its charges on the business date, the oldest first."""

    loan: Loan
    charges: list[Charge]
    business_date: date


class LoanChangeService:
    """The use cases around what happens to a booked loan; rare ones, each a transaction of its own.

    Methods that change something take the call's context and what makes the answer, and return that. Besides their own
    errors they raise those of the store and of idempotency, and LoanNotFound where no loan has the id.
    """

    def __init__(self, store: Store, idempotency: Idempotency, accounts: AccountReader, clock: Clock) -> None:
        self._store = store
        self._idempotency = idempotency
        self._accounts = accounts
        self._clock = clock

    def disburse(
        self,
        loan_id: int,
        disbursement_date: date | None,
        external_reference: str,
        context: RequestContext,
        encode: Callable[[Disbursed], bytes],
    ) -> bytes:
        """Disburses a sanctioned loan, today unless a day is given: from then on due dates and interest count.

        Raises:
            LoanDisbursed, LoanCancelled, SanctionExpired: It is not sanctioned.
            InvalidField: The day is before the approval or after the business date.
        """

        def work(tx: Transaction, changes: Changes) -> Disbursed:
            today, before = self._clock.today(), locked_loan(tx, loan_id)
            on = disbursement_date or today
            after = disbursed(before, on, today)
            if not before.approval_date <= on <= today:
                raise InvalidField.of(
                    "disbursement_date",
                    f"must be from the approval, {before.approval_date}, to the business date, {today}",
                )
            self._change(changes, before, after, today)
            changes.sanction_ends.append(self._sanction_end(after, on, external_reference=external_reference))
            return Disbursed(after, fees_of(self._accounts.terms_of(tx, after), after.loan_amount), today)

        return self._idempotency.change(context, work, encode)

    def cancel(self, loan_id: int, reason: str, context: RequestContext, encode: Callable[[Changed], bytes]) -> bytes:
        """Cancels a sanctioned loan, which counts nowhere from then on.

        Raises:
            LoanDisbursed, LoanCancelled, SanctionExpired: It is not sanctioned.
        """

        def work(tx: Transaction, changes: Changes) -> Changed:
            today, before = self._clock.today(), locked_loan(tx, loan_id)
            after = cancelled(before, today)
            self._change(changes, before, after, today)
            changes.sanction_ends.append(self._sanction_end(after, today, reason=reason))
            return Changed(after, today)

        return self._idempotency.change(context, work, encode)

    def exit(
        self,
        loan_id: int,
        exit_date: date | None,
        context: RequestContext,
        encode: Callable[[Exited], bytes],
        *,
        raise_if_beyond: Callable[[int], None] = lambda _amount: None,
    ) -> bytes:
        """Ends a loan in its cooling-off period; the amount due is recorded as its last repayment.

        Args:
            loan_id: The loan.
            exit_date: The day; None for the business date.
            context: The call's idempotency key.
            encode: Makes the answer.
            raise_if_beyond: Refuses an amount due, in paise, that is beyond a limit of the caller.

        Raises:
            LoanNotDisbursed, LoanCancelled, SanctionExpired: The loan was never disbursed.
            LoanClosed: It has ended.
            CoolingOffOver: The period is over, or the loan has none.
            TooManyRepayments: The loan has had as many as it may have.
            InvalidField: The day is after the business date, or before what was paid.
        """

        def work(tx: Transaction, changes: Changes) -> Exited:
            today, before = self._clock.today(), locked_loan(tx, loan_id)
            on, terms = exit_date or today, self._accounts.terms_of(tx, before)
            raise_if_not_disbursed(before, today)
            raise_if_over(before, on, terms)
            opened = self._open(tx, before)
            raise_if_not_payable(on, opened.earliest, today, "exit_date")
            amount = exit_amount(opened.account, on, terms)
            raise_if_beyond(amount.due)
            draft = draft_repayment(before, amount.due, on, self._clock.now_microseconds(), kind=RepaymentKind.EXIT)
            after, repayment = self._repay(tx, changes, opened, draft, today)
            return Exited(repayment, after.loan, amount.refund_due, today)

        return self._idempotency.change(context, work, encode)

    def preview_prepayment(self, request: PrepaymentRequest) -> Prepaid:
        """What a prepayment would do; stores nothing. Raises as `prepay`."""
        with self._store.read() as tx:
            loan = tx.loans.get(request.loan_id)
            if loan is None:
                raise LoanNotFound(request.loan_id)
            today = self._clock.today()
            opened, on = self._prepayable(tx, loan, request, today)
            after = prepay(opened.account, request.amount, on, request.effect)
            return Prepaid(Prepayment.of(opened.account, after, request.amount), after.loan, today)

    def prepay(self, request: PrepaymentRequest, context: RequestContext, encode: Callable[[Prepaid], bytes]) -> bytes:
        """Records a prepayment, from which the rest of the schedule follows.

        Raises:
            LoanNotDisbursed, LoanCancelled, SanctionExpired: The loan was never disbursed.
            LoanClosed, NotReducingBalance, InstallmentsOverdue, PaidAhead: The loan cannot be prepaid.
            RepaymentExceedsPayoff: It would close the loan.
            TermsDoNotAmortize: The lower instalment would not repay the balance.
            ReferenceTaken: A repayment of the loan that stands has the external reference.
            TooManyRepayments: The loan has had so many that only one which completes an instalment is taken, or none.
            InvalidField: The day is after the business date, or before what was paid.
        """

        def work(tx: Transaction, changes: Changes) -> Prepaid:
            today, before = self._clock.today(), locked_loan(tx, request.loan_id)
            opened, on = self._prepayable(tx, before, request, today)
            raise_if_taken(tx, before, request.external_reference)
            draft = draft_repayment(
                before,
                request.amount,
                on,
                self._clock.now_microseconds(),
                kind=RepaymentKind.PREPAYMENT,
                effect=request.effect,
                channel=request.channel,
                external_reference=request.external_reference,
            )
            after, repayment = self._repay(tx, changes, opened, draft, today)
            changes.segments += _new_segments(tx, before, after.loan, repayment)
            prepayment = Prepayment.of(opened.account, after, request.amount)
            return Prepaid(prepayment, after.loan, today, repayment)

        return self._idempotency.change(context, work, encode)

    def reverse(self, request: ReversalRequest, context: RequestContext, encode: Callable[[Recorded], bytes]) -> bytes:
        """Takes a repayment back: the loan stands as if it had never been.

        Raises:
            RepaymentNotFound: No repayment has the id.
            AlreadyReversed: It was reversed before.
            LaterChange: A prepayment or an exit came after it, and stands.
            InvalidField: The day is before the payment or after the business date.
        """

        def work(tx: Transaction, changes: Changes) -> Recorded:
            found = tx.repayments.find(request.repayment_id)
            if found is None:
                raise RepaymentNotFound(request.repayment_id)
            today, before = self._clock.today(), locked_loan(tx, found.loan_id)
            history = self._accounts.history(tx, before)
            repayment = history.repayments[found.number - 1]
            on = request.reversal_date or today
            reversal = Reversal(on, request.reason, request.return_code, self._clock.now_microseconds())
            _, replayed = self._accounts.reverse(tx, before, history, repayment, reversal)
            if not repayment.payment_date <= on <= today:
                raise InvalidField.of(
                    "reversal_date",
                    f"must be from the day of the payment, {repayment.payment_date}, to the business date, {today}",
                )
            after = replayed.account.loan
            self._change(changes, before, after, today)
            changes.reversals.append(replace(repayment, reversal=reversal))
            self._accounts.update_class(tx, changes, replayed, _non_performing_since(tx, before), today)
            return Recorded(changes.reversals[0], after, today)

        return self._idempotency.change(context, work, encode)

    def charge(
        self,
        loan_id: int,
        kind: ChargeKind,
        amount: int,
        reason: str,
        context: RequestContext,
        encode: Callable[[Charged], bytes],
    ) -> bytes:
        """Charges a loan, on the business date, or waives charges that are open, the oldest first.

        Args:
            loan_id: The loan.
            kind: BOUNCE or OTHER for a charge, WAIVER.
            amount: In paise, above zero.
            reason: In words.
            context: The call's idempotency key.
            encode: Makes the answer.

        Raises:
            LoanNotDisbursed, LoanCancelled, SanctionExpired: The loan was never disbursed.
            LoanClosed: It has ended.
            WaiverExceedsCharges: So much is not open.
            TooManyCharges: It has had as many as a loan may have.
        """

        def work(tx: Transaction, changes: Changes) -> Charged:
            today, before = self._clock.today(), locked_loan(tx, loan_id)
            raise_if_not_disbursed(before, today)
            if before.state is not LoanState.ACTIVE:
                raise LoanClosed(loan_id)
            if before.charge_count >= (2 * MAX_CHARGES if kind is ChargeKind.WAIVER else MAX_CHARGES):
                raise TooManyCharges(loan_id)
            entry = ChargeEntry(
                customer_id=before.customer_id,
                loan_id=loan_id,
                number=before.charge_count + 1,
                kind=kind,
                amount=amount,
                reason=reason,
                entry_date=today,
                repayment_count=before.repayment_count,
                create_time=self._clock.now_microseconds(),
            )
            account = self._accounts.replay(tx, before).account
            charges_before = account.charges_on(today)
            account = waive(account, amount, today) if kind is ChargeKind.WAIVER else add_charge(account, entry)
            after = replace(account.loan, charge_count=entry.number)
            self._change(changes, before, after, today)
            changes.charge_entries.append(entry)
            charges = replace(account, loan=after).charges_on(today)
            changes.charges += _changed_charges(charges_before, charges)
            return Charged(after, charges, today)

        return self._idempotency.change(context, work, encode)

    def _prepayable(
        self, tx: Transaction, loan: Loan, request: PrepaymentRequest, today: date
    ) -> tuple[OpenAccount, date]:
        """The account of a loan that is to be prepaid, and on which day."""
        raise_if_not_disbursed(loan, today)
        opened, on = self._open(tx, loan), request.payment_date or today
        raise_if_not_payable(on, opened.earliest, today)
        return opened, on

    def _open(self, tx: Transaction, loan: Loan) -> OpenAccount:
        return self._accounts.open_accounts(tx, [loan])[loan.loan_id]

    def _repay(
        self, tx: Transaction, changes: Changes, opened: OpenAccount, draft: Repayment, today: date
    ) -> tuple[Account, Repayment]:
        """The account after a payment that is no ordinary repayment, and the payment with what it has done."""
        before = opened.account.loan
        account, repayment = repaid(opened.account, draft)
        raise_if_too_many(before, account.loan)
        changes.repayments.append(repayment)
        self._change(changes, before, account.loan, today)
        was_since = _non_performing_since(tx, before)
        self._accounts.update_class_after(tx, changes, before, account.loan, was_since, today)
        return account, repayment

    @staticmethod
    def _change(changes: Changes, before: Loan, after: Loan, today: date) -> None:
        changes.loans_before.append(before)
        changes.updated_loans.append(after)
        changes.business_date = today

    def _sanction_end(self, loan: Loan, on: date, *, reason: str = "", external_reference: str = "") -> SanctionEnd:
        now = self._clock.now_microseconds()
        return SanctionEnd(loan.customer_id, loan.loan_id, loan.state, on, reason, external_reference, now)


def _changed_charges(before: Iterable[Charge], after: Iterable[Charge]) -> list[Charge]:
    """The charges that were added or have changed; of equal ones as many as there are more of."""
    return list((Counter(after) - Counter(before)).elements())


def _non_performing_since(tx: Transaction, loan: Loan) -> date | None:
    """Since when the loan's customer has been non-performing."""
    return tx.customers.non_performing_since([loan.customer_id]).get(loan.customer_id)


def _new_segments(tx: Transaction, before: Loan, loan: Loan, prepayment: Repayment) -> list[SegmentRecord]:
    """The segment that a prepayment opens, and the first one where none was stored before."""
    stored = len(tx.loans.segments(before))
    first = [] if stored else [SegmentRecord(loan.customer_id, loan.loan_id, 1, loan.segments[0], None)]
    number = stored + len(first) + 1
    opened = SegmentRecord(loan.customer_id, loan.loan_id, number, loan.segments[-1], prepayment.number)
    return [*first, opened]
