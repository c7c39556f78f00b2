"""Registering, fetching and finding customers."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from operator import attrgetter

from almeno_grpc.clock import Clock
from almeno_grpc.domain.customer import Customer, approved_limit, phone_digits
from almeno_grpc.domain.customer_change import CustomerChange
from almeno_grpc.domain.errors import CustomerNotFound, PhoneNumberTaken
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.metrics import NO_METRICS, Metrics
from almeno_grpc.service.idempotency import NO_ACCESS_CHECK, AccessCheck, RequestContext, WriteQueue
from almeno_grpc.service.store import Changes, Store, Transaction


@dataclass(frozen=True, slots=True)
class Applicant:
    """What a person states to become a customer, checked. Income in paise, phone number in E.164 form."""

    first_name: str
    last_name: str
    age: int
    monthly_income: int
    phone_number: str


@dataclass(frozen=True, slots=True)
class RegistrationState:
    """What a batch of registrations is executed on."""

    phone_number_holders: dict[int, int]
    """The customer_id of those who hold one of the phone numbers, by the digits of E.164."""
    customer_ids: Iterator[int]


class CustomerService:
    """The use cases around customers."""

    def __init__(
        self, store: Store, clock: Clock, access: AccessCheck = NO_ACCESS_CHECK, metrics: Metrics = NO_METRICS
    ) -> None:
        self._store = store
        self._clock = clock
        self._queue: WriteQueue[Applicant, RegistrationState, Customer] = WriteQueue(
            "registrations", store, clock, self, key_of=attrgetter("phone_number"), access=access, metrics=metrics
        )

    def register(
        self,
        applicant: Applicant,
        context: RequestContext,
        encode: Callable[[Customer], bytes],
        on_commit: Callable[[Customer], object] = lambda _customer: None,
    ) -> Future[bytes]:
        """Registers a customer with the limit that follows from the income.

        Args:
            applicant: Who registers.
            context: The call's idempotency key.
            encode: Makes the answer.
            on_commit: Called once the customer is durable, unless the answer is a repetition.

        Returns:
            The answer, or PhoneNumberTaken where another customer holds the phone number, or an error of the store or
            of idempotency.
        """
        return self._queue.submit(applicant, context, encode, on_commit)

    def close(self) -> None:
        """Ends the queue's threads once they have answered what waits."""
        self._queue.close()

    def load(self, tx: Transaction, applicants: Sequence[Applicant], *, wait: bool) -> RegistrationState:  # noqa: ARG002 - nothing is locked: keys are unique
        """Reads who holds the phone numbers, in one statement, and reserves ids."""
        digits = [phone_digits(applicant.phone_number) for applicant in applicants]
        return RegistrationState(
            tx.customers.phone_number_holders(digits), iter(tx.customers.reserve_ids(len(applicants)))
        )

    def execute(self, state: RegistrationState, applicant: Applicant, changes: Changes) -> Customer:
        """Adds one customer to the changes."""
        if phone_digits(applicant.phone_number) in state.phone_number_holders:
            raise PhoneNumberTaken
        customer = Customer(
            customer_id=next(state.customer_ids),
            first_name=applicant.first_name,
            last_name=applicant.last_name,
            age=applicant.age,
            phone_number=applicant.phone_number,
            monthly_income=applicant.monthly_income,
            approved_limit=approved_limit(applicant.monthly_income),
            create_time=self._clock.now_microseconds(),
        )
        changes.customers.append(customer)
        return customer

    def get(self, customer_id: int) -> tuple[Customer, CreditPosition]:
        """The customer and the position on the business date.

        Raises:
            CustomerNotFound: No customer has the id.
        """
        today = self._clock.today()
        with self._store.read() as tx:
            customer, borrower = tx.customers.get(customer_id), tx.borrowers.get(customer_id, today)
            if customer is None or borrower is None:
                raise CustomerNotFound(customer_id)
            return customer, borrower.position

    def page(self, after: int, count: int) -> list[Customer]:
        """Up to `count` customers with an id above `after`, by ascending id."""
        with self._store.read() as tx:
            return tx.customers.page(after, count)

    def page_found_by_name(self, prefix: str, after: int, count: int) -> list[Customer]:
        """Up to `count` customers whose last name, or first and last name, begins with a name key; as `page`."""
        with self._store.read() as tx:
            return tx.customers.found_by_name(prefix, after, count)

    def page_found_by_phone_number(self, phone_number: str, after: int, count: int) -> list[Customer]:
        """The customer who holds a phone number in E.164 form, if there is one; as `page`."""
        with self._store.read() as tx:
            return tx.customers.found_by_phone_number(phone_digits(phone_number), after, count)

    def page_of_changes(self, customer_id: int, after: int, count: int) -> list[CustomerChange]:
        """Up to `count` changes of a customer and the customer's loans with a number above `after`, in order.

        Raises:
            CustomerNotFound: No customer has the id.
        """
        with self._store.read() as tx:
            changes = tx.customer_changes.page(customer_id, after, count)
            if not changes and tx.customers.get(customer_id) is None:
                raise CustomerNotFound(customer_id)
            return changes
