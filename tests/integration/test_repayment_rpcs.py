"""RecordRepayment, ListRepayments and GetPayoff over the wire."""

from datetime import date, timedelta

import pytest
from google.type import date_pb2, money_pb2
from support.book import LAKH
from support.calls import paise_of

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import loan_pb2

ID = "123e4567-e89b-42d3-a456-426614174000"
TODAY = date(2026, 4, 10)
METHODS = [loan_pb2.INSTALLMENT_METHOD_REDUCING_BALANCE, loan_pb2.INSTALLMENT_METHOD_ANNUAL_COMPOUND]


def amount(paise: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="INR", units=paise // 100, nanos=paise % 100 * 10_000_000)


def day(value: date) -> date_pb2.Date:
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)


@pytest.fixture
def lend(stubs):
    """Books a loan of ₹1 lakh over 12 months at 12 per cent, some days ago; gives its number."""

    def lend(days_ago: int = 0) -> int:
        book = type(stubs.book)(stubs.book.store, type(stubs.book.clock)(TODAY - timedelta(days_ago), None))
        loan = book.lend(book.register().customer_id, LAKH).loan
        assert loan is not None
        return loan.loan_id

    return lend


@pytest.fixture
def repay(stubs):
    def repay(loan_id: int, paid: int, on: date | None = None, request_id: str = "") -> pb.RecordRepaymentResponse:
        request = pb.RecordRepaymentRequest(
            request_id=request_id, loan_id=loan_id, amount=amount(paid), payment_date=day(on) if on else None
        )
        return stubs.credit.RecordRepayment(request, timeout=20)

    return repay


def test_repayment_is_answered_with_the_loan_after_it_and_listed(stubs, lend, repay):
    loan_id = lend(days_ago=40)
    answer = repay(loan_id, 10_000_50, TODAY - timedelta(days=1))
    repayment, loan = answer.repayment, answer.loan
    assert len(repayment.repayment_id) == 36
    assert (repayment.loan_id, paise_of(repayment.amount)) == (loan_id, 10_000_50)
    assert repayment.amount.currency_code == "INR"
    assert repayment.payment_date == day(TODAY - timedelta(days=1))
    assert (repayment.emis_completed, repayment.closes_loan) == (1, False)
    assert repayment.outstanding_principal == loan.outstanding_principal == amount(92_115_12)
    assert repayment.create_time.seconds > 1_700_000_000
    assert (loan.emis_paid, loan.emis_paid_on_time, loan.repayments_left) == (1, 0, 11)
    assert loan.paid_toward_next == amount(10_000_50 - 8_884_88)
    assert stubs.credit.GetLoan(pb.GetLoanRequest(loan_id=loan_id)).loan == loan
    today = repay(loan_id, 1)
    assert today.repayment.payment_date == day(TODAY)
    listed = stubs.credit.ListRepayments(pb.ListRepaymentsRequest(loan_id=loan_id))
    assert list(listed.repayments) == [repayment, today.repayment]
    rows = stubs.credit.GetRepaymentSchedule(pb.GetRepaymentScheduleRequest(loan_id=loan_id)).installments
    assert [row.state for row in rows[:2]] == [
        loan_pb2.INSTALLMENT_STATE_PAID_LATE,
        loan_pb2.INSTALLMENT_STATE_DUE_LATER,
    ]
    assert [paise_of(row.paid_amount) for row in rows[:3]] == [8_884_88, 1_115_63, 0]


def test_payoff_tells_its_parts(stubs, lend, repay):
    loan_id = lend(days_ago=40)
    repay(loan_id, 5_000_00, TODAY - timedelta(days=40))
    payoff = stubs.credit.GetPayoff(pb.GetPayoffRequest(loan_id=loan_id)).payoff
    # Approved on 1 March: the first instalment fell due on 1 April, and 9 days of 30 have gone since.
    assert payoff.payoff_date == day(TODAY)
    assert payoff.overdue_amount == amount(3_884_88)
    assert payoff.principal == amount(92_115_12)
    assert payoff.accrued_interest == amount(276_35)
    assert payoff.advance == amount(0)
    assert payoff.amount == amount(3_884_88 + 92_115_12 + 276_35)
    to_come = stubs.credit.GetPayoff(pb.GetPayoffRequest(loan_id=loan_id, payoff_date=day(date(2026, 5, 1)))).payoff
    assert to_come.amount == amount(3_884_88 + 8_884_88 + 84_151_39)


