from decimal import Decimal

import grpc
import pytest
from almeno_client import (
    Aborted,
    AlreadyExists,
    CreditServiceError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)

TERMS = {"loan_amount": 500_000, "interest_rate": Decimal("10.5"), "tenure_months": 60}


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        ("INVALID_ARGUMENT", "INVALID_FIELD", InvalidArgument),
        ("NOT_FOUND", "CUSTOMER_NOT_FOUND", NotFound),
        ("ALREADY_EXISTS", "PHONE_NUMBER_TAKEN", AlreadyExists),
        ("FAILED_PRECONDITION", "NO_POLICY_IN_EFFECT", FailedPrecondition),
        ("ABORTED", "WRITE_CONFLICT", Aborted),
        ("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", ResourceExhausted),
        ("UNAVAILABLE", "STORE_UNAVAILABLE", Unavailable),
        ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", DeadlineExceeded),
    ],
)
def test_error_has_its_class_reason_fields_and_facts(client, service, sample, code, reason, kind):
    fields = {"loan_amount.nanos": "has to be whole paise", "tenure_months": "has to be 1 to 600"}
    refusal = sample.refusal(grpc.StatusCode[code], "it went wrong", reason, fields, {"customer_id": "14"})
    service.answers("CheckEligibility", refusal)
    with pytest.raises(kind) as caught:
        client.check_eligibility(14, **TERMS)
    error = caught.value
    assert (error.code, error.reason, error.message) == (grpc.StatusCode[code], reason, "it went wrong")
    assert (error.fields, error.metadata, error.request_id) == (fields, {"customer_id": "14"}, None)
    assert str(error) == f"{reason}: it went wrong"


def test_error_without_details_is_clear_all_the_same(client, service, sample):
    service.answers("GetLoan", sample.refusal(grpc.StatusCode.DATA_LOSS, ""))
    with pytest.raises(CreditServiceError) as caught:
        client.get_loan(5)
    assert type(caught.value) is CreditServiceError
    assert caught.value.reason == ""
    assert str(caught.value) == "DATA_LOSS: the call failed with DATA_LOSS and no message"


def test_reason_of_another_domain_is_not_the_services_own(client, service, sample):
    service.answers("GetLoan", sample.refusal(grpc.StatusCode.NOT_FOUND, "no", "NO_ROUTE", domain="a.proxy"))
    with pytest.raises(NotFound) as caught:
        client.get_loan(5)
    assert caught.value.reason == ""


def test_garbled_details_do_not_hide_the_error(client, service):
    def garbled(_, context):
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "loan 5 does not exist")

    service.answers("GetLoan", garbled)
    with pytest.raises(NotFound, match="loan 5 does not exist"):
        client.get_loan(5)
