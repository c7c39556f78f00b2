"""Credit with other lenders, and arrears here: what the client sends, gives and shows of them."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from almeno_client import AssetClass, DecisionReason, EligibilityRequest, OutsideCredit
from google.type.date_pb2 import Date
from support.credit_messages import rupees
from support.portfolio_model import simulation

from almeno_grpc.api import asset_class_pb2, decision_pb2
from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio

TERMS = {"loan_amount": 500_000, "interest_rate": Decimal("10.5"), "tenure_months": 60}
TYPED = ("--amount", "5,00,000", "--rate", "10.5", "--tenure", "60")
GIVEN = OutsideCredit("₹25,000.50", 720, dt.date(2026, 1, 20))
SENT = decision_pb2.OutsideCredit(
    monthly_obligations=rupees(25_000, 50), bureau_score=720, report_date=Date(year=2026, month=1, day=20)
)
OPTIONS = ("--outside-obligations", "25,000.50", "--bureau-score", "720", "--bureau-report-date", "2026-01-20")
NOTHING_OWED = decision_pb2.OutsideCredit(monthly_obligations=rupees(0))


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """Where simulations write their page."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def book(service, sample):
    """A service that answers all that decides."""
    decision = sample.decision(outside=SENT)
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=decision))
    service.answers("CreateLoan", credit.CreateLoanResponse(decision=decision, loan=sample.loan()))
    results = [credit.BatchCheckEligibilityResult(decision=decision)]
    service.answers("BatchCheckEligibility", credit.BatchCheckEligibilityResponse(results=results))
    stream = [portfolio.SimulatePolicyResponse(summary=simulation())]
    service.answers("SimulatePolicy", lambda *_: stream)
    return service


def sent(service, method):
    """What the only request of a method states of other lenders; None where that is nothing."""
    (request,) = service.requests[method]
    request = request.requests[0] if method == "BatchCheckEligibility" else request
    return request.outside if request.HasField("outside") else None


CALLS = {
    "CheckEligibility": lambda client, **more: client.check_eligibility(14, **TERMS, **more),
    "CreateLoan": lambda client, **more: client.create_loan(14, **TERMS, **more),
    "BatchCheckEligibility": lambda client, **more: client.check_eligibility_batch(
        [EligibilityRequest(14, **TERMS, **more)]
    ),
    "SimulatePolicy": lambda client, **more: list(client.simulate_policy(version="2026-12", **TERMS, **more)),
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    ("outside", "expected"),
    [(None, None), (GIVEN, SENT), (OutsideCredit(), NOTHING_OWED)],
    ids=["nothing", "everything", "nothing owed"],
)
def test_what_is_known_of_other_lenders_is_sent_with_whatever_decides(client, book, method, outside, expected):
    CALLS[method](client, outside=outside)
    assert sent(book, method) == expected


@pytest.mark.parametrize("method", CALLS)
def test_float_is_no_amount_owed_elsewhere(client, book, method):
    with pytest.raises(TypeError, match="exact"):
        CALLS[method](client, outside=OutsideCredit(25_000.5))
    assert book.requests == {}


def test_decision_has_what_it_was_taken_from(client, service, sample):
    late = sample.position(days_past_due=187, asset_class=asset_class_pb2.ASSET_CLASS_NON_PERFORMING)
    for outside, expected in ((SENT, GIVEN), (NOTHING_OWED, OutsideCredit(Decimal(0))), (None, None)):
        decision = sample.decision(position=late, outside=outside)
        service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=decision))
        found = client.check_eligibility(14, **TERMS)
        assert (found.position.days_past_due, found.position.asset_class) == (187, AssetClass.NON_PERFORMING)
        if expected is GIVEN:
            assert found.outside == OutsideCredit(Decimal("25000.50"), GIVEN.bureau_score, GIVEN.report_date)
        else:
            assert found.outside == expected


def test_position_of_a_service_that_knows_no_classes_has_none(client, service, sample):
    service.answers("GetCustomer", credit.GetCustomerResponse(customer=sample.customer(), position=sample.position()))
    position = client.get_customer(14).position
    assert (position.days_past_due, position.asset_class) == (0, AssetClass.UNSPECIFIED)


COMMANDS = {
    "CheckEligibility": ("check", "14", *TYPED),
    "CreateLoan": ("apply", "14", *TYPED),
    "SimulatePolicy": ("simulate", "--policy", "2026-12", *TYPED),
}


