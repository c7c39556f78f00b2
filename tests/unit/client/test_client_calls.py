import threading
import time
import uuid
from decimal import Decimal
from pathlib import Path

import almeno_client
import grpc
import pytest
from almeno_client import (
    CreditClient,
    CreditServiceError,
    DeadlineExceeded,
    FailedPrecondition,
    ImportKind,
    LoanState,
    Retries,
    Tls,
    Unavailable,
)
from support.fake_service import QUICK

from almeno_grpc.api import access_service_pb2 as access
from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import loan_pb2
from almeno_grpc.api import loan_service_pb2 as lending
from almeno_grpc.api import portfolio_service_pb2 as portfolio

ASHA = {
    "first_name": "Asha",
    "last_name": "Verma",
    "age": 34,
    "monthly_income": "₹50,000",
    "phone_number": "9629317944",
}
TERMS = {"loan_amount": 500_000, "interest_rate": Decimal("10.5"), "tenure_months": 60}


@pytest.fixture
def book(service, sample):
    """A service that answers everything once, well."""
    service.answers("RegisterCustomer", credit.RegisterCustomerResponse(customer=sample.customer()))
    service.answers("GetCustomer", credit.GetCustomerResponse(customer=sample.customer(), position=sample.position()))
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=sample.decision()))
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=sample.decision(), loan=sample.loan()))
    service.answers("GetLoan", credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer()))
    service.answers(
        "GetRepaymentSchedule",
        credit.GetRepaymentScheduleResponse(installments=[sample.installment(k) for k in (1, 2, 3)]),
    )
    service.answers("StartImport", portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    service.answers("GetImport", portfolio.GetImportResponse(book_import=sample.import_("RUNNING")))
    service.answers("CancelImport", portfolio.CancelImportResponse(book_import=sample.import_("CANCELLED")))
    return service


def only(service, method):
    (request,) = service.requests[method]
    return request


def test_customer_is_registered_with_the_income_as_typed(client, book):
    customer = client.register_customer(**ASHA)
    request = only(book, "RegisterCustomer")
    assert (request.first_name, request.last_name, request.age) == ("Asha", "Verma", 34)
    assert (request.monthly_income.units, request.monthly_income.currency_code) == (50_000, "INR")
    assert request.phone_number == "9629317944"
    assert customer.approved_limit == Decimal("1800000.00")


def test_account_has_the_customer_and_the_position(client, book):
    account = client.get_customer(14)
    assert only(book, "GetCustomer").customer_id == 14
    assert (account.customer.customer_id, account.position.current_debt) == (14, Decimal("456789.25"))


def test_check_asks_for_the_terms_given(client, book):
    decision = client.check_eligibility(14, **TERMS)
    request = only(book, "CheckEligibility")
    assert (request.customer_id, request.loan_amount.units, request.tenure_months) == (14, 500_000, 60)
    assert request.interest_rate.value == "10.5"
    assert decision.approved


def test_loan_is_booked_with_the_highest_rate_only_if_one_is_given(client, book):
    assert client.create_loan(14, **TERMS).loan.loan_id == 1_000_000_001
    client.create_loan(14, **TERMS, max_interest_rate="11")
    first, second = book.requests["CreateLoan"]
    assert not first.HasField("max_interest_rate")
    assert second.max_interest_rate.value == "11"


def test_declined_loan_is_an_answer(client, service, sample):
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=sample.decline()))
    application = client.create_loan(14, **TERMS)
    assert application.loan is None
    assert not application.decision.approved


def test_loan_comes_with_its_customer_and_its_schedule(client, book):
    assert client.get_loan(5).customer.first_name == "Asha"
    assert [row.number for row in client.get_repayment_schedule(5)] == [1, 2, 3]
    assert only(book, "GetLoan").loan_id == only(book, "GetRepaymentSchedule").loan_id == 5


