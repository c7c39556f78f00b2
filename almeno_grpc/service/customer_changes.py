"""Changing customers: what they are, and their approved limits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from almeno_grpc.clock import Clock
from almeno_grpc.domain.customer import Customer, CustomerField, approved_limit, phone_digits
from almeno_grpc.domain.customer_change import ChangeSource, NewChange, changes_of_customer
from almeno_grpc.domain.errors import CustomerNotFound, InvalidField, LimitIncreaseNotRequested, PhoneNumberTaken
from almeno_grpc.service.idempotency import Idempotency, RequestContext
from almeno_grpc.service.store import Transaction


@dataclass(frozen=True, slots=True)
class CustomerUpdate:
    """What is to be changed of a customer, checked: income in paise, phone number as E.164. None is no change."""

    customer_id: int
    first_name: str | None = None
    last_name: str | None = None
    age: int | None = None
    monthly_income: int | None = None
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class LimitRequest:
    """An approved limit that is to be set, checked."""

    customer_id: int
    approved_limit: int | None
    """In paise; None for the one that follows from the income as at registration."""
    reason: str
    customer_request_date: date | None
    """When the customer has asked for it; None where nobody did."""


class CustomerChangeService:
    """The use cases that change customers who are in the book.

    A change locks the customer as a decision does, which so sees the customer before it or after it. Each field that is
    another one then leaves what it was, and sheets leave it alone from then on.
    """

    def __init__(self, idempotency: Idempotency, clock: Clock) -> None:
        self._idempotency = idempotency
        self._clock = clock

    def update(self, update: CustomerUpdate, context: RequestContext, encode: Callable[[Customer], bytes]) -> bytes:
        """Changes what is given of a customer; the approved limit stays.

        Args:
            update: The changes.
            context: The call's idempotency key.
            encode: Makes the answer.

        Raises:
            CustomerNotFound: No customer has the id.
            PhoneNumberTaken: Another customer holds the phone number.
            CreditError: An error of the store or of idempotency.
        """
        fields = ("first_name", "last_name", "age", "monthly_income", "phone_number")
        given = {field: value for field in fields if (value := getattr(update, field)) is not None}

        def change(tx: Transaction) -> Customer:
            before = _locked(tx, update.customer_id)
            return self._changed(tx, before, given, ChangeSource(context.caller.principal))

        return self._idempotency.execute(context, change, encode, about=_about)

    def set_approved_limit(
        self, request: LimitRequest, context: RequestContext, encode: Callable[[Customer], bytes]
    ) -> bytes:
        """Sets the approved limit of a customer, lower at any time, higher at the customer's request.

        Args:
            request: The limit.
            context: The call's idempotency key.
            encode: Makes the answer.

        Raises:
            CustomerNotFound: No customer has the id.
            InvalidField: The customer's request is dated after the business date.
            LimitIncreaseNotRequested: It is higher than before, and the customer has not asked for it.
            CreditError: An error of the store or of idempotency.
        """
        asked_on = request.customer_request_date

        def change(tx: Transaction) -> Customer:
            today = self._clock.today()
            if asked_on is not None and asked_on > today:
                raise InvalidField.of("customer_request_date", f"must not be after the business date, {today}")
            before = _locked(tx, request.customer_id)
            limit = request.approved_limit
            if limit is None:
                limit = approved_limit(before.monthly_income)
            if limit > before.approved_limit and asked_on is None:
                raise LimitIncreaseNotRequested(before.customer_id, before.approved_limit, limit)
            source = ChangeSource(context.caller.principal, reason=request.reason, request_date=asked_on)
            return self._changed(tx, before, {"approved_limit": limit}, source)

        return self._idempotency.execute(context, change, encode, about=_about)

    def _changed(self, tx: Transaction, before: Customer, given: dict[str, Any], source: ChangeSource) -> Customer:
        """Changes a customer who is locked."""
        after = replace(before, **given)
        changes = list(changes_of_customer(before, after))
        if not changes:
            return before
        for field, _, _ in changes:
            after = replace(after, changed_fields=after.changed_fields | CustomerField[field.upper()])
        if after.phone_number != before.phone_number:
            _raise_if_taken(tx, after.phone_number)
        tx.customers.change(before, after, after.changed_fields)
        new = [NewChange(before.customer_id, None, change, source) for change in changes]
        tx.customer_changes.add(new, self._clock.now_microseconds())
        return after


def _locked(tx: Transaction, customer_id: int) -> Customer:
    tx.borrowers.lock([customer_id], wait=True)
    customer = tx.customers.get(customer_id)
    if customer is None:
        raise CustomerNotFound(customer_id)
    return customer


def _raise_if_taken(tx: Transaction, phone_number: str) -> None:
    if tx.customers.phone_number_holders([phone_digits(phone_number)]):
        raise PhoneNumberTaken


def _about(customer: Customer) -> tuple[int, str]:
    return customer.customer_id, str(customer.customer_id)