@pytest.mark.parametrize("days_ago", [0, 1, 27, 28, 30, 31, 32, 90, 364, 365, 366, 500])
def test_payoff_closes_a_loan_at_zero_whatever_its_age(stubs, rows_of, lend, repay, days_ago):
    stubs.book.upsert([rows_of.customer(7)])
    approved = TODAY - timedelta(days=days_ago)
    stubs.book.upsert([rows_of.loan(7, 5, approval_date=approved, emis_paid=2, emis_paid_on_time=1)])
    methods = set()
    for loan_id in (5, lend(days_ago)):
        owed = stubs.credit.GetPayoff(pb.GetPayoffRequest(loan_id=loan_id)).payoff.amount
        refusal = stubs.refusal(lambda loan_id=loan_id, owed=owed: repay(loan_id, paise_of(owed) + 1))
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "REPAYMENT_EXCEEDS_PAYOFF")
        assert refusal.metadata == {"payoff_paise": str(paise_of(owed)), "payoff_date": str(TODAY)}
        answer = repay(loan_id, paise_of(owed))
        assert answer.repayment.closes_loan
        loan = stubs.credit.GetLoan(pb.GetLoanRequest(loan_id=loan_id)).loan
        assert loan == answer.loan
        assert (loan.state, loan.repayments_left, loan.days_past_due) == (loan_pb2.LOAN_STATE_CLOSED, 0, 0)
        assert paise_of(loan.outstanding_principal) == paise_of(loan.paid_toward_next) == 0
        rows = stubs.credit.GetRepaymentSchedule(pb.GetRepaymentScheduleRequest(loan_id=loan_id)).installments
        before = sum(paise_of(row.amount) for row in rows[:2]) if loan_id == 5 else 0
        assert sum(paise_of(row.paid_amount) for row in rows) == before + paise_of(owed)
        for call in (
            lambda loan_id=loan_id: repay(loan_id, 1),
            lambda loan_id=loan_id: stubs.credit.GetPayoff(pb.GetPayoffRequest(loan_id=loan_id)),
        ):
            refusal = stubs.refusal(call)
            assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "LOAN_CLOSED")
            assert refusal.metadata == {"loan_id": str(loan_id)}
        methods.add(loan.installment_method)
    assert sorted(methods) == METHODS


def test_repayment_sent_twice_pays_once_and_is_answered_with_the_same_bytes(stubs, lend, repay):
    loan_id = lend()
    first = repay(loan_id, 100, request_id=ID)
    assert repay(loan_id, 100, request_id=ID.upper()).SerializeToString() == first.SerializeToString()
    for other in (lambda: repay(loan_id, 101, request_id=ID), lambda: repay(loan_id, 100, TODAY, request_id=ID)):
        refusal = stubs.refusal(other)
        assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")
    assert len(stubs.credit.ListRepayments(pb.ListRepaymentsRequest(loan_id=loan_id)).repayments) == 1


def test_refused_repayment_leaves_its_name_free(stubs, lend, repay):
    loan_id = lend()
    stubs.refusal(lambda: repay(loan_id, LAKH + 1, request_id=ID))
    assert repay(loan_id, LAKH, request_id=ID).repayment.closes_loan


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (TODAY + timedelta(days=1), "payment_date: must not be after the business date, 2026-04-10"),
        (date(9999, 12, 31), "payment_date: must not be after"),
        (TODAY - timedelta(days=1), "payment_date: must not be before 2026-04-10, the day of the loan's disbursement"),
    ],
)
def test_day_that_cannot_be_the_payments_is_named(stubs, lend, repay, on, said):
    loan_id = lend()
    refusal = stubs.refusal(lambda: repay(loan_id, 100, on))
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["payment_date"])
    assert refusal.message.startswith(said)


def test_payoff_of_a_day_before_the_approval_is_refused(stubs, lend):
    request = pb.GetPayoffRequest(loan_id=lend(), payoff_date=day(TODAY - timedelta(days=1)))
    refusal = stubs.refusal(lambda: stubs.credit.GetPayoff(request))
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["payoff_date"])


def test_loan_that_does_not_exist_is_not_found(stubs, repay):
    for call in (
        lambda: repay(5, 100),
        lambda: stubs.credit.GetPayoff(pb.GetPayoffRequest(loan_id=5)),
        lambda: stubs.credit.ListRepayments(pb.ListRepaymentsRequest(loan_id=5)),
        lambda: stubs.credit.GetRepaymentSchedule(pb.GetRepaymentScheduleRequest(loan_id=5)),
    ):
        refusal = stubs.refusal(call)
        assert (refusal.code, refusal.reason, refusal.metadata) == ("NOT_FOUND", "LOAN_NOT_FOUND", {"loan_id": "5"})


def test_more_than_any_loan_owes_exceeds_its_payoff(stubs, lend):
    loan_id = lend()
    request = pb.RecordRepaymentRequest(loan_id=loan_id, amount=money_pb2.Money(units=2**63 - 1, nanos=990_000_000))
    refusal = stubs.refusal(lambda: stubs.credit.RecordRepayment(request))
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "REPAYMENT_EXCEEDS_PAYOFF")
