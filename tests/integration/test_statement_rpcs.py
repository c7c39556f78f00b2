"""GetStatement over the wire: the loan of the contract's examples, periods, and what is refused."""

from datetime import date, timedelta

import pytest
from support.loan_calls import RULES, amount, day, lenders_of, paise

from almeno_grpc.api import charge_pb2, loan_pb2, statement_pb2
from almeno_grpc.domain.limits import MAX_STATEMENT_LINES

APPROVAL = date(2027, 1, 15)
EMI = 10_746_95


@pytest.fixture
def lenders(database_url):
    """A lender with a fee of 1 %, and 24 % a year for paying late."""
    with lenders_of(database_url, RULES) as lenders:
        yield lenders


def statement(lender, loan_id, begin=None, end=None):
    # The fields are named by the words, which are keywords of Python.
    period = {"from": begin and day(begin), "to": end and day(end)}
    return lender.call("GetStatement", loan_id, **period)


def rows(answer):
    """Day of the month, kind, what is debited or, below zero, credited, and the balance."""
    return [
        (
            f"{line.value_date.day:02d}-{line.value_date.month:02d}",
            statement_pb2.StatementLineKind.Name(line.kind).removeprefix("STATEMENT_LINE_KIND_"),
            paise(line.debit) - paise(line.credit),
            paise(line.balance),
        )
        for line in answer.lines
    ]


def test_statement_has_the_debits_and_credits_by_value_date_with_the_balance_after_each(lenders):
    lender = lenders.on(APPROVAL)
    loan_id = lender.lend()
    lender = lenders.on(date(2027, 4, 21))
    paid = [lender.repay(loan_id, EMI, date(2027, month, 15), external_reference=f"UTR {month}") for month in (2, 3, 4)]
    returned = paid[1].repayment.repayment_id
    lender.reverse(returned, reversal_date=day(date(2027, 4, 20)))
    lender.charge(loan_id, 590_00)
    lender.waive(loan_id, 90_00)
    lender.repay(loan_id, EMI)
    answer = statement(lender, loan_id)
    # The April payment went to the March instalment, which was 31 days late, and that of 21 April to the April one.
    late_in_march = (EMI * 31 * 24 + 36_500 // 2) // 36_500
    late_in_april = (EMI * 5 * 24 + 36_500 // 2) // 36_500
    assert rows(answer) == [
        ("15-01", "DISBURSEMENT", 494_100_00, 494_100_00),
        ("15-01", "FEE", 5_000_00, 499_100_00),
        ("15-01", "GST", 900_00, 500_000_00),
        ("15-02", "INSTALLMENT_DUE", 4_375_00, 504_375_00),
        ("15-02", "REPAYMENT", -EMI, 493_628_05),
        ("15-03", "INSTALLMENT_DUE", 4_319_25, 497_947_30),
        ("15-03", "REPAYMENT", -EMI, 487_200_35),
        ("15-04", "INSTALLMENT_DUE", 4_263_00, 491_463_35),
        ("15-04", "CHARGE", late_in_march, 491_463_35 + late_in_march),
        ("15-04", "REPAYMENT", -EMI, 480_716_40 + late_in_march),
        ("20-04", "CHARGE", late_in_april, 480_716_40 + late_in_march + late_in_april),
        ("20-04", "REVERSAL", EMI, 491_463_35 + late_in_march + late_in_april),
        *rows(answer)[-4:],
    ]
    assert [row[1] for row in rows(answer)[-4:]] == ["CHARGE", "CHARGE", "WAIVER", "REPAYMENT"]
    assert (answer.loan_id, answer.customer_id) == (loan_id, lender.loan(loan_id).customer_id)
    assert (getattr(answer, "from"), answer.to) == (day(APPROVAL), day(date(2027, 4, 21)))
    assert (paise(answer.opening_balance), answer.closing_balance) == (0, answer.lines[-1].balance)

    owed = lender.payoff(loan_id)
    assert paise(answer.closing_balance) + paise(answer.accrued_interest) == paise(owed.amount)
    assert (answer.accrued_interest, paise(answer.accrued_charges)) == (owed.accrued_interest, 0)

    due, repaid, reversal = answer.lines[5], answer.lines[6], answer.lines[11]
    assert (due.installment_number, paise(due.installment_amount)) == (2, EMI)
    assert (repaid.repayment_id, repaid.external_reference) == (returned, "UTR 3")
    assert (reversal.repayment_id, reversal.external_reference) == (returned, "")
    assert [charge_pb2.ChargeKind.Name(line.charge_kind) for line in answer.lines[-4:-2]] == [
        "CHARGE_KIND_LATE_PAYMENT",
        "CHARGE_KIND_BOUNCE",
    ]


def test_periods_in_a_row_are_the_whole_account(lenders):
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 6, 1))
    for month in (3, 5):
        lender.repay(loan_id, 2 * EMI, date(2027, month, 10))
    whole, lines, balance = statement(lender, loan_id), [], 0
    for month in range(1, 7):
        end = date(2027, month + 1, 1) - timedelta(days=1) if month < 6 else date(2027, 6, 1)
        part = statement(lender, loan_id, date(2027, month, 1), end)
        assert paise(part.opening_balance) == balance
        balance = paise(part.closing_balance)
        lines += part.lines
    assert (lines, balance) == (list(whole.lines), paise(whole.closing_balance))


