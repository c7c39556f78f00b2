"""RPCs on customers: register, update, limit, fetch, list, find, changes."""

from collections.abc import Iterator
from datetime import date

from almeno_client.base_client import BaseClient, iterate_pages, new_request_id
from almeno_client.conversion import customer_change_of, customer_of
from almeno_client.decision_conversion import position_of
from almeno_client.records import Customer, CustomerAccount, CustomerChange
from almeno_client.values import Rupees, money_message, optional_date_message
from almeno_grpc.api import credit_service_pb2


class CustomerCalls(BaseClient):
    """RPCs on customers: register, update, limit, fetch, list, find, changes."""

    def register_customer(
        self,
        *,
        first_name: str,
        last_name: str,
        age: int,
        monthly_income: Rupees,
        phone_number: str,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Customer:
        """Registers a customer; the credit limit follows from the income.

        Raises:
            InvalidArgument: A field is invalid.
            AlreadyExists: Another customer holds the phone number.
        """
        request = credit_service_pb2.RegisterCustomerRequest(
            request_id=request_id or new_request_id(),
            first_name=first_name,
            last_name=last_name,
            age=age,
            monthly_income=money_message(monthly_income),
            phone_number=phone_number,
        )
        response: credit_service_pb2.RegisterCustomerResponse = self._unary(
            self._credit_stub.RegisterCustomer, request, timeout_seconds
        )
        return customer_of(response.customer)

    def get_customer(self, customer_id: int, *, timeout_seconds: float | None = None) -> CustomerAccount:
        """Fetches a customer and the credit position on the business date.

        Raises:
            NotFound: There is no customer with the id.
        """
        request = credit_service_pb2.GetCustomerRequest(customer_id=customer_id)
        response: credit_service_pb2.GetCustomerResponse = self._unary(
            self._credit_stub.GetCustomer, request, timeout_seconds
        )
        return CustomerAccount(customer_of(response.customer), position_of(response.position))

    def list_customers(self, *, page_size: int = 0, timeout_seconds: float | None = None) -> Iterator[Customer]:
        """Yields all customers by ascending id; fetches pages of `page_size` (the service's choice when 0)."""

        def fetch(page_token: str) -> tuple[Iterator[Customer], str]:
            request = credit_service_pb2.ListCustomersRequest(page_size=page_size, page_token=page_token)
            response: credit_service_pb2.ListCustomersResponse = self._unary(
                self._credit_stub.ListCustomers, request, timeout_seconds
            )
            return map(customer_of, response.customers), response.next_page_token

        return iterate_pages(fetch)

    def list_customer_changes(
        self, customer_id: int, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Iterator[CustomerChange]:
        """Yields what has changed of a customer and the customer's loans, field by field, in the order of the changes.

        Raises:
            NotFound: There is no customer with the id; raised by the first `next()`.
        """

        def fetch(page_token: str) -> tuple[Iterator[CustomerChange], str]:
            request = credit_service_pb2.ListCustomerChangesRequest(
                customer_id=customer_id, page_size=page_size, page_token=page_token
            )
            response: credit_service_pb2.ListCustomerChangesResponse = self._unary(
                self._credit_stub.ListCustomerChanges, request, timeout_seconds
            )
            return map(customer_change_of, response.changes), response.next_page_token

        return iterate_pages(fetch)

    def update_customer(
        self,
        customer_id: int,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        age: int | None = None,
        monthly_income: Rupees | None = None,
        phone_number: str | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Customer:
        """Changes what is given of a customer; None leaves a field as it is. The approved limit stays.

        Raises:
            InvalidArgument: A field is invalid.
            NotFound: There is no customer with the id.
            AlreadyExists: Another customer holds the phone number.
        """
        request = credit_service_pb2.UpdateCustomerRequest(
            request_id=request_id or new_request_id(),
            customer_id=customer_id,
            first_name=first_name,
            last_name=last_name,
            age=age,
            monthly_income=None if monthly_income is None else money_message(monthly_income),
            phone_number=phone_number,
        )
        response: credit_service_pb2.UpdateCustomerResponse = self._unary(
            self._credit_stub.UpdateCustomer, request, timeout_seconds
        )
        return customer_of(response.customer)

    def set_approved_limit(
        self,
        customer_id: int,
        approved_limit: Rupees | None = None,
        *,
        reason: str,
        customer_request_date: date | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Customer:
        """Sets the approved limit of a customer.

        Args:
            customer_id: Id of the customer.
            approved_limit: The limit; None for 36 months' income, as at registration.
            reason: Why, in 1 to 200 characters.
            customer_request_date: The day on which the customer asked for it; a limit is not raised without.
            request_id: Idempotency key; a new one when None.
            timeout_seconds: Deadline; that of the client when None.

        Raises:
            InvalidArgument: A field is invalid.
            NotFound: There is no customer with the id.
            FailedPrecondition: The limit would rise, and no day of a request is given.
        """
        request = credit_service_pb2.SetApprovedLimitRequest(
            request_id=request_id or new_request_id(),
            customer_id=customer_id,
            reason=reason,
            customer_request_date=optional_date_message(customer_request_date),
        )
        if approved_limit is None:
            request.recalculate = True
        else:
            request.approved_limit.CopyFrom(money_message(approved_limit))
        response: credit_service_pb2.SetApprovedLimitResponse = self._unary(
            self._credit_stub.SetApprovedLimit, request, timeout_seconds
        )
        return customer_of(response.customer)

    def find_customers(
        self,
        *,
        phone_number: str | None = None,
        name_prefix: str | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Iterator[Customer]:
        """Yields the customers with a phone number, or with a name that begins with a text, by ascending id.

        Args:
            phone_number: The whole number; None to find by name.
            name_prefix: What the first name, the last name or both with a space between begin with, in capitals or
                not; None to find by number.
            page_size: Rows to fetch at a time; the service's choice when 0.
            timeout_seconds: Deadline of each page; that of the client when None.

        Raises:
            ValueError: Not one of the two is given.
            InvalidArgument: It is no possible number, or too short; raised by the first `next()`.
        """
        if (phone_number is None) == (name_prefix is None):
            raise ValueError("customers are found either by phone_number or by name_prefix")

        def fetch(page_token: str) -> tuple[Iterator[Customer], str]:
            request = credit_service_pb2.FindCustomersRequest(
                phone_number=phone_number, name_prefix=name_prefix, page_size=page_size, page_token=page_token
            )
            response: credit_service_pb2.FindCustomersResponse = self._unary(
                self._credit_stub.FindCustomers, request, timeout_seconds
            )
            return map(customer_of, response.customers), response.next_page_token

        return iterate_pages(fetch)
