"""Charges over the wire: late ones, those that are added, and what is waived or paid of them."""

from datetime import date

import pytest
from support.loan_calls import RULES, charge_rows, day, lenders_of, paise

from almeno_grpc.api import loan_pb2

APPROVAL = date(2027, 1, 15)
EMI = 10_746_95


@pytest.fixture
def lenders(database_url):
    """A lender that charges 24 % a year for paying late, after 3 days of grace."""
    with lenders_of(database_url, RULES) as lenders:
        yield lenders


@pytest.mark.parametrize(
    ("payments", "charged"),
    [
        ([(date(2027, 2, 20), 5_000_00), (date(2027, 3, 10), 5_746_95)], 103_35),
        ([(date(2027, 2, 18), EMI)], 0),
        ([(date(2027, 2, 19), EMI)], 28_27),
        ([(date(2027, 3, 10), EMI)], 162_53),
        ([], 162_53),
    ],
    ids=["in two parts", "within the grace days", "a day after them", "in March", "not at all"],
)
def test_installment_that_is_paid_late_is_charged_by_days_and_what_was_unpaid(lenders, payments, charged):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 3, 10))
    for on, paid in payments:
        lender.repay(loan_id, paid, on)
    charges = lender.charges(loan_id).charges
    assert charge_rows(charges) == ([("LATE_PAYMENT", 1, charged, 0, 0, charged)] if charged else [])
    assert [charge.charge_date for charge in charges] == [day(date(2027, 2, 15))] * len(charges)
    payoff = lender.payoff(loan_id)
    assert paise(payoff.charges) == charged
    parts = (payoff.overdue_amount, payoff.principal, payoff.accrued_interest, payoff.charges)
    assert paise(payoff.amount) == sum(map(paise, parts)) - paise(payoff.advance)


def test_money_goes_to_the_installments_due_then_to_charges_then_ahead(lenders):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 2, 19))
    answer = lender.charge(loan_id, 500_00, reason=" returned by the bank ")
    assert answer.loan == lender.loan(loan_id)
    assert charge_rows(answer.charges) == [("LATE_PAYMENT", 1, 28_27, 0, 0, 28_27), ("BOUNCE", 0, 500_00, 0, 0, 500_00)]
    bounced = answer.charges[1]
    assert (bounced.charge_date, bounced.reason) == (day(date(2027, 2, 19)), "returned by the bank")
    assert list(lender.charges(loan_id).charges) == list(answer.charges)

    repaid = lender.repay(loan_id, EMI + 100_00)
    assert (paise(repaid.repayment.charges_paid), repaid.repayment.emis_completed) == (100_00, 1)
    # 100 rupees go to the late charge, the older one, and what is left of them to the other.
    assert charge_rows(lender.charges(loan_id).charges) == [
        ("LATE_PAYMENT", 1, 28_27, 28_27, 0, 0),
        ("BOUNCE", 0, 500_00, 71_73, 0, 428_27),
    ]
    assert (repaid.loan.days_past_due, paise(lender.payoff(loan_id).charges)) == (0, 428_27)
    ahead = lender.repay(loan_id, 428_27 + 1)
    assert (paise(ahead.repayment.charges_paid), paise(ahead.loan.paid_toward_next)) == (428_27, 1)


def test_waiver_lowers_the_oldest_charges_by_no_more_than_is_open(lenders):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 2, 19))
    refusal = lender.refused("waive", loan_id, 28_28)
    assert (refusal.code, refusal.reason, refusal.metadata) == (
        "FAILED_PRECONDITION",
        "WAIVER_EXCEEDS_CHARGES",
        {"charges_paise": "2827"},
    )
    lender.charge(loan_id, 100_00, "OTHER")
    answer = lender.waive(loan_id, 50_00)
    assert charge_rows(answer.charges) == [
        ("LATE_PAYMENT", 1, 28_27, 0, 28_27, 0),
        ("OTHER", 0, 100_00, 0, 21_73, 78_27),
    ]
    assert list(lender.charges(loan_id).charges) == list(answer.charges)


def test_loan_stays_active_until_its_charges_are_paid_or_waived(lenders):
    loan_ids = [lenders.on(APPROVAL).lend(months=13) for _ in range(2)]
    lender = lenders.on(date(2028, 2, 20))
    for loan_id, settle in zip(loan_ids, (lender.repay, lender.waive), strict=True):
        owed = lender.payoff(loan_id)
        loan = lender.repay(loan_id, paise(owed.overdue_amount)).loan
        assert (loan.state, loan.repayments_left, loan.days_past_due) == (loan_pb2.LOAN_STATE_ACTIVE, 0, 0)
        assert paise(lender.payoff(loan_id).amount) == paise(owed.charges) > 0
        settle(loan_id, paise(owed.charges))
        assert lender.loan(loan_id).state == loan_pb2.LOAN_STATE_CLOSED
        for name in ("charge", "waive"):
            refusal = lender.refused(name, loan_id, 100)
            assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "LOAN_CLOSED")


def test_walk_over_the_pages_of_charges_sees_every_row_once_while_others_come(lenders):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 3, 18))
    for rupees in (1, 2, 3):
        lender.charge(loan_id, rupees * 100)
    first = lender.charges(loan_id, page_size=2)
    assert charge_rows(first.charges)[1] == ("BOUNCE", 0, 1_00, 0, 0, 1_00)
    # On the next day the second instalment has a late charge, and its due date comes before what was added.
    later = lenders.on(date(2027, 3, 19))
    later.charge(loan_id, 4_00)
    assert [row[:3] for row in charge_rows(later.charges(loan_id).charges)][:2] == [
        ("LATE_PAYMENT", 1, 226_13),
        ("LATE_PAYMENT", 2, 28_27),
    ]
    seen, token = [], first.next_page_token
    while token:
        page = later.charges(loan_id, page_size=1, page_token=token)
        seen += [amount for _, _, amount, *_ in charge_rows(page.charges)]
        token = page.next_page_token
    assert seen == [2_00, 3_00, 4_00]
    other = later.lend()
    refusal = later.refused("charges", other, page_token=first.next_page_token)
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN", ["page_token"])


def test_charges_of_a_loan_have_an_end_and_can_be_waived_then(lenders, monkeypatch):
    lender = lenders.on(APPROVAL)
    loan_id = lender.lend()
    monkeypatch.setattr("almeno_grpc.service.loan_changes.MAX_CHARGES", 2)
    lender.charge(loan_id, 10)
    lender.waive(loan_id, 1)
    refusal = lender.refused("charge", loan_id, 1)
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "TOO_MANY_CHARGES")
    for _ in range(2):
        lender.waive(loan_id, 1)
    for name in ("charge", "waive"):
        refusal = lender.refused(name, loan_id, 1)
        assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "TOO_MANY_CHARGES")


def test_answer_to_a_charge_has_the_latest_of_many(lenders, monkeypatch):
    lender = lenders.on(APPROVAL)
    loan_id = lender.lend()
    monkeypatch.setattr("almeno_grpc.rpc.loan_servicer.MAX_CHARGES_ANSWERED", 2)
    answers = [lender.charge(loan_id, paid).charges for paid in (1, 2, 3)]
    assert [[row[2] for row in charge_rows(charges)] for charges in answers] == [[1], [1, 2], [2, 3]]
