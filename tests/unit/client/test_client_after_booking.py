import datetime as dt
import time
import uuid
from decimal import Decimal

import grpc
import pytest
from almeno_client import (
    BookProgress,
    CustomerChange,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    PortfolioSummary,
    ReplayOutcome,
    SimulationFlip,
    SimulationSummary,
    Unavailable,
)
from support.portfolio_model import flip, policy, progress, simulation, summary

from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio

TERMS = {"loan_amount": 500_000, "interest_rate": Decimal("10.5"), "tenure_months": 60}


def only(service, method):
    (request,) = service.requests[method]
    return request


def updates(kind, **messages):
    """Messages of a stream, one for each field and value given."""
    return [
        kind(**{name: value})
        for name, given in messages.items()
        for value in (given if isinstance(given, list) else [given])
    ]


def simulated(**messages):
    return updates(portfolio.SimulatePolicyResponse, **messages)


def summed_up(**messages):
    return updates(portfolio.SummarizePortfolioResponse, **messages)


@pytest.fixture
def paid(service, sample):
    """A service that takes every repayment."""
    answer = credit.RecordRepaymentResponse(repayment=sample.repayment(7), loan=sample.loan(emis_paid=1))
    service.answers("RecordRepayment", answer)
    return service


def test_repayment_is_sent_with_the_amount_as_typed_and_comes_back_with_the_loan(client, paid):
    receipt = client.record_repayment(5, amount="₹10,746.95")
    request = only(paid, "RecordRepayment")
    assert (request.loan_id, request.amount.units, request.amount.nanos) == (5, 10_746, 950_000_000)
    assert not request.HasField("payment_date")
    assert uuid.UUID(request.request_id)
    assert (receipt.repayment.amount, receipt.loan.emis_paid) == (Decimal("10746.95"), 1)


def test_repayment_has_the_day_and_the_request_id_given(client, paid):
    request_id = str(uuid.uuid4())
    client.record_repayment(5, amount=100, payment_date=dt.date(2026, 3, 7), request_id=request_id)
    request = only(paid, "RecordRepayment")
    day = request.payment_date
    assert (day.year, day.month, day.day, request.request_id) == (2026, 3, 7, request_id)