def test_float_never_reaches_the_wire(client, book):
    with pytest.raises(TypeError, match="not the float"):
        client.check_eligibility(14, **(TERMS | {"loan_amount": 500_000.0}))
    with pytest.raises(TypeError, match="not the float"):
        client.create_loan(14, **(TERMS | {"interest_rate": 10.5}))
    assert not book.requests


def test_number_beyond_the_wire_is_a_value_error(client, book):
    with pytest.raises(ValueError, match="range"):
        client.get_customer(2**63)
    assert not book.requests


def test_every_page_of_a_list_is_walked_once(client, service, sample):
    pages = {"": ([1, 2], "b"), "b": ([3], "c"), "c": ([], "d"), "d": ([4], "")}

    def page(request, _):
        numbers, next_token = pages[request.page_token]
        return credit.ListCustomersResponse(
            customers=[sample.customer(customer_id=number) for number in numbers], next_page_token=next_token
        )

    service.answers("ListCustomers", page)
    assert [customer.customer_id for customer in client.list_customers(page_size=2)] == [1, 2, 3, 4]
    assert [request.page_size for request in service.requests["ListCustomers"]] == [2, 2, 2, 2]


def endless_page(sample):
    same = "always the same"
    return credit.ListCustomersResponse(customers=[sample.customer()], next_page_token=same)


def test_pages_are_fetched_only_as_far_as_they_are_read(client, service, sample):
    service.answers("ListCustomers", endless_page(sample))
    next(client.list_customers())
    assert len(service.requests["ListCustomers"]) == 1


def test_page_that_leads_to_itself_is_an_error_and_no_endless_walk(client, service, sample):
    service.answers("ListCustomers", endless_page(sample))
    with pytest.raises(CreditServiceError, match="leads to itself"):
        list(client.list_customers())


def test_loans_are_listed_by_state(client, service, sample):
    service.answers("ListLoans", credit.ListLoansResponse(loans=[sample.loan()]))
    assert len(list(client.list_loans(14, state=LoanState.ACTIVE))) == 1
    assert len(list(client.list_loans(14))) == 1
    first, second = service.requests["ListLoans"]
    assert (first.customer_id, first.state, second.state) == (14, loan_pb2.LOAN_STATE_ACTIVE, 0)


def test_request_id_is_made_up_and_stays_the_same_when_the_call_is_sent_again(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    service.answers("CreateLoan", down, down, credit.CreateLoanResponse(decision=sample.decision(), loan=sample.loan()))
    assert client.create_loan(14, **TERMS).loan
    sent = [request.request_id for request in service.requests["CreateLoan"]]
    assert len(sent) == 3
    assert len({str(uuid.UUID(request_id)) for request_id in sent}) == 1


def test_request_id_given_by_the_caller_is_sent(client, book):
    given = str(uuid.uuid4())
    client.register_customer(**ASHA, request_id=given)
    client.create_loan(14, **TERMS, request_id=given)
    client.cancel_import("i-1", request_id=given)
    client.start_import(ImportKind.LOANS, b"x", file_name="x.csv", request_id=given)
    assert only(book, "RegisterCustomer").request_id == given
    assert only(book, "CreateLoan").request_id == given
    assert only(book, "CancelImport").request_id == given
    assert only(book, "StartImport")[0].header.request_id == given


def test_two_requests_have_two_request_ids(client, book):
    client.create_loan(14, **TERMS)
    client.create_loan(14, **TERMS)
    first, second = book.requests["CreateLoan"]
    assert first.request_id != second.request_id


@pytest.mark.parametrize("code", ["UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "CANCELLED"])
def test_call_that_cannot_be_taken_now_is_sent_again(client, service, sample, code):
    refusal = sample.refusal(grpc.StatusCode[code], "later")
    service.answers("GetLoan", refusal, credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer()))
    assert client.get_loan(5).loan
    assert len(service.requests["GetLoan"]) == 2


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "INTERNAL", "UNKNOWN"])
def test_call_that_was_refused_is_not_sent_again(client, service, sample, code):
    service.answers("GetLoan", sample.refusal(grpc.StatusCode[code], "no"))
    with pytest.raises(CreditServiceError) as caught:
        client.get_loan(5)
    assert caught.value.code is grpc.StatusCode[code]
    assert not caught.value.retryable
    assert len(service.requests["GetLoan"]) == 1


