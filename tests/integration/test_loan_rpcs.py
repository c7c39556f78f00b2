"""LoanService over the wire: sanctions, disbursements, exits, reversals and prepayments."""

from datetime import date
from types import SimpleNamespace

import pytest
from support.book import LAKH
from support.loan_calls import RULES, amount, charge_rows, day, lenders_of, paise

from almeno_grpc.api import asset_class_pb2, loan_pb2, loan_service_pb2, repayment_pb2
from almeno_grpc.domain.access import SCOPES, Caller
from almeno_grpc.metrics import UNKNOWN_METHOD
from almeno_grpc.rpc.loan_servicer import LoanServicer
from almeno_grpc.rpc.runtime.methods import Method

APPROVAL = date(2027, 1, 15)
EMI = 10_746_95
UNKNOWN = "123e4567-e89b-42d3-a456-426614174000"


@pytest.fixture
def lenders(database_url):
    with lenders_of(database_url) as lenders:
        yield lenders


@pytest.fixture
def with_fees(database_url):
    """A lender with terms of its own: a fee of 1 %, and 24 % a year for paying late."""
    with lenders_of(database_url, RULES) as lenders:
        yield lenders


def test_sanctioned_loan_holds_the_limit_and_owes_nothing_until_it_is_disbursed(with_fees):
    at_approval = with_fees.on(APPROVAL)
    loan = at_approval.book(disburse_later=True).loan
    assert (loan.state, loan.valid_until) == (loan_pb2.LOAN_STATE_SANCTIONED, day(date(2027, 2, 14)))
    assert (loan.terms_version, loan.asset_class) == ("2026-12-example", asset_class_pb2.ASSET_CLASS_STANDARD)
    assert not loan.HasField("disbursement_date")
    assert loan.end_date == day(date(2032, 1, 15))
    position = at_approval.position(loan.customer_id)
    assert (paise(position.current_debt), position.loan_count, position.loans_this_year) == (5 * LAKH, 1, 1)
    for name, *arguments in (
        ("repay", EMI),
        ("payoff",),
        ("prepay", EMI, "SHORTER_TENURE"),
        ("preview", EMI, "SHORTER_TENURE"),
        ("charge", 100),
        ("waive", 100),
    ):
        refusal = at_approval.refused(name, loan.loan_id, *arguments)
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "LOAN_NOT_DISBURSED"), name
    refusal = at_approval.refused("call", "ExitLoan", loan.loan_id)
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "LOAN_NOT_DISBURSED")


def test_disbursement_keeps_the_fees_back_and_moves_the_due_dates(with_fees):
    loan_id = with_fees.on(APPROVAL).lend(disburse_later=True)
    later = with_fees.on(date(2027, 2, 12))
    for outside in (date(2027, 1, 14), date(2027, 2, 13)):
        refusal = later.refused("call", "DisburseLoan", loan_id, disbursement_date=day(outside))
        assert (refusal.code, refusal.reason, refusal.fields) == (
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["disbursement_date"],
        )
    answer = later.call("DisburseLoan", loan_id, disbursement_date=day(date(2027, 2, 10)), external_reference="UTR 1")
    kept = (answer.processing_fee, answer.gst, answer.net_disbursed)
    assert tuple(map(paise, kept)) == (5_000_00, 900_00, 4_94_100_00)
    loan = answer.loan
    assert loan == later.loan(loan_id)
    assert (loan.state, loan.disbursement_date) == (loan_pb2.LOAN_STATE_ACTIVE, day(date(2027, 2, 10)))
    assert (paise(loan.monthly_installment), loan.end_date) == (EMI, day(date(2032, 2, 10)))
    rows = later.credit("GetRepaymentSchedule", loan_id=loan_id).installments
    assert rows[0].due_date == day(date(2027, 3, 10))
    for method, fields in (("DisburseLoan", {}), ("CancelLoan", {"reason": "CANCEL_REASON_LENDER"})):
        refusal = later.refused("call", method, loan_id, **fields)
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "LOAN_DISBURSED")


