"""Credit with other lenders over the wire: in requests that decide, in the decision that is stored, in replays."""

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from google.type import date_pb2, money_pb2
from sqlalchemy import text
from support.book import LAKH, RUPEE
from support.recount import simulate, simulation, terms
from support.served_book import Served, served

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2

TODAY = date(2026, 12, 15)
BURDEN = decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH
# The instalment of which, at 0 %, is ₹6,753.05.
NEW_LOAN: dict[str, Any] = {**terms(0, "0", 20), "loan_amount": money_pb2.Money(units=135_061)}


@pytest.fixture(scope="module")
def december(databases: Any) -> Iterator[Served]:
    """A server whose business date lies in December 2026."""
    url = databases.make()
    with served(url, business_date=TODAY) as server:
        yield server
    databases.drop(url)


@pytest.fixture
def customer_id(december: Served) -> int:
    """Of a customer who earns ₹85,000 and pays ₹10,746.95 a month on a loan here."""
    customer_id = december.book.register(85_000 * RUPEE).customer_id
    booking = december.book.lend(customer_id, 5 * LAKH, "10.5", 60)
    assert booking.loan is not None
    assert booking.loan.monthly_installment == 1_074_695
    return customer_id


def owing(paise: int, **more: Any) -> decision_pb2.OutsideCredit:
    """What is owed elsewhere a month."""
    money = money_pb2.Money(currency_code="INR", units=paise // 100, nanos=paise % 100 * 10_000_000)
    return decision_pb2.OutsideCredit(monthly_obligations=money, **more)


def test_instalments_here_elsewhere_and_new_take_exactly_half_of_income_and_not_a_paisa_more(
    december: Served, customer_id: int
) -> None:
    def ways(outside: decision_pb2.OutsideCredit) -> list[decision_pb2.Decision]:
        """Of a check, alone and in a batch, and of a booking."""
        check = pb.CheckEligibilityRequest(customer_id=customer_id, outside=outside, **NEW_LOAN)
        batch = pb.BatchCheckEligibilityRequest(requests=[check])
        booking = pb.CreateLoanRequest(customer_id=customer_id, outside=outside, **NEW_LOAN)
        return [
            december.credit.CheckEligibility(check).decision,
            december.credit.BatchCheckEligibility(batch).results[0].decision,
            december.credit.CreateLoan(booking).decision,
        ]

    for outside, reasons in ((owing(25_000_01), [BURDEN]), (owing(25_000_00), [])):
        decisions = ways(outside)
        assert [list(decision.reasons) for decision in decisions] == [reasons] * 3
        assert [decision.outside for decision in decisions] == [outside] * 3
        assert {decision.policy_version for decision in decisions} == {"2026-12"}


def test_decision_is_stored_with_what_is_owed_elsewhere_and_its_replay_finds_that_edited(
    december: Served, customer_id: int
) -> None:
    outside = owing(25_000_00, bureau_score=720, report_date=date_pb2.Date(year=2026, month=12, day=15))
    told = december.credit.CreateLoan(
        pb.CreateLoanRequest(customer_id=customer_id, outside=outside, **NEW_LOAN)
    ).decision
    assert told.approved
    assert told.outside == outside
    fetched = december.credit.GetDecision(pb.GetDecisionRequest(decision_id=told.decision_id)).decision
    assert fetched == told
    observed = {gate.reason: gate.observed for gate in fetched.gates}
    assert observed[BURDEN] == "instalments with the new one and with those to other lenders ₹42,500 a month"
    assert observed[decision_pb2.DECISION_REASON_CUSTOMER_PAST_DUE] == "0 days past due"
    replay = pb.ReplayDecisionRequest(decision_id=told.decision_id)
    answer = december.credit.ReplayDecision(replay)
    assert (answer.outcome, answer.decision) == (decision_pb2.REPLAY_OUTCOME_MATCH, told)

    with december.book.store.engine.begin() as connection:
        edit = "UPDATE decision SET snapshot = replace(snapshot, '2500000', '2500001') WHERE decision_id = :id"
        edited = connection.execute(text(edit), {"id": told.decision_id})
        assert edited.rowcount == 1
    answer = december.credit.ReplayDecision(replay)
    assert answer.outcome == decision_pb2.REPLAY_OUTCOME_DRIFT
    differences = {each.field: (each.stored, each.replayed) for each in answer.differences}
    assert differences["reasons"] == ("", "EMI_BURDEN_TOO_HIGH")


def test_what_is_owed_elsewhere_is_part_of_the_request_that_its_id_names(december: Served, customer_id: int) -> None:
    asked = {"request_id": str(uuid.uuid4()), "customer_id": customer_id, **terms(10_000, "10", 12)}
    first = december.credit.CreateLoan(pb.CreateLoanRequest(outside=owing(100), **asked))
    assert december.credit.CreateLoan(pb.CreateLoanRequest(outside=owing(100), **asked)) == first
    for other in (owing(101), owing(100, bureau_score=700), decision_pb2.OutsideCredit(), None):
        changed = pb.CreateLoanRequest(outside=other, **asked)
        refusal = december.refusal(lambda changed=changed: december.credit.CreateLoan(changed))
        assert refusal.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    ("outside", "field"),
    [
        ({"monthly_obligations": money_pb2.Money(units=-1)}, "outside.monthly_obligations"),
        (owing(100_00_00_000_01), "outside.monthly_obligations"),
        ({"monthly_obligations": money_pb2.Money(nanos=1)}, "outside.monthly_obligations.nanos"),
        (
            {"monthly_obligations": money_pb2.Money(currency_code="USD", units=1)},
            "outside.monthly_obligations.currency_code",
        ),
        ({"bureau_score": 0}, "outside.bureau_score"),
        ({"bureau_score": 299}, "outside.bureau_score"),
        ({"bureau_score": 901}, "outside.bureau_score"),
        ({"report_date": date_pb2.Date(year=2026, month=12, day=16)}, "outside.report_date"),
        ({"report_date": date_pb2.Date(year=2026, month=12)}, "outside.report_date"),
        ({"report_date": date_pb2.Date()}, "outside.report_date"),
    ],
    ids=str,
)
def test_credit_elsewhere_that_cannot_be_is_refused_by_its_field(
    december: Served, outside: decision_pb2.OutsideCredit | dict[str, Any], field: str
) -> None:
    message = outside if isinstance(outside, decision_pb2.OutsideCredit) else decision_pb2.OutsideCredit(**outside)
    asked = {"customer_id": 1, "outside": message, **terms(10_000, "10", 12)}
    for call in (
        lambda: december.credit.CheckEligibility(pb.CheckEligibilityRequest(**asked)),
        lambda: december.credit.CreateLoan(pb.CreateLoanRequest(**asked)),
        lambda: list(december.portfolio.SimulatePolicy(simulation(version="2026-12", outside=message), timeout=30)),
    ):
        refusal = december.refusal(call)
        assert (refusal.code, refusal.reason, refusal.fields) == ("INVALID_ARGUMENT", "INVALID_FIELD", [field])
    batch = pb.BatchCheckEligibilityRequest(requests=[pb.CheckEligibilityRequest(**asked)])
    (result,) = december.credit.BatchCheckEligibility(batch).results
    assert (result.error.code, field in result.error.message) == (3, True)


