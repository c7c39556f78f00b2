"""Events of changes as messages."""

from almeno_grpc.api import change_event_pb2
from almeno_grpc.domain.change_event import ChangeEvent, ChangeEventKind
from almeno_grpc.rpc.conversion.customers import fill_customer
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.loans import fill_loan
from almeno_grpc.rpc.conversion.repayments import fill_charge, fill_repayment
from almeno_grpc.rpc.conversion.values import fill_date, fill_timestamp

CHANGE_EVENT_KINDS = enum_values(ChangeEventKind, change_event_pb2.ChangeEventKind)


def fill_change_event(message: change_event_pb2.ChangeEvent, event: ChangeEvent, *, in_full: bool) -> None:
    """Fills an event; its customer, if it has one, in full or redacted."""
    message.sequence = event.number
    fill_timestamp(message.event_time, event.event_time)
    fill_date(message.business_date, event.business_date)
    message.kind = CHANGE_EVENT_KINDS[event.kind]
    message.customer_id = event.customer_id
    if event.loan_id is not None:
        message.loan_id = event.loan_id
    message.request_id = event.request_id
    message.principal = event.principal
    message.import_id = event.import_id
    if event.customer is not None:
        fill_customer(message.customer, event.customer, in_full=in_full)
    if event.non_performing_since is not None:
        fill_date(message.customer_non_performing_since, event.non_performing_since)
    if event.loan is not None:
        fill_loan(message.loan, event.loan, event.business_date)
    if event.repayment is not None:
        fill_repayment(message.repayment, event.repayment)
    for charge in event.charges:
        fill_charge(message.charges.add(), charge)
    message.decision_id = event.decision_id
