"""What is paid on loans, and what is owed on them, as messages."""

from almeno_grpc.api import charge_pb2, repayment_pb2
from almeno_grpc.domain.charge import Charge, ChargeKind
from almeno_grpc.domain.prepayment import Prepayment
from almeno_grpc.domain.repayment import (
    PrepaymentEffect,
    Repayment,
    RepaymentChannel,
    RepaymentKind,
    Reversal,
    ReversalReason,
)
from almeno_grpc.rpc.conversion.enums import enum_values
from almeno_grpc.rpc.conversion.values import fill_date, fill_money, fill_timestamp
from almeno_grpc.service.repayments import PayoffView

REPAYMENT_KINDS = enum_values(RepaymentKind, repayment_pb2.RepaymentKind)
REPAYMENT_CHANNELS = enum_values(RepaymentChannel, repayment_pb2.RepaymentChannel)
PREPAYMENT_EFFECTS = enum_values(PrepaymentEffect, repayment_pb2.PrepaymentEffect)
REVERSAL_REASONS = enum_values(ReversalReason, repayment_pb2.ReversalReason)
CHARGE_KINDS = {
    ChargeKind.LATE_PAYMENT: charge_pb2.CHARGE_KIND_LATE_PAYMENT,
    ChargeKind.BOUNCE: charge_pb2.CHARGE_KIND_BOUNCE,
    ChargeKind.OTHER: charge_pb2.CHARGE_KIND_OTHER,
}
"""A waiver is no charge."""


def fill_repayment(message: repayment_pb2.Repayment, repayment: Repayment) -> None:
    """Fills a repayment, with its reversal if it has one."""
    message.repayment_id = repayment.repayment_id
    message.loan_id = repayment.loan_id
    fill_money(message.amount, repayment.amount)
    fill_date(message.payment_date, repayment.payment_date)
    message.emis_completed = repayment.emis_completed
    message.closes_loan = repayment.closes_loan
    fill_money(message.outstanding_principal, repayment.after.outstanding_principal)
    fill_timestamp(message.create_time, repayment.create_time)
    message.kind = REPAYMENT_KINDS[repayment.kind]
    if repayment.effect is not None:
        message.effect = PREPAYMENT_EFFECTS[repayment.effect]
    if repayment.channel is not None:
        message.channel = REPAYMENT_CHANNELS[repayment.channel]
    message.external_reference = repayment.external_reference
    fill_money(message.charges_paid, repayment.charges_paid)
    if repayment.reversal is None:
        message.state = repayment_pb2.REPAYMENT_STATE_RECORDED
    else:
        message.state = repayment_pb2.REPAYMENT_STATE_REVERSED
        _fill_reversal(message.reversal, repayment.reversal)


def _fill_reversal(message: repayment_pb2.Reversal, reversal: Reversal) -> None:
    fill_date(message.reversal_date, reversal.reversal_date)
    message.reason = REVERSAL_REASONS[reversal.reason]
    message.return_code = reversal.return_code
    fill_timestamp(message.create_time, reversal.create_time)


def fill_prepayment(message: repayment_pb2.Prepayment, prepayment: Prepayment) -> None:
    """Fills what a prepayment does."""
    fill_money(message.principal, prepayment.principal)
    fill_money(message.accrued_interest, prepayment.accrued_interest)
    message.installments_left = prepayment.installments_left
    fill_money(message.monthly_installment, prepayment.monthly_installment)
    fill_money(message.last_installment, prepayment.last_installment)
    fill_money(message.interest_left, prepayment.interest_left)


def fill_payoff(message: repayment_pb2.Payoff, view: PayoffView) -> None:
    """Fills what closes a loan on a day, and what gives it back."""
    payoff = view.payoff
    fill_date(message.payoff_date, payoff.payoff_date)
    fill_money(message.amount, payoff.amount)
    fill_money(message.overdue_amount, payoff.overdue_amount)
    fill_money(message.principal, payoff.principal)
    fill_money(message.accrued_interest, payoff.accrued_interest)
    fill_money(message.advance, payoff.advance)
    fill_money(message.charges, payoff.charges)
    if view.exit_amount is not None:
        fill_money(message.exit_amount, view.exit_amount.due)
        if view.exit_amount.refund_due:
            fill_money(message.exit_refund, view.exit_amount.refund_due)


def fill_charge(message: charge_pb2.Charge, charge: Charge) -> None:
    """Fills a charge."""
    message.kind = CHARGE_KINDS[charge.kind]
    message.installment_number = charge.installment_number
    fill_date(message.charge_date, charge.charge_date)
    fill_money(message.amount, charge.amount)
    fill_money(message.paid, charge.paid)
    fill_money(message.waived, charge.waived)
    fill_money(message.open, charge.open)
    message.reason = charge.reason