def test_cancelled_loan_counts_nowhere(lenders):
    lender = lenders.on(APPROVAL)
    loan = lender.book(disburse_later=True).loan
    cancelled = lender.call("CancelLoan", loan.loan_id, reason="CANCEL_REASON_WITHDRAWN").loan
    assert (cancelled.state, cancelled.repayments_left) == (loan_pb2.LOAN_STATE_CANCELLED, 0)
    assert paise(cancelled.outstanding_principal) == 0
    assert lender.loan(loan.loan_id) == cancelled
    position = lender.position(loan.customer_id)
    assert (paise(position.current_debt), paise(position.monthly_obligation), position.loan_count) == (0, 0, 0)
    for name, *arguments in (("repay", EMI), ("payoff",), ("prepay", EMI, "SHORTER_TENURE"), ("charge", 100)):
        assert lender.refused(name, loan.loan_id, *arguments).reason == "LOAN_CANCELLED", name
    for method, fields in (
        ("DisburseLoan", {}),
        ("CancelLoan", {"reason": "CANCEL_REASON_LENDER"}),
        ("ExitLoan", {}),
    ):
        assert lender.refused("call", method, loan.loan_id, **fields).reason == "LOAN_CANCELLED", method


def test_sanction_expires_on_the_day_after_its_last_and_frees_the_limit(lenders):
    loan = lenders.on(APPROVAL).book(disburse_later=True).loan
    on_the_last_day, after = lenders.on(date(2027, 2, 14)), lenders.on(date(2027, 2, 15))
    assert on_the_last_day.loan(loan.loan_id).state == loan_pb2.LOAN_STATE_SANCTIONED
    expired = after.loan(loan.loan_id)
    assert (expired.state, expired.repayments_left) == (loan_pb2.LOAN_STATE_EXPIRED, 0)
    assert paise(expired.outstanding_principal) == 0
    assert paise(after.position(loan.customer_id).current_debt) == 0
    refusal = after.refused("call", "DisburseLoan", loan.loan_id, disbursement_date=day(date(2027, 2, 14)))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "SANCTION_EXPIRED")
    assert refusal.metadata == {"loan_id": str(loan.loan_id), "valid_until": "2027-02-14"}
    for name, *arguments in (("repay", EMI), ("payoff",), ("waive", 100)):
        assert after.refused(name, loan.loan_id, *arguments).reason == "SANCTION_EXPIRED", name
    disbursed = on_the_last_day.call("DisburseLoan", loan.loan_id).loan
    assert (disbursed.state, disbursed.end_date) == (loan_pb2.LOAN_STATE_ACTIVE, day(date(2032, 2, 14)))


def test_loans_are_listed_by_each_of_their_states(lenders):
    lender = lenders.on(APPROVAL)
    customer_id = lender.register()
    sanctioned, cancelled, exited, active = (
        lender.lend(customer_id=customer_id, months=240, disburse_later=later) for later in (True, True, False, False)
    )
    lender.call("CancelLoan", cancelled, reason="CANCEL_REASON_LENDER")
    lender.call("ExitLoan", exited)

    def listed(on, state):
        answer = lenders.on(on).credit("ListLoans", customer_id=customer_id, state=f"LOAN_STATE_{state}")
        return [loan.loan_id for loan in answer.loans]

    for state, expected in (
        ("SANCTIONED", [sanctioned]),
        ("CANCELLED", [cancelled]),
        ("EXITED", [exited]),
        ("ACTIVE", [active]),
        ("EXPIRED", []),
        ("UNSPECIFIED", [sanctioned, cancelled, exited, active]),
    ):
        assert listed(APPROVAL, state) == expected, state
    assert listed(date(2027, 2, 15), "EXPIRED") == [sanctioned]
    assert listed(date(2027, 2, 15), "SANCTIONED") == []


