"""Stored decisions over the wire: fetched, listed, taken again, and found out where somebody has edited them."""

import uuid

import pytest
from sqlalchemy import text

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2
from almeno_grpc.rpc.pages import page_token

MATCH, DRIFT = decision_pb2.REPLAY_OUTCOME_MATCH, decision_pb2.REPLAY_OUTCOME_DRIFT
RUPEE = 100


@pytest.fixture
def customers(stubs, rows_of):
    """Two customers of an imported book, the first of whom has paid an instalment late."""
    stubs.book.upsert([rows_of.customer(7), rows_of.customer(8)])
    stubs.book.upsert([rows_of.loan(7, 5)])
    return 7, 8


@pytest.fixture
def apply(stubs, customers, money, rate):
    """Asks for a loan and gives the answer's decision."""

    def ask(customer_id=customers[0], amount=100_000, asked="10.5", months=12, **more):
        return stubs.credit.CreateLoan(
            pb.CreateLoanRequest(
                customer_id=customer_id,
                loan_amount=money(amount),
                interest_rate=rate(asked),
                tenure_months=months,
                **more,
            )
        ).decision

    return ask


def fetched(stubs, decision_id):
    return stubs.credit.GetDecision(pb.GetDecisionRequest(decision_id=decision_id)).decision


def replayed(stubs, decision_id):
    return stubs.credit.ReplayDecision(pb.ReplayDecisionRequest(decision_id=decision_id))


def edit(stubs, column, value):
    with stubs.book.store.engine.begin() as connection:
        connection.execute(text(f"UPDATE decision SET {column} = :value"), {"value": value})  # noqa: S608


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param({}, id="approved"),
        pytest.param({"amount": 2_000_000}, id="above the limit"),
        pytest.param({"amount": 1_700_000, "months": 36}, id="above half of the income, with a counter-offer"),
        pytest.param({"asked": "10.25", "max": "10.2499"}, id="above the highest rate"),
        pytest.param({"max": "100"}, id="with a highest rate"),
    ],
)
def test_decision_is_found_as_it_was_told_and_its_replay_matches(stubs, apply, rate, terms):
    most = {"max_interest_rate": rate(terms.pop("max"))} if "max" in terms else {}
    told = apply(**terms, **most)
    assert fetched(stubs, told.decision_id) == told
    assert fetched(stubs, told.decision_id.upper()) == told
    (listed,) = stubs.credit.ListDecisions(pb.ListDecisionsRequest(customer_id=7)).decisions
    assert listed == told
    replay = replayed(stubs, told.decision_id)
    assert (replay.outcome, replay.decision, list(replay.differences)) == (MATCH, told, [])


def test_stored_decision_explains_itself(stubs, apply, rate):
    decision = fetched(stubs, apply(amount=1_700_000, max_interest_rate=rate("9.5")).decision_id)
    assert [(gate.reason, gate.passed, gate.observed, gate.allowed) for gate in decision.gates] == [
        (
            decision_pb2.DECISION_REASON_DEBT_EXCEEDS_LIMIT,
            True,
            "current debt ₹75,000",
            "approved limit ₹18,00,000",
        ),
        (decision_pb2.DECISION_REASON_CREDIT_SCORE_TOO_LOW, True, "55", "above 10"),
        (
            decision_pb2.DECISION_REASON_LOAN_EXCEEDS_LIMIT,
            True,
            "current debt ₹75,000 and the new loan ₹17,00,000",
            "approved limit ₹18,00,000",
        ),
        (
            decision_pb2.DECISION_REASON_EMI_BURDEN_TOO_HIGH,
            False,
            "instalments with the new one ₹1,59,060.62 a month",
            "₹25,000, 50 % of the monthly income ₹50,000",
        ),
        (decision_pb2.DECISION_REASON_RATE_ABOVE_MAXIMUM, False, "10.5 % a year", "at most 9.5 % a year"),
    ]
    assert decision.max_interest_rate.value == "9.5"
    assert (decision.monthly_income.units, decision.approved_limit.units) == (50_000, 1_800_000)
    assert len(decision.policy_sha256) == 64
    assert decision.create_time.seconds > 1_700_000_000


