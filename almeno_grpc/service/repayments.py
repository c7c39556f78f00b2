"""Recording repayments, and what is still owed."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from operator import attrgetter

from almeno_grpc.clock import Clock
from almeno_grpc.domain.account import Payoff, payoff
from almeno_grpc.domain.charge import Charge
from almeno_grpc.domain.cooling_off import ExitAmount, exit_amount, last_day_to_exit
from almeno_grpc.domain.errors import InvalidField, LoanClosed, LoanNotFound, ReferenceTaken, TooManyRepayments
from almeno_grpc.domain.limits import MAX_PART_REPAYMENTS, MAX_REPAYMENTS
from almeno_grpc.domain.loan import Installment, Loan, LoanState
from almeno_grpc.domain.repayment import PrepaymentEffect, Repayment, RepaymentChannel, RepaymentKind, Standing
from almeno_grpc.domain.repayment_schedule import installments
from almeno_grpc.domain.replay import repaid
from almeno_grpc.domain.sanction import raise_if_not_disbursed
from almeno_grpc.metrics import NO_METRICS, Metrics
from almeno_grpc.service.accounts import AccountReader, OpenAccount
from almeno_grpc.service.idempotency import NO_ACCESS_CHECK, AccessCheck, NotLocked, RequestContext, WriteQueue
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import Changes, Store, Transaction


@dataclass(frozen=True, slots=True)
class Recorded:
    """A repayment, and the loan after it."""

    repayment: Repayment
    loan: Loan
    business_date: date


@dataclass(frozen=True, slots=True)
class RepaymentRequest:
    """What is to be recorded."""

    loan_id: int
    amount: int
    """In paise, above zero."""
    payment_date: date | None
    """The day it was paid; None for the business date."""
    channel: RepaymentChannel | None = None
    external_reference: str = ""
    """The caller's; empty for none."""


@dataclass(frozen=True, slots=True)
class RepaymentState:
    """What a batch of repayments is executed on, read under the locks of the loans' customers."""

    tx: Transaction
    today: date
    owners: dict[int, int]
    """The customer_id of each loan, by loan_id."""
    locked: set[int]
    """The customers that are locked, by customer_id."""
    accounts: dict[int, OpenAccount]
    """Of the loans of those customers, by loan_id."""
    non_performing: dict[int, date]
    """Those of the customers that are non-performing though no loan of theirs need be, and since when."""


@dataclass(frozen=True, slots=True)
class PayoffView:
    """What closes a loan on a day, and what gives it back."""

    payoff: Payoff
    exit_amount: ExitAmount | None
    """For as long as the loan can be exited."""


