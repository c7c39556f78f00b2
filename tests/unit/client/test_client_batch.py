from decimal import Decimal

import grpc
import pytest
from almeno_client import (
    CreditServiceError,
    EligibilityRequest,
    InvalidArgument,
    NotFound,
)

from almeno_grpc.api import credit_service_pb2 as credit

TERMS = {"loan_amount": 500_000, "interest_rate": Decimal("10.5"), "tenure_months": 60}


def batch_answer(sample, number_of_error=None):
    """Answers each request of a batch with a decision for its customer, or one of them with an error."""

    def answer(request, _):
        return credit.BatchCheckEligibilityResponse(
            results=[
                credit.BatchCheckEligibilityResult(error=sample.status("NOT_FOUND", "nobody", "CUSTOMER_NOT_FOUND"))
                if each.customer_id == number_of_error
                else credit.BatchCheckEligibilityResult(decision=sample.decision(customer_id=each.customer_id))
                for each in request.requests
            ]
        )

    return answer


def test_batch_answers_in_order_and_an_error_of_one_leaves_the_others(client, service, sample):
    service.answers("BatchCheckEligibility", batch_answer(sample, number_of_error=8))
    outcomes = client.check_eligibility_batch([EligibilityRequest(number, **TERMS) for number in (9, 8, 7)])
    first, error, last = outcomes
    assert (first.customer_id, last.customer_id) == (9, 7)
    assert type(error) is NotFound
    assert (error.code, error.reason, error.message) == (grpc.StatusCode.NOT_FOUND, "CUSTOMER_NOT_FOUND", "nobody")
    assert (error.request_id, error.retryable) == (None, False)
    (batch,) = service.requests["BatchCheckEligibility"]
    sent = batch.requests
    assert [request.loan_amount.units for request in sent] == [500_000] * 3
    assert [(request.interest_rate.value, request.tenure_months) for request in sent] == [("10.5", 60)] * 3


def test_batch_of_one_asks_what_the_single_call_asks(client, service, sample):
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=sample.decision()))
    service.answers("BatchCheckEligibility", batch_answer(sample))
    (decision,) = client.check_eligibility_batch([EligibilityRequest(14, **TERMS)])
    assert decision == client.check_eligibility(14, **TERMS)
    (batch,) = service.requests["BatchCheckEligibility"]
    assert list(batch.requests) == service.requests["CheckEligibility"]


@pytest.mark.parametrize(("count", "calls"), [(0, []), (1000, [1000]), (1001, [1000, 1]), (2500, [1000, 1000, 500])])
def test_batch_of_any_length_is_sent_a_thousand_a_call(client, service, sample, count, calls):
    service.answers("BatchCheckEligibility", batch_answer(sample))
    outcomes = client.check_eligibility_batch([EligibilityRequest(number + 1, **TERMS) for number in range(count)])
    assert [decision.customer_id for decision in outcomes] == list(range(1, count + 1))
    assert [len(request.requests) for request in service.requests.get("BatchCheckEligibility", [])] == calls


def test_batch_that_the_service_cannot_take_at_the_moment_is_sent_again(client, service, sample):
    service.answers("BatchCheckEligibility", sample.refusal(grpc.StatusCode.UNAVAILABLE, "down"), batch_answer(sample))
    assert len(client.check_eligibility_batch([EligibilityRequest(14, **TERMS)])) == 1
    assert len(service.requests["BatchCheckEligibility"]) == 2


def test_batch_that_is_refused_as_a_whole_is_an_error(client, service, sample):
    refusal = sample.refusal(grpc.StatusCode.INVALID_ARGUMENT, "too many", "INVALID_FIELD", {"requests": "too many"})
    service.answers("BatchCheckEligibility", refusal)
    with pytest.raises(InvalidArgument) as caught:
        client.check_eligibility_batch([EligibilityRequest(14, **TERMS)])
    assert caught.value.fields == {"requests": "too many"}


def test_batch_with_a_result_too_few_is_an_error(client, service):
    service.answers("BatchCheckEligibility", credit.BatchCheckEligibilityResponse())
    with pytest.raises(CreditServiceError, match="0 results to 1 requests"):
        client.check_eligibility_batch([EligibilityRequest(14, **TERMS)])


def test_batch_with_an_amount_that_cannot_be_sent_is_not_sent(client, service):
    with pytest.raises(TypeError):
        client.check_eligibility_batch([EligibilityRequest(14, loan_amount=0.1, interest_rate=1, tenure_months=1)])
    assert service.requests == {}
