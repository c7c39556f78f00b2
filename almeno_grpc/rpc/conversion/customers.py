"""Customers and their credit position as messages."""

from almeno_grpc.api import customer_pb2
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.rpc.conversion.values import fill_money, fill_timestamp


def fill_customer(message: customer_pb2.Customer, customer: Customer) -> None:
    """Fills a customer."""
    message.customer_id = customer.customer_id
    message.first_name = customer.first_name
    message.last_name = customer.last_name
    message.age = customer.age
    message.phone_number = customer.phone_number
    fill_money(message.monthly_income, customer.monthly_income)
    fill_money(message.approved_limit, customer.approved_limit)
    fill_timestamp(message.create_time, customer.create_time)


def fill_position(message: customer_pb2.CreditPosition, position: CreditPosition, approved_limit: int) -> None:
    """Fills a credit position, with what is left of the limit; the limit in paise."""
    message.loan_count = position.loan_count
    message.active_loan_count = position.active_loan_count
    message.loans_this_year = position.loans_this_year
    fill_money(message.approved_volume, position.approved_volume)
    fill_money(message.current_debt, position.current_debt)
    fill_money(message.monthly_obligation, position.monthly_obligation)
    message.emis_due = position.emis_due
    message.emis_paid_on_time = position.emis_paid_on_time
    fill_money(message.available_limit, position.available_limit(approved_limit))