def test_loan_is_given_back_in_the_cooling_off_period_for_principal_and_interest_of_the_days(lenders):
    loan_id = lenders.on(APPROVAL).lend()
    on_the_last_day, after = lenders.on(date(2027, 1, 18)), lenders.on(date(2027, 1, 19))
    assert not after.payoff(loan_id).HasField("exit_amount")
    refusal = after.refused("call", "ExitLoan", loan_id)
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "COOLING_OFF_OVER")
    assert refusal.metadata == {"loan_id": str(loan_id), "last_day": "2027-01-18"}
    assert paise(on_the_last_day.payoff(loan_id).exit_amount) == 5_00_423_39
    answer = on_the_last_day.call("ExitLoan", loan_id)
    repayment, loan = answer.repayment, answer.loan
    assert (paise(repayment.amount), repayment.closes_loan) == (5_00_423_39, True)
    assert repayment.kind == repayment_pb2.REPAYMENT_KIND_EXIT
    assert on_the_last_day.repayments(loan_id) == [repayment]
    assert (loan.state, loan.repayments_left) == (loan_pb2.LOAN_STATE_EXITED, 0)
    assert paise(loan.outstanding_principal) == 0
    assert paise(on_the_last_day.position(loan.customer_id).current_debt) == 0
    for name, *arguments in (("repay", EMI), ("payoff",), ("charge", 100)):
        assert on_the_last_day.refused(name, loan_id, *arguments).reason == "LOAN_CLOSED", name
    assert on_the_last_day.refused("call", "ExitLoan", loan_id).reason == "LOAN_CLOSED"
    reversed_ = on_the_last_day.reverse(repayment.repayment_id, "MISTAKE")
    assert (reversed_.loan.state, paise(reversed_.loan.outstanding_principal)) == (loan_pb2.LOAN_STATE_ACTIVE, 5 * LAKH)


def test_exit_tells_what_of_the_refunded_fee_the_lender_owes(database_url, tmp_path):
    terms = tmp_path / "rules" / "terms"
    terms.mkdir(parents=True)
    example = (RULES / "terms" / "2026-12-example.toml").read_text()
    refunding = example.replace("refunded_on_exit = false", "refunded_on_exit = true")
    (terms / "2026-12-example.toml").write_text(refunding)
    with lenders_of(database_url, tmp_path / "rules") as lenders:
        lender = lenders.on(APPROVAL)
        first, second = lender.lend(), lender.lend()
        lender.repay(first, 4_97_000_00)
        payoff = lender.payoff(first)
        assert (paise(payoff.amount), paise(payoff.exit_amount), paise(payoff.exit_refund)) == (3_000_00, 0, 2_900_00)
        exited = lender.call("ExitLoan", first)
        assert (paise(exited.repayment.amount), paise(exited.refund_due)) == (0, 2_900_00)
        assert exited.loan.state == loan_pb2.LOAN_STATE_EXITED
        payoff = lender.payoff(second)
        assert (paise(payoff.exit_amount), payoff.HasField("exit_refund")) == (4_94_100_00, False)
        exited = lender.call("ExitLoan", second)
        assert (paise(exited.repayment.amount), exited.HasField("refund_due")) == (4_94_100_00, False)


def test_loan_without_terms_has_no_cooling_off(lenders, rows_of):
    lender = lenders.on(APPROVAL)
    lender.server.book.upsert([rows_of.customer(7)])
    lender.server.book.upsert([rows_of.loan(7, 5, approval_date=APPROVAL)])
    refusal = lender.refused("call", "ExitLoan", 5)
    assert (refusal.reason, refusal.metadata) == ("COOLING_OFF_OVER", {"loan_id": "5"})
    refusal = lender.refused("preview", 5, 100, "SHORTER_TENURE")
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "NOT_REDUCING_BALANCE")


def test_loan_cannot_be_sanctioned_before_any_terms_are_in_effect(lenders):
    refusal = lenders.on(date(2026, 11, 30)).refused("book", disburse_later=True)
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "NO_TERMS_IN_EFFECT")


def test_loan_stands_as_if_the_returned_debit_had_never_been(lenders):
    """The example of three debits, the second of which the bank returns."""
    loan_id = lenders.on(APPROVAL).lend()
    in_april = lenders.on(date(2027, 4, 15))
    paid = [in_april.repay(loan_id, EMI, date(2027, month, 15)).repayment for month in (2, 3, 4)]
    loan = in_april.loan(loan_id)
    assert (loan.emis_paid, loan.emis_paid_on_time) == (3, 3)
    owed = paise(lenders.on(date(2027, 4, 20)).payoff(loan_id).amount)

    lender = lenders.on(date(2027, 4, 20))
    answer = lender.reverse(paid[1].repayment_id, return_code="01")
    loan = answer.loan
    assert (loan.emis_paid, loan.emis_paid_on_time, loan.days_past_due) == (2, 1, 5)
    assert loan.asset_class == asset_class_pb2.ASSET_CLASS_SMA_0
    assert loan == lender.loan(loan_id)
    assert paise(lender.payoff(loan_id).amount) == owed + EMI
    reversal = answer.repayment.reversal
    assert answer.repayment.state == repayment_pb2.REPAYMENT_STATE_REVERSED
    assert (reversal.reversal_date, reversal.reason) == (
        day(date(2027, 4, 20)),
        repayment_pb2.REVERSAL_REASON_RETURNED,
    )
    assert (reversal.return_code, reversal.create_time.seconds > 1_700_000_000) == ("01", True)
    assert lender.repayments(loan_id) == [paid[0], answer.repayment, paid[2]]

    refusal = lender.refused("reverse", paid[1].repayment_id)
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "ALREADY_REVERSED")
    assert refusal.metadata == {"repayment_id": paid[1].repayment_id}
    again = lenders.on(date(2027, 4, 21)).repay(loan_id, EMI).loan
    assert (again.emis_paid, again.emis_paid_on_time, again.days_past_due) == (3, 1, 0)