def test_call_is_sent_only_so_often(client, service, sample):
    service.answers("CreateLoan", sample.refusal(grpc.StatusCode.UNAVAILABLE, "down", "STORE_UNAVAILABLE"))
    with pytest.raises(Unavailable) as caught:
        client.create_loan(14, **TERMS)
    sent = service.requests["CreateLoan"]
    assert len(sent) == 4
    assert caught.value.request_id == sent[0].request_id
    assert (caught.value.reason, caught.value.retryable) == ("STORE_UNAVAILABLE", True)


def test_upload_and_stream_that_the_service_cancels_are_sent_again(client, service, sample):
    cancelled = sample.refusal(grpc.StatusCode.CANCELLED, "stream reset")
    ended = portfolio.WatchImportResponse(book_import=sample.import_("SUCCEEDED"))
    service.answers("StartImport", cancelled, portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    service.answers("WatchImport", lambda *_: [cancelled], lambda *_: [ended])
    client.start_import(ImportKind.LOANS, b"x", file_name="x.csv")
    assert [state.state for state in client.watch_import("i-1")] == ["SUCCEEDED"]
    assert [len(service.requests[method]) for method in ("StartImport", "WatchImport")] == [2, 2]


def test_client_waits_as_long_as_the_service_asks_before_it_sends_again(client, service, sample):
    limited = sample.refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "later", "RATE_LIMITED", retry_delay_seconds=0.15)
    service.answers("StartImport", limited, portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    began = time.monotonic()
    client.start_import(ImportKind.LOANS, b"x", file_name="x.csv")
    assert time.monotonic() - began >= 0.15
    service.answers("StartImport", limited)
    with pytest.raises(CreditServiceError) as caught:
        client.start_import(ImportKind.LOANS, b"x", file_name="x.csv", timeout_seconds=0.1)
    assert caught.value.retry_delay_seconds == 0.15
    assert len(service.requests["StartImport"]) == 3


def test_call_that_the_caller_itself_cancels_is_not_sent_again(client_class, address, service, sample):
    """Closing a client cancels what is in flight; that is no word of the service."""
    reached, over = threading.Event(), threading.Event()

    def slow(*_):
        yield portfolio.WatchImportResponse(book_import=sample.import_("RUNNING"))
        reached.set()
        over.wait(10)

    service.answers("WatchImport", slow)
    client = client_class(address, retries=QUICK)
    moves = client.watch_import("i-1")
    next(moves)
    assert reached.wait(10)
    client.close()
    try:
        with pytest.raises(CreditServiceError) as caught:
            next(moves)
    finally:
        over.set()
    assert caught.value.code is grpc.StatusCode.CANCELLED
    assert len(service.requests["WatchImport"]) == 1


CALLS = {
    "unary": lambda client: client.get_loan(5),
    "streamed": lambda client: list(client.watch_import("i-1")),
    "upload": lambda client: client.start_import(ImportKind.LOANS, b"x", file_name="x.csv"),
    "of another service": lambda client: client.check_health(),
}


@pytest.mark.parametrize("is_used_before", [True, False])
@pytest.mark.parametrize("call", CALLS)
def test_call_of_a_client_that_was_closed_is_an_error_of_the_clients_own(
    client_class, address, book, call, is_used_before
):
    client = client_class(address, retries=QUICK, timeout_seconds=10)
    if is_used_before:
        client.get_loan(5)
        client.get_import("i-1")
        book.requests.clear()
    client.close()
    with pytest.raises(FailedPrecondition, match="the client is closed") as caught:
        CALLS[call](client)
    assert not caught.value.retryable
    assert not book.requests


def test_retries_can_be_switched_off(client_class, address, service, sample):
    service.answers("GetLoan", sample.refusal(grpc.StatusCode.UNAVAILABLE, "down"))
    with client_class(address, retries=Retries(attempts=1)) as client, pytest.raises(Unavailable):
        client.get_loan(5)
    assert len(service.requests["GetLoan"]) == 1


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"attempts": 6}, {"first_backoff_seconds": 0}, {"longest_backoff_seconds": 0.01}]
)
def test_retries_that_grpc_would_not_take_are_refused(wrong):
    with pytest.raises(ValueError, match="has to be"):
        Retries(**wrong)


