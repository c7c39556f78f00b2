"""Statements of loans' accounts."""

from dataclasses import dataclass
from datetime import date

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import InvalidField, LoanNotFound
from almeno_grpc.domain.limits import MAX_STATEMENT_LINES
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.statement import NO_FEES, Statement, statement
from almeno_grpc.domain.terms import fees_of
from almeno_grpc.service.accounts import AccountReader
from almeno_grpc.service.store import Store


@dataclass(frozen=True, slots=True)
class StatementOf:
    """A statement, and the loan that it is of."""

    loan: Loan
    statement: Statement


class StatementService:
    """The use case of telling a borrower what was debited and credited."""

    def __init__(self, store: Store, accounts: AccountReader, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    def statement(self, loan_id: int, begin: date | None, end: date | None) -> StatementOf:
        """The statement of a loan's account for a period.

        Args:
            loan_id: The loan's number.
            begin: The first day; None for that of the disbursement, or of the approval where there is none, or for the
                last day where that is earlier.
            end: The last day; None for the business date.

        Raises:
            LoanNotFound: No loan has the id.
            InvalidField: The period ends after the business date, or before it begins, or has too many lines.
        """
        today = self._clock.today()
        last = end or today
        if last > today:
            raise InvalidField.of("to", f"must not be after the business date, {today}")
        if begin is not None and begin > last:
            raise InvalidField.of("from", f"must not be after the end of the period, {last}")
        with self._store.read() as tx:
            loan = tx.loans.get(loan_id)
            if loan is None:
                raise LoanNotFound(loan_id)
            history = self._accounts.history(tx, loan)
            late_terms = self._accounts.late_terms_of(tx, loan)
            terms = self._accounts.terms_of(tx, loan)
        fees = fees_of(terms, loan.loan_amount)
        of_period = statement(
            loan,
            history,
            begin or min(loan.schedule_begin, last),
            last,
            late_terms=late_terms,
            fees=fees,
            refunded=fees if terms and terms.refunded_on_exit else NO_FEES,
        )
        if len(of_period.lines) > MAX_STATEMENT_LINES:
            raise InvalidField.of(
                "from",
                f"must begin a shorter period: this one has {len(of_period.lines)} lines, more than "
                f"{MAX_STATEMENT_LINES}",
            )
        return StatementOf(loan, of_period)