def test_loan_that_was_never_disbursed_has_no_lines(lenders):
    lender = lenders.on(APPROVAL)
    loan_id = lender.lend(disburse_later=True)
    for _ in range(2):
        answer = statement(lender, loan_id)
        assert (list(answer.lines), paise(answer.opening_balance), paise(answer.closing_balance)) == ([], 0, 0)
        assert getattr(answer, "from") == day(APPROVAL)
        if lender.loan(loan_id).state == loan_pb2.LOAN_STATE_SANCTIONED:
            lender.call("CancelLoan", loan_id, reason="CANCEL_REASON_WITHDRAWN")


def test_period_before_the_disbursement_is_empty(lenders):
    lender = lenders.on(APPROVAL)
    answer = statement(lender, lender.lend(), end=date(2027, 1, 10))
    assert (getattr(answer, "from"), answer.to) == (day(date(2027, 1, 10)), day(date(2027, 1, 10)))
    assert (list(answer.lines), paise(answer.closing_balance)) == ([], 0)


@pytest.mark.parametrize(
    ("begin", "end", "field"),
    [
        (None, date(2027, 1, 16), "to"),
        (date(2027, 1, 16), None, "from"),
        (date(2027, 1, 15), date(2027, 1, 14), "from"),
    ],
    ids=["ends after today", "begins after today", "ends before it begins"],
)
def test_period_that_is_none_is_refused_by_its_field(lenders, begin, end, field):
    lender = lenders.on(APPROVAL)
    loan_id = lender.lend()
    refusal = lender.server.refusal(lambda: statement(lender, loan_id, begin, end))
    assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", [field])


def test_unknown_loan_has_no_statement(lenders):
    lender = lenders.on(APPROVAL)
    refusal = lender.server.refusal(lambda: statement(lender, 5))
    assert (refusal.code, refusal.reason) == ("NOT_FOUND", "LOAN_NOT_FOUND")


def test_period_with_too_many_lines_is_refused_and_a_shorter_one_is_not(lenders, monkeypatch):
    monkeypatch.setattr("almeno_grpc.service.statements.MAX_STATEMENT_LINES", 3)
    loan_id = lenders.on(APPROVAL).lend()
    lender = lenders.on(date(2027, 2, 15))
    refusal = lender.server.refusal(lambda: statement(lender, loan_id))
    assert (refusal.code, refusal.fields) == ("INVALID_ARGUMENT", ["from"])
    assert len(statement(lender, loan_id, date(2027, 1, 16)).lines) == 1


def test_statement_of_as_many_lines_as_it_may_have_fits_into_a_message():
    line = statement_pb2.StatementLine(
        value_date=day(date(2199, 12, 31)),
        kind="STATEMENT_LINE_KIND_REPAYMENT",
        repayment_id="123e4567-e89b-42d3-a456-426614174000",
        external_reference="रु" * 32,
    )
    for field in ("debit", "credit", "balance"):
        getattr(line, field).CopyFrom(amount(10_000_00_00_000_99))
    assert (line.ByteSize() + 4) * MAX_STATEMENT_LINES < 4 * 1024 * 1024
