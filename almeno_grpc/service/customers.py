"""Registering and fetching customers."""

from dataclasses import dataclass, replace

from almeno_grpc.clock import Clock
from almeno_grpc.domain.customer import Customer, approved_limit
from almeno_grpc.domain.errors import CustomerNotFound, PhoneNumberTaken
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.service.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Applicant:
    """What a person states to become a customer, checked. Income in paise, phone number in E.164 form."""

    first_name: str
    last_name: str
    age: int
    monthly_income: int
    phone_number: str


class CustomerService:
    """The use cases around customers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def register(self, tx: Transaction, applicant: Applicant) -> Customer:
        """Registers a customer with the limit that follows from the income.

        Raises:
            PhoneNumberTaken: Another customer holds the phone number.
        """
        if tx.customers.holds_phone_number(applicant.phone_number):
            raise PhoneNumberTaken
        new = Customer(
            customer_id=0,
            first_name=applicant.first_name,
            last_name=applicant.last_name,
            age=applicant.age,
            phone_number=applicant.phone_number,
            monthly_income=applicant.monthly_income,
            approved_limit=approved_limit(applicant.monthly_income),
            create_time=self._clock.now_microseconds(),
        )
        return replace(new, customer_id=tx.customers.add(new))

    def get(self, customer_id: int) -> tuple[Customer, CreditPosition]:
        """The customer and the position on the business date.

        Raises:
            CustomerNotFound: No customer has the number.
        """
        today = self._clock.today()
        with self._store.read() as tx:
            customer, borrower = tx.customers.get(customer_id), tx.borrowers.get(customer_id, today)
            if customer is None or borrower is None:
                raise CustomerNotFound(customer_id)
            return customer, borrower.position

    def page(self, after: int, count: int) -> list[Customer]:
        """Up to `count` customers with a number above `after`, in the order of their numbers."""
        with self._store.read() as tx:
            return tx.customers.page(after, count)