def test_call_has_the_clients_deadline_unless_it_says_otherwise(client_class, address, service, sample):
    left = []

    def answer(_, context):
        left.append(context.time_remaining())
        return credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer())

    service.answers("GetLoan", answer)
    with client_class(address, timeout_seconds=7) as client:
        client.get_loan(5)
        client.get_loan(5, timeout_seconds=70)
    with client_class(address) as client:
        client.get_loan(5)
    assert [round(seconds, -1 if seconds > 60 else 0) for seconds in left] == [7, 70, 30]


@pytest.mark.parametrize("seconds", [1e9, 1e10, 1e300, float("inf")])
def test_call_waits_as_long_as_it_was_told_and_at_most_a_year(client_class, address, service, sample, seconds):
    left = []

    def answer(_, context):
        left.append(context.time_remaining())
        return credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer())

    service.answers("GetLoan", answer)
    with client_class(address, timeout_seconds=seconds) as client:
        client.get_loan(5)
        client.get_loan(5, timeout_seconds=seconds)
    assert all(364 * 86_400 < time_left <= 366 * 86_400 for time_left in left)


def test_deadline_that_is_no_number_is_refused(client, service):
    with pytest.raises(ValueError, match="has to be a number"):
        client.get_loan(5, timeout_seconds=float("nan"))
    assert not service.requests


def test_slow_answer_is_a_deadline_exceeded_that_names_the_request(client, service):
    service.answers("CreateLoan", lambda *_: time.sleep(0.3))
    with pytest.raises(DeadlineExceeded) as caught:
        client.create_loan(14, **TERMS, timeout_seconds=0.1)
    assert uuid.UUID(caught.value.request_id)
    assert caught.value.retryable


def test_service_that_is_down_is_unavailable(client_class):
    with client_class("127.0.0.1:1", retries=Retries(2, 0.01, 0.01)) as client, pytest.raises(Unavailable) as caught:
        client.get_loan(5)
    assert caught.value.reason == ""


def test_call_may_wait_for_the_service(client_class):
    with (
        client_class("127.0.0.1:1", wait_for_ready=True, timeout_seconds=0.2) as patient,
        pytest.raises(DeadlineExceeded),
    ):
        patient.get_loan(5)


def test_client_certificate_and_key_go_together():
    with pytest.raises(ValueError, match="go together"):
        Tls(certificate=Path("client.pem"))


def test_every_call_of_the_services_has_a_method():
    methods = {
        method.name
        for service in (credit.DESCRIPTOR, lending.DESCRIPTOR, portfolio.DESCRIPTOR, access.DESCRIPTOR)
        for descriptor in service.services_by_name.values()
        for method in descriptor.methods
    }
    # Beside check_eligibility stands what does the same for many.
    names = {"BatchCheckEligibility": "check_eligibility_batch"}
    assert {name for name in methods if not hasattr(CreditClient, names.get(name, snake_case(name)))} == set()


def snake_case(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def test_package_exports_what_it_says():
    assert sorted(almeno_client.__all__) == sorted(set(almeno_client.__all__))
    assert all(hasattr(almeno_client, name) for name in almeno_client.__all__)
