"""What happens to booked loans, in the client library: each call sends what it is given and gives what is answered."""

import datetime as dt
import uuid
from decimal import Decimal

import grpc
import pytest
from almeno_client import (
    AlreadyExists,
    AssetClass,
    CancelReason,
    ChargeKind,
    FailedPrecondition,
    LoanState,
    PrepaymentEffect,
    RepaymentChannel,
    RepaymentState,
    ReversalReason,
)
from google.type.date_pb2 import Date
from support.credit_messages import rupees

from almeno_grpc.api import charge_pb2, loan_pb2, repayment_pb2
from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import loan_service_pb2 as lending

DAY, SENT_DAY = dt.date(2026, 3, 15), Date(year=2026, month=3, day=15)
PREPAID = {"amount": "₹1,00,000", "effect": PrepaymentEffect.SHORTER_TENURE}


@pytest.fixture
def lender(service, sample):
    """A service that does whatever is asked of it."""
    charges = [sample.charge(), sample.bounce()]
    fees = {"processing_fee": rupees(5_000), "gst": rupees(900), "net_disbursed": rupees(4_94_100)}
    service.answers("DisburseLoan", lending.DisburseLoanResponse(loan=sample.loan(), **fees))
    service.answers("CancelLoan", lending.CancelLoanResponse(loan=sample.loan(state="LOAN_STATE_CANCELLED")))
    service.answers(
        "ExitLoan",
        lending.ExitLoanResponse(
            repayment=sample.repayment(7, kind="REPAYMENT_KIND_EXIT"), loan=sample.loan(state="LOAN_STATE_EXITED")
        ),
    )
    service.answers(
        "ReverseRepayment",
        lending.ReverseRepaymentResponse(repayment=sample.reversed_repayment(7), loan=sample.loan()),
    )
    done = {"prepayment": sample.prepayment(), "loan": sample.prepaid_loan()}
    service.answers("PreviewPrepayment", lending.PreviewPrepaymentResponse(**done))
    service.answers("PrepayLoan", lending.PrepayLoanResponse(**done, repayment=sample.repayment(15)))
    service.answers("AddCharge", lending.AddChargeResponse(loan=sample.loan(), charges=charges))
    service.answers("WaiveCharges", lending.WaiveChargesResponse(loan=sample.loan(), charges=charges[:1]))
    service.answers(
        "RecordRepayment", credit.RecordRepaymentResponse(repayment=sample.repayment(7), loan=sample.loan())
    )
    return service


CALLS = {
    "DisburseLoan": lambda client, **more: client.disburse_loan(5, **more),
    "CancelLoan": lambda client, **more: client.cancel_loan(5, reason=CancelReason.WITHDRAWN, **more),
    "ExitLoan": lambda client, **more: client.exit_loan(5, **more),
    "ReverseRepayment": lambda client, **more: client.reverse_repayment(
        "r-0007", reason=ReversalReason.RETURNED, **more
    ),
    "PrepayLoan": lambda client, **more: client.prepay_loan(5, **PREPAID, **more),
    "AddCharge": lambda client, **more: client.add_charge(
        5, kind=ChargeKind.BOUNCE, amount=500, reason="returned", **more
    ),
    "WaiveCharges": lambda client, **more: client.waive_charges(5, amount="62.53", reason="first time", **more),
}
"""Each call that changes something, with what it needs at least."""

LEAST = {
    "DisburseLoan": lending.DisburseLoanRequest(loan_id=5),
    "CancelLoan": lending.CancelLoanRequest(loan_id=5, reason=loan_pb2.CANCEL_REASON_WITHDRAWN),
    "ExitLoan": lending.ExitLoanRequest(loan_id=5),
    "ReverseRepayment": lending.ReverseRepaymentRequest(
        repayment_id="r-0007", reason=repayment_pb2.REVERSAL_REASON_RETURNED
    ),
    "PrepayLoan": lending.PrepayLoanRequest(
        loan_id=5, amount=rupees(1_00_000), effect=repayment_pb2.PREPAYMENT_EFFECT_SHORTER_TENURE
    ),
    "AddCharge": lending.AddChargeRequest(
        loan_id=5, kind=charge_pb2.CHARGE_KIND_BOUNCE, amount=rupees(500), reason="returned"
    ),
    "WaiveCharges": lending.WaiveChargesRequest(loan_id=5, amount=rupees(62, 53), reason="first time"),
}
"""What they send then, beside the request_id."""


