"""Requests on booked loans, checked and turned into values of the domain."""

from dataclasses import replace

from almeno_grpc.api import charge_pb2, credit_service_pb2, loan_pb2, repayment_pb2
from almeno_grpc.api import loan_service_pb2 as pb
from almeno_grpc.domain import limits
from almeno_grpc.domain.charge import ChargeKind
from almeno_grpc.domain.repayment import RepaymentChannel
from almeno_grpc.rpc.conversion.repayments import (
    CHARGE_KINDS,
    PREPAYMENT_EFFECTS,
    REPAYMENT_CHANNELS,
    REVERSAL_REASONS,
)
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.service.loan_changes import PrepaymentRequest, ReversalRequest
from almeno_grpc.service.repayments import RepaymentRequest

_CANCEL_REASONS = {"WITHDRAWN": loan_pb2.CANCEL_REASON_WITHDRAWN, "LENDER": loan_pb2.CANCEL_REASON_LENDER}
_CHARGES_TO_ADD = {kind: CHARGE_KINDS[kind] for kind in (ChargeKind.BOUNCE, ChargeKind.OTHER)}
"""The others follow from the loan's terms."""


def repayment(fields: FieldReader, request: credit_service_pb2.RecordRepaymentRequest) -> RepaymentRequest:
    """What was paid."""
    return RepaymentRequest(
        loan_id=fields.identifier("loan_id", request.loan_id),
        amount=fields.amount("amount", request.amount, min_paise=1),
        payment_date=fields.optional_date("payment_date", request),
        channel=_channel(fields, request.channel),
        external_reference=external_reference(fields, request.external_reference),
    )


def prepayment(fields: FieldReader, request: pb.PrepayLoanRequest | pb.PreviewPrepaymentRequest) -> PrepaymentRequest:
    """What is to be prepaid, or would be."""
    asked = PrepaymentRequest(
        loan_id=fields.identifier("loan_id", request.loan_id),
        amount=fields.amount("amount", request.amount, min_paise=1),
        payment_date=fields.optional_date("payment_date", request),
        effect=fields.member("effect", request.effect, PREPAYMENT_EFFECTS, repayment_pb2.PrepaymentEffect),
    )
    if isinstance(request, pb.PreviewPrepaymentRequest):
        return asked
    return replace(
        asked,
        external_reference=external_reference(fields, request.external_reference),
        channel=_channel(fields, request.channel),
    )


def reversal(fields: FieldReader, request: pb.ReverseRepaymentRequest) -> ReversalRequest:
    """The repayment that is to be taken back."""
    return ReversalRequest(
        repayment_id=fields.uuid("repayment_id", request.repayment_id),
        reason=fields.member("reason", request.reason, REVERSAL_REASONS, repayment_pb2.ReversalReason),
        reversal_date=fields.optional_date("reversal_date", request),
        return_code=fields.optional_code("return_code", request.return_code, limits.MAX_RETURN_CODE_CHARACTERS),
    )


def charge_kind(fields: FieldReader, kind: charge_pb2.ChargeKind) -> ChargeKind:
    """What a charge is for that is to be added."""
    return fields.member("kind", kind, _CHARGES_TO_ADD, charge_pb2.ChargeKind)


def cancel_reason(fields: FieldReader, reason: loan_pb2.CancelReason) -> str:
    """Why a sanctioned loan is cancelled: WITHDRAWN or LENDER."""
    return fields.member("reason", reason, _CANCEL_REASONS, loan_pb2.CancelReason)


def external_reference(fields: FieldReader, reference: str) -> str:
    """The caller's reference of a payment; empty for none."""
    return fields.optional_code("external_reference", reference, limits.MAX_REFERENCE_CHARACTERS)


def _channel(fields: FieldReader, channel: repayment_pb2.RepaymentChannel) -> RepaymentChannel | None:
    """How a payment came in, if that is said."""
    if channel == repayment_pb2.REPAYMENT_CHANNEL_UNSPECIFIED:
        return None
    return fields.member("channel", channel, REPAYMENT_CHANNELS, repayment_pb2.RepaymentChannel)
