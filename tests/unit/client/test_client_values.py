import datetime as dt
import decimal
from dataclasses import asdict
from decimal import Decimal

import pytest
from almeno_client import access_records, decision_records, portfolio_records, records, repayment_records
from almeno_client.access_conversion import (
    audit_event_of,
    caller_of,
    certificate_name_of,
    checkpoint_of,
    key_of,
    principal_of,
)
from almeno_client.conversion import customer_of, installment_of, loan_of, replay_of, stored_decision_of
from almeno_client.decision_conversion import decision_of, position_of
from almeno_client.portfolio_conversion import flip_of, import_of, issue_of, policy_of, simulation_of, summary_of
from almeno_client.repayment_conversion import (
    charge_of,
    disbursement_of,
    exit_receipt_of,
    payoff_of,
    prepayment_of,
    repayment_of,
)
from almeno_client.values import (
    date_message,
    date_of,
    instant_of,
    money_message,
    parse_rate,
    parse_rupees,
    rate_message,
    rate_of,
    rupees_of,
)
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st
from support import portfolio_model
from support.access_messages import LATER

from almeno_grpc.api import (
    access_pb2,
    access_service_pb2,
    asset_class_pb2,
    charge_pb2,
    credit_service_pb2,
    customer_pb2,
    decision_pb2,
    import_pb2,
    loan_pb2,
    loan_service_pb2,
    policy_pb2,
    portfolio_pb2,
    repayment_pb2,
    simulation_pb2,
)

AMOUNTS = st.decimals(Decimal("-999999999999999.99"), Decimal("999999999999999.99"), places=2)


@given(AMOUNTS)
def test_amount_comes_back_from_the_wire_as_it_went(amount):
    message = money_message(amount)
    assert rupees_of(message) == amount
    assert rupees_of(message).as_tuple().exponent == -2
    assert message.units * message.nanos >= 0, "units and nanos have one sign"
    assert message.currency_code == "INR"


@given(AMOUNTS)
def test_amount_stays_exact_whatever_the_decimal_context(amount):
    with decimal.localcontext(prec=3):
        assert rupees_of(money_message(amount)) == amount


@given(st.integers(-(10**17), 10**17))
def test_whole_rupees_come_back_as_they_went(amount):
    assert rupees_of(money_message(amount)) == amount


@given(st.decimals(0, 100, places=4))
def test_rate_comes_back_from_the_wire_as_it_went(rate):
    assert rate_of(rate_message(rate)) == rate
    assert "E" not in rate_message(rate).value


@given(st.dates())
def test_date_comes_back_from_the_wire_as_it_went(day):
    assert date_of(date_message(day)) == day


@pytest.mark.parametrize(
    ("text", "rupees"),
    [
        ("500000", "500000"),
        ("5,00,000", "500000"),
        ("500,000", "500000"),
        ("₹5,00,000", "500000"),
        ("₹ 5,00,000.50", "500000.50"),
        ("Rs. 5,00,000", "500000"),
        ("Rs 999", "999"),
        ("INR 12,34,56,789.01", "123456789.01"),
        ("1,234,567", "1234567"),
        ("  1000 ", "1000"),
        ("1,000", "1000"),
    ],
)
def test_amount_is_read_as_a_person_types_it(text, rupees):
    assert parse_rupees(text) == Decimal(rupees)


@pytest.mark.parametrize(
    "text",
    ["", "₹", "five", "5,00,00", "5,0000", ",500", "5,,000", "1,23,4567", "1.2.3", "5.", ".5", "-5", "1e5", "\u0665",
     "$5", "5 00 000", "NaN", "Infinity", "9" * 19],
)  # fmt: skip
def test_text_that_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match=r"amount in rupees|more digits"):
        parse_rupees(text)


@pytest.mark.parametrize(("text", "rate"), [("10.5", "10.5"), ("12", "12"), ("10.5%", "10.5"), (" 8.75 % ", "8.75")])
def test_rate_is_read_as_a_person_types_it(text, rate):
    assert parse_rate(text) == Decimal(rate)


@pytest.mark.parametrize("text", ["", "%", "ten", "-1", "1,5", "1e2", "NaN", "10..5"])
def test_text_that_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="not a rate"):
        parse_rate(text)


