"""Changing and finding customers as a caller gets it."""

from collections.abc import Callable

import pytest
from google.type import date_pb2, money_pb2
from support.book import LAKH

from almeno_grpc.api import credit_service_pb2 as pb


@pytest.fixture
def customer_id(shared_stubs) -> int:
    return shared_stubs.book.register().customer_id


def date(year: int, month: int, day: int) -> date_pb2.Date:
    return date_pb2.Date(year=year, month=month, day=day)


def changes(stubs, customer_id: int) -> list:
    return list(stubs.credit.ListCustomerChanges(pb.ListCustomerChangesRequest(customer_id=customer_id)).changes)


def test_fields_that_are_present_change_and_the_others_stay(shared_stubs, customer_id, money):
    request = pb.UpdateCustomerRequest(
        customer_id=customer_id, first_name=" Usha ", age=31, monthly_income=money(85_000), phone_number="98450 99999"
    )
    customer = shared_stubs.credit.UpdateCustomer(request).customer
    assert (customer.first_name, customer.last_name, customer.age) == ("Usha", "Rao", 31)
    assert (customer.phone_number, customer.monthly_income.units) == ("+919845099999", 85_000)
    assert customer.approved_limit.units == 18_00_000
    assert shared_stubs.credit.GetCustomer(pb.GetCustomerRequest(customer_id=customer_id)).customer == customer
    listed = changes(shared_stubs, customer_id)
    assert [each.field for each in listed] == ["first_name", "age", "phone_number", "monthly_income"]
    assert not any(each.import_id or each.reason or each.HasField("customer_request_date") for each in listed)
    assert shared_stubs.credit.UpdateCustomer(pb.UpdateCustomerRequest(customer_id=customer_id)).customer == customer
    assert changes(shared_stubs, customer_id) == listed


@pytest.mark.parametrize(("income", "limit"), [(85_000, 31_00_000), (92_000, 33_00_000), (60_000, 22_00_000)])
def test_recalculated_limit_follows_from_the_income_of_now(shared_stubs, customer_id, money, income, limit):
    shared_stubs.credit.UpdateCustomer(pb.UpdateCustomerRequest(customer_id=customer_id, monthly_income=money(income)))
    request = pb.SetApprovedLimitRequest(
        customer_id=customer_id, recalculate=True, reason=" Salary slip ", customer_request_date=date(2026, 4, 9)
    )
    assert shared_stubs.credit.SetApprovedLimit(request).customer.approved_limit.units == limit
    last = changes(shared_stubs, customer_id)[-1]
    assert (last.field, last.reason, last.customer_request_date) == ("approved_limit", "Salary slip", date(2026, 4, 9))


def test_limit_is_set_to_an_amount_down_to_nothing(shared_stubs, customer_id, money):
    for amount, day in ((20_00_000, date(2026, 4, 10)), (1, None), (0, None)):
        request = pb.SetApprovedLimitRequest(
            customer_id=customer_id, approved_limit=money(amount), reason="r" * 200, customer_request_date=day
        )
        assert shared_stubs.credit.SetApprovedLimit(request).customer.approved_limit.units == amount


@pytest.mark.parametrize(
    ("request_of", "code", "reason", "fields"),
    [
        (lambda _: pb.UpdateCustomerRequest(age=31), "INVALID_ARGUMENT", "INVALID_FIELD", ["customer_id"]),
        (
            lambda i: pb.UpdateCustomerRequest(customer_id=i, first_name="", last_name=" ", age=0),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["first_name", "last_name", "age"],
        ),
        (
            lambda i: pb.UpdateCustomerRequest(customer_id=i, monthly_income=money_pb2.Money(), phone_number="12"),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["monthly_income", "phone_number"],
        ),
        (
            lambda i: pb.UpdateCustomerRequest(customer_id=i, request_id="x"),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["request_id"],
        ),
        (lambda _: pb.UpdateCustomerRequest(customer_id=77), "NOT_FOUND", "CUSTOMER_NOT_FOUND", []),
        (
            lambda i: pb.SetApprovedLimitRequest(customer_id=i),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["approved_limit", "reason"],
        ),
        (
            lambda i: pb.SetApprovedLimitRequest(customer_id=i, recalculate=False, reason="r" * 201),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["approved_limit", "reason"],
        ),
        *(
            (
                lambda i, text=text: pb.SetApprovedLimitRequest(customer_id=i, recalculate=True, reason=text),
                "INVALID_ARGUMENT",
                "INVALID_FIELD",
                ["reason"],
            )
            for text in (" ", "a\nb", "a\u202eb", "\u200b")
        ),
        (
            lambda i: pb.SetApprovedLimitRequest(
                customer_id=i, approved_limit=money_pb2.Money(units=10**11 + 1), reason="r"
            ),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["approved_limit"],
        ),
        (
            lambda i: pb.SetApprovedLimitRequest(customer_id=i, approved_limit=money_pb2.Money(units=-1), reason="r"),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["approved_limit"],
        ),
        (
            lambda i: pb.SetApprovedLimitRequest(
                customer_id=i, recalculate=True, reason="r", customer_request_date=date(2026, 4, 11)
            ),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["customer_request_date"],
        ),
        (
            lambda i: pb.SetApprovedLimitRequest(
                customer_id=i, recalculate=True, reason="r", customer_request_date=date(2026, 2, 30)
            ),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["customer_request_date"],
        ),
        (
            lambda i: pb.SetApprovedLimitRequest(
                customer_id=i, approved_limit=money_pb2.Money(units=18_00_000, nanos=10_000_000), reason="r"
            ),
            "FAILED_PRECONDITION",
            "LIMIT_INCREASE_NOT_REQUESTED",
            [],
        ),
        (
            lambda _: pb.SetApprovedLimitRequest(customer_id=77, recalculate=True, reason="r"),
            "NOT_FOUND",
            "CUSTOMER_NOT_FOUND",
            [],
        ),
        (lambda _: pb.FindCustomersRequest(), "INVALID_ARGUMENT", "INVALID_FIELD", ["name_prefix"]),
        *(
            (
                lambda _, text=text: pb.FindCustomersRequest(name_prefix=text),
                "INVALID_ARGUMENT",
                "INVALID_FIELD",
                ["name_prefix"],
            )
            for text in ("", "a", "  a ", "\uff21", "a\x00b", "ab\n", "a" * 202)
        ),
        *(
            (
                lambda _, text=text: pb.FindCustomersRequest(phone_number=text),
                "INVALID_ARGUMENT",
                "INVALID_FIELD",
                ["phone_number"],
            )
            for text in ("", "12", "+911111", "9812345678x")
        ),
        (
            lambda _: pb.FindCustomersRequest(name_prefix="ra", page_size=-1),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["page_size"],
        ),
    ],
)
def test_what_cannot_be_changed_or_looked_for_is_refused(
    shared_stubs, customer_id, request_of: Callable, code, reason, fields
):
    request = request_of(customer_id)
    method = type(request).__name__.removesuffix("Request")
    refusal = shared_stubs.refusal(lambda: getattr(shared_stubs.credit, method)(request))
    assert (refusal.code, refusal.reason, refusal.fields) == (code, reason, fields)
    assert changes(shared_stubs, customer_id) == []


