"""BatchCheckEligibility: each answer as the single call gives it, in order; an error of one leaves the others."""

import pytest
from google.rpc import error_details_pb2
from google.type import decimal_pb2, money_pb2

from almeno_grpc.api import credit_service_pb2 as pb

NOBODY = 987_654_321


def asked(customer_id: int, rupees: int = 100_000, rate: str = "10.5", months: int = 24) -> pb.CheckEligibilityRequest:
    return pb.CheckEligibilityRequest(
        customer_id=customer_id,
        loan_amount=money_pb2.Money(units=rupees),
        interest_rate=decimal_pb2.Decimal(value=rate),
        tenure_months=months,
    )


def reason_of(result: pb.BatchCheckEligibilityResult) -> str:
    info = error_details_pb2.ErrorInfo()
    assert result.error.details[0].Unpack(info)
    return info.reason


def test_batch_answers_each_request_as_the_single_call_does(stubs, book):
    customers = [book.register().customer_id for _ in range(3)]
    book.lend(customers[1], 50_000_00)
    requests = [asked(customer_id, rupees) for rupees in (1000, 100_000, 90_000_000) for customer_id in customers]
    results = stubs.credit.BatchCheckEligibility(pb.BatchCheckEligibilityRequest(requests=requests)).results
    assert [result.decision for result in results] == [
        stubs.credit.CheckEligibility(request).decision for request in requests
    ]
    assert {result.decision.approved for result in results} == {True, False}


def test_error_of_one_request_leaves_the_others(stubs, book):
    customer_id = book.register().customer_id
    requests = [
        asked(customer_id),
        asked(NOBODY),
        asked(customer_id, 1),
        asked(customer_id, 1000, "100", 600),
        asked(0),
    ]
    results = stubs.credit.BatchCheckEligibility(
        pb.BatchCheckEligibilityRequest(requests=[*requests, asked(customer_id)])
    ).results
    assert results[0].decision == results[5].decision
    assert results[0].decision.approved
    reasons = ["CUSTOMER_NOT_FOUND", "INVALID_FIELD", "TERMS_DO_NOT_AMORTIZE", "INVALID_FIELD"]
    assert [reason_of(result) for result in results[1:5]] == reasons
    assert [result.error.code for result in results[1:5]] == [5, 3, 3, 3]


def test_batch_stores_nothing(stubs, book):
    customer_id = book.register().customer_id
    before = book.counts()
    stubs.credit.BatchCheckEligibility(pb.BatchCheckEligibilityRequest(requests=[asked(customer_id)] * 10))
    assert book.counts() == before


@pytest.mark.parametrize("count", [1, 1000])
def test_batch_of_one_to_a_thousand_is_answered_in_full(stubs, book, count):
    customer_id = book.register().customer_id
    requests = [asked(customer_id, 1000 + number) for number in range(count)]
    results = stubs.credit.BatchCheckEligibility(pb.BatchCheckEligibilityRequest(requests=requests)).results
    assert [result.decision.loan_amount.units for result in results] == list(range(1000, 1000 + count))


@pytest.mark.parametrize("count", [0, 1001])
def test_batch_of_none_or_too_many_is_refused(stubs, count):
    request = pb.BatchCheckEligibilityRequest(requests=[asked(1)] * count)
    refusal = stubs.refusal(lambda: stubs.credit.BatchCheckEligibility(request))
    assert refusal.reason == "INVALID_FIELD"
    assert refusal.fields == ["requests"]