@pytest.mark.parametrize("message", [money_message, rate_message])
def test_float_is_refused_near_money(message):
    with pytest.raises(TypeError, match=r"not the float 10\.5"):
        message(10.5)


@pytest.mark.parametrize("message", [money_message, rate_message])
@pytest.mark.parametrize("value", [True, None, b"5", [5]])
def test_what_is_no_number_is_refused(message, value):
    with pytest.raises(TypeError, match=type(value).__name__):
        message(value)


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "1E+999999999", "1E-999999999"])
def test_number_that_cannot_be_written_out_is_refused(value):
    for message in (money_message, rate_message):
        with pytest.raises(ValueError, match=r"finite|more digits"):
            message(Decimal(value))


@pytest.mark.parametrize("amount", [Decimal("0.001"), Decimal("10.005"), Decimal("1E-10"), "10.005"])
def test_amount_finer_than_a_paisa_is_refused(amount):
    with pytest.raises(ValueError, match="finer than a paisa"):
        money_message(amount)


def test_date_with_a_time_is_refused():
    with pytest.raises(TypeError, match="without a time"):
        date_message(dt.datetime(2026, 1, 31, tzinfo=dt.UTC))


def test_money_without_a_currency_is_read_as_rupees():
    assert str(rupees_of(Money(units=-1, nanos=-500_000_000))) == "-1.50"


# The messages of the two streams, and what they are made of.
MESSAGES = {
    name: getattr(module, name)
    for module in (simulation_pb2, portfolio_pb2)
    for name, kind in module.DESCRIPTOR.message_types_by_name.items()
    if not kind.GetOptions().deprecated
}


def fields_of(message):
    """The fields that a record has; those that are deprecated are for older clients."""
    return [field for field in message.DESCRIPTOR.fields if not field.GetOptions().deprecated]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (records.Customer, customer_pb2.Customer),
        (decision_records.CreditPosition, customer_pb2.CreditPosition),
        (decision_records.ScoreComponent, decision_pb2.ScoreComponent),
        (decision_records.Decision, decision_pb2.Decision),
        (records.Loan, loan_pb2.Loan),
        (records.BookedTerms, loan_pb2.BookedTerms),
        (records.Installment, loan_pb2.Installment),
        (decision_records.DecisionGate, decision_pb2.DecisionGate),
        (records.ReplayDifference, decision_pb2.ReplayDifference),
        (records.Replay, credit_service_pb2.ReplayDecisionResponse),
        (repayment_records.Repayment, repayment_pb2.Repayment),
        (repayment_records.RepaymentReceipt, credit_service_pb2.RecordRepaymentResponse),
        (repayment_records.RepaymentReceipt, loan_service_pb2.ReverseRepaymentResponse),
        (repayment_records.ExitReceipt, loan_service_pb2.ExitLoanResponse),
        (repayment_records.Reversal, repayment_pb2.Reversal),
        (repayment_records.Prepayment, repayment_pb2.Prepayment),
        (repayment_records.PrepaymentPreview, loan_service_pb2.PreviewPrepaymentResponse),
        (repayment_records.PrepaymentReceipt, loan_service_pb2.PrepayLoanResponse),
        (repayment_records.Disbursement, loan_service_pb2.DisburseLoanResponse),
        (repayment_records.Charge, charge_pb2.Charge),
        (repayment_records.ChargedLoan, loan_service_pb2.AddChargeResponse),
        (repayment_records.ChargedLoan, loan_service_pb2.WaiveChargesResponse),
        (repayment_records.Payoff, repayment_pb2.Payoff),
        (portfolio_records.Import, import_pb2.Import),
        (portfolio_records.ImportIssue, import_pb2.ImportIssue),
        (portfolio_records.Policy, policy_pb2.Policy),
        *((getattr(portfolio_records, name), kind) for name, kind in MESSAGES.items()),
        (access_records.PrincipalLimits, access_pb2.PrincipalLimits),
        (access_records.Principal, access_pb2.Principal),
        (access_records.ApiKey, access_pb2.ApiKey),
        (access_records.CertificateName, access_pb2.CertificateName),
        (access_records.Caller, access_service_pb2.WhoAmIResponse),
        (access_records.AuditEvent, access_pb2.AuditEvent),
        (access_records.AuditCheckpoint, access_pb2.AuditCheckpoint),
    ],
)
def test_record_has_every_field_of_its_message(record, message):
    assert set(record.__match_args__) == {field.name for field in fields_of(message)}


