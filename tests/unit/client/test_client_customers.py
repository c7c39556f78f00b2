"""Customers who are changed and found through the client and on the command line."""

import datetime as dt
import json
from decimal import Decimal

import grpc
import pytest
from almeno_client.errors import AlreadyExists, FailedPrecondition

from almeno_grpc.api import credit_service_pb2 as credit


@pytest.fixture
def book(service, sample):
    customer = sample.customer()
    service.answers("UpdateCustomer", credit.UpdateCustomerResponse(customer=customer))
    service.answers("SetApprovedLimit", credit.SetApprovedLimitResponse(customer=customer))
    service.answers("FindCustomers", credit.FindCustomersResponse(customers=[customer, customer]))
    return service


def only(service, method):
    (request,) = service.requests[method]
    return request


def test_update_sends_what_is_given_and_nothing_else(client, book):
    customer = client.update_customer(14, age=35, monthly_income="₹85,000")
    request = only(book, "UpdateCustomer")
    present = {field.name for field, _ in request.ListFields()}
    assert present == {"request_id", "customer_id", "age", "monthly_income"}
    assert (request.customer_id, request.age, request.monthly_income.units) == (14, 35, 85_000)
    assert customer.approved_limit == Decimal("1800000.00")


def test_empty_name_is_sent_to_be_refused(client, book):
    client.update_customer(14, first_name="", request_id="6e0f0f4e-7e0f-4b8e-9d53-0d6f0d0b2a11")
    request = only(book, "UpdateCustomer")
    assert request.HasField("first_name")
    assert request.request_id == "6e0f0f4e-7e0f-4b8e-9d53-0d6f0d0b2a11"


def test_limit_is_an_amount_or_follows_from_the_income(client, book):
    client.set_approved_limit(14, "20,00,000", reason="Asked", customer_request_date=dt.date(2026, 4, 9))
    client.set_approved_limit(14, 0, reason="Fraud")
    client.set_approved_limit(14, reason="Review")
    raised, cut, recalculated = book.requests["SetApprovedLimit"]
    assert (raised.approved_limit.units, raised.reason, raised.customer_request_date.day) == (20_00_000, "Asked", 9)
    assert (cut.WhichOneof("limit"), cut.HasField("customer_request_date")) == ("approved_limit", False)
    assert (recalculated.WhichOneof("limit"), recalculated.recalculate) == ("recalculate", True)


def test_customers_are_found_over_pages(client, service, sample):
    def find(request, _):
        return credit.FindCustomersResponse(
            customers=[sample.customer()], next_page_token="" if request.page_token else "b"
        )

    service.answers("FindCustomers", find)
    assert len(list(client.find_customers(name_prefix="asha", page_size=1))) == 2
    assert len(list(client.find_customers(phone_number="9629317944"))) == 2
    queries = [each.WhichOneof("query") for each in service.requests["FindCustomers"]]
    assert queries == ["name_prefix", "name_prefix", "phone_number", "phone_number"]
    for neither_or_both in ({}, {"phone_number": "9", "name_prefix": "a"}):
        with pytest.raises(ValueError, match="either"):
            client.find_customers(**neither_or_both)


@pytest.mark.parametrize(
    ("method", "call", "code", "reason", "error"),
    [
        (
            "UpdateCustomer",
            lambda client: client.update_customer(14, phone_number="9629317944"),
            grpc.StatusCode.ALREADY_EXISTS,
            "PHONE_NUMBER_TAKEN",
            AlreadyExists,
        ),
        (
            "SetApprovedLimit",
            lambda client: client.set_approved_limit(14, 1, reason="r"),
            grpc.StatusCode.FAILED_PRECONDITION,
            "LIMIT_INCREASE_NOT_REQUESTED",
            FailedPrecondition,
        ),
    ],
)
def test_refusal_is_an_error_of_its_kind(client, service, sample, method, call, code, reason, error):
    service.answers(method, sample.refusal(code, "refused", reason))
    with pytest.raises(error) as caught:
        call(client)
    assert caught.value.reason == reason


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (("update", "14", "--age", "35"), {"customer"}),
        (("limit", "14", "--to", "5,00,000", "--reason", "Asked", "--requested-on", "2026-04-09"), {"customer"}),
        (("limit", "14", "--recalculate", "--reason", "Review"), {"customer"}),
        (("find", "--name", "as"), {"customers", "more"}),
        (("find", "--phone", "9629317944"), {"customers", "more"}),
    ],
)
def test_command_shows_the_customer_as_a_table_or_as_json(almeno, arguments, keys):
    shown, document = almeno(*arguments), almeno(*arguments, "--json")
    assert (shown.exit_code, document.exit_code) == (0, 0)
    assert "Asha" in shown.stdout
    assert set(json.loads(document.stdout)) == keys


def test_command_sends_what_was_typed(almeno, book):
    almeno("update", "14", "--first-name", "Usha", "--last-name", "Iyer", "--income", "85,000", "--phone", "98450 1")
    request = only(book, "UpdateCustomer")
    assert (request.first_name, request.last_name, request.phone_number) == ("Usha", "Iyer", "98450 1")
    assert (request.monthly_income.units, request.HasField("age")) == (85_000, False)


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("limit", "14", "--reason", "r"), "--recalculate"),
        (("limit", "14", "--reason", "r", "--to", "1", "--recalculate"), "--recalculate"),
        (("limit", "14", "--to", "1"), "--reason"),
        (("limit", "14", "--reason", "r", "--to", "some"), "--to"),
        (("limit", "14", "--reason", "r", "--to", "1", "--requested-on", "yesterday"), "--requested-on"),
        (("update", "14", "--income", "some"), "--income"),
        (("find",), "--phone"),
        (("find", "--phone", "9", "--name", "as"), "--phone"),
    ],
)
def test_command_that_is_used_wrongly_says_which_option_is_meant(almeno, arguments, complaint):
    result = almeno(*arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_nobody_found_is_said(almeno, service):
    service.answers("FindCustomers", credit.FindCustomersResponse())
    assert "There is no such customer." in almeno("find", "--name", "as").stdout


def test_change_of_a_limit_is_listed_with_its_reason_and_the_day_of_the_request(almeno, client, service, sample):
    of_call = {"loan_id": None, "field": "approved_limit", "import_id": "", "row_number": 0, "reason": "Salary slip"}
    change = sample.customer_change(**of_call, customer_request_date={"year": 2026, "month": 4, "day": 9})
    service.answers("ListCustomerChanges", credit.ListCustomerChangesResponse(changes=[change]))
    [listed] = client.list_customer_changes(14)
    assert (listed.reason, listed.customer_request_date) == ("Salary slip", dt.date(2026, 4, 9))
    shown = almeno("changes", "14", width=160).stdout
    assert "loader, Salary slip, asked for on 2026-04-09" in shown
