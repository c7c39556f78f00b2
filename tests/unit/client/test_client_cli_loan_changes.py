"""What happens to booked loans, by the command line: what is sent, shown, asked and refused."""

import json
import uuid

import grpc
import pytest
import typer
from almeno_client.cli import loan_changes
from google.type.date_pb2 import Date
from support.credit_messages import rupees

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import loan_service_pb2 as lending

DAY = Date(year=2026, month=3, day=15)
PREPAY = ("prepay", "5", "₹1,00,000", "--effect", "shorter-tenure")
TYPED = ("--amount", "5,00,000", "--rate", "10.5", "--tenure", "60")


@pytest.fixture
def lender(service, sample):
    """A service with one loan that does whatever is asked of it."""
    charges = [sample.charge(2), sample.bounce(open=rupees(0), waived=rupees(500))]
    fees = {"processing_fee": rupees(5_000), "gst": rupees(900), "net_disbursed": rupees(4_94_100)}
    active = sample.loan(valid_until=DAY)
    service.answers("DisburseLoan", lending.DisburseLoanResponse(loan=active, **fees))
    service.answers("CancelLoan", lending.CancelLoanResponse(loan=without_disbursement(sample, "CANCELLED")))
    exited = sample.loan(state="LOAN_STATE_EXITED", outstanding_principal=rupees(0), repayments_left=0)
    given_back = sample.repayment(7, kind="REPAYMENT_KIND_EXIT", closes_loan=True, amount=rupees(5_00_423, 39))
    service.answers("ExitLoan", lending.ExitLoanResponse(repayment=given_back, loan=exited))
    service.answers(
        "ReverseRepayment",
        lending.ReverseRepaymentResponse(repayment=sample.reversed_repayment(7), loan=active),
    )
    done = {"prepayment": sample.prepayment(), "loan": sample.prepaid_loan()}
    prepaid = sample.repayment(15, kind="REPAYMENT_KIND_PREPAYMENT", effect=1, emis_completed=0)
    service.answers("PreviewPrepayment", lending.PreviewPrepaymentResponse(**done))
    service.answers("PrepayLoan", lending.PrepayLoanResponse(**done, repayment=prepaid))
    service.answers("ListCharges", lending.ListChargesResponse(charges=charges))
    service.answers("AddCharge", lending.AddChargeResponse(loan=active, charges=charges))
    service.answers("WaiveCharges", lending.WaiveChargesResponse(loan=active, charges=charges))
    return service


def without_disbursement(sample, state):
    return sample.loan(state=f"LOAN_STATE_{state}", disbursement_date=None, valid_until=DAY)


def shows(result, *texts):
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.replace("│", " ").split())
    assert [text for text in texts if text not in words] == [], result.stdout


def test_disburse_shows_what_is_kept_back_and_what_the_borrower_gets(almeno, lender):
    shown = almeno("disburse", "5", "--date", "2026-03-15", "--reference", "UTR 1")
    shows(
        shown,
        "Disbursement of loan 1000000001",
        "Processing fee ₹5,000.00",
        "GST on the fee ₹900.00",
        "Net disbursed ₹4,94,100.00",
        "Approved 2026-01-31, disbursed on 2026-01-31",
    )
    (request,) = lender.requests["DisburseLoan"]
    assert (request.disbursement_date, request.external_reference) == (DAY, "UTR 1")


@pytest.mark.parametrize(("reason", "number"), [("withdrawn", 1), ("lender", 2)])
def test_cancel_sends_the_reason(almeno, lender, reason, number):
    shown = almeno("cancel", "5", "--reason", reason)
    shows(shown, "State cancelled", "60 months from the disbursement", "Approved 2026-01-31")
    assert "past due" not in shown.stdout
    assert lender.requests["CancelLoan"][0].reason == number


def test_exit_shows_what_was_paid_to_give_the_loan_back(almeno, lender):
    shows(almeno("exit", "5", "--on", "2026-03-15"), "₹5,00,423.39", "gave the loan back", "State exited")
    assert lender.requests["ExitLoan"][0].exit_date == DAY