@pytest.mark.parametrize(
    ("members", "enum", "prefix"),
    [
        (decision_records.DecisionReason, decision_pb2.DecisionReason, "DECISION_REASON_"),
        (decision_records.AssetClass, asset_class_pb2.AssetClass, "ASSET_CLASS_"),
        (records.LoanState, loan_pb2.LoanState, "LOAN_STATE_"),
        (records.InstallmentMethod, loan_pb2.InstallmentMethod, "INSTALLMENT_METHOD_"),
        (records.InstallmentState, loan_pb2.InstallmentState, "INSTALLMENT_STATE_"),
        (records.ReplayOutcome, decision_pb2.ReplayOutcome, "REPLAY_OUTCOME_"),
        (repayment_records.RepaymentKind, repayment_pb2.RepaymentKind, "REPAYMENT_KIND_"),
        (repayment_records.RepaymentChannel, repayment_pb2.RepaymentChannel, "REPAYMENT_CHANNEL_"),
        (repayment_records.RepaymentState, repayment_pb2.RepaymentState, "REPAYMENT_STATE_"),
        (repayment_records.ReversalReason, repayment_pb2.ReversalReason, "REVERSAL_REASON_"),
        (repayment_records.PrepaymentEffect, repayment_pb2.PrepaymentEffect, "PREPAYMENT_EFFECT_"),
        (repayment_records.CancelReason, loan_pb2.CancelReason, "CANCEL_REASON_"),
        (repayment_records.ChargeKind, charge_pb2.ChargeKind, "CHARGE_KIND_"),
        (portfolio_records.ImportKind, import_pb2.ImportKind, "IMPORT_KIND_"),
        (portfolio_records.ImportState, import_pb2.ImportState, "IMPORT_STATE_"),
        (portfolio_records.ImportIssueOutcome, import_pb2.ImportIssueOutcome, "IMPORT_ISSUE_OUTCOME_"),
        (access_records.AuditEventKind, access_pb2.AuditEventKind, "AUDIT_EVENT_KIND_"),
    ],
)
def test_enum_has_every_value_of_the_protos(members, enum, prefix):
    assert {prefix + member.value for member in members} == set(enum.keys())


READ_AS = {"Money": rupees_of, "Decimal": rate_of, "Date": date_of, "Timestamp": instant_of}


def facts(message):
    """What a record has to say of a message, by the names of the fields."""
    return {
        field.name: None
        if field.has_presence and not message.HasField(field.name)
        else tuple(fact(field, each) for each in getattr(message, field.name))
        if field.is_repeated
        else fact(field, getattr(message, field.name))
        for field in fields_of(message)
    }


def fact(field, value):
    if field.enum_type:
        name = field.enum_type.values_by_number[value].name
        return name.removeprefix(field.enum_type.values_by_number[0].name.removesuffix("UNSPECIFIED"))
    return READ_AS.get(field.message_type.name, facts)(value) if field.message_type else value


