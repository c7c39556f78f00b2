"""What is called: the requests, and whether the answers are what they should be."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
from benchmarks.load import FRAME_BYTES, Run
from benchmarks.targets import EMPTY, Target
from google.type import decimal_pb2, money_pb2

from almeno_grpc.api import credit_service_pb2 as api

SERVICE = "/almeno.credit.v1.CreditService/"
CHECK, BATCH, BOOK, GET, LIST = "CheckEligibility", "BatchCheckEligibility", "CreateLoan", "GetLoan", "ListLoans"
BATCH_SIZE = 1000
CUSTOMER_LOANS = 3
"""Loans of the customer whose checks, loans and lists are asked for."""

_phone_numbers = itertools.count(7_000_000_001)


@dataclass(frozen=True)
class Read:
    """A call that changes nothing: one message, and the size of its answer."""

    message: bytes
    answer_bytes: int


def _terms(customer_id: int, rupees: int, rate: str, months: int) -> dict[str, object]:
    return {
        "customer_id": customer_id,
        "loan_amount": money_pb2.Money(currency_code="INR", units=rupees),
        "interest_rate": decimal_pb2.Decimal(value=rate),
        "tenure_months": months,
    }


def _customer_and_loan(target: Target, customer_ids: list[int]) -> tuple[int, int]:
    """The numbers of a customer with a few loans, and of one of the loans."""
    assert target.server
    for customer_id in customer_ids:
        request = api.ListLoansRequest(customer_id=customer_id)
        loans = target.server.credit.ListLoans(request, timeout=30).loans
        if len(loans) == CUSTOMER_LOANS:
            return customer_id, loans[0].loan_id
    raise AssertionError(f"nobody in the book has {CUSTOMER_LOANS} loans")


def reads(target: Target) -> dict[str, Read]:
    """Calls each method that changes nothing once, as it is then measured. A batch is of as many customers."""
    if target.name == EMPTY:
        return {EMPTY: Read(b"x" * 30, 0)}
    assert target.server
    credit = target.server.credit
    customers = credit.ListCustomers(api.ListCustomersRequest(page_size=BATCH_SIZE), timeout=30).customers
    customer_ids = [customer.customer_id for customer in customers]
    assert len(customer_ids) == BATCH_SIZE, f"the book has {len(customer_ids)} customers"
    customer_id, loan_id = _customer_and_loan(target, customer_ids)
    checks = {each: api.CheckEligibilityRequest(**_terms(each, 200_000, "10.5", 36)) for each in customer_ids}
    requests = {
        CHECK: checks[customer_id],
        BATCH: api.BatchCheckEligibilityRequest(requests=checks.values()),
        GET: api.GetLoanRequest(loan_id=loan_id),
        LIST: api.ListLoansRequest(customer_id=customer_id),
    }
    found = {}
    for method, request in requests.items():
        answer = getattr(credit, method)(request, timeout=60)
        if method == BATCH:
            assert all(result.HasField("decision") for result in answer.results), "a batch was not decided"
        found[method] = Read(request.SerializeToString(), answer.ByteSize())
    return found


def answered_well(read: Read, run: Run) -> bool:
    """Whether every call was answered with a message of the right size; an error has none."""
    return run.answered_bytes >= run.calls * (FRAME_BYTES + read.answer_bytes)


def new_borrowers(target: Target) -> Iterator[bytes]:
    """Registers customers, one after the other, each with the message of a loan that will be approved every time.

    They are rich and the loans small: after hundreds of them none of the limits is near.
    """
    assert target.server
    credit = target.server.credit
    while True:
        request = api.RegisterCustomerRequest(
            first_name="Asha",
            last_name="Rao",
            age=40,
            monthly_income=money_pb2.Money(currency_code="INR", units=1_000_000_000),
            phone_number=f"+91{next(_phone_numbers)}",
        )
        customer = credit.RegisterCustomer(request, timeout=30).customer
        yield api.CreateLoanRequest(**_terms(customer.customer_id, 10_000, "16", 12)).SerializeToString()


def book_once(target: Target, message: bytes) -> None:
    """Books a loan, to see that it is approved."""
    assert target.server
    request = api.CreateLoanRequest.FromString(message)
    try:
        answer = target.server.credit.CreateLoan(request, timeout=30)
    except grpc.RpcError as error:
        raise AssertionError("the loan to measure with is refused") from error
    assert answer.HasField("loan"), f"the loan to measure with is declined: {answer.decision.reasons}"


def count_loans(target: Target) -> int:
    """How many loans are in the book."""
    assert target.server
    return int(target.server.rows("SELECT count(*) AS loans FROM loan")[0]["loans"])