def test_exit_shows_what_the_lender_owes(almeno, service, sample):
    given_back = sample.repayment(7, kind="REPAYMENT_KIND_EXIT", closes_loan=True, amount=rupees(0))
    loan = sample.loan(state="LOAN_STATE_EXITED")
    service.answers("ExitLoan", lending.ExitLoanResponse(repayment=given_back, loan=loan, refund_due=rupees(2_900)))
    shows(almeno("exit", "5"), "Amount ₹0.00", "Due to the borrower ₹2,900.00")
    assert json.loads(almeno("exit", "5", "--json").stdout)["refund_due"] == "2900.00"
    payoff = sample.payoff(exit_amount=rupees(0), exit_refund=rupees(2_900))
    service.answers("GetPayoff", credit.GetPayoffResponse(payoff=payoff))
    shows(almeno("payoff", "5"), "₹0.00 gives it back", "₹2,900.00 is due to the borrower who gives it back.")


@pytest.mark.parametrize(("reason", "number"), [("returned", 1), ("duplicate", 2), ("mistake", 3)])
def test_reverse_shows_the_reversal_and_the_loan_after_it(almeno, lender, reason, number):
    shown = almeno("reverse", "r-0007", "--reason", reason, "--date", "2026-03-15", "--return-code", "04")
    shows(shown, "Reversed on 2026-03-20: returned, code 04", "Loan 1000000001")
    (request,) = lender.requests["ReverseRepayment"]
    assert (request.repayment_id, request.reason, request.reversal_date, request.return_code) == (
        "r-0007", number, DAY, "04",
    )  # fmt: skip


def test_reversal_that_has_to_wait_names_the_repayment_that_goes_first(almeno, service, sample):
    later = {"repayment_id": "r-0015"}
    code = grpc.StatusCode.FAILED_PRECONDITION
    service.answers("ReverseRepayment", sample.refusal(code, "reverse r-0015 first", "LATER_CHANGE", {}, later))
    result = almeno("reverse", "r-0007", "--reason", "mistake", "--json")
    assert result.exit_code == 4
    error = json.loads(result.stderr)["error"]
    assert (error["reason"], error["metadata"]) == ("LATER_CHANGE", later)


PREVIEWED = (
    "Off the principal ₹99,578.40",
    "Interest of that ₹421.60 since the last due date",
    "Principal left ₹3,20,168.93",
    "Instalments left 35, until 2029-12-31",
    "EMI from now on ₹10,746.95",
    "Last instalment ₹7,182.27",
    "Interest left ₹52,409.64",
)


def test_preview_shows_and_books_nothing(almeno, lender):
    shows(almeno(*PREPAY, "--preview"), "Prepayment of loan 1000000001, a preview", *PREVIEWED)
    document = json.loads(almeno(*PREPAY, "--preview", "--json").stdout)
    assert (set(document), document["prepayment"]["interest_left"]) == ({"prepayment", "loan"}, "52409.64")
    assert lender.requests.keys() == {"PreviewPrepayment"}


def test_yes_books_without_a_preview_or_a_question(almeno, lender):
    more = ("--date", "2026-03-15", "--reference", "U-1", "--channel", "upi", "--yes")
    shown = almeno(*PREPAY, *more)
    shows(shown, *PREVIEWED, "prepayment, fewer instalments", "As booked 60 months of ₹10,746.95", "47 months")
    assert "a preview" not in shown.stdout
    assert lender.requests.keys() == {"PrepayLoan"}
    (request,) = lender.requests["PrepayLoan"]
    assert (request.loan_id, request.amount, request.effect) == (5, rupees(1_00_000), 1)
    assert (request.payment_date, request.external_reference, request.channel) == (DAY, "U-1", 2)
    assert uuid.UUID(request.request_id)


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--preview", "--yes")])
def test_nothing_is_sent_where_nobody_can_be_asked(almeno, lender, arguments):
    result = almeno(*PREPAY, *arguments)
    assert (result.exit_code, "--yes" in result.stderr) == (2, True)
    assert not lender.requests