def test_taken_number_is_told_as_at_registration(shared_stubs, customer_id):
    holder = shared_stubs.book.register()
    request = pb.UpdateCustomerRequest(customer_id=customer_id, phone_number=holder.phone_number)
    refusal = shared_stubs.refusal(lambda: shared_stubs.credit.UpdateCustomer(request))
    assert (refusal.code, refusal.reason, refusal.fields) == ("ALREADY_EXISTS", "PHONE_NUMBER_TAKEN", ["phone_number"])
    assert holder.phone_number[3:] not in refusal.message


def test_request_that_is_sent_again_gets_the_same_answer(shared_stubs, customer_id, new_request_id, money):
    update = pb.UpdateCustomerRequest(request_id=new_request_id(), customer_id=customer_id, age=31)
    limit = pb.SetApprovedLimitRequest(
        request_id=new_request_id(), customer_id=customer_id, approved_limit=money(1), reason="r"
    )
    for call, request in (
        (shared_stubs.credit.UpdateCustomer, update),
        (shared_stubs.credit.SetApprovedLimit, limit),
    ):
        first = call(request)
        shared_stubs.book.update(customer_id, age=50)
        shared_stubs.book.set_limit(customer_id, LAKH)
        assert call(request) == first
        other = type(request)()
        other.CopyFrom(request)
        other.customer_id += 1
        assert shared_stubs.refusal(lambda c=call, o=other: c(o)).reason == "REQUEST_ID_REUSED"


def test_absent_field_is_another_request_than_an_empty_one(shared_stubs, customer_id, new_request_id):
    request_id = new_request_id()
    shared_stubs.credit.UpdateCustomer(pb.UpdateCustomerRequest(request_id=request_id, customer_id=customer_id))
    request = pb.UpdateCustomerRequest(request_id=request_id, customer_id=customer_id, age=30)
    assert shared_stubs.refusal(lambda: shared_stubs.credit.UpdateCustomer(request)).reason == "REQUEST_ID_REUSED"


def test_found_customers_come_in_pages_and_a_number_finds_one_or_none(stubs):
    ids = [stubs.book.register(phone_number=f"+9198450000{number}").customer_id for number in range(10, 15)]
    found, token = [], ""
    for size in (2, 2, 1):
        request = pb.FindCustomersRequest(name_prefix="Asha RA", page_size=size, page_token=token)
        answer = stubs.credit.FindCustomers(request)
        found += [each.customer_id for each in answer.customers]
        token = answer.next_page_token
    assert (found, token) == (ids, "")
    [customer] = stubs.credit.FindCustomers(pb.FindCustomersRequest(phone_number="98450-00012")).customers
    assert (customer.customer_id, customer.phone_number, customer.redacted) == (ids[2], "+919845000012", False)
    nobody = stubs.credit.FindCustomers(pb.FindCustomersRequest(phone_number="+919845000099"))
    assert nobody == pb.FindCustomersResponse()
    assert stubs.credit.FindCustomers(pb.FindCustomersRequest(name_prefix="nobody")) == pb.FindCustomersResponse()


def test_token_belongs_to_the_query_that_gave_it(stubs):
    for _ in range(2):
        stubs.book.register()
    token = stubs.credit.FindCustomers(pb.FindCustomersRequest(name_prefix="as", page_size=1)).next_page_token
    assert len(stubs.credit.FindCustomers(pb.FindCustomersRequest(name_prefix=" AS", page_token=token)).customers) == 1
    for query in ({"name_prefix": "ash"}, {"phone_number": "9845000012"}):
        refusal = stubs.refusal(
            lambda q=query: stubs.credit.FindCustomers(pb.FindCustomersRequest(page_token=token, **q))
        )
        assert refusal.reason == "INVALID_PAGE_TOKEN"
