"""The RPCs of CreditService on customers: registering, changing, fetching and finding them."""

from concurrent.futures import Future
from functools import partial

import grpc

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import credit_service_pb2_grpc
from almeno_grpc.domain.access import PII
from almeno_grpc.domain.customer import Customer
from almeno_grpc.rpc import requests
from almeno_grpc.rpc.conversion.customers import PositionMessage, fill_change, fill_customer, is_personal
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.pages import page_of
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.rpc.runtime.current_call import current_caller
from almeno_grpc.service.customer_changes import CustomerChangeService
from almeno_grpc.service.customers import CustomerService


class CustomerServicer(credit_service_pb2_grpc.CreditServiceServicer):
    """Serves the part of CreditService that customers are kept by."""

    def __init__(self, customers: CustomerService, changes: CustomerChangeService, persons: Persons) -> None:
        self._customers = customers
        self._changes = changes
        self._persons = persons

    def RegisterCustomer(self, request: pb.RegisterCustomerRequest, context: grpc.ServicerContext) -> Future[bytes]:
        """Registers a customer."""
        fields = FieldReader()
        call = requests.request_context(fields, "RegisterCustomer", request, request.request_id, context)
        applicant = requests.applicant(fields, request)
        fields.raise_if_invalid()
        in_full = current_caller().may(PII)

        def encode(customer: Customer) -> bytes:
            response = pb.RegisterCustomerResponse()
            fill_customer(response.customer, customer, in_full=in_full)
            return response.SerializeToString()

        return self._customers.register(applicant, call, encode)

    def GetCustomer(self, request: pb.GetCustomerRequest, _context: grpc.ServicerContext) -> pb.GetCustomerResponse:
        """Fetches a customer with the credit position."""
        fields = FieldReader()
        customer_id = fields.identifier("customer_id", request.customer_id)
        fields.raise_if_invalid()
        customer, position = self._customers.get(customer_id)
        response = pb.GetCustomerResponse()
        fill_customer(response.customer, customer, in_full=self._persons.are_shown([customer_id]))
        PositionMessage(response.position).fill(position, customer.approved_limit)
        return response

    def ListCustomers(
        self, request: pb.ListCustomersRequest, _context: grpc.ServicerContext
    ) -> pb.ListCustomersResponse:
        """Lists all customers."""
        fields = FieldReader()
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            "customers", size, request.page_token, (0,), self._customers.page, lambda customer: (customer.customer_id,)
        )
        response = pb.ListCustomersResponse(next_page_token=page.next_page_token)
        in_full = self._persons.are_shown(customer.customer_id for customer in page.rows)
        for customer in page.rows:
            fill_customer(response.customers.add(), customer, in_full=in_full)
        return response

    def ListCustomerChanges(
        self, request: pb.ListCustomerChangesRequest, _context: grpc.ServicerContext
    ) -> pb.ListCustomerChangesResponse:
        """Lists what has changed of a customer and the customer's loans."""
        fields = FieldReader()
        customer_id = fields.identifier("customer_id", request.customer_id)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            f"changes of {customer_id}",
            size,
            request.page_token,
            (0,),
            partial(self._customers.page_of_changes, customer_id),
            lambda change: (change.number,),
        )
        response = pb.ListCustomerChangesResponse(next_page_token=page.next_page_token)
        in_full = self._persons.are_shown({change.customer_id for change in page.rows if is_personal(change)})
        for change in page.rows:
            fill_change(response.changes.add(), change, in_full=in_full)
        return response

    def UpdateCustomer(self, request: pb.UpdateCustomerRequest, context: grpc.ServicerContext) -> bytes:
        """Changes fields of a customer."""
        fields = FieldReader()
        call = requests.request_context(fields, "UpdateCustomer", request, request.request_id, context)
        update = requests.customer_update(fields, request)
        fields.raise_if_invalid()

        def encode(customer: Customer) -> bytes:
            response = pb.UpdateCustomerResponse()
            in_full = self._persons.is_shown_after_change(customer.customer_id)
            fill_customer(response.customer, customer, in_full=in_full)
            return response.SerializeToString()

        return self._changes.update(update, call, encode)

    def SetApprovedLimit(self, request: pb.SetApprovedLimitRequest, context: grpc.ServicerContext) -> bytes:
        """Sets the approved limit of a customer."""
        fields = FieldReader()
        call = requests.request_context(fields, "SetApprovedLimit", request, request.request_id, context)
        limit = requests.limit_request(fields, request)
        fields.raise_if_invalid()

        def encode(customer: Customer) -> bytes:
            response = pb.SetApprovedLimitResponse()
            in_full = self._persons.is_shown_after_change(customer.customer_id)
            fill_customer(response.customer, customer, in_full=in_full)
            return response.SerializeToString()

        return self._changes.set_approved_limit(limit, call, encode)

    def FindCustomers(
        self, request: pb.FindCustomersRequest, _context: grpc.ServicerContext
    ) -> pb.FindCustomersResponse:
        """Finds customers by phone number or by the beginning of a name."""
        fields = FieldReader()
        query = request.WhichOneof("query")
        if query == "phone_number":
            fetch = partial(
                self._customers.page_found_by_phone_number, fields.phone_number(query, request.phone_number)
            )
        else:
            fetch = partial(self._customers.page_found_by_name, requests.name_prefix(fields, request.name_prefix))
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            f"customers by {query}, {fetch.args[0]}",
            size,
            request.page_token,
            (0,),
            fetch,
            lambda customer: (customer.customer_id,),
        )
        response = pb.FindCustomersResponse(next_page_token=page.next_page_token)
        in_full = self._persons.are_found(customer.customer_id for customer in page.rows)
        for customer in page.rows:
            fill_customer(response.customers.add(), customer, in_full=in_full)
        return response