def test_check_carries_nothing_of_what_is_stored(stubs, apply, money, rate):
    apply()
    request = pb.CheckEligibilityRequest(
        customer_id=7, loan_amount=money(100_000), interest_rate=rate("10.5"), tenure_months=12
    )
    decision = stubs.credit.CheckEligibility(request).decision
    assert (decision.decision_id, list(decision.gates), decision.policy_sha256) == ("", [], "")
    for field in ("max_interest_rate", "monthly_income", "approved_limit", "create_time"):
        assert not decision.HasField(field)


def test_decision_leaves_no_trace_in_the_next_one(apply, rate):
    most = apply(max_interest_rate=rate("12"))
    assert most.HasField("max_interest_rate")
    assert len(most.gates) == 5
    for _ in range(10):
        any_rate = apply()
        assert not any_rate.HasField("max_interest_rate")
        assert len(any_rate.gates) == 4


def test_decisions_on_a_customer_are_listed_in_pages_the_oldest_first(stubs, apply):
    told = [apply(amount=1_000 + number).decision_id for number in range(7)]
    apply(customer_id=8)
    seen, token = [], ""
    while True:
        page = stubs.credit.ListDecisions(pb.ListDecisionsRequest(customer_id=7, page_size=3, page_token=token))
        seen += [decision.decision_id for decision in page.decisions]
        if len(seen) == 3:
            told.append(apply().decision_id)
        token = page.next_page_token
        if not token:
            break
    assert sorted(told) == seen
    assert len(list(stubs.credit.ListDecisions(pb.ListDecisionsRequest(customer_id=8)).decisions)) == 1


@pytest.mark.parametrize("call", ["GetDecision", "ReplayDecision"])
@pytest.mark.parametrize(
    ("decision_id", "code", "reason", "fields"),
    [
        ("0199d2a0-7c1e-7b6f-8f00-0123456789ab", "NOT_FOUND", "DECISION_NOT_FOUND", []),
        ("", "INVALID_ARGUMENT", "INVALID_FIELD", ["decision_id"]),
        ("7", "INVALID_ARGUMENT", "INVALID_FIELD", ["decision_id"]),
        ("0199d2a07c1e7b6f8f000123456789ab", "INVALID_ARGUMENT", "INVALID_FIELD", ["decision_id"]),
        ("0199d2a0-7c1e-7b6f-8f00-0123456789ab\n", "INVALID_ARGUMENT", "INVALID_FIELD", ["decision_id"]),
    ],
)
def test_decision_that_there_is_not_is_refused(shared_stubs, call, decision_id, code, reason, fields):
    request = getattr(pb, f"{call}Request")(decision_id=decision_id)
    refusal = shared_stubs.refusal(lambda: getattr(shared_stubs.credit, call)(request))
    assert (refusal.code, refusal.reason, refusal.fields) == (code, reason, fields)


