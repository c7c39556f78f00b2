"""Recording repayments, and what is still owed."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import InvalidField, LoanClosed, LoanNotFound, TooManyRepayments
from almeno_grpc.domain.limits import MAX_PART_REPAYMENTS
from almeno_grpc.domain.loan import Installment, Loan, LoanState
from almeno_grpc.domain.repayment import Payoff, Repayment, Standing, installments, payoff, repay
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


@dataclass(frozen=True, slots=True)
class RepaymentState:
    """What a batch of repayments is executed on, read under the locks of the loans' customers."""

    today: date
    owners: dict[int, int]
    """The customer_id of each loan, by loan_id."""
    locked: set[int]
    """The customers that are locked, by customer_id."""
    loans: dict[int, Loan]
    """The loans of those customers, by loan_id."""
    first_and_latest: dict[int, tuple[Repayment, Repayment | None]]
    """By loan_id."""


class RepaymentService:
    """The use cases around what is paid on loans."""

    def __init__(self, store: Store, clock: Clock, access: AccessCheck = NO_ACCESS_CHECK) -> None:
        self._store = store
        self._clock = clock
        # A batch holds one repayment of a loan: the next one has to see it.
        self._queue: WriteQueue[RepaymentRequest, RepaymentState, Recorded] = WriteQueue(
            "repayments", store, clock, self, key_of=attrgetter("loan_id"), access=access
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
            LoanClosed: Every instalment is paid.
            InvalidField: It was paid after the business date, before the approval or before the latest repayment.
            RepaymentExceedsPayoff: It is more than closes the loan on that day.
            TooManyRepayments: The loan has had so many that only one which completes an instalment is taken.
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
        loans = tx.loans.get_many(keys) if keys else {}
        repaid = [loan for loan in loans.values() if loan.repayment_count]
        return RepaymentState(
            self._clock.today(), owners, locked, loans, tx.repayments.first_and_latest(repaid) if repaid else {}
        )

    def execute(self, state: RepaymentState, request: RepaymentRequest, changes: Changes) -> Recorded:
        """Takes one repayment in, and adds it and the loan after it to the changes."""
        loan_id = request.loan_id
        if loan_id in state.owners and state.owners[loan_id] not in state.locked:
            raise NotLocked
        loan, settled, earliest = _open(state.loans.get(loan_id), state.first_and_latest.get(loan_id), loan_id)
        paid_on = request.payment_date or state.today
        if paid_on > state.today:
            raise InvalidField.of("payment_date", f"must not be after the business date, {state.today}")
        if paid_on < earliest:
            raise InvalidField.of("payment_date", _not_before(earliest))
        after = repay(loan, request.amount, paid_on, settled=settled)
        after = replace(after, latest_repayment=after.repayment_count)
        closes_loan = after.state is LoanState.CLOSED
        if loan.repayment_count >= MAX_PART_REPAYMENTS and after.emis_paid == loan.emis_paid:
            raise TooManyRepayments(
                f"loan {loan_id} has had {loan.repayment_count} repayments; the next one has to complete an instalment",
                metadata={"loan_id": str(loan_id)},
            )
        now = self._clock.now_microseconds()
        repayment = Repayment(
            repayment_id=new_identifier(now),
            loan_id=loan_id,
            customer_id=loan.customer_id,
            number=after.repayment_count,
            amount=request.amount,
            payment_date=paid_on,
            before=Standing.of(loan),
            after=Standing.of(after),
            closes_loan=closes_loan,
            create_time=now,
        )
        changes.repayments.append(repayment)
        changes.loans_before.append(loan)
        changes.updated_loans.append(after)
        changes.business_date = state.today
        return Recorded(repayment, after, state.today)

    def page(self, loan_id: int, after: int, count: int) -> list[Repayment]:
        """Up to `count` of a loan's repayments with a number above `after`, in the order they were recorded in.

        Raises:
            LoanNotFound: No loan has the id.
        """
        with self._store.read() as tx:
            return tx.repayments.page(_found(tx.loans.get(loan_id), loan_id), after, count)

    def payoff(self, loan_id: int, payoff_date: date | None) -> Payoff:
        """What closes a loan on a day, when nothing is paid before.

        Args:
            loan_id: The loan's number.
            payoff_date: The day, which may be to come; None for the business date.

        Raises:
            LoanNotFound: No loan has the id.
            LoanClosed: Every instalment is paid.
            InvalidField: The day is before the approval or the latest repayment.
        """
        on = payoff_date or self._clock.today()
        with self._store.read() as tx:
            found = tx.loans.get(loan_id)
            ends = tx.repayments.first_and_latest([found]).get(loan_id) if found else None
        loan, settled, earliest = _open(found, ends, loan_id)
        if on < earliest:
            raise InvalidField.of("payoff_date", _not_before(earliest))
        return payoff(loan, on, settled=settled)

    def schedule(self, loan_id: int) -> list[Installment]:
        """Every instalment of a loan as it stands on the business date.

        Raises:
            LoanNotFound: No loan has the id.
        """
        with self._store.read() as tx:
            loan = _found(tx.loans.get(loan_id), loan_id)
            completing = tx.repayments.completing(loan)
        return installments(loan, completing, self._clock.today())


def _open(
    found: Loan | None, first_and_latest: tuple[Repayment, Repayment | None] | None, loan_id: int
) -> tuple[Loan, int, date]:
    """A loan that is being repaid, the instalments settled before its first repayment, and the first day for the next.

    Raises:
        LoanNotFound: No loan has the id.
        LoanClosed: Every instalment is paid.
    """
    loan = _found(found, loan_id)
    if loan.state is LoanState.CLOSED:
        raise LoanClosed(loan_id)
    if first_and_latest is None:
        return loan, loan.emis_paid, loan.approval_date
    first, latest = first_and_latest
    return loan, first.before.emis_paid, latest.payment_date if latest else loan.approval_date


def _found(loan: Loan | None, loan_id: int) -> Loan:
    if loan is None:
        raise LoanNotFound(loan_id)
    return loan


def _not_before(earliest: date) -> str:
    return f"must not be before {earliest}, the day of the loan's approval or latest repayment"