@pytest.mark.parametrize(
    "outside",
    [
        owing(0),
        owing(100_00_00_000_00),
        decision_pb2.OutsideCredit(bureau_score=300),
        decision_pb2.OutsideCredit(bureau_score=900),
        decision_pb2.OutsideCredit(report_date=date_pb2.Date(year=2026, month=12, day=15)),
        decision_pb2.OutsideCredit(),
    ],
    ids=str,
)
def test_credit_elsewhere_at_its_bounds_is_taken(
    december: Served, customer_id: int, outside: decision_pb2.OutsideCredit
) -> None:
    asked = pb.CheckEligibilityRequest(customer_id=customer_id, outside=outside, **terms(10_000, "10", 12))
    told = december.credit.CheckEligibility(asked).decision.outside
    assert told.monthly_obligations.units == outside.monthly_obligations.units
    told.ClearField("monthly_obligations")
    outside.ClearField("monthly_obligations")
    assert told == outside


def test_simulation_takes_every_customer_to_owe_elsewhere_what_it_states(december: Served, customer_id: int) -> None:
    asked = {"loan_amount": 135_061, "interest_rate": "0", "tenure_months": 20, "against_version": "2026-01"}
    for outside, flips in ((owing(25_000_00), False), (owing(25_000_01), True)):
        _, _, found = simulate(december, version="2026-12", outside=outside, **asked)
        assert (customer_id in {flip.customer_id for flip in found}) is flips
    assert all(list(flip.after.reasons) == [BURDEN] for flip in found)
