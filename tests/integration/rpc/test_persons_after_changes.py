"""Who is shown in the answers to changes of customers, and what counts for a caller's limit."""

import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from support.book import Book
from support.memory_store import MemoryStore

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.domain.access import NOBODY, SCOPES, Caller, Limits
from almeno_grpc.domain.errors import CallerLimitExceeded, CustomerNotFound
from almeno_grpc.metrics import UNKNOWN_METHOD
from almeno_grpc.rpc.customer_servicer import CustomerServicer
from almeno_grpc.rpc.persons import Persons
from almeno_grpc.rpc.runtime.authentication import OpenAccess
from almeno_grpc.rpc.runtime.current_call import set_current_call
from almeno_grpc.rpc.runtime.methods import Method
from almeno_grpc.service.audit_queue import AuditQueue

ONE_A_DAY = Caller("branch-pune", "abcdefghijkl", SCOPES, Limits(max_pii_reads_per_day=1))
CONTEXT: Any = SimpleNamespace(is_active=lambda: True)


@pytest.fixture
def servicer(book: Book) -> Iterator[CustomerServicer]:
    """Called by a principal who may see one customer a day in full."""
    queue = AuditQueue(MemoryStore().as_store(), book.clock)
    method = Method("/S/M", UNKNOWN_METHOD, has_effects=True, is_stream=False)
    set_current_call(ONE_A_DAY, method, OpenAccess())
    yield CustomerServicer(book.customers, book.customer_changes, Persons(queue, book.clock))
    set_current_call(NOBODY, method, OpenAccess())
    queue.close()


def update(servicer: CustomerServicer, customer_id: int, age: int, request_id: str = "") -> pb.UpdateCustomerResponse:
    request = pb.UpdateCustomerRequest(request_id=request_id, customer_id=customer_id, age=age)
    return pb.UpdateCustomerResponse.FromString(servicer.UpdateCustomer(request, CONTEXT))


def limit(servicer: CustomerServicer, customer_id: int, request_id: str = "") -> pb.SetApprovedLimitResponse:
    request = pb.SetApprovedLimitRequest(
        request_id=request_id, customer_id=customer_id, approved_limit={"currency_code": "INR"}, reason="moved away"
    )
    return pb.SetApprovedLimitResponse.FromString(servicer.SetApprovedLimit(request, CONTEXT))


def test_change_that_is_refused_does_not_count(servicer: CustomerServicer, book: Book) -> None:
    customer_id = book.register().customer_id
    for change in (lambda: update(servicer, customer_id + 1, 40), lambda: limit(servicer, customer_id + 1)):
        with pytest.raises(CustomerNotFound):
            change()
    assert update(servicer, customer_id, 40).customer.first_name


@pytest.mark.parametrize("request_id", ["", str(uuid.uuid4())], ids=["once", "remembered"])
def test_changes_beyond_the_limit_are_made_and_show_nobody(
    servicer: CustomerServicer, book: Book, request_id: str
) -> None:
    customer_id = book.register().customer_id
    shown = update(servicer, customer_id, 40, request_id).customer
    assert (shown.redacted, shown.age, bool(shown.phone_number)) == (False, 40, True)
    for changed in (
        update(servicer, customer_id, 41, request_id and str(uuid.uuid4())).customer,
        limit(servicer, customer_id, request_id and str(uuid.uuid4())).customer,
    ):
        assert (changed.redacted, changed.first_name, changed.phone_number) == (True, "", "")
    customer = book.customers.get(customer_id)[0]
    assert (customer.age, customer.approved_limit) == (41, 0)
    with pytest.raises(CallerLimitExceeded):
        servicer.GetCustomer(pb.GetCustomerRequest(customer_id=customer_id), CONTEXT)


def test_change_that_is_sent_again_gets_the_first_answer_when_the_limit_is_used_up(
    servicer: CustomerServicer, book: Book
) -> None:
    customer_id, request_id = book.register().customer_id, str(uuid.uuid4())
    first = update(servicer, customer_id, 40, request_id)
    assert update(servicer, customer_id, 40, request_id) == first
    assert not first.customer.redacted
    again = str(uuid.uuid4())
    assert limit(servicer, customer_id, again) == limit(servicer, customer_id, again)
