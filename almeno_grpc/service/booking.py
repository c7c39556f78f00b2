"""Checking, booking and fetching loans."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial

from almeno_grpc.clock import Clock
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.decision import Borrower, Decision, LoanRequest, decide
from almeno_grpc.domain.errors import CreditError, CustomerNotFound, LoanNotFound, PolicyChanged
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.policy import Policy, policy_in_effect
from almeno_grpc.service.decision_snapshot import StoredDecision, decision_record, stored_decision_of
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Booking:
    """A stored decision and, when it approved, the loan."""

    stored: StoredDecision
    loan: Loan | None

    @property
    def decision_id(self) -> str:
        """The name the decision is stored under."""
        return self.stored.decision_id

    @property
    def decision(self) -> Decision:
        """The decision itself."""
        return self.stored.decision


class BookingService:
    """The use cases around loans."""

    def __init__(self, store: Store, policies: Sequence[Policy], clock: Clock) -> None:
        self._store = store
        # The policies stay as they are for as long as the process lives.
        self._policy_on = lru_cache(maxsize=8)(partial(policy_in_effect, policies))
        self._clock = clock
        self._pinned: set[str] = set()

    def check(self, request: LoanRequest) -> Decision:
        """How the request would be decided now; stores nothing.

        Raises:
            CustomerNotFound: No customer has the number.
            TermsDoNotAmortize: The terms give no schedule that repays the loan.
            NoPolicyInEffect: No policy has taken effect by the business date.
        """
        today = self._clock.today()
        return self._decide(self._store.borrower(request.customer_id, today), request, today)

    def check_all(self, requests: Sequence[LoanRequest]) -> list[Decision | CreditError]:
        """How each of many requests would be decided now, in their order, or why it cannot be; stores nothing."""
        today = self._clock.today()
        borrowers = self._store.borrowers({request.customer_id for request in requests}, today)

        def outcome(request: LoanRequest) -> Decision | CreditError:
            try:
                return self._decide(borrowers.get(request.customer_id), request, today)
            except CreditError as error:
                return error

        return list(map(outcome, requests))

    def book(self, tx: Transaction, request: LoanRequest) -> Booking:
        """Decides the request, stores the decision and books the loan when it is approved.

        The position is read and the loan written under the customer's lock, so that of two requests at the same time
        the second sees the loan of the first.

        Raises:
            CustomerNotFound: No customer has the number.
            TermsDoNotAmortize: The terms give no schedule that repays the loan.
            NoPolicyInEffect: No policy has taken effect by the business date.
            PolicyChanged: Earlier decisions were taken by another file of the same policy version.
        """
        today = self._clock.today()
        decision = self._decide(tx.borrowers.get_locked(request.customer_id, today), request, today)
        now = self._clock.now_microseconds()
        stored = stored_decision_of(new_identifier(now), decision, self._policy_on(today), now)
        self._pin(tx, decision)
        tx.decisions.add(decision_record(stored))
        loan = self._add_loan(tx, stored.decision_id, decision) if decision.approved else None
        return Booking(stored, loan)

    def get_loan(self, loan_id: int) -> tuple[Loan, Customer]:
        """The loan and the customer who owes it.

        Raises:
            LoanNotFound: No loan has the number.
        """
        with self._store.read() as tx:
            loan = tx.loans.get(loan_id)
            customer = tx.customers.get(loan.customer_id) if loan else None
            if loan is None or customer is None:
                raise LoanNotFound(loan_id)
            return loan, customer

    def page_of_loans(self, customer_id: int, state: LoanState | None, after: int, count: int) -> list[Loan]:
        """Up to `count` of a customer's loans with a number above `after`, in the order of their numbers.

        Raises:
            CustomerNotFound: No customer has the number.
        """
        with self._store.read() as tx:
            loans = tx.loans.page(customer_id, state, after, count)
            if not loans and tx.customers.get(customer_id) is None:
                raise CustomerNotFound(customer_id)
            return loans

    def today(self) -> date:
        """The business date."""
        return self._clock.today()

    def _decide(self, borrower: Borrower | None, request: LoanRequest, today: date) -> Decision:
        if borrower is None:
            raise CustomerNotFound(request.customer_id)
        return decide(request, borrower, self._policy_on(today), today)

    def _add_loan(self, tx: Transaction, decision_id: str, decision: Decision) -> Loan:
        request = decision.request
        loan = Loan(
            loan_id=tx.loans.next_loan_id(request.customer_id),
            customer_id=request.customer_id,
            loan_amount=request.loan_amount,
            interest_rate=decision.corrected_interest_rate,
            tenure_months=request.tenure_months,
            monthly_installment=decision.monthly_installment,
            installment_method=decision.installment_method,
            emis_paid=0,
            emis_paid_on_time=0,
            outstanding_principal=request.loan_amount,
            approval_date=decision.business_date,
            decision_id=decision_id,
        )
        tx.loans.add(loan)
        return loan

    def _pin(self, tx: Transaction, decision: Decision) -> None:
        """Notes which file the policy's version stands for, with the first decision it takes."""
        version = decision.policy_version
        if version in self._pinned:
            return
        pinned = tx.policy_pins.all().get(version)
        if pinned is None:
            tx.policy_pins.add(version, decision.policy_sha256)
        elif pinned != decision.policy_sha256:
            raise PolicyChanged(
                f"policy {version} has taken decisions from another file; this server has to start with that one",
                metadata={"policy_version": version},
            )
        else:
            # Only what an earlier, committed transaction has noted may be taken for granted from now on.
            self._pinned.add(version)
