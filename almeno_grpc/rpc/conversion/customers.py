"""Customers and their credit position as messages."""

from almeno_grpc.api import asset_class_pb2, customer_pb2
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.customer import Customer
from almeno_grpc.domain.customer_change import CustomerChange
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.values import fill_amount, fill_date, fill_money, fill_timestamp, in_rupees

ASSET_CLASSES = enum_values(AssetClass, asset_class_pb2.AssetClass)

_HINT_DIGITS = 4
_PERSONAL_FIELDS = frozenset({"first_name", "last_name", "phone_number"})


def fill_customer(message: customer_pb2.Customer, customer: Customer, *, in_full: bool) -> None:
    """Fills a customer: in full, or redacted."""
    message.customer_id = customer.customer_id
    if in_full:
        message.first_name = customer.first_name
        message.last_name = customer.last_name
        message.phone_number = customer.phone_number
    else:
        message.redacted = True
        message.phone_hint = customer.phone_number[-_HINT_DIGITS:]
    message.age = customer.age
    fill_money(message.monthly_income, customer.monthly_income)
    fill_money(message.approved_limit, customer.approved_limit)
    fill_timestamp(message.create_time, customer.create_time)


def is_personal(change: CustomerChange) -> bool:
    """Whether the values of a change are a name or a phone number."""
    return change.change.field in _PERSONAL_FIELDS


def fill_change(message: customer_pb2.CustomerChange, change: CustomerChange, *, in_full: bool) -> None:
    """Fills a change of a customer or of a loan; names and phone numbers only in full."""
    message.number = change.number
    fill_timestamp(message.change_time, change.create_time)
    message.customer_id = change.customer_id
    if change.loan_id is not None:
        message.loan_id = change.loan_id
    message.field = change.change.field
    if in_full or not is_personal(change):
        message.old_value, message.new_value = change.change.old_value, change.change.new_value
    else:
        message.redacted = True
    message.import_id = change.source.import_id or ""
    message.row_number = change.source.row_number or 0
    message.principal = change.source.principal
    message.reason = change.source.reason or ""
    if change.source.request_date is not None:
        fill_date(message.customer_request_date, change.source.request_date)


class PositionMessage:
    """The message of a credit position and the messages in it, to be filled once or again and again."""

    def __init__(self, message: customer_pb2.CreditPosition) -> None:
        self._message = message
        self._approved_volume = in_rupees(message.approved_volume)
        self._current_debt = in_rupees(message.current_debt)
        self._monthly_obligation = in_rupees(message.monthly_obligation)
        self._available_limit = in_rupees(message.available_limit)

    def fill(self, position: CreditPosition, approved_limit: int) -> None:
        """Fills in a credit position, with what is left of the limit; the limit in paise."""
        message = self._message
        message.loan_count = position.loan_count
        message.active_loan_count = position.active_loan_count
        message.loans_this_year = position.loans_this_year
        fill_amount(self._approved_volume, position.approved_volume)
        fill_amount(self._current_debt, position.current_debt)
        fill_amount(self._monthly_obligation, position.monthly_obligation)
        message.emis_due = position.emis_due
        message.emis_paid_on_time = position.emis_paid_on_time
        fill_amount(self._available_limit, position.available_limit(approved_limit))
        message.days_past_due = position.days_past_due
        message.asset_class = ASSET_CLASSES[position.asset_class]