def test_loan_that_the_reversed_repayment_had_closed_is_active_again(lenders):
    lender = lenders.on(APPROVAL)
    loan_id = lender.lend()
    closing = lender.repay(loan_id, 5 * LAKH)
    assert closing.loan.state == loan_pb2.LOAN_STATE_CLOSED
    loan = lender.reverse(closing.repayment.repayment_id, "DUPLICATE").loan
    assert (loan.state, loan.repayments_left, paise(loan.outstanding_principal)) == (
        loan_pb2.LOAN_STATE_ACTIVE,
        60,
        5 * LAKH,
    )


@pytest.mark.parametrize("outside", [date(2027, 2, 14), date(2027, 2, 17)])
def test_reversal_is_dated_from_the_payment_to_the_business_date(lenders, outside):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 2, 16))
    repayment_id = lender.repay(loan_id, EMI, date(2027, 2, 15)).repayment.repayment_id
    refusal = lender.refused("reverse", repayment_id, reversal_date=day(outside))
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["reversal_date"])
    assert lender.reverse(repayment_id, reversal_date=day(date(2027, 2, 15))).loan.emis_paid == 0


def test_repayment_before_a_prepayment_is_reversed_after_that_alone(lenders):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 2, 15))
    first = lender.repay(loan_id, EMI).repayment
    prepaid = lender.prepay(loan_id, LAKH, "SHORTER_TENURE").repayment
    refusal = lender.refused("reverse", first.repayment_id)
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "LATER_CHANGE")
    assert refusal.metadata == {"repayment_id": prepaid.repayment_id}
    loan = lender.reverse(prepaid.repayment_id, "MISTAKE").loan
    assert (loan.tenure_months, loan.emis_paid, loan.end_date) == (60, 1, day(date(2032, 1, 15)))
    assert lender.reverse(first.repayment_id).loan.emis_paid == 0


def test_what_does_not_exist_is_not_found(lenders):
    lender = lenders.on(APPROVAL)
    refusal = lender.refused("reverse", UNKNOWN)
    assert (refusal.code, refusal.reason, refusal.metadata) == (
        "NOT_FOUND",
        "REPAYMENT_NOT_FOUND",
        {"repayment_id": UNKNOWN},
    )
    for name, *arguments in (
        ("prepay", 1, "SHORTER_TENURE"),
        ("preview", 1, "SHORTER_TENURE"),
        ("charge", 1),
        ("waive", 1),
        ("charges",),
    ):
        refusal = lender.refused(name, 5, *arguments)
        assert (refusal.code, refusal.reason, refusal.metadata) == ("NOT_FOUND", "LOAN_NOT_FOUND", {"loan_id": "5"})
    for method, fields in (
        ("DisburseLoan", {}),
        ("CancelLoan", {"reason": "CANCEL_REASON_LENDER"}),
        ("ExitLoan", {}),
    ):
        assert lender.refused("call", method, 5, **fields).reason == "LOAN_NOT_FOUND"