@pytest.fixture
def asked(monkeypatch):
    """A person at a terminal, who answers as told."""
    questions = []

    def answering(answer):
        def confirm(question, *, err):
            assert err, "the question must not stand in what is shown"
            questions.append(question)
            return answer

        monkeypatch.setattr(loan_changes, "is_interactive", lambda: True)
        monkeypatch.setattr(loan_changes.typer, "confirm", confirm)
        return questions

    return answering


def test_person_at_a_terminal_sees_the_preview_and_is_asked(almeno, lender, asked):
    questions = asked(True)
    shows(almeno(*PREPAY), "a preview", *PREVIEWED, "r-0015")
    assert (questions, [*lender.requests]) == (["Book it?"], ["PreviewPrepayment", "PrepayLoan"])


def test_prepayment_that_is_not_wanted_is_not_booked(almeno, lender, asked):
    asked(False)
    shows(almeno(*PREPAY), "a preview", "Nothing is booked.")
    assert [*lender.requests] == ["PreviewPrepayment"]


def test_question_that_is_interrupted_books_nothing_and_ends_with_130(almeno, lender, asked, monkeypatch):
    asked(True)

    def interrupted(*_, **__):
        raise typer.Abort

    monkeypatch.setattr(loan_changes.typer, "confirm", interrupted)
    assert almeno(*PREPAY).exit_code == 130
    assert [*lender.requests] == ["PreviewPrepayment"]


def test_json_asks_nobody_at_a_terminal_either(almeno, lender, asked):
    questions = asked(True)
    assert almeno(*PREPAY, "--json").exit_code == 2
    assert (questions, lender.requests) == ([], {})


def test_charges_are_listed_with_what_is_paid_waived_and_open(almeno, service, lender):
    listed = almeno("charges", "list", "5", "--limit", "1")
    shows(listed, "late payment of instalment 2", "₹162.53", "₹100.00", "₹62.53", "There are more")
    assert "bounce" not in listed.stdout
    shows(almeno("charges", "list", "5"), "bounce: debit of March returned", "₹500.00")
    assert [request.page_size for request in lender.requests["ListCharges"]] == [2, 51]
    service.answers("ListCharges", lending.ListChargesResponse())
    shows(almeno("charges", "list", "5"), "There are no charges on the loan.")


def test_charge_is_added_and_waived_with_a_reason(almeno, lender):
    kind = ("--kind", "bounce", "--amount", "₹500")
    shows(almeno("charges", "add", "5", *kind, "--reason", "debit returned"), "bounce: debit of March", "Loan 10000")
    shows(almeno("waive", "5", "62.53", "--reason", "first time"), "late payment of instalment 2")
    (added,), (waived,) = lender.requests["AddCharge"], lender.requests["WaiveCharges"]
    assert (added.kind, added.amount, added.reason) == (2, rupees(500), "debit returned")
    assert (waived.loan_id, waived.amount, waived.reason) == (5, rupees(62, 53), "first time")


def test_repay_takes_a_reference_and_a_channel(almeno, service, sample):
    noted = {"channel": "REPAYMENT_CHANNEL_NACH", "external_reference": "N-1", "charges_paid": rupees(62, 53)}
    repayment = sample.repayment(7, **noted)
    service.answers("RecordRepayment", credit.RecordRepaymentResponse(repayment=repayment, loan=sample.loan()))
    shown = almeno("repay", "5", "--amount", "10746.95", "--reference", "N-1", "--channel", "nach")
    shows(shown, "To charges ₹62.53", "Came in by NACH", "Reference N-1")
    (request,) = service.requests["RecordRepayment"]
    assert (request.external_reference, request.channel) == ("N-1", 1)


