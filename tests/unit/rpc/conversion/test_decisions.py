"""Decisions as messages: what they hold, and what they leave out."""

import itertools
from datetime import date
from decimal import Decimal

import pytest

from almeno_grpc.api import asset_class_pb2, decision_pb2
from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.domain.asset_class import AssetClass
from almeno_grpc.domain.decision import Borrower, Decision, LoanRequest, decide
from almeno_grpc.domain.errors import CustomerNotFound
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.outside_credit import OutsideCredit
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.rpc.conversion.decisions import encoded_check, encoded_results, fill_booking, fill_stored_decision
from almeno_grpc.service.booking import Booking
from almeno_grpc.service.decision_snapshot import stored_decision_of

RUPEE = 100
POSITION = CreditPosition(loan_count=3, active_loan_count=1, approved_volume=10**7, emis_due=20, emis_paid_on_time=15)


@pytest.fixture
def decisions(policy: Policy) -> list[Decision]:
    """Approved; declined with an offer; declined for more than one reason, without an offer."""
    limit = 200_000 * RUPEE
    who = Borrower(50_000 * RUPEE, limit, POSITION)
    owes = Borrower(50_000 * RUPEE, limit, POSITION._replace(current_debt=limit + 1, monthly_obligation=limit))
    asked = [LoanRequest(7, rupees * RUPEE, Decimal("10.5"), 24) for rupees in (10_000, 900_000, 10_000)]
    found = [
        decide(request, borrower, policy, date(2026, 4, 10))
        for request, borrower in zip(asked, (who, who, owes), strict=True)
    ]
    assert [(each.approved, each.counter_offer is None) for each in found] == [
        (True, True),
        (False, False),
        (False, True),
    ]
    return found


def message_of(decision: Decision) -> decision_pb2.Decision:
    return pb.CheckEligibilityResponse.FromString(encoded_check(decision)).decision


def test_batch_holds_the_decisions_of_single_checks_and_the_errors_in_order(decisions: list[Decision]) -> None:
    outcomes = [decisions[0], CustomerNotFound(7), *decisions]
    response = pb.BatchCheckEligibilityResponse.FromString(encoded_results(outcomes))
    assert [result.WhichOneof("outcome") for result in response.results] == ["decision", "error", *["decision"] * 3]
    assert [result.decision for result in response.results[2:]] == [message_of(each) for each in decisions]


def test_message_that_is_filled_again_holds_nothing_of_the_decision_before(decisions: list[Decision]) -> None:
    fewer = decisions[1]._replace(score_components=decisions[1].score_components[:3])
    first: dict[int, bytes] = {}
    for place, decision in itertools.chain(*itertools.permutations(enumerate([*decisions, fewer]))):
        encoded = message_of(decision).SerializeToString(deterministic=True)
        assert encoded == first.setdefault(place, encoded)
    assert len(set(first.values())) == 4


OUTSIDE = OutsideCredit(25_000_50, 720, date(2026, 4, 1))


def test_decision_tells_the_credit_with_other_lenders_and_the_next_one_holds_nothing_of_it(
    decisions: list[Decision],
) -> None:
    first = decisions[0]
    told = message_of(first._replace(request=first.request._replace(outside=OUTSIDE))).outside
    assert (told.monthly_obligations.units, told.monthly_obligations.nanos) == (25_000, 500_000_000)
    assert (told.bureau_score, told.report_date.day) == (720, 1)
    less = message_of(first._replace(request=first.request._replace(outside=OutsideCredit()))).outside
    assert less.HasField("monthly_obligations")
    assert not less.HasField("bureau_score")
    assert not less.HasField("report_date")
    assert not message_of(first).HasField("outside")