def test_every_field_of_a_record_is_what_the_message_says(sample):
    day = Date(year=2027, month=5, day=16)
    difference = decision_pb2.ReplayDifference(field="credit_score", stored="74", replayed="73")
    cases = [
        (customer_of, sample.customer()),
        (customer_of, sample.customer(first_name="", last_name="", phone_number="", redacted=True, phone_hint="7944")),
        (principal_of, sample.principal(disabled=True)),
        (key_of, sample.api_key()),
        (key_of, sample.api_key(revoke_time=LATER, last_use_time=LATER)),
        (certificate_name_of, sample.certificate_name()),
        (caller_of, sample.caller()),
        (audit_event_of, sample.audit_event()),
        (checkpoint_of, sample.checkpoint()),
        (position_of, sample.position()),
        (loan_of, sample.loan(emis_paid=7, emis_paid_on_time=5, days_past_due=3, source_loan_id=9)),
        (loan_of, sample.loan(paid_toward_next=sample.rupees(250))),
        (installment_of, sample.installment(1, paid_amount=sample.rupees(3))),
        (decision_of, sample.decision()),
        (stored_decision_of, sample.stored_decision()),
        (loan_of, sample.prepaid_loan(valid_until=day, non_performing_since=day, asset_class="ASSET_CLASS_SMA_2")),
        (loan_of, sample.loan(disbursement_date=None, booked_terms=None, state="LOAN_STATE_SANCTIONED")),
        (repayment_of, sample.repayment(7)),
        (repayment_of, sample.repayment(7, charges_paid=sample.rupees(5), channel=1, external_reference="U-1")),
        (repayment_of, sample.reversed_repayment(7, kind="REPAYMENT_KIND_PREPAYMENT", effect=2)),
        (prepayment_of, sample.prepayment(accrued_interest=Money(units=-84, nanos=-750_000_000))),
        (charge_of, sample.charge()),
        (charge_of, sample.bounce()),
        (
            disbursement_of,
            loan_service_pb2.DisburseLoanResponse(
                loan=sample.loan(),
                processing_fee=sample.rupees(5000),
                gst=sample.rupees(900),
                net_disbursed=sample.rupees(494_100),
            ),
        ),
        (payoff_of, sample.payoff()),
        (payoff_of, sample.payoff(charges=sample.rupees(62, 53), exit_amount=sample.rupees(500_423, 39))),
        (payoff_of, sample.payoff(exit_amount=sample.rupees(0), exit_refund=sample.rupees(2_900))),
        (exit_receipt_of, loan_service_pb2.ExitLoanResponse(repayment=sample.repayment(7), loan=sample.loan())),
        (
            exit_receipt_of,
            loan_service_pb2.ExitLoanResponse(
                repayment=sample.repayment(7), loan=sample.loan(), refund_due=sample.rupees(2_900)
            ),
        ),
        (
            replay_of,
            credit_service_pb2.ReplayDecisionResponse(
                outcome="REPLAY_OUTCOME_DRIFT", decision=sample.decision(), differences=[difference]
            ),
        ),
        (replay_of, credit_service_pb2.ReplayDecisionResponse(outcome="REPLAY_OUTCOME_DRIFT")),
        (import_of, sample.import_("SUCCEEDED", rows_total=6, rows_inserted=1, rows_updated=2, rows_unchanged=3)),
        (issue_of, import_pb2.ImportIssue(row_number=7, outcome=1, column="c", message="m")),
        (policy_of, portfolio_model.policy()),
        (simulation_of, portfolio_model.simulation()),
        (flip_of, portfolio_model.flip(14, approved=True)),
        (flip_of, portfolio_model.flip(14, approved=False, before=None)),
        (summary_of, portfolio_model.summary()),
    ]
    for read, message in cases:
        assert asdict(read(message)) == facts(message)


def test_decision_is_read_whole(sample):
    decision = decision_of(sample.decline(decision_id="d-1"))
    assert decision.reasons == (
        decision_records.DecisionReason.LOAN_EXCEEDS_LIMIT,
        decision_records.DecisionReason.EMI_BURDEN_TOO_HIGH,
    )
    assert decision.counter_offer == Decimal("123456.00")
    assert decision.corrected_interest_rate == Decimal(12)
    assert decision.business_date == dt.date(2026, 1, 31)
    assert decision.score_components[0].name == "on_time_payments"
    assert decision.position.current_debt == Decimal("456789.25")
    assert decision_of(sample.decision()).counter_offer is None


def test_damaged_decision_says_what_is_left_of_it(sample):
    message = sample.damaged_decision()
    given = facts(message)
    assert asdict(stored_decision_of(message)) == {name: given[name] for name in records.DamagedDecision.__match_args__}


def test_values_newer_than_the_client_are_unspecified(sample):
    assert loan_of(sample.loan(state=99)).state is records.LoanState.UNSPECIFIED
    newer = repayment_of(sample.reversed_repayment(7, kind=99, effect=99, channel=99, state=99))
    assert {newer.kind, newer.effect, newer.channel, newer.state} == {"UNSPECIFIED"}
    assert charge_of(sample.charge(kind=99)).kind is repayment_records.ChargeKind.UNSPECIFIED
    assert decision_of(sample.decline(reasons=[99])).reasons == (decision_records.DecisionReason.UNSPECIFIED,)


def test_import_that_has_not_begun_has_no_times(sample):
    queued = import_of(sample.import_("QUEUED"))
    assert queued.start_time is None
    assert queued.create_time == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert not queued.state.is_end
