"""Conversion of messages on booked loans to records, and of their enums both ways."""

from almeno_client.conversion import loan_of
from almeno_client.enums import enum_names
from almeno_client.repayment_records import (
    CancelReason,
    Charge,
    ChargeKind,
    Disbursement,
    ExitReceipt,
    Payoff,
    Prepayment,
    PrepaymentEffect,
    Repayment,
    RepaymentChannel,
    RepaymentKind,
    RepaymentState,
    Reversal,
    ReversalReason,
)
from almeno_client.values import date_of, instant_of, rupees_of
from almeno_grpc.api import charge_pb2, loan_service_pb2, repayment_pb2

_KINDS = enum_names(dict(repayment_pb2.RepaymentKind.items()), RepaymentKind, "REPAYMENT_KIND_")
_CHANNELS = enum_names(dict(repayment_pb2.RepaymentChannel.items()), RepaymentChannel, "REPAYMENT_CHANNEL_")
_STATES = enum_names(dict(repayment_pb2.RepaymentState.items()), RepaymentState, "REPAYMENT_STATE_")
_REASONS = enum_names(dict(repayment_pb2.ReversalReason.items()), ReversalReason, "REVERSAL_REASON_")
_EFFECTS = enum_names(dict(repayment_pb2.PrepaymentEffect.items()), PrepaymentEffect, "PREPAYMENT_EFFECT_")
_CHARGE_KINDS = enum_names(dict(charge_pb2.ChargeKind.items()), ChargeKind, "CHARGE_KIND_")


def channel_name(channel: RepaymentChannel) -> str:
    """The name of a channel in the protos."""
    return f"REPAYMENT_CHANNEL_{channel}"


def reversal_reason_name(reason: ReversalReason) -> str:
    """The name of a reason for a reversal in the protos."""
    return f"REVERSAL_REASON_{reason}"


def prepayment_effect_name(effect: PrepaymentEffect) -> str:
    """The name of a prepayment's effect in the protos."""
    return f"PREPAYMENT_EFFECT_{effect}"


def cancel_reason_name(reason: CancelReason) -> str:
    """The name of a reason for a cancellation in the protos."""
    return f"CANCEL_REASON_{reason}"


def charge_kind_name(kind: ChargeKind) -> str:
    """The name of a charge's kind in the protos."""
    return f"CHARGE_KIND_{kind}"


def charge_kind_of(number: int) -> ChargeKind:
    """What a charge is for, by its number in the protos."""
    return _CHARGE_KINDS.get(number, ChargeKind.UNSPECIFIED)


def repayment_of(message: repayment_pb2.Repayment) -> Repayment:
    """Converts a repayment."""
    return Repayment(
        repayment_id=message.repayment_id,
        loan_id=message.loan_id,
        amount=rupees_of(message.amount),
        payment_date=date_of(message.payment_date),
        emis_completed=message.emis_completed,
        closes_loan=message.closes_loan,
        outstanding_principal=rupees_of(message.outstanding_principal),
        create_time=instant_of(message.create_time),
        kind=_KINDS.get(message.kind, RepaymentKind.UNSPECIFIED),
        effect=_EFFECTS.get(message.effect, PrepaymentEffect.UNSPECIFIED),
        channel=_CHANNELS.get(message.channel, RepaymentChannel.UNSPECIFIED),
        external_reference=message.external_reference,
        charges_paid=rupees_of(message.charges_paid),
        state=_STATES.get(message.state, RepaymentState.UNSPECIFIED),
        reversal=_reversal_of(message.reversal) if message.HasField("reversal") else None,
    )


def _reversal_of(message: repayment_pb2.Reversal) -> Reversal:
    return Reversal(
        reversal_date=date_of(message.reversal_date),
        reason=_REASONS.get(message.reason, ReversalReason.UNSPECIFIED),
        return_code=message.return_code,
        create_time=instant_of(message.create_time),
    )


def prepayment_of(message: repayment_pb2.Prepayment) -> Prepayment:
    """Converts what a prepayment does."""
    return Prepayment(
        principal=rupees_of(message.principal),
        accrued_interest=rupees_of(message.accrued_interest),
        installments_left=message.installments_left,
        monthly_installment=rupees_of(message.monthly_installment),
        last_installment=rupees_of(message.last_installment),
        interest_left=rupees_of(message.interest_left),
    )


def exit_receipt_of(message: loan_service_pb2.ExitLoanResponse) -> ExitReceipt:
    """Converts an exit."""
    return ExitReceipt(
        repayment=repayment_of(message.repayment),
        loan=loan_of(message.loan),
        refund_due=rupees_of(message.refund_due) if message.HasField("refund_due") else None,
    )


def disbursement_of(message: loan_service_pb2.DisburseLoanResponse) -> Disbursement:
    """Converts a disbursement."""
    return Disbursement(
        loan=loan_of(message.loan),
        processing_fee=rupees_of(message.processing_fee),
        gst=rupees_of(message.gst),
        net_disbursed=rupees_of(message.net_disbursed),
    )


def charge_of(message: charge_pb2.Charge) -> Charge:
    """Converts a charge."""
    return Charge(
        kind=charge_kind_of(message.kind),
        installment_number=message.installment_number,
        charge_date=date_of(message.charge_date),
        amount=rupees_of(message.amount),
        paid=rupees_of(message.paid),
        waived=rupees_of(message.waived),
        open=rupees_of(message.open),
        reason=message.reason,
    )


def payoff_of(message: repayment_pb2.Payoff) -> Payoff:
    """Converts a payoff."""
    return Payoff(
        payoff_date=date_of(message.payoff_date),
        amount=rupees_of(message.amount),
        overdue_amount=rupees_of(message.overdue_amount),
        principal=rupees_of(message.principal),
        accrued_interest=rupees_of(message.accrued_interest),
        advance=rupees_of(message.advance),
        charges=rupees_of(message.charges),
        exit_amount=rupees_of(message.exit_amount) if message.HasField("exit_amount") else None,
        exit_refund=rupees_of(message.exit_refund) if message.HasField("exit_refund") else None,
    )