@pytest.mark.parametrize("asset_class", AssetClass)
def test_position_tells_days_past_due_and_class(decisions: list[Decision], asset_class: AssetClass) -> None:
    position = POSITION._replace(days_past_due=31, asset_class=asset_class)
    late = message_of(decisions[0]._replace(borrower=decisions[0].borrower._replace(position=position)))
    assert late.position.days_past_due == 31
    assert asset_class_pb2.AssetClass.Name(late.position.asset_class) == f"ASSET_CLASS_{asset_class}"


def test_approval_has_neither_reasons_nor_a_counter_offer(decisions: list[Decision]) -> None:
    approved, offered, declined = map(message_of, decisions)
    assert approved.approved
    assert not approved.reasons
    assert not approved.HasField("counter_offer")
    assert offered.HasField("counter_offer")
    assert declined.reasons
    assert not declined.HasField("counter_offer")


def test_decision_has_every_part_it_was_taken_from(decisions: list[Decision]) -> None:
    for decision, message in zip(decisions, map(message_of, decisions), strict=True):
        assert message.customer_id == 7
        assert message.loan_amount.units * RUPEE == decision.request.loan_amount
        assert (message.interest_rate.value, message.tenure_months) == ("10.5", 24)
        assert message.credit_score == decision.credit_score
        assert [(part.name, part.max_points, part.observed) for part in message.score_components] == [
            (part.name, part.max_points, part.observed) for part in decision.score_components
        ]
        assert [part.points for part in message.score_components] == [
            float(part.points) for part in decision.score_components
        ]
        assert [decision_pb2.DecisionReason.Name(reason) for reason in message.reasons] == [
            f"DECISION_REASON_{reason}" for reason in decision.reasons
        ]
        assert message.message == decision.message
        assert message.position.emis_paid_on_time == 15
        assert message.position.HasField("available_limit")
        assert (message.policy_version, message.business_date.day) == (decision.policy_version, 10)
        assert not message.decision_id


def test_answer_to_a_booking_has_the_decision_as_stored_and_the_loan_where_one_is_booked(
    decisions: list[Decision], policy: Policy
) -> None:
    for decision in (*decisions, with_highest_rate(decisions[0])):
        booking = booking_of(decision, policy)
        answer, stored = pb.CreateLoanResponse(), decision_pb2.Decision()
        fill_booking(answer, booking)
        fill_stored_decision(stored, booking.stored)
        assert answer.decision == stored
        assert answer.HasField("loan") == decision.approved
        assert [gate.observed for gate in stored.gates] == [gate.observed for gate in booking.stored.gates]
        assert stored.HasField("max_interest_rate") == (decision.request.max_interest_rate is not None)
        assert (stored.create_time.seconds, stored.create_time.nanos) == (1_700_000_000, 123_456_000)


def test_stored_decision_is_told_in_the_words_in_which_it_was_told(decisions: list[Decision], policy: Policy) -> None:
    message = decision_pb2.Decision()
    fill_stored_decision(message, booking_of(decisions[0], policy).stored._replace(message="Approved, as ever."))
    assert message.message == "Approved, as ever."


def with_highest_rate(decision: Decision) -> Decision:
    """The decision with one gate more."""
    asked = decision.request._replace(max_interest_rate=Decimal("10.5"), loan_amount=12_345_678)
    return decision._replace(request=asked)


def booking_of(decision: Decision, policy: Policy) -> Booking:
    stored = stored_decision_of("0199d2a0-7c1e-7b6f-8f00-0123456789ab", decision, policy, 1_700_000_000_123_456)
    loan = Loan(
        loan_id=12,
        customer_id=decision.request.customer_id,
        loan_amount=decision.request.loan_amount,
        interest_rate=decision.corrected_interest_rate,
        tenure_months=decision.request.tenure_months,
        monthly_installment=decision.monthly_installment,
        installment_method=decision.installment_method,
        emis_paid=0,
        emis_paid_on_time=0,
        outstanding_principal=decision.request.loan_amount,
        approval_date=decision.business_date,
        decision_id=stored.decision_id,
    )
    return Booking(stored, loan if decision.approved else None)