class RepaymentService:
    """The use cases around what is paid on loans."""

    def __init__(
        self,
        store: Store,
        accounts: AccountReader,
        clock: Clock,
        access: AccessCheck = NO_ACCESS_CHECK,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock
        # A batch holds one repayment of a loan: the next one has to see it.
        self._queue: WriteQueue[RepaymentRequest, RepaymentState, Recorded] = WriteQueue(
            "repayments", store, clock, self, key_of=attrgetter("loan_id"), access=access, metrics=metrics
        )

    def record(
        self,
        request: RepaymentRequest,
        context: RequestContext,
        encode: Callable[[Recorded], bytes],
        on_commit: Callable[[Recorded], object] = lambda _recorded: None,
    ) -> Future[bytes]:
        """Records a repayment and brings the loan up to it.

        Args:
            request: What was paid.
            context: The call's idempotency key.
            encode: Makes the answer.
            on_commit: Called once the repayment is durable, unless the answer is a repetition.

        Returns:
            The answer, or one of these errors, or one of the store or of idempotency:

            LoanNotFound: No loan has the id.
            LoanNotDisbursed, LoanCancelled, SanctionExpired: The loan was never disbursed.
            LoanClosed: Nothing is owed.
            InvalidField: It was paid after the business date, before the disbursement or before the latest repayment.
            ReferenceTaken: A repayment of the loan that stands has the external reference.
            RepaymentExceedsPayoff: It is more than closes the loan on that day.
            TooManyRepayments: The loan has had so many that only one which completes an instalment is taken, or none.
        """
        return self._queue.submit(request, context, encode, on_commit)

    def close(self) -> None:
        """Ends the queue's threads once they have answered what waits."""
        self._queue.close()

    def load(self, tx: Transaction, requests: Sequence[RepaymentRequest], *, wait: bool) -> RepaymentState:
        """Locks the loans' customers, and reads the loans with their repayments so far, in one statement each.

        A decision on the customer then sees the whole of a repayment or nothing of it.
        """
        owners = tx.loans.owners([request.loan_id for request in requests])
        locked = tx.borrowers.lock(set(owners.values()), wait=wait) if owners else set()
        keys = [(customer_id, loan_id) for loan_id, customer_id in owners.items() if customer_id in locked]
        if wait:
            # An id may be reserved for a loan of a customer who never came.
            owners = {loan_id: customer_id for customer_id, loan_id in keys}
        loans = tx.loans.get_many(keys) if keys else {}
        return RepaymentState(
            tx,
            self._clock.today(),
            owners,
            locked,
            self._accounts.open_accounts(tx, loans.values()),
            tx.customers.non_performing_since(locked) if locked else {},
        )

    def execute(self, state: RepaymentState, request: RepaymentRequest, changes: Changes) -> Recorded:
        """Takes one repayment in, and adds it and the loan after it to the changes."""
        loan_id = request.loan_id
        if loan_id in state.owners and state.owners[loan_id] not in state.locked:
            raise NotLocked
        opened = state.accounts.get(loan_id)
        if opened is None:
            raise LoanNotFound(loan_id)
        before = opened.account.loan
        raise_if_not_disbursed(before, state.today)
        if before.state is not LoanState.ACTIVE:
            raise LoanClosed(loan_id)
        paid_on = request.payment_date or state.today
        raise_if_not_payable(paid_on, opened.earliest, state.today)
        raise_if_taken(state.tx, before, request.external_reference)
        now = self._clock.now_microseconds()
        draft = draft_repayment(
            before,
            request.amount,
            paid_on,
            now,
            channel=request.channel,
            external_reference=request.external_reference,
        )
        account, repayment = repaid(opened.account, draft)
        raise_if_too_many(before, account.loan)
        changes.repayments.append(repayment)
        changes.loans_before.append(before)
        changes.updated_loans.append(account.loan)
        changes.business_date = state.today
        was_since = state.non_performing.get(before.customer_id)
        self._accounts.update_class_after(state.tx, changes, before, account.loan, was_since, state.today)
        return Recorded(repayment, account.loan, state.today)

    def page(self, loan_id: int, after: int, count: int) -> list[Repayment]:
        """Up to `count` of a loan's repayments with a number above `after`, in the order they were recorded in.

        Raises:
            LoanNotFound: No loan has the id.
        """
        with self._store.read() as tx:
            return tx.repayments.page(_found(tx.loans.get(loan_id), loan_id), after, count)

    def payoff(self, loan_id: int, payoff_date: date | None) -> PayoffView:
        """What closes a loan on a day, when nothing is paid before.

        Args:
            loan_id: The loan's number.
            payoff_date: The day, which may be to come; None for the business date.

        Raises:
            LoanNotFound: No loan has the id.
            LoanNotDisbursed, LoanCancelled, SanctionExpired: The loan was never disbursed.
            LoanClosed: Nothing is owed.
            InvalidField: The day is before the disbursement or the latest repayment.
        """
        today = self._clock.today()
        on = payoff_date or today
        with self._store.read() as tx:
            loan = _found(tx.loans.get(loan_id), loan_id)
            raise_if_not_disbursed(loan, today)
            if loan.state is not LoanState.ACTIVE:
                raise LoanClosed(loan_id)
            opened = self._accounts.open_accounts(tx, [loan])[loan_id]
            terms = self._accounts.terms_of(tx, loan)
        if on < opened.earliest:
            raise InvalidField.of("payoff_date", _not_before(opened.earliest))
        last_day = last_day_to_exit(loan, terms)
        can_exit = last_day is not None and on <= last_day
        return PayoffView(payoff(opened.account, on), exit_amount(opened.account, on, terms) if can_exit else None)

    def schedule(self, loan_id: int) -> list[Installment]:
        """Every instalment of a loan as it stands on the business date.

        Raises:
            LoanNotFound: No loan has the id.
        """
        with self._store.read() as tx:
            replayed = self._accounts.replay(tx, _found(tx.loans.get(loan_id), loan_id))
        return installments(replayed.account, replayed.repayments, self._clock.today())

    def charges(self, loan_id: int) -> list[Charge]:
        """Every charge of a loan as it stands on the business date, the oldest first.

        Raises:
            LoanNotFound: No loan has the id.
        """
        with self._store.read() as tx:
            replayed = self._accounts.replay(tx, _found(tx.loans.get(loan_id), loan_id))
        return replayed.account.charges_on(self._clock.today())


def draft_repayment(
    loan: Loan,
    amount: int,
    paid_on: date,
    now: int,
    *,
    kind: RepaymentKind = RepaymentKind.REPAYMENT,
    effect: PrepaymentEffect | None = None,
    channel: RepaymentChannel | None = None,
    external_reference: str = "",
) -> Repayment:
    """The next repayment of a loan, which `repaid` completes with what it does."""
    standing = Standing.of(loan)
    return Repayment(
        repayment_id=new_identifier(now),
        loan_id=loan.loan_id,
        customer_id=loan.customer_id,
        number=loan.repayment_count + 1,
        amount=amount,
        payment_date=paid_on,
        before=standing,
        after=standing,
        closes_loan=False,
        create_time=now,
        kind=kind,
        effect=effect,
        channel=channel,
        external_reference=external_reference,
    )


def raise_if_not_payable(paid_on: date, earliest: date, today: date, field: str = "payment_date") -> None:
    """Refuses a day of payment after the business date, or before what was recorded already.

    Raises:
        InvalidField: It names the field.
    """
    if paid_on > today:
        raise InvalidField.of(field, f"must not be after the business date, {today}")
    if paid_on < earliest:
        raise InvalidField.of(field, _not_before(earliest))


def raise_if_taken(tx: Transaction, loan: Loan, external_reference: str) -> None:
    """Refuses the reference of another repayment that stands.

    Raises:
        ReferenceTaken: One has it.
    """
    if external_reference and loan.repayment_count:
        holder = tx.repayments.standing_with_reference(loan, external_reference)
        if holder is not None:
            raise ReferenceTaken(holder.repayment_id)


def raise_if_too_many(before: Loan, after: Loan) -> None:
    """Refuses payments without end: fewer than of all are taken of those that complete no instalment.

    Raises:
        TooManyRepayments: The loan has had as many as it may have.
    """
    count = before.repayment_count
    completes = after.emis_paid > before.emis_paid or after.state is not LoanState.ACTIVE
    if count >= MAX_REPAYMENTS:
        refusal = ", as many as a loan may have"
    elif count >= MAX_PART_REPAYMENTS and not completes:
        refusal = "; the next one has to complete an instalment"
    else:
        return
    raise TooManyRepayments(
        f"loan {before.loan_id} has had {count} repayments{refusal}", metadata={"loan_id": str(before.loan_id)}
    )


def _found(loan: Loan | None, loan_id: int) -> Loan:
    if loan is None:
        raise LoanNotFound(loan_id)
    return loan


def _not_before(earliest: date) -> str:
    return f"must not be before {earliest}, the day of the loan's disbursement or latest repayment"
