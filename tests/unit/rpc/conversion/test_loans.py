"""Loans and what is paid on them as messages."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from google.type import date_pb2

from almeno_grpc.api import asset_class_pb2, charge_pb2, loan_pb2, repayment_pb2
from almeno_grpc.domain.account import Payoff
from almeno_grpc.domain.charge import Charge, ChargeKind
from almeno_grpc.domain.cooling_off import ExitAmount
from almeno_grpc.domain.installments import InstallmentMethod
from almeno_grpc.domain.loan import Loan, LoanState, Segment
from almeno_grpc.domain.repayment import (
    PrepaymentEffect,
    Repayment,
    RepaymentChannel,
    RepaymentKind,
    Reversal,
    ReversalReason,
    Standing,
)
from almeno_grpc.rpc.conversion.loans import fill_loan
from almeno_grpc.rpc.conversion.repayments import fill_charge, fill_payoff, fill_repayment
from almeno_grpc.service.repayments import PayoffView

APPROVAL = date(2027, 1, 15)
LOAN = Loan(
    loan_id=1_000_000_001,
    customer_id=7,
    loan_amount=5_00_000_00,
    interest_rate=Decimal("10.5"),
    tenure_months=60,
    monthly_installment=10_746_95,
    installment_method=InstallmentMethod.REDUCING_BALANCE,
    emis_paid=0,
    emis_paid_on_time=0,
    outstanding_principal=5_00_000_00,
    approval_date=APPROVAL,
    decision_id="d",
)
SANCTIONED = replace(LOAN, valid_until=date(2027, 2, 14), terms_version="2026-12")
REPAYMENT = Repayment(
    repayment_id="r",
    loan_id=1_000_000_001,
    customer_id=7,
    number=1,
    amount=100,
    payment_date=APPROVAL,
    before=Standing(0, 0, 0, 5_00_000_00),
    after=Standing(0, 0, 100, 5_00_000_00),
    closes_loan=False,
    create_time=1,
)


def message_of(loan: Loan, on: date) -> loan_pb2.Loan:
    message = loan_pb2.Loan()
    fill_loan(message, loan, on)
    return message


def day(year: int, month: int, day: int) -> date_pb2.Date:
    return date_pb2.Date(year=year, month=month, day=day)


def test_loan_that_was_disbursed_on_its_approval_has_that_day_and_no_validity() -> None:
    message = message_of(LOAN, APPROVAL)
    assert message.disbursement_date == message.approval_date == day(2027, 1, 15)
    assert not message.HasField("valid_until")
    assert not message.HasField("non_performing_since")
    assert (message.terms_version, message.asset_class) == ("", asset_class_pb2.ASSET_CLASS_STANDARD)
    assert (message.booked_terms.tenure_months, message.booked_terms.monthly_installment.units) == (60, 10_746)


@pytest.mark.parametrize(
    ("on", "state", "left", "owed"),
    [
        (date(2027, 2, 14), loan_pb2.LOAN_STATE_SANCTIONED, 60, 5_00_000),
        (date(2027, 2, 15), loan_pb2.LOAN_STATE_EXPIRED, 0, 0),
    ],
)
def test_sanctioned_loan_owes_nothing_from_the_day_it_has_expired(on: date, state: int, left: int, owed: int) -> None:
    message = message_of(SANCTIONED, on)
    assert (message.state, message.repayments_left, message.outstanding_principal.units) == (state, left, owed)
    assert (message.days_past_due, message.HasField("disbursement_date")) == (0, False)
    # As if it were disbursed on its approval.
    assert (message.valid_until, message.end_date) == (day(2027, 2, 14), day(2032, 1, 15))


def test_cancelled_loan_has_no_repayments_left() -> None:
    message = message_of(replace(SANCTIONED, ended_as=LoanState.CANCELLED, outstanding_principal=0), APPROVAL)
    assert (message.state, message.repayments_left) == (loan_pb2.LOAN_STATE_CANCELLED, 0)


def test_prepaid_loan_shows_the_terms_it_was_booked_with_beside_those_of_today() -> None:
    segments = (LOAN.booked_terms, Segment(1, 4_00_000_00, Decimal("10.5"), 48, 10_241_35))
    message = message_of(replace(LOAN, tenure_months=48, monthly_installment=10_241_35, segments=segments), APPROVAL)
    assert (message.tenure_months, message.monthly_installment.units) == (48, 10_241)
    assert (message.booked_terms.tenure_months, message.booked_terms.monthly_installment.units) == (60, 10_746)


def test_loan_shows_its_class_and_since_when_it_is_non_performing() -> None:
    before, after = message_of(LOAN, date(2027, 5, 15)), message_of(LOAN, date(2027, 5, 16))
    assert (before.asset_class, before.HasField("non_performing_since")) == (asset_class_pb2.ASSET_CLASS_SMA_2, False)
    assert after.asset_class == asset_class_pb2.ASSET_CLASS_NON_PERFORMING
    assert after.non_performing_since == day(2027, 5, 16)


def test_repayment_shows_what_it_did_and_how_it_came_in() -> None:
    message = repayment_pb2.Repayment()
    fill_repayment(message, REPAYMENT)
    assert (message.kind, message.state) == (
        repayment_pb2.REPAYMENT_KIND_REPAYMENT,
        repayment_pb2.REPAYMENT_STATE_RECORDED,
    )
    assert (message.effect, message.channel, message.external_reference) == (0, 0, "")
    assert (message.HasField("reversal"), message.charges_paid.currency_code) == (False, "INR")
    prepaid = replace(
        REPAYMENT,
        kind=RepaymentKind.PREPAYMENT,
        effect=PrepaymentEffect.LOWER_INSTALLMENT,
        channel=RepaymentChannel.NACH,
        external_reference="UMRN 1",
        charges_paid=1_50,
        reversal=Reversal(date(2027, 1, 20), ReversalReason.RETURNED, "04", 2_000_000),
    )
    fill_repayment(message, prepaid)
    assert (message.effect, message.channel, message.external_reference) == (
        repayment_pb2.PREPAYMENT_EFFECT_LOWER_INSTALLMENT,
        repayment_pb2.REPAYMENT_CHANNEL_NACH,
        "UMRN 1",
    )
    assert (message.charges_paid.units, message.charges_paid.nanos) == (1, 500_000_000)
    reversal = message.reversal
    assert (message.state, reversal.reason) == (
        repayment_pb2.REPAYMENT_STATE_REVERSED,
        repayment_pb2.REVERSAL_REASON_RETURNED,
    )
    assert (reversal.reversal_date, reversal.return_code, reversal.create_time.seconds) == (day(2027, 1, 20), "04", 2)


@pytest.mark.parametrize("exit_amount", [None, ExitAmount(0, 0), ExitAmount(0, 2_900_00), ExitAmount(5_00_423_39, 0)])
def test_payoff_shows_charges_and_what_gives_the_loan_back_while_that_is_open(exit_amount: ExitAmount | None) -> None:
    message = repayment_pb2.Payoff()
    fill_payoff(message, PayoffView(Payoff(APPROVAL, 1_00, 10_00, 2_00, 3_00, charges=50), exit_amount))
    assert (message.charges.nanos, message.amount.units, message.amount.nanos) == (500_000_000, 10, 500_000_000)
    assert message.HasField("exit_amount") == (exit_amount is not None)
    due, refund_due = exit_amount or (0, 0)
    assert message.exit_amount.units == due // 100
    assert message.HasField("exit_refund") == (refund_due > 0)
    assert message.exit_refund.units == refund_due // 100


def test_charge_shows_what_is_open_of_it() -> None:
    message = charge_pb2.Charge()
    fill_charge(message, Charge(ChargeKind.LATE_PAYMENT, 3, APPROVAL, 10_00, paid=2_00, waived=3_00))
    assert (message.kind, message.installment_number, message.charge_date, message.reason) == (
        charge_pb2.CHARGE_KIND_LATE_PAYMENT,
        3,
        day(2027, 1, 15),
        "",
    )
    parts = (message.amount, message.paid, message.waived, message.open)
    assert [part.units for part in parts] == [10, 2, 3, 5]