def test_lists_of_customers_nobody_knows_and_tokens_of_other_lists_are_refused(stubs, apply):
    for _ in range(2):
        apply()
    token = stubs.credit.ListDecisions(pb.ListDecisionsRequest(customer_id=7, page_size=1)).next_page_token
    for request, reason in (
        (pb.ListDecisionsRequest(customer_id=9), "CUSTOMER_NOT_FOUND"),
        (pb.ListDecisionsRequest(customer_id=0), "INVALID_FIELD"),
        (pb.ListDecisionsRequest(customer_id=7, page_size=-1), "INVALID_FIELD"),
        (pb.ListDecisionsRequest(customer_id=8, page_token=token), "INVALID_PAGE_TOKEN"),
        (pb.ListDecisionsRequest(customer_id=7, page_token=f"{token}A"), "INVALID_PAGE_TOKEN"),
    ):
        assert stubs.refusal(lambda r=request: stubs.credit.ListDecisions(r)).reason == reason
    for key in ("\ud800", "\0"):
        forged = pb.ListDecisionsRequest(customer_id=7, page_token=page_token("decisions on 7", key))
        assert stubs.refusal(lambda r=forged: stubs.credit.ListDecisions(r)).reason == "INVALID_PAGE_TOKEN"
    assert len(stubs.credit.ListDecisions(pb.ListDecisionsRequest(customer_id=8)).decisions) == 0


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("decision_id", str(uuid.UUID(int=7)), "decision_id"),
        ("customer_id", 8, "customer_id"),
        ("business_date", "2026-04-11", "business_date"),
        ("policy_version", "2026-02", "policy_version"),
        ("policy_sha256", "0" * 64, "policy_sha256"),
        ("approved", True, "approved"),
        ("credit_score", 54, "credit_score"),
        ("reasons", "CREDIT_SCORE_TOO_LOW", "reasons"),
        ("snapshot", "{}", "snapshot"),
        ("snapshot", "", "snapshot"),
        ("snapshot_sha256", "0" * 64, "snapshot"),
        ("create_time_us", 1, "create_time"),
    ],
)
def test_stored_decision_that_somebody_edited_is_drift_that_names_the_field(stubs, apply, column, value, field):
    decision_id = apply(amount=2_000_000).decision_id
    assert replayed(stubs, decision_id).outcome == MATCH
    edit(stubs, column, value)
    replay = replayed(stubs, value if column == "decision_id" else decision_id)
    assert replay.outcome == DRIFT
    assert field in [difference.field for difference in replay.differences]
    assert replay.HasField("decision") is (column != "snapshot")


def test_edited_snapshot_is_drift_with_both_values(stubs, apply):
    decision_id = apply().decision_id
    (row,) = stubs.book.rows("decision")
    edit(stubs, "snapshot", row["snapshot"].replace('"monthly_income":5000000', '"monthly_income":9000000'))
    replay = replayed(stubs, decision_id)
    found = {difference.field: (difference.stored, difference.replayed) for difference in replay.differences}
    assert replay.outcome == DRIFT
    assert set(found) == {"snapshot", "gates.EMI_BURDEN_TOO_HIGH.allowed"}
    assert found["gates.EMI_BURDEN_TOO_HIGH.allowed"] == (
        "₹25,000, 50 % of the monthly income ₹50,000",
        "₹45,000, 50 % of the monthly income ₹90,000",
    )
    assert fetched(stubs, decision_id).monthly_income.units == 90_000


@pytest.mark.parametrize(
    "snapshot", ["", "{", "[]", "{}", '{"approved":"\\ud800"}', '{"approved":true,"decision_id":"\\u0000"}']
)
def test_decision_whose_snapshot_cannot_be_read_is_told_from_what_stands_beside_it(stubs, apply, snapshot):
    told = apply(amount=2_000_000)
    edit(stubs, "snapshot", snapshot)
    decision = fetched(stubs, told.decision_id)
    assert (decision.decision_id, decision.customer_id, decision.approved) == (told.decision_id, 7, False)
    assert (decision.credit_score, decision.policy_version) == (told.credit_score, "2026-01")
    assert decision.reasons == told.reasons
    assert decision.message.startswith("What is stored of this decision is damaged: ")
    (listed,) = stubs.credit.ListDecisions(pb.ListDecisionsRequest(customer_id=7)).decisions
    assert listed == decision
    replay = replayed(stubs, told.decision_id)
    assert (replay.outcome, replay.HasField("decision")) == (DRIFT, False)


def test_whatever_a_database_lets_into_a_column_is_drift_and_no_failure(stubs, apply):
    columns, values = ("policy_version", "reasons", "snapshot"), ("x", "\N{WARNING SIGN}", "1e9", "\x7f")
    if stubs.book.store.engine.dialect.name == "sqlite":
        columns += ("business_date", "approved", "create_time_us")
        values += (b"\x01\x02", 2.5, -(2**63), "9" * 4_000)
    for column in columns:
        for value in values:
            decision_id = apply(amount=1_500_000).decision_id
            edit(stubs, column, value)
            fetched(stubs, decision_id)
            replay = replayed(stubs, decision_id)
            # What is neither true nor false may be taken for what it was.
            assert replay.outcome == DRIFT or column == "approved", (column, value)
    listed = stubs.credit.ListDecisions(pb.ListDecisionsRequest(customer_id=7)).decisions
    assert len(listed) == len(columns) * len(values)