@pytest.mark.parametrize("method", CALLS)
def test_change_sends_what_it_is_given_and_a_request_id_of_its_own(client, lender, method):
    for _ in range(2):
        CALLS[method](client)
    first, second = lender.requests[method]
    assert uuid.UUID(first.request_id) != uuid.UUID(second.request_id)
    first.request_id = ""
    assert first == LEAST[method]


@pytest.mark.parametrize("method", CALLS)
def test_change_that_is_sent_again_has_one_request_id(client, service, sample, method):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    service.answers(method, down, sample.refusal(grpc.StatusCode.FAILED_PRECONDITION, "no", "LOAN_CANCELLED"))
    with pytest.raises(FailedPrecondition) as caught:
        CALLS[method](client)
    assert [request.request_id for request in service.requests[method]] == [caught.value.request_id] * 2


@pytest.mark.parametrize("method", CALLS)
def test_change_has_the_request_id_given(client, lender, method):
    request_id = str(uuid.uuid4())
    CALLS[method](client, request_id=request_id)
    assert lender.requests[method][0].request_id == request_id


def test_days_references_channels_and_return_codes_are_sent_where_given(client, lender):
    client.disburse_loan(5, disbursement_date=DAY, external_reference="U-1")
    client.exit_loan(5, exit_date=DAY)
    client.reverse_repayment("r-0007", reason=ReversalReason.MISTAKE, reversal_date=DAY, return_code="04")
    client.preview_prepayment(5, **PREPAID, payment_date=DAY)
    more = {"payment_date": DAY, "external_reference": "U-2", "channel": RepaymentChannel.UPI}
    client.prepay_loan(5, **PREPAID, **more)
    client.record_repayment(5, amount=100, **more)
    sent = {method: requests[0] for method, requests in lender.requests.items()}
    assert (sent["DisburseLoan"].disbursement_date, sent["DisburseLoan"].external_reference) == (SENT_DAY, "U-1")
    assert sent["ExitLoan"].exit_date == SENT_DAY
    reversal = sent["ReverseRepayment"]
    assert (reversal.reversal_date, reversal.return_code, reversal.reason) == (SENT_DAY, "04", 3)
    assert (sent["PreviewPrepayment"].payment_date, sent["PreviewPrepayment"].effect) == (SENT_DAY, 1)
    for method in ("PrepayLoan", "RecordRepayment"):
        paid = sent[method]
        assert (paid.payment_date, paid.external_reference, paid.channel) == (SENT_DAY, "U-2", 2), method