def test_reference_is_one_repayments_for_as_long_as_it_stands(lenders):
    lender = lenders.on(APPROVAL)
    loan_id = lender.lend()
    channel = repayment_pb2.REPAYMENT_CHANNEL_UPI
    first = lender.repay(loan_id, 100, external_reference=" UPI-1 ", channel=channel).repayment
    assert (first.external_reference, first.channel) == ("UPI-1", channel)
    assert (first.kind, first.state) == (
        repayment_pb2.REPAYMENT_KIND_REPAYMENT,
        repayment_pb2.REPAYMENT_STATE_RECORDED,
    )
    assert lender.repayments(loan_id) == [first]
    for name, *arguments in (("repay", 100), ("prepay", 100, "SHORTER_TENURE")):
        refusal = lender.refused(name, loan_id, *arguments, external_reference="UPI-1")
        assert (refusal.code, refusal.reason, refusal.fields) == (
            "ALREADY_EXISTS",
            "REFERENCE_TAKEN",
            ["external_reference"],
        )
        assert refusal.metadata == {"repayment_id": first.repayment_id}
    lender.reverse(first.repayment_id)
    assert lender.repay(loan_id, 100, external_reference="UPI-1").repayment.external_reference == "UPI-1"
    assert lender.repay(lender.lend(), 100, external_reference="UPI-1").repayment.external_reference == "UPI-1"


PREPAYMENTS = [
    # EMIs paid, day, amount; principal and interest; of each effect instalments left, instalment, last, interest left.
    pytest.param(12, date(2028, 1, 15), LAKH, (1_00_000_00, 0),
                 (48, 8_186_61, 8_186_73, 73_210_07), (35, EMI, 6_610_32, 52_259_29), id="on the due date"),
    pytest.param(12, date(2028, 1, 30), LAKH, (99_578_40, 421_60),
                 (48, 8_197_41, 8_197_21, 73_306_55), (35, EMI, 7_182_27, 52_409_64), id="15 days later"),
    pytest.param(13, date(2028, 2, 12), LAKH, (1_00_084_75, -84_75),
                 (47, 8_140_52, 8_140_23, 70_015_73), (34, EMI, 7_673_00, 49_733_93), id="ahead of the due date"),
    pytest.param(12, date(2028, 1, 30), 1, (1, 0),
                 (48, EMI, 10_746_93, None), (48, EMI, 10_746_93, None), id="a paisa"),
]  # fmt: skip


@pytest.mark.parametrize("effect", ["LOWER_INSTALLMENT", "SHORTER_TENURE"])
@pytest.mark.parametrize(("paid_emis", "on", "prepaid", "parts", "lower", "shorter"), PREPAYMENTS)
def test_prepayment_does_what_its_preview_said(lenders, effect, paid_emis, on, prepaid, parts, lower, shorter):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2028, 2, 12))
    lender.repay(loan_id, paid_emis * EMI, date(2028, 1, 15))
    before = lender.loan(loan_id)
    preview = lender.preview(loan_id, prepaid, effect, on)
    assert lender.loan(loan_id) == before
    answer = lender.prepay(loan_id, prepaid, effect, on)
    assert (answer.prepayment, answer.loan) == (preview.prepayment, preview.loan)
    assert lender.loan(loan_id) == answer.loan

    found, loan = answer.prepayment, answer.loan
    assert (paise(found.principal), paise(found.accrued_interest)) == parts
    left, installment, last, interest = lower if effect == "LOWER_INSTALLMENT" else shorter
    assert (found.installments_left, paise(found.monthly_installment), paise(found.last_installment)) == (
        left,
        installment,
        last,
    )
    assert interest in (None, paise(found.interest_left))
    assert (loan.tenure_months, paise(loan.monthly_installment)) == (paid_emis + left, installment)
    assert (loan.booked_terms.tenure_months, paise(loan.booked_terms.monthly_installment)) == (60, EMI)
    assert answer.repayment.kind == repayment_pb2.REPAYMENT_KIND_PREPAYMENT
    assert repayment_pb2.PrepaymentEffect.Name(answer.repayment.effect) == f"PREPAYMENT_EFFECT_{effect}"
    rows = lender.credit("GetRepaymentSchedule", loan_id=loan_id).installments
    assert (len(rows), rows[-1].due_date) == (loan.tenure_months, loan.end_date)
    assert sum(paise(row.principal) for row in rows) + paise(found.principal) == 5 * LAKH