def test_repayments_mark_what_was_reversed_and_what_was_a_prepayment(almeno, service, sample):
    rows = [
        sample.repayment(7, channel="REPAYMENT_CHANNEL_NACH", external_reference="N-1"),
        sample.reversed_repayment(9, channel="REPAYMENT_CHANNEL_CASH"),
        sample.repayment(12, kind="REPAYMENT_KIND_PREPAYMENT", effect=2),
        sample.repayment(13, kind="REPAYMENT_KIND_EXIT", closes_loan=True),
        sample.repayment(14, kind=99),
    ]
    service.answers("ListRepayments", credit.ListRepaymentsResponse(repayments=rows))
    lines = almeno("repayments", "5", width=140).stdout.splitlines()
    expected = (
        "NACH N-1 r-0007",
        "cash, reversed on 2026-03-20: returned r-0009",
        "prepayment, lower instalments r-0012",
    )
    for text in (*expected, "exit r-0013", "₹4,93,628.05 r-0014"):
        assert any(text in " ".join(line.split()) for line in lines), (text, lines)
    narrow = almeno("repayments", "5", width=80).stdout
    assert max(map(len, narrow.splitlines())) <= 80
    assert "reversed" in narrow


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({"days_past_due": 1, "asset_class": 2}, ("active, 1 day past due", "Asset class SMA-0")),
        (
            {"days_past_due": 100, "asset_class": 5, "non_performing_since": DAY},
            ("active, 100 days past due", "Asset class non-performing since 2026-03-15"),
        ),
        ({"asset_class": 1}, ("active, not past due", "Asset class standard", "Terms 2026-12")),
        (
            {"state": "LOAN_STATE_SANCTIONED", "disbursement_date": None, "valid_until": DAY},
            ("State sanctioned, to be disbursed until 2026-03-15", "60 months from the disbursement"),
        ),
        ({"state": "LOAN_STATE_EXPIRED", "disbursement_date": None, "valid_until": DAY}, ("State expired",)),
        ({"booked_terms": None, "disbursement_date": None}, ("60 months, 2026-01-31 to 2031-01-31",)),
    ],
)
def test_loan_shows_its_state_and_its_class(almeno, service, sample, changes, texts):
    service.answers("GetLoan", credit.GetLoanResponse(loan=sample.loan(**changes), customer=sample.customer()))
    shown = almeno("loan", "5")
    shows(shown, *texts)
    assert "As booked" not in shown.stdout
    assert ("Asset class" in shown.stdout) is ("active" in shown.stdout)


@pytest.mark.parametrize("state", ["sanctioned", "active", "closed", "cancelled", "expired", "exited"])
def test_loans_are_listed_by_every_state(almeno, service, sample, state):
    service.answers("ListLoans", credit.ListLoansResponse(loans=[sample.loan(state=f"LOAN_STATE_{state.upper()}")]))
    shows(almeno("loans", "14", "--state", state), state)
    assert service.requests["ListLoans"][0].state == sample.loan(state=f"LOAN_STATE_{state.upper()}").state


def test_loans_show_a_class_that_is_not_standard(almeno, service, sample):
    loans = [
        sample.loan(days_past_due=31, asset_class="ASSET_CLASS_SMA_1"),
        sample.loan(asset_class="ASSET_CLASS_SMA_0"),
        sample.loan(),
    ]
    service.answers("ListLoans", credit.ListLoansResponse(loans=loans))
    lines = [" ".join(line.split()) for line in almeno("loans", "14").stdout.splitlines()]
    assert [line.rpartition("₹5,00,000.00 ")[2] for line in lines[-3:]] == [
        "31 days late, SMA-1",
        "active, SMA-0",
        "active",
    ]


def test_payoff_shows_charges_and_what_gives_the_loan_back(almeno, service, sample):
    payoff = sample.payoff(charges=rupees(62, 53), exit_amount=rupees(5_00_423, 39))
    service.answers("GetPayoff", credit.GetPayoffResponse(payoff=payoff))
    shows(almeno("payoff", "5"), "Charges ₹62.53", "₹5,00,423.39 gives it back, in its cooling-off period.")
    service.answers("GetPayoff", credit.GetPayoffResponse(payoff=sample.payoff()))
    shown = almeno("payoff", "5").stdout
    assert not [text for text in ("Charges", "gives it back") if text in shown]