def test_repayment_that_is_sent_again_has_one_request_id(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    answer = credit.RecordRepaymentResponse(repayment=sample.repayment(7), loan=sample.loan())
    service.answers("RecordRepayment", down, down, answer)
    client.record_repayment(5, amount=100)
    assert len({request.request_id for request in service.requests["RecordRepayment"]}) == 1
    assert len(service.requests["RecordRepayment"]) == 3


def test_repayment_in_floats_is_refused_before_it_is_sent(client, paid):
    with pytest.raises(TypeError, match="not the float"):
        client.record_repayment(5, amount=100.5)
    assert not paid.requests


def test_repayment_beyond_the_payoff_tells_the_payoff(client, service, sample):
    facts = {"payoff_amount": "503000.25"}
    code = grpc.StatusCode.FAILED_PRECONDITION
    service.answers("RecordRepayment", sample.refusal(code, "too much", "REPAYMENT_EXCEEDS_PAYOFF", {}, facts))
    with pytest.raises(FailedPrecondition) as caught:
        client.record_repayment(5, amount=600_000)
    assert (caught.value.reason, caught.value.metadata) == ("REPAYMENT_EXCEEDS_PAYOFF", facts)


def test_repayments_and_decisions_are_listed_over_pages(client, service, sample):
    pages = {"": "b", "b": ""}

    def repayments(request, _):
        return credit.ListRepaymentsResponse(
            repayments=[sample.repayment(7)], next_page_token=pages[request.page_token]
        )

    def decisions(request, _):
        return credit.ListDecisionsResponse(
            decisions=[sample.stored_decision()], next_page_token=pages[request.page_token]
        )

    service.answers("ListRepayments", repayments)
    service.answers("ListDecisions", decisions)
    assert len(list(client.list_repayments(5, page_size=1))) == 2
    assert len(list(client.list_decisions(14, page_size=1))) == 2
    assert {(each.loan_id, each.page_size) for each in service.requests["ListRepayments"]} == {(5, 1)}
    assert {(each.customer_id, each.page_size) for each in service.requests["ListDecisions"]} == {(14, 1)}


def test_changes_of_a_customer_are_listed_over_pages(client, service, sample):
    def changes(request, _):
        own = sample.customer_change(number=2, loan_id=None, field="age", old_value="30", new_value="31", import_id="")
        of_page = {"": sample.customer_change(), "b": own}[request.page_token]
        return credit.ListCustomerChangesResponse(changes=[of_page], next_page_token="" if request.page_token else "b")

    service.answers("ListCustomerChanges", changes)
    of_loan, of_customer = client.list_customer_changes(14, page_size=1)
    assert of_loan == CustomerChange(
        number=1,
        change_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        customer_id=14,
        loan_id=5,
        field="loan_amount",
        old_value="500000.00",
        new_value="1000.00",
        import_id="i-0001",
        row_number=6,
        principal="loader",
    )
    assert (of_customer.loan_id, of_customer.field, of_customer.import_id) == (None, "age", "")
    assert {(each.customer_id, each.page_size) for each in service.requests["ListCustomerChanges"]} == {(14, 1)}


def test_payoff_is_asked_for_the_day_given(client, service, sample):
    service.answers("GetPayoff", credit.GetPayoffResponse(payoff=sample.payoff()))
    assert client.get_payoff(5).amount == Decimal("503000.25")
    client.get_payoff(5, payoff_date=dt.date(2026, 3, 15))
    today, later = service.requests["GetPayoff"]
    assert (today.loan_id, today.HasField("payoff_date"), later.payoff_date.day) == (5, False, 15)


def test_stored_decision_is_fetched_and_taken_again(client, service, sample):
    service.answers("GetDecision", credit.GetDecisionResponse(decision=sample.stored_decision()))
    answer = credit.ReplayDecisionResponse(outcome="REPLAY_OUTCOME_MATCH", decision=sample.decision())
    service.answers("ReplayDecision", answer)
    assert [gate.passed for gate in client.get_decision("d-0001").gates] == [False, True]
    replay = client.replay_decision("d-0001")
    assert (replay.outcome, replay.differences) == (ReplayOutcome.MATCH, ())
    assert only(service, "GetDecision").decision_id == only(service, "ReplayDecision").decision_id == "d-0001"


def test_policies_are_listed_and_fetched(client, service):
    answer = portfolio.ListPoliciesResponse(policies=[policy(), policy("2026-07")])
    service.answers("ListPolicies", answer)
    service.answers("GetPolicy", portfolio.GetPolicyResponse(policy=policy("2026-07")))
    assert [each.version for each in client.list_policies()] == ["2026-01", "2026-07"]
    assert client.get_policy("2026-07").effective_date == dt.date(2026, 1, 1)
    assert only(service, "GetPolicy").version == "2026-07"


def test_simulation_asks_for_the_draft_and_yields_progress_summary_and_flips(client, service):
    flips = [flip(14, approved=True), flip(15, approved=False)]
    stream = simulated(progress=[progress(0, 300), progress(300, 300)], summary=simulation(), flip=flips)
    service.answers("SimulatePolicy", lambda *_: stream)
    first, second, total, *flipped = client.simulate_policy(policy="version = 'x'", against_version="2026-01", **TERMS)
    assert (first, second) == (BookProgress(0, 300), BookProgress(300, 300))
    assert isinstance(total, SimulationSummary)
    assert total.after.approvals == 190
    assert [(each.customer_id, each.after.approved) for each in flipped] == [(14, True), (15, False)]
    request = only(service, "SimulatePolicy")
    assert (request.WhichOneof("candidate"), request.policy) == ("policy", "version = 'x'")
    assert (request.against_version, request.loan_amount.units) == ("2026-01", 500_000)
    assert (request.interest_rate.value, request.tenure_months) == ("10.5", 60)


def test_simulation_of_a_version_names_it_alone(client, service):
    service.answers("SimulatePolicy", lambda *_: simulated(summary=simulation()))
    list(client.simulate_policy(version="2026-07", **TERMS))
    request = only(service, "SimulatePolicy")
    assert (request.WhichOneof("candidate"), request.version, request.against_version) == ("version", "2026-07", "")


@pytest.mark.parametrize("candidate", [{}, {"policy": "x", "version": "y"}])
def test_simulation_takes_a_draft_or_a_version(client, candidate):
    with pytest.raises(ValueError, match="either the draft of a policy or a version"):
        client.simulate_policy(**candidate, **TERMS)


def test_simulation_refuses_floats_at_once(client):
    with pytest.raises(TypeError, match="not the float"):
        client.simulate_policy(version="2026-07", **(TERMS | {"loan_amount": 1.5}))


def test_draft_that_is_no_policy_is_an_invalid_argument(client, service, sample):
    fields = {"policy": "gates: unknown key"}
    refusal = sample.refusal(grpc.StatusCode.INVALID_ARGUMENT, "gates: unknown key", "INVALID_FIELD", fields)
    service.answers("SimulatePolicy", lambda *_: [refusal])
    with pytest.raises(InvalidArgument) as caught:
        list(client.simulate_policy(policy="x", **TERMS))
    assert caught.value.fields == fields


def test_portfolio_is_summed_up(client, service):
    stream = summed_up(progress=progress(300, 300), summary=summary())
    service.answers("SummarizePortfolio", lambda *_: stream)
    first, total = client.summarize_portfolio()
    assert first == BookProgress(300, 300)
    assert isinstance(total, PortfolioSummary)
    assert total.customers == 300


def test_walk_that_breaks_off_before_its_summary_begins_again(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting", "SERVER_STOPPING")
    some = summed_up(progress=progress(100, 300))
    broken, ended = (lambda *_: [*some, down]), (lambda *_: some)
    service.answers("SummarizePortfolio", broken, ended, lambda *_: [*some, *summed_up(summary=summary())])
    seen = list(client.summarize_portfolio())
    assert [type(each) for each in seen] == [BookProgress] * 3 + [PortfolioSummary]


def test_walk_gives_up_on_a_service_that_keeps_breaking_off(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting", "SERVER_STOPPING")
    service.answers("SummarizePortfolio", lambda *_: [*summed_up(progress=progress(100, 300)), down])
    with pytest.raises(Unavailable):
        list(client.summarize_portfolio())
    assert len(service.requests["SummarizePortfolio"]) == 4


def test_walk_that_never_begins_is_tried_as_often_as_any_call(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting", "SERVER_STOPPING")
    service.answers("SimulatePolicy", lambda *_: [down])
    with pytest.raises(Unavailable):
        list(client.simulate_policy(version="2026-07", **TERMS))
    assert len(service.requests["SimulatePolicy"]) == 4


def test_flips_never_come_twice(client, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting", "SERVER_STOPPING")
    some = simulated(summary=simulation(), flip=flip(14, approved=True))
    service.answers("SimulatePolicy", lambda *_: [*some, down])
    seen = []
    with pytest.raises(Unavailable):
        seen.extend(client.simulate_policy(version="2026-07", **TERMS))
    assert [type(each) for each in seen] == [SimulationSummary, SimulationFlip]
    assert len(service.requests["SimulatePolicy"]) == 1


def test_update_newer_than_the_client_is_left_out(client, service):
    stream = [portfolio.SummarizePortfolioResponse(), *summed_up(summary=summary())]
    service.answers("SummarizePortfolio", lambda *_: stream)
    assert len(list(client.summarize_portfolio())) == 1


def test_walk_ends_at_its_deadline(client, service):
    def slow(*_):
        yield from summed_up(progress=progress(0, 300))
        time.sleep(0.3)

    service.answers("SummarizePortfolio", slow)
    walk = client.summarize_portfolio(timeout_seconds=0.1)
    assert next(walk) == BookProgress(0, 300)
    with pytest.raises(DeadlineExceeded):
        next(walk)
