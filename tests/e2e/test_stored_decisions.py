"""Decisions on every customer of a book: stored, found and taken again by a real server, and after its restart."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.calls import SECONDS, loan_of, per_cent
from support.servers import CUSTOMERS, LOANS, SAMPLE_BOOK, RunningServer, StartServer

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2

MATCH, DRIFT = decision_pb2.REPLAY_OUTCOME_MATCH, decision_pb2.REPLAY_OUTCOME_DRIFT
TERMS = ((40_000, "9", 24, None), (300_000, "13.25", 60, "12.5"), (2_500_000, "7.5", 120, None), (5_000, "0", 7, "24"))
"""Amount, rate, months and highest rate; the customers of a book ask for these by turns."""


def customers(server: RunningServer) -> Iterator[int]:
    token = ""
    while True:
        request = pb.ListCustomersRequest(page_size=100, page_token=token)
        page = server.credit.ListCustomers(request, timeout=SECONDS)
        yield from (customer.customer_id for customer in page.customers)
        token = page.next_page_token
        if not token:
            return


def decided(server: RunningServer) -> dict[str, decision_pb2.Decision]:
    """The decisions on a loan asked for by every customer, as they were answered."""
    decisions = {}
    for number, customer_id in enumerate(customers(server)):
        amount, rate, months, max_rate = TERMS[number % len(TERMS)]
        more = {} if max_rate is None else {"max_interest_rate": per_cent(max_rate)}
        request = loan_of(customer_id, amount, rate, months, **more)
        decision = server.credit.CreateLoan(request, timeout=SECONDS).decision
        decisions[decision.decision_id] = decision
    return decisions


def replayed(server: RunningServer, decision_id: str) -> pb.ReplayDecisionResponse:
    return server.credit.ReplayDecision(pb.ReplayDecisionRequest(decision_id=decision_id), timeout=SECONDS)


def assert_all_hold(server: RunningServer, decisions: dict[str, decision_pb2.Decision]) -> None:
    """Each decision is found as it was answered, in its place in the customer's list, and its replay matches."""
    for decision_id, decision in decisions.items():
        found = server.credit.GetDecision(pb.GetDecisionRequest(decision_id=decision_id), timeout=SECONDS).decision
        assert found == decision
        request = pb.ListDecisionsRequest(customer_id=decision.customer_id)
        assert decision in server.credit.ListDecisions(request, timeout=SECONDS).decisions
        replay = replayed(server, decision_id)
        assert (replay.outcome, list(replay.differences), replay.decision) == (MATCH, [], decision)


@pytest.fixture
def sample_book(start_server: StartServer) -> RunningServer:
    server = start_server(*SAMPLE_BOOK, ALMENO_BUSINESS_DATE="2026-11-23")
    server.wait_for_event("import_ended", count=2)
    return server


def test_every_decision_on_the_sample_book_is_found_and_replayed_even_years_later(
    sample_book: RunningServer, record_property: Callable[[str, object], None]
) -> None:
    decisions = decided(sample_book)
    assert len(decisions) == 300
    outcomes = Counter(decision.approved for decision in decisions.values())
    assert min(outcomes[True], outcomes[False]) > 30
    reasons = {reason for decision in decisions.values() for reason in decision.reasons}
    assert len(reasons) >= 3
    assert_all_hold(sample_book, decisions)
    sample_book.stop()
    sample_book.start(ALMENO_BUSINESS_DATE="2031-03-31")
    assert_all_hold(sample_book, decisions)
    record_property("decisions of the sample book replayed", f"{len(decisions)}, {outcomes[True]} of them approvals")


def test_every_decision_on_the_real_book_is_found_and_replayed(
    start_server: StartServer, real_book: Path, record_property: Callable[[str, object], None]
) -> None:
    server = start_server(ALMENO_BUSINESS_DATE="2024-06-30")
    for kind, name in ((CUSTOMERS, "customer_data.xlsx"), (LOANS, "loan_data.xlsx")):
        server.load(kind, (real_book / name).read_bytes(), name)
    decisions = decided(server)
    assert len(decisions) == 300
    assert_all_hold(server, decisions)
    record_property("decisions of the real book replayed", len(decisions))