def test_answers_come_back_as_records(client, lender):
    disbursed = client.disburse_loan(5)
    assert (disbursed.processing_fee, disbursed.gst, disbursed.net_disbursed) == (5000, 900, 4_94_100)
    assert disbursed.loan.disbursement_date == dt.date(2026, 1, 31)
    assert client.cancel_loan(5, reason=CancelReason.LENDER).state is LoanState.CANCELLED
    exited = client.exit_loan(5)
    assert (exited.loan.state, exited.repayment.kind, exited.refund_due) == (LoanState.EXITED, "EXIT", None)
    repayment = client.reverse_repayment("r-0007", reason=ReversalReason.RETURNED).repayment
    assert repayment.state is RepaymentState.REVERSED
    assert (repayment.reversal.reason, repayment.reversal.return_code) == (ReversalReason.RETURNED, "04")
    preview, prepaid = client.preview_prepayment(5, **PREPAID), client.prepay_loan(5, **PREPAID)
    assert (preview.prepayment, preview.loan) == (prepaid.prepayment, prepaid.loan)
    assert (preview.prepayment.principal, preview.prepayment.installments_left) == (Decimal("99578.40"), 35)
    assert (prepaid.loan.tenure_months, prepaid.loan.booked_terms.tenure_months) == (47, 60)
    assert prepaid.repayment.repayment_id == "r-0015"
    added = client.add_charge(5, kind=ChargeKind.BOUNCE, amount=500, reason="returned")
    assert [charge.kind for charge in added.charges] == [ChargeKind.LATE_PAYMENT, ChargeKind.BOUNCE]
    assert [charge.open for charge in client.waive_charges(5, amount=1, reason="why").charges] == [Decimal("62.53")]
    assert added.loan.asset_class is AssetClass.STANDARD
    assert lender.requests["CancelLoan"][0].reason == loan_pb2.CANCEL_REASON_LENDER


def test_preview_stores_nothing_and_so_has_no_request_id(client, lender):
    client.preview_prepayment(5, **(PREPAID | {"effect": PrepaymentEffect.LOWER_INSTALLMENT}))
    assert lender.requests["PreviewPrepayment"] == [
        lending.PreviewPrepaymentRequest(
            loan_id=5, amount=rupees(1_00_000), effect=repayment_pb2.PREPAYMENT_EFFECT_LOWER_INSTALLMENT
        )
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.preview_prepayment(5, **(PREPAID | {"amount": 0.5})),
        lambda client: client.prepay_loan(5, **(PREPAID | {"amount": 0.5})),
        lambda client: client.add_charge(5, kind=ChargeKind.OTHER, amount=0.5, reason="why"),
        lambda client: client.waive_charges(5, amount=0.5, reason="why"),
    ],
)
def test_float_is_no_amount(client, lender, call):
    with pytest.raises(TypeError, match="not the float"):
        call(client)
    assert not lender.requests


def test_charges_are_listed_over_pages(client, service, sample):
    pages = {"": ([sample.charge(1), sample.charge(2)], "b"), "b": ([sample.bounce()], "")}

    def page(request, _):
        charges, token = pages[request.page_token]
        return lending.ListChargesResponse(charges=charges, next_page_token=token)

    service.answers("ListCharges", page)
    assert [charge.installment_number for charge in client.list_charges(5, page_size=2)] == [1, 2, 0]
    assert {(request.loan_id, request.page_size) for request in service.requests["ListCharges"]} == {(5, 2)}


def test_reference_that_is_taken_names_the_repayment(client, service, sample):
    refusal = sample.refusal(grpc.StatusCode.ALREADY_EXISTS, "taken", "REFERENCE_TAKEN", {}, {"repayment_id": "r-0001"})
    for method in ("PrepayLoan", "RecordRepayment"):
        service.answers(method, refusal)
    with pytest.raises(AlreadyExists) as caught:
        client.record_repayment(5, amount=1, external_reference="U-1")
    assert caught.value.metadata == {"repayment_id": "r-0001"}
    with pytest.raises(AlreadyExists):
        client.prepay_loan(5, **PREPAID, external_reference="U-1")


def test_loan_may_wait_for_its_disbursement(client, service, sample):
    sanctioned = sample.loan(state="LOAN_STATE_SANCTIONED", disbursement_date=None, valid_until=SENT_DAY)
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=sample.decision(), loan=sanctioned))
    terms = {"loan_amount": 500_000, "interest_rate": "10.5", "tenure_months": 60}
    loan = client.create_loan(14, **terms, disburse_later=True).loan
    client.create_loan(14, **terms)
    assert (loan.state, loan.disbursement_date, loan.valid_until) == (LoanState.SANCTIONED, None, DAY)
    assert [request.disburse_later for request in service.requests["CreateLoan"]] == [True, False]