@pytest.mark.parametrize("method", COMMANDS)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), None),
        (OPTIONS, SENT),
        (OPTIONS[:2], decision_pb2.OutsideCredit(monthly_obligations=rupees(25_000, 50))),
        (OPTIONS[2:4], decision_pb2.OutsideCredit(monthly_obligations=rupees(0), bureau_score=720)),
        (
            OPTIONS[4:],
            decision_pb2.OutsideCredit(monthly_obligations=rupees(0), report_date=Date(year=2026, month=1, day=20)),
        ),
    ],
    ids=["nothing", "everything", "obligations", "score", "report"],
)
def test_commands_that_decide_take_what_is_known_of_other_lenders(almeno, book, method, options, expected):
    assert almeno(*COMMANDS[method], *options).exit_code == 0
    assert sent(book, method) == expected


@pytest.mark.usefixtures("book")
def test_check_shows_what_is_owed_elsewhere(almeno):
    words = " ".join(almeno("check", "14", *TYPED, *OPTIONS).stdout.split())
    for text in ("Owed elsewhere ₹25,000.50 a month", "Bureau score 720", "Bureau report of 2026-01-20"):
        assert text in words
    told = json.loads(almeno("check", "14", *TYPED, *OPTIONS, "--json").stdout)["decision"]
    assert told["outside"] == {"monthly_obligations": "25000.50", "bureau_score": 720, "report_date": "2026-01-20"}


def test_check_shows_of_other_lenders_only_what_is_known(almeno, service, sample):
    for outside, shown in ((None, False), (NOTHING_OWED, True)):
        decision = sample.decision(outside=outside)
        service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=decision))
        text = almeno("check", "14", *TYPED).stdout
        assert ("Owed elsewhere" in text) is shown
        assert "Bureau" not in text


@pytest.mark.usefixtures("book")
def test_simulation_names_what_every_customer_is_taken_to_owe_elsewhere(almeno):
    words = " ".join(almeno("simulate", "--policy", "2026-12", *TYPED, *OPTIONS).stdout.split())
    assert "₹25,000.50 a month owed elsewhere, bureau score 720, bureau report of 2026-01-20, for every" in words
    words = " ".join(almeno("simulate", "--policy", "2026-12", *TYPED, *OPTIONS[:2]).stdout.split())
    assert "at 10.5 % a year, ₹25,000.50 a month owed elsewhere, for every customer." in words


@pytest.mark.parametrize(
    ("days", "asset_class", "shown"),
    [
        (0, "STANDARD", "Past due 0 days, asset class standard"),
        (1, "SMA_0", "Past due 1 day, asset class SMA-0"),
        (31, "SMA_1", "Past due 31 days, asset class SMA-1"),
        (61, "SMA_2", "Past due 61 days, asset class SMA-2"),
        (187, "NON_PERFORMING", "Past due 187 days, asset class non-performing"),
        (0, "UNSPECIFIED", "Past due 0 days, asset class unknown"),
    ],
)
def test_position_shows_how_late_a_customer_is(almeno, service, sample, days, asset_class, shown):
    position = sample.position(days_past_due=days, asset_class=f"ASSET_CLASS_{asset_class}")
    service.answers("GetCustomer", credit.GetCustomerResponse(customer=sample.customer(), position=position))
    assert shown in " ".join(almeno("customer", "14").stdout.split())


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (DecisionReason.CUSTOMER_PAST_DUE, "An instalment of the customer's is too long past due."),
        (DecisionReason.CUSTOMER_NON_PERFORMING, "The customer is non-performing, until all arrears are paid."),
        (DecisionReason.BUREAU_SCORE_TOO_LOW, "The score of the credit bureau is too low."),
        (DecisionReason.BUREAU_REPORT_MISSING, "A credit bureau's report is needed: its score, its date or both."),
        (DecisionReason.BUREAU_REPORT_TOO_OLD, "The credit bureau's report is too old, or has no date."),
    ],
)
def test_decline_for_arrears_or_a_report_says_so(almeno, service, sample, reason, sentence):
    decline = sample.decline(reasons=[f"DECISION_REASON_{reason}"], counter_offer=None)
    service.answers("CheckEligibility", credit.CheckEligibilityResponse(decision=decline))
    result = almeno("check", "14", *TYPED)
    assert result.exit_code == 3
    assert f"• {sentence}" in result.stdout


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--outside-obligations", "2,50,00"), "--outside-obligations"),
        (("--bureau-score", "high"), "--bureau-score"),
        (("--bureau-report-date", "31/01/2026"), "--bureau-report-date"),
    ],
)
def test_option_that_cannot_be_read_ends_with_2(almeno, service, options, complaint):
    for command in COMMANDS.values():
        result = almeno(*command, *options)
        assert (result.exit_code, complaint in result.stderr) == (2, True)
    assert service.requests == {}
