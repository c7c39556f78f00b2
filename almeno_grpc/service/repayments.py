"""Recording repayments, and what is still owed."""

from dataclasses import dataclass
from datetime import date

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import InvalidField, LoanClosed, LoanNotFound, TooManyRepayments
from almeno_grpc.domain.limits import MAX_REPAYMENTS
from almeno_grpc.domain.loan import Installment, Loan, LoanState
from almeno_grpc.domain.repayment import Payoff, Repayment, Standing, installments, payoff, repay
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Recorded:
    """A repayment, and the loan after it."""

    repayment: Repayment
    loan: Loan
    business_date: date


class RepaymentService:
    """The use cases around what is paid on loans."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def record(self, tx: Transaction, loan_id: int, amount: int, payment_date: date | None) -> Recorded:
        """Records a repayment and brings the loan up to it.

        Args:
            tx: The transaction.
            loan_id: The loan's number.
            amount: In paise, above zero.
            payment_date: The day it was paid; None for the business date.

        Raises:
            LoanNotFound: No loan has the number.
            LoanClosed: Every instalment is paid.
            InvalidField: It was paid after the business date, before the approval or before the latest repayment.
            RepaymentExceedsPayoff: It is more than closes the loan on that day.
            TooManyRepayments: The loan has had so many that only one which closes it is taken.
        """
        today = self._clock.today()
        loan, settled, earliest = _open(tx, tx.loans.get_locked(loan_id), loan_id)
        paid_on = payment_date or today
        if paid_on > today:
            raise InvalidField.of("payment_date", f"must not be after the business date, {today}")
        if paid_on < earliest:
            raise InvalidField.of("payment_date", _not_before(earliest))
        after = repay(loan, amount, paid_on, settled=settled)
        closes_loan = after.state is LoanState.CLOSED
        if after.repayment_count >= MAX_REPAYMENTS and not closes_loan:
            raise TooManyRepayments(
                f"loan {loan_id} has had {loan.repayment_count} repayments; the next one has to be its payoff",
                metadata={"loan_id": str(loan_id)},
            )
        now = self._clock.now_microseconds()
        repayment = Repayment(
            repayment_id=new_identifier(now),
            loan_id=loan_id,
            customer_id=loan.customer_id,
            number=after.repayment_count,
            amount=amount,
            payment_date=paid_on,
            before=Standing.of(loan),
            after=Standing.of(after),
            closes_loan=closes_loan,
            create_time=now,
        )
        tx.repayments.add(repayment)
        tx.loans.repay(after)
        return Recorded(repayment, after, today)

    def page(self, loan_id: int, after: int, count: int) -> list[Repayment]:
        """Up to `count` of a loan's repayments with a number above `after`, in the order they were recorded in.

        Raises:
            LoanNotFound: No loan has the number.
        """
        with self._store.read() as tx:
            return tx.repayments.page(_found(tx.loans.get(loan_id), loan_id), after, count)

    def payoff(self, loan_id: int, payoff_date: date | None) -> Payoff:
        """What closes a loan on a day, when nothing is paid before.

        Args:
            loan_id: The loan's number.
            payoff_date: The day, which may be to come; None for the business date.

        Raises:
            LoanNotFound: No loan has the number.
            LoanClosed: Every instalment is paid.
            InvalidField: The day is before the approval or the latest repayment.
        """
        on = payoff_date or self._clock.today()
        with self._store.read() as tx:
            loan, settled, earliest = _open(tx, tx.loans.get(loan_id), loan_id)
        if on < earliest:
            raise InvalidField.of("payoff_date", _not_before(earliest))
        return payoff(loan, on, settled=settled)

    def schedule(self, loan_id: int) -> list[Installment]:
        """Every instalment of a loan as it stands on the business date.

        Raises:
            LoanNotFound: No loan has the number.
        """
        with self._store.read() as tx:
            loan = _found(tx.loans.get(loan_id), loan_id)
            completing = tx.repayments.completing(loan)
        return installments(loan, completing, self._clock.today())


def _open(tx: Transaction, found: Loan | None, loan_id: int) -> tuple[Loan, int, date]:
    """A loan that is being repaid, the instalments settled before its first repayment, and the first day for the next.

    Raises:
        LoanNotFound: No loan has the number.
        LoanClosed: Every instalment is paid.
    """
    loan = _found(found, loan_id)
    if loan.state is LoanState.CLOSED:
        raise LoanClosed(loan_id)
    ends = tx.repayments.ends(loan)
    if ends is None:
        return loan, loan.emis_paid, loan.approval_date
    first, latest = ends
    return loan, first.before.emis_paid, latest.payment_date


def _found(loan: Loan | None, loan_id: int) -> Loan:
    if loan is None:
        raise LoanNotFound(loan_id)
    return loan


def _not_before(earliest: date) -> str:
    return f"must not be before {earliest}, the day of the loan's approval or latest repayment"
