"""Answers that are made in messages which are used again and again."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.domain.decision import Borrower, Decision, LoanRequest, decide
from almeno_grpc.domain.errors import CustomerNotFound
from almeno_grpc.domain.loan import Loan
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.rpc.decision_answers import batch_answer, booking_answer, check_answer, stored_decision
from almeno_grpc.rpc.kept_messages import MAX_USES
from almeno_grpc.service.booking import Booking
from almeno_grpc.service.decision_record import stored_decision_of

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


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_nothing_of_an_answer_is_left_in_the_next(decisions: list[Decision]) -> None:
    first = [check_answer(each) for each in decisions]
    for earlier in decisions:
        for later, answer in zip(decisions, first, strict=True):
            check_answer(earlier)
            assert check_answer(later) == answer
    approved, offered, declined = (pb.CheckEligibilityResponse.FromString(answer).decision for answer in first)
    assert not approved.reasons
    assert not approved.HasField("counter_offer")
    assert offered.HasField("counter_offer")
    assert declined.reasons
    assert not declined.HasField("counter_offer")


def test_nothing_of_an_answer_to_a_booking_is_left_in_the_next(decisions: list[Decision], policy: Policy) -> None:
    bookings = [booking_of(each, policy) for each in (*decisions, with_highest_rate(decisions[0]), decisions[0])]
    first = [booking_answer(each) for each in bookings]
    for earlier in bookings:
        for later, answer in zip(bookings, first, strict=True):
            booking_answer(earlier)
            assert booking_answer(later) == answer
    for booking, answer in zip(bookings, map(pb.CreateLoanResponse.FromString, first), strict=True):
        assert answer.decision == stored_decision(booking.stored)
        assert answer.HasField("loan") == booking.decision.approved
        assert [gate.observed for gate in answer.decision.gates] == [gate.observed for gate in booking.stored.gates]


def with_highest_rate(decision: Decision) -> Decision:
    """The decision with one gate more, and longer words."""
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


def test_answer_tells_of_its_own_policy_and_day_after_those_of_another(decisions: list[Decision]) -> None:
    under_one = decisions[0]
    renamed = tuple(part._replace(name=f"{part.name}_2", max_points=99) for part in under_one.score_components)
    under_another = under_one._replace(policy_version="2027-01", policy_sha256="f" * 64, score_components=renamed)
    the_day_after = under_one._replace(business_date=date(2027, 12, 31))
    for each in (under_one, under_another, the_day_after, under_one):
        told = pb.CheckEligibilityResponse.FromString(check_answer(each)).decision
        assert told.policy_version == each.policy_version
        assert [(part.name, part.max_points) for part in told.score_components] == [
            (part.name, part.max_points) for part in each.score_components
        ]
        on = told.business_date
        assert date(on.year, on.month, on.day) == each.business_date


def test_batch_is_the_single_answers_in_their_order(decisions: list[Decision]) -> None:
    asked = [*decisions, CustomerNotFound(9), *reversed(decisions)]
    results = pb.BatchCheckEligibilityResponse.FromString(batch_answer(asked)).results
    for one, result in zip(asked, results, strict=True):
        if isinstance(one, Decision):
            single = pb.CheckEligibilityResponse.FromString(check_answer(one)).decision
            assert result.decision.SerializeToString() == single.SerializeToString()
        else:
            assert result.HasField("error")


def test_memory_does_not_grow_with_the_answers_given(decisions: list[Decision]) -> None:
    for _ in range(2 * MAX_USES):
        check_answer(decisions[0])
    before = resident_bytes()
    for _ in range(60_000):
        check_answer(decisions[0])
    # Texts that stayed in the message would come to 15 MiB.
    assert resident_bytes() - before < 4 * 2**20
