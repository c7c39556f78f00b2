"""Booking loans, and fetching them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter

from almeno_grpc.clock import Clock
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.decision import Borrower, Decision, LoanRequest, decide
from almeno_grpc.domain.errors import CustomerNotFound, LoanNotFound, NoTermsInEffect
from almeno_grpc.domain.loan import Loan, LoanState
from almeno_grpc.domain.terms import Terms, fees_of, net_disbursed
from almeno_grpc.metrics import NO_METRICS, Metrics
from almeno_grpc.service.decision_snapshot import StoredDecision, decision_record, stored_decision_of
from almeno_grpc.service.idempotency import NO_ACCESS_CHECK, AccessCheck, NotLocked, RequestContext, WriteQueue
from almeno_grpc.service.identifiers import new_identifier
from almeno_grpc.service.policies import PolicyCalendar
from almeno_grpc.service.rule_files import POLICIES, TERMS, PinnedVersions
from almeno_grpc.service.store import Changes, Store, Transaction
from almeno_grpc.service.terms import TermsCalendar


@dataclass(frozen=True, slots=True)
class Booking:
    """A stored decision and, when it approved, the loan."""

    stored: StoredDecision
    loan: Loan | None

    @property
    def decision_id(self) -> str:
        """The id of the stored decision."""
        return self.stored.decision_id

    @property
    def decision(self) -> Decision:
        """The decision itself."""
        return self.stored.decision


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """A loan that is to be booked if it is approved."""

    loan: LoanRequest
    disburse_later: bool = False
    """Whether it is only sanctioned, and disbursed by a request of its own."""

    @property
    def customer_id(self) -> int:
        """Whose loan it is going to be."""
        return self.loan.customer_id


@dataclass(frozen=True, slots=True)
class BookingState:
    """What a batch of bookings is decided on, read under the locks of its customers."""

    today: date
    waited: bool
    """Whether every customer there is was waited for, and is locked."""
    borrowers: dict[int, Borrower]
    """Those locked, by customer_id."""
    loan_ids: Iterator[int]
    policy_pins: dict[str, str] | None
    """SHA-256 of the policy files that have decided, by version; None where the one in effect is known to be pinned."""
    terms_pins: dict[str, str] | None
    """The same of the terms under which loans were booked; None also where none are in effect."""


class BookingService:
    """The use cases around loans."""

    def __init__(
        self,
        store: Store,
        policies: PolicyCalendar,
        terms: TermsCalendar,
        clock: Clock,
        access: AccessCheck = NO_ACCESS_CHECK,
        metrics: Metrics = NO_METRICS,
    ) -> None:
        self._store = store
        self._policies = policies
        self._terms = terms
        self._clock = clock
        self._pinned_policies = PinnedVersions(POLICIES)
        self._pinned_terms = PinnedVersions(TERMS)
        # A batch holds one booking of a customer: the next one has to see it.
        self._queue: WriteQueue[BookingRequest, BookingState, Booking] = WriteQueue(
            "bookings", store, clock, self, key_of=attrgetter("customer_id"), access=access, metrics=metrics
        )

    def book(
        self,
        request: BookingRequest,
        context: RequestContext,
        encode: Callable[[Booking], bytes],
        on_commit: Callable[[Booking], object] = lambda _booking: None,
    ) -> Future[bytes]:
        """Decides the request, stores the decision and books the loan when it is approved.

        The position is read and the loan written under the customer's lock, so that of two requests at the same time
        the second sees the loan of the first.

        Args:
            request: What the customer asks for.
            context: The call's idempotency key.
            encode: Makes the answer.
            on_commit: Called once the booking is durable, unless the answer is a repetition.

        Returns:
            The answer, or one of these errors, or one of the store or of idempotency:

            CustomerNotFound: No customer has the id.
            TermsDoNotAmortize: The terms give no schedule that repays the loan.
            NoPolicyInEffect: No policy has taken effect by the business date.
            NoTermsInEffect: The loan is to be disbursed later, and no terms say until when.
            FeesExceedAmount: The fees of the terms leave nothing of the loan to disburse.
            PolicyChanged: Earlier decisions were taken by another file of the same policy version.
            TermsChanged: Earlier loans were booked under another file of the same version.
        """
        return self._queue.submit(request, context, encode, on_commit)

    def close(self) -> None:
        """Ends the queue's threads once they have answered what waits."""
        self._queue.close()

    def load(self, tx: Transaction, requests: Sequence[BookingRequest], *, wait: bool) -> BookingState:
        """Locks the customers and reads their positions, in one statement each."""
        today = self._clock.today()
        locked = tx.borrowers.lock([request.customer_id for request in requests], wait=wait)
        policy, terms = self._policies.in_effect(today), self._terms.in_effect(today)
        return BookingState(
            today,
            wait,
            tx.borrowers.get_many(locked, today) if locked else {},
            iter(tx.loans.reserve_ids(len(requests))),
            None if policy.version in self._pinned_policies else tx.policy_pins.all(),
            None if terms is None or terms.version in self._pinned_terms else tx.terms_pins.all(),
        )

    def execute(self, state: BookingState, request: BookingRequest, changes: Changes) -> Booking:
        """Decides one request, and adds the decision and the loan to the changes."""
        borrower = state.borrowers.get(request.customer_id)
        if borrower is None:
            raise CustomerNotFound(request.customer_id) if state.waited else NotLocked
        policy, terms = self._policies.in_effect(state.today), self._terms.in_effect(state.today)
        if terms is None and request.disburse_later:
            raise NoTermsInEffect(
                f"no terms are in effect on {state.today}", metadata={"business_date": str(state.today)}
            )
        net_disbursed(request.loan.loan_amount, fees_of(terms, request.loan.loan_amount))
        decision = decide(request.loan, borrower, policy, state.today)
        if self._pinned_policies.must_be_pinned(policy, state.policy_pins):
            changes.policy_pins[policy.version] = policy.sha256
        now = self._clock.now_microseconds()
        stored = stored_decision_of(new_identifier(now), decision, policy, now)
        changes.decisions.append(decision_record(stored))
        changes.business_date = state.today
        if not decision.approved:
            return Booking(stored, None)
        loan = _approved_loan(next(state.loan_ids), stored.decision_id, decision, terms)
        if terms is not None and request.disburse_later:
            loan = replace(loan, valid_until=terms.valid_until(loan.approval_date))
        changes.loans.append(loan)
        self._pin_terms(state, terms, changes)
        return Booking(stored, loan)

    def get_loan(self, loan_id: int) -> tuple[Loan, Customer]:
        """The loan and the customer who owes it.

        Raises:
            LoanNotFound: No loan has the id.
        """
        with self._store.read() as tx:
            loan = tx.loans.get(loan_id)
            customer = tx.customers.get(loan.customer_id) if loan else None
            if loan is None or customer is None:
                raise LoanNotFound(loan_id)
            return loan, customer

    def page_of_loans(self, customer_id: int, state: LoanState | None, after: int, count: int) -> list[Loan]:
        """Up to `count` of a customer's loans with an id above `after`, by ascending id.

        Raises:
            CustomerNotFound: No customer has the id.
        """
        with self._store.read() as tx:
            loans = tx.loans.page(customer_id, state, after, count, self._clock.today())
            if not loans and tx.customers.get(customer_id) is None:
                raise CustomerNotFound(customer_id)
            return loans

    def today(self) -> date:
        """The business date."""
        return self._clock.today()

    def _pin_terms(self, state: BookingState, terms: Terms | None, changes: Changes) -> None:
        """Stores the file of the terms with the first loan that is booked under them."""
        if terms is not None and self._pinned_terms.must_be_pinned(terms, state.terms_pins):
            changes.terms_pins[terms.version] = terms


def _approved_loan(loan_id: int, decision_id: str, decision: Decision, terms: Terms | None) -> Loan:
    request = decision.request
    return Loan(
        loan_id=loan_id,
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
        terms_version=terms.version if terms else None,
    )