def test_apply_can_leave_the_disbursement_for_later(almeno, service, sample):
    loan = without_disbursement(sample, "SANCTIONED")
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=sample.decision(), loan=loan))
    shows(almeno("apply", "14", *TYPED, "--disburse-later"), "sanctioned, to be disbursed until 2026-03-15")
    almeno("apply", "14", *TYPED)
    assert [request.disburse_later for request in service.requests["CreateLoan"]] == [True, False]


CHANGES = {
    "DisburseLoan": ("disburse", "5"),
    "CancelLoan": ("cancel", "5", "--reason", "lender"),
    "ExitLoan": ("exit", "5"),
    "ReverseRepayment": ("reverse", "r-0007", "--reason", "duplicate"),
    "PrepayLoan": (*PREPAY, "--yes"),
    "AddCharge": ("charges", "add", "5", "--kind", "other", "--amount", "5", "--reason", "why"),
    "WaiveCharges": ("waive", "5", "5", "--reason", "why"),
}


@pytest.mark.parametrize("method", CHANGES)
def test_change_passes_on_its_request_id_and_names_it_after_an_error(almeno, service, sample, method):
    request_id = str(uuid.uuid4())
    service.answers(method, sample.refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "too slow"))
    result = almeno(*CHANGES[method], "--request-id", request_id)
    assert (result.exit_code, f"--request-id {request_id}" in result.stderr) == (5, True)
    assert service.requests[method][0].request_id == request_id


DOCUMENTS = {
    "DisburseLoan": {"loan", "processing_fee", "gst", "net_disbursed"},
    "CancelLoan": {"loan"},
    "ExitLoan": {"repayment", "loan", "refund_due"},
    "ReverseRepayment": {"repayment", "loan"},
    "PrepayLoan": {"prepayment", "loan", "repayment"},
    "AddCharge": {"loan", "charges"},
    "WaiveCharges": {"loan", "charges"},
    "ListCharges": {"charges", "more"},
}


@pytest.mark.usefixtures("lender")
@pytest.mark.parametrize("method", DOCUMENTS)
def test_json_is_one_document_and_nothing_else(almeno, method):
    arguments = CHANGES.get(method, ("charges", "list", "5"))
    after, before = almeno(*arguments, "--json"), almeno("--json", *arguments)
    assert json.loads(after.stdout) == json.loads(before.stdout)
    assert set(json.loads(after.stdout)) == DOCUMENTS[method]
    assert after.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("disburse", "five"), "LOAN_ID"),
        (("disburse", "5", "--date", "15/03/2026"), "--on"),
        (("cancel", "5"), "--reason"),
        (("cancel", "5", "--reason", "tired"), "--reason"),
        (("reverse", "r-0007"), "--reason"),
        (("prepay", "5", "1,00,000"), "--effect"),
        (("prepay", "5", "some", "--effect", "shorter-tenure", "--yes"), "AMOUNT"),
        ((*PREPAY, "--channel", "pigeon", "--yes"), "--channel"),
        (("charges", "add", "5", "--kind", "late-payment", "--amount", "5", "--reason", "why"), "--kind"),
        (("waive", "5", "5"), "--reason"),
        (("repay", "5", "--amount", "5", "--channel", "pigeon"), "--channel"),
        (("loans", "14", "--state", "lost"), "--state"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_sent(almeno, lender, arguments, complaint):
    result = almeno(*arguments)
    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr
    assert not lender.requests


@pytest.mark.usefixtures("lender")
def test_everything_fits_a_terminal_of_80_columns(almeno):
    for arguments in (*CHANGES.values(), ("charges", "list", "5")):
        assert max(map(len, almeno(*arguments, width=80).stdout.splitlines())) <= 80, arguments