def test_loan_with_something_due_paid_far_ahead_or_for_its_payoff_is_not_prepaid(lenders):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 2, 15))
    overdue = lender.refused("preview", loan_id, LAKH, "SHORTER_TENURE")
    assert (overdue.code, overdue.reason) == ("FAILED_PRECONDITION", "INSTALLMENTS_OVERDUE")
    assert overdue.metadata == {"loan_id": str(loan_id), "overdue_paise": str(EMI), "charges_paise": "0"}
    lender.repay(loan_id, EMI)
    lender.charge(loan_id, 500_00)
    charged = lender.refused("prepay", loan_id, LAKH, "SHORTER_TENURE")
    assert (charged.reason, charged.metadata["charges_paise"]) == ("INSTALLMENTS_OVERDUE", "50000")
    lender.waive(loan_id, 500_00)
    owed = paise(lender.payoff(loan_id).amount)
    whole = lender.refused("prepay", loan_id, owed, "LOWER_INSTALLMENT")
    assert (whole.code, whole.reason) == ("FAILED_PRECONDITION", "REPAYMENT_EXCEEDS_PAYOFF")
    lender.repay(loan_id, EMI + 1)
    ahead = lender.refused("prepay", loan_id, LAKH, "SHORTER_TENURE")
    assert (ahead.code, ahead.reason) == ("FAILED_PRECONDITION", "PAID_AHEAD")


@pytest.mark.parametrize("on", [date(2027, 2, 14), date(2027, 2, 17)])
def test_prepayment_is_dated_from_the_latest_repayment_to_the_business_date(lenders, on):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 2, 16))
    lender.repay(loan_id, EMI, date(2027, 2, 15))
    refusal = lender.refused("prepay", loan_id, LAKH, "SHORTER_TENURE", on)
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["payment_date"])


def test_request_sent_twice_is_done_once_and_answered_with_the_same_bytes(lenders, new_request_id):
    lender = lenders.on(APPROVAL)
    disbursed, cancelled, exited, repaid, prepaid, charged = (
        lender.lend(disburse_later=later) for later in (True, True, False, False, False, False)
    )
    repayment_id = lender.repay(repaid, EMI).repayment.repayment_id
    lender.charge(charged, 300)
    for method, fields, other in (
        ("DisburseLoan", {"loan_id": disbursed}, {"external_reference": "UTR"}),
        ("CancelLoan", {"loan_id": cancelled, "reason": 1}, {"reason": 2}),
        ("ExitLoan", {"loan_id": exited}, {"exit_date": day(APPROVAL)}),
        ("ReverseRepayment", {"repayment_id": repayment_id, "reason": 1}, {"return_code": "1"}),
        ("PrepayLoan", {"loan_id": prepaid, "amount": amount(100), "effect": 1}, {"channel": 1}),
        ("AddCharge", {"loan_id": charged, "kind": 2, "amount": amount(100), "reason": "x"}, {"reason": "y"}),
        ("WaiveCharges", {"loan_id": charged, "amount": amount(100), "reason": "x"}, {"amount": amount(99)}),
    ):
        request_id = new_request_id()
        first = lender.call(method, request_id=request_id, **fields).SerializeToString(deterministic=True)
        again = lender.call(method, request_id=request_id.upper(), **fields)
        assert again.SerializeToString(deterministic=True) == first, method
        refusal = lender.refused("call", method, request_id=request_id, **(fields | other))
        assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED"), method
    assert len(lender.repayments(exited)) == len(lender.repayments(prepaid)) == 1


def test_request_id_is_the_callers(book, monkeypatch):
    loan = book.lend(book.register().customer_id, LAKH).loan
    servicer = LoanServicer(book.loan_changes, book.repayments, book.statements)
    request = loan_service_pb2.AddChargeRequest(
        request_id=UNKNOWN, loan_id=loan.loan_id, kind="CHARGE_KIND_OTHER", amount=amount(100), reason="copy"
    )

    def charge(principal):
        monkeypatch.setattr("almeno_grpc.rpc.requests.current_caller", lambda: Caller(principal, "", SCOPES))
        monkeypatch.setattr("almeno_grpc.rpc.requests.current_method", lambda: method)
        return servicer.AddCharge(request, SimpleNamespace(is_active=lambda: True))

    method = Method("/almeno.credit.v1.LoanService/AddCharge", UNKNOWN_METHOD, has_effects=True, is_stream=False)
    of_pune = charge("branch-pune")
    assert charge("branch-pune") == of_pune
    of_delhi = loan_service_pb2.AddChargeResponse.FromString(charge("branch-delhi"))
    assert charge_rows(of_delhi.charges) == [("OTHER", 0, 100, 0, 0, 100)] * 2
