"""Decisions written, read and taken again; and written records that somebody has edited."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from almeno_grpc.domain.decision import Borrower, LoanRequest, decide
from almeno_grpc.domain.errors import TermsDoNotAmortize
from almeno_grpc.domain.money import Rounding, rate_from_scaled
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.position import CreditPosition
from almeno_grpc.service.decision_reading import DecisionUnreadable, snapshot_of, stored_decision
from almeno_grpc.service.decision_record import StoredDecision, decision_record, sha256_of, stored_decision_of
from almeno_grpc.service.decision_replay import Difference, replay
from almeno_grpc.service.store import DecisionRecord

NAME = "0199d2a0-7c1e-7b6f-8f00-0123456789ab"
LAKH = 10_000_000
RATES = st.integers(0, 1_000_000).map(rate_from_scaled)


@st.composite
def positions(draw: st.DrawFn) -> CreditPosition:
    loans, due = draw(st.integers(0, 12)), draw(st.integers(0, 400))
    return CreditPosition(
        loan_count=loans,
        active_loan_count=draw(st.integers(0, loans)),
        loans_this_year=draw(st.integers(0, loans)),
        approved_volume=draw(st.integers(0, 10**12)),
        current_debt=draw(st.integers(0, 10**12)),
        monthly_obligation=draw(st.integers(0, 10**9)),
        emis_due=due,
        emis_paid_on_time=draw(st.integers(0, due)),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[LoanRequest, Borrower, date]:
    """What a decision is taken from, whatever is allowed."""
    asked = LoanRequest(
        customer_id=draw(st.integers(1, 2**63 - 1)),
        loan_amount=draw(st.integers(100_000, 100_000_000_000)),
        interest_rate=draw(RATES),
        tenure_months=draw(st.integers(1, 600)),
        max_interest_rate=draw(st.none() | RATES),
    )
    who = Borrower(draw(st.integers(1, 10**11)), draw(st.integers(0, 10**13)), draw(positions()))
    return asked, who, draw(st.dates(date(1900, 1, 1), date(2199, 12, 31)))


def rounding_by(policy: Policy, score: Rounding, installment: Rounding) -> Policy:
    return replace(policy, rounding=replace(policy.rounding, score=score, installment=installment))


@given(cases(), st.sampled_from(Rounding), st.sampled_from(Rounding), st.integers(0, 4 * 10**15))
def test_decision_is_read_back_as_it_was_taken_and_its_replay_matches(
    policy: Policy, case: tuple[LoanRequest, Borrower, date], score: Rounding, installment: Rounding, time: int
) -> None:
    rounding_so = rounding_by(policy, score, installment)
    asked, who, on = case
    try:
        decision = decide(asked, who, rounding_so, on)
    except TermsDoNotAmortize:
        assume(False)
    stored = stored_decision_of(NAME, decision, rounding_so, time)
    record = decision_record(stored)
    assert stored_decision(snapshot_of(record.snapshot)) == stored
    again = replay(record, [policy_named_otherwise(policy), rounding_so])
    assert (again.decision, again.matches, again.differences) == (stored, True, [])


@given(cases(), st.text(min_size=1, max_size=12))
def test_snapshot_is_the_json_that_an_encoder_writes(
    policy: Policy, case: tuple[LoanRequest, Borrower, date], version: str
) -> None:
    asked, who, on = case
    versioned = replace(policy, version=version)
    try:
        decision = decide(asked, who, versioned, on)
    except TermsDoNotAmortize:
        assume(False)
    snapshot = decision_record(stored_decision_of(NAME, decision, versioned, 7)).snapshot
    content = json.loads(snapshot)
    assert content["policy_version"] == version
    assert content["reasons"] == list(decision.reasons)
    assert json.dumps(content, ensure_ascii=False, separators=(",", ":")) == snapshot


def policy_named_otherwise(policy: Policy) -> Policy:
    return replace(policy, version="1999-01", bands=policy.bands[:1])


@pytest.fixture(scope="module")
def stored(policy: Policy) -> StoredDecision:
    """A decline for the instalments and for the rate, of a customer who has paid late."""
    asked = LoanRequest(7, 5 * LAKH, Decimal("8.75"), 24, Decimal("11.5"))
    position = CreditPosition(
        loan_count=3,
        active_loan_count=1,
        loans_this_year=1,
        approved_volume=9 * LAKH,
        current_debt=2 * LAKH,
        monthly_obligation=900_000,
        emis_due=30,
        emis_paid_on_time=20,
    )
    decision = decide(asked, Borrower(5_000_000, 20 * LAKH, position), policy, date(2026, 4, 10))
    assert len(decision.reasons) == 2
    return stored_decision_of(NAME, decision, policy, 1_775_800_000_123_456)


@pytest.fixture(scope="module")
def record(stored: StoredDecision) -> DecisionRecord:
    return decision_record(stored)


def edited(record: DecisionRecord, edit: Callable[[dict[str, Any]], object], *, hide: bool = False) -> DecisionRecord:
    """The record with its snapshot edited, and the digest too where that is to be hidden."""
    content = json.loads(record.snapshot)
    edit(content)
    snapshot = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("\ud800", r"\ud800")
    return record._replace(snapshot=snapshot, snapshot_sha256=sha256_of(snapshot) if hide else record.snapshot_sha256)


def test_replay_of_what_nobody_touched_matches(policy: Policy, record: DecisionRecord, stored: StoredDecision) -> None:
    found = replay(record, [policy])
    assert (found.matches, found.decision) == (True, stored)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"decision_id": NAME.replace("a", "b")}, "decision_id"),
        ({"customer_id": 8}, "customer_id"),
        ({"business_date": "2026-04-11"}, "business_date"),
        ({"business_date": "yesterday"}, "business_date"),
        ({"policy_version": "2026-02"}, "policy_version"),
        ({"policy_sha256": "0" * 64}, "policy_sha256"),
        ({"approved": True}, "approved"),
        ({"credit_score": 99}, "credit_score"),
        ({"reasons": ""}, "reasons"),
        ({"reasons": "EMI_BURDEN_TOO_HIGH"}, "reasons"),
        ({"reasons": "\0\ud800"}, "reasons"),
        ({"snapshot_sha256": "0" * 64}, "snapshot"),
        ({"create_time": 1}, "create_time"),
    ],
    ids=str,
)
def test_edited_column_is_drift(policy: Policy, record: DecisionRecord, changes: dict, field: str) -> None:
    found = replay(record._replace(**changes), [policy])
    assert field in [difference.field for difference in found.differences]
    assert all(difference.stored != difference.replayed for difference in found.differences)


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every figure of a snapshot, by the way to it."""
    if isinstance(content, dict | list):
        for key, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from places(value, (*path, key))
    else:
        yield path, content


OTHERS = {
    "2026-04-10": "2026-04-11",
    "2026-01": "2026-02",
    "EMI_BURDEN_TOO_HIGH": "DEBT_EXCEEDS_LIMIT",
    "RATE_ABOVE_MAXIMUM": "LOAN_EXCEEDS_LIMIT",
    "REDUCING_BALANCE": "ANNUAL_COMPOUND",
    "8.75": "9",
    "11.5": "11",
    "12": "13",
    "200/21": "199/21",
}


def other_than(value: Any) -> Any:
    """A value of the same kind that could stand there too."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return 2 * value + 1
    return OTHERS.get(value, f"{int(value) + 1}" if value and value.isdigit() else "x")


def put(content: Any, path: tuple[Any, ...], value: Any) -> None:
    *way, last = path
    for key in way:
        content = content[key]
    content[last] = value


def test_every_figure_of_a_snapshot_that_is_edited_is_drift(policy: Policy, record: DecisionRecord) -> None:
    figures = list(places(json.loads(record.snapshot)))
    assert len(figures) > 60
    for path, value in figures:
        for new in (other_than(value), None, [], "\ud800", -1, math.nan, 10**400, {"a": [[[]]]}):
            if new == value:
                continue
            found = replay(edited(record, lambda content, path=path, new=new: put(content, path, new)), [policy])
            assert "snapshot" in [difference.field for difference in found.differences], path


MAKES_NO_DIFFERENCE = {("interest_rate",), ("position", "active_loan_count")}
"""At this score any rate below 12 % comes to 12 %; no rule looks at how many loans are active."""


def test_every_figure_is_drift_even_where_the_digest_was_edited_too(policy: Policy, record: DecisionRecord) -> None:
    """But for those from which the very same decision follows: of them nothing but the digest can tell."""
    for path, value in places(json.loads(record.snapshot)):
        edit = lambda content, path=path, value=value: put(content, path, other_than(value))  # noqa: E731
        found = replay(edited(record, edit, hide=True), [policy])
        assert found.matches == (path in MAKES_NO_DIFFERENCE), path


@pytest.mark.parametrize(
    ("path", "value", "difference"),
    [
        (("credit_score",), 99, Difference("credit_score", "99", "45")),
        (("approved",), True, Difference("approved", "true", "false")),
        (("monthly_installment",), 1, Difference("monthly_installment", "₹0.01", "₹23,536.74")),
        (
            ("score_components", 0, "points"),
            "50",
            Difference("score_components.on_time_payments.points", "50", "200/21"),
        ),
        (
            ("gates", 3, "observed"),
            "nothing",
            Difference(
                "gates.EMI_BURDEN_TOO_HIGH.observed", "nothing", "instalments with the new one ₹32,536.74 a month"
            ),
        ),
        (("reasons",), [], Difference("reasons", "", "EMI_BURDEN_TOO_HIGH,RATE_ABOVE_MAXIMUM")),
        (("message",), "Approved.", Difference("message", "Approved.", "…")),
    ],
)
def test_edited_figure_is_named_with_both_its_values(
    policy: Policy, record: DecisionRecord, path: tuple[Any, ...], value: Any, difference: Difference
) -> None:
    found = replay(edited(record, lambda content: put(content, path, value), hide=True), [policy])
    (told,) = [each for each in found.differences if each.field == difference.field]
    assert (told.stored, told.field) == (difference.stored, difference.field)
    assert difference.replayed in (told.replayed, "…")


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        ("", "the snapshot is not JSON"),
        ("{", "the snapshot is not JSON"),
        ("[" * 100_000, "the snapshot is not JSON"),
        ("1" * 10_000, "the snapshot is not JSON"),
        ("[]", "the snapshot is not an object of JSON"),
        ("null", "the snapshot is not an object of JSON"),
        ("{}", "approved is missing"),
    ],
    ids=lambda text: text[:20],
)
def test_snapshot_that_cannot_be_read_is_drift_that_says_so(
    policy: Policy, record: DecisionRecord, snapshot: str, said: str
) -> None:
    found = replay(record._replace(snapshot=snapshot, snapshot_sha256=sha256_of(snapshot)), [policy])
    assert found.decision is None
    assert list(found.differences) == [Difference("snapshot", said, "")]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: c.pop("loan_amount"), "loan_amount is missing"),
        (lambda c: c.update(loan_amount=0), "loan_amount must be a whole number from 1 to 9223372036854775807"),
        (lambda c: c.update(loan_amount=True), "loan_amount must be a whole number"),
        (lambda c: c.update(loan_amount=5.0), "loan_amount must be a whole number"),
        (lambda c: c.update(tenure_months=601), "tenure_months must be a whole number from 1 to 600"),
        (lambda c: c.update(interest_rate="100.5"), "interest_rate must be at most 100"),
        (lambda c: c.update(interest_rate="1e1"), "interest_rate must be a rate written as text"),
        (lambda c: c.update(interest_rate=10), "interest_rate must be a rate written as text"),
        (lambda c: c.update(business_date="2026-02-30"), "business_date"),
        (lambda c: c.update(reasons=["WEATHER"]), "reasons must be one of DEBT_EXCEEDS_LIMIT"),
        (lambda c: c.update(reasons=["x"] * 101), "reasons must be a list of at most 100"),
        (lambda c: c.update(message="a\nb"), "message must be text of at most 1000 printable characters"),
        (lambda c: c.update(position=7), "position must be an object"),
        (lambda c: c["position"].update(loan_count=2**31), "position.loan_count must be a whole number"),
        (lambda c: c["position"].update(cats=2), "position holds more than a decision has"),
        (lambda c: c.update(cats=2), "the snapshot holds more than a decision has"),
        (lambda c: c.update(gates=[7]), r"gates\[1\] must be an object"),
        (lambda c: c["gates"][1].update(passed=1), r"passed must be true or false"),
        (lambda c: c["score_components"][0].update(points="1/0"), "points must be points written as text"),
        (lambda c: c["score_components"][0].update(points="101"), "points must be at most 100"),
    ],
)
def test_damage_is_told_by_the_name_of_the_part(record: DecisionRecord, edit: Callable[..., Any], said: str) -> None:
    content = json.loads(record.snapshot)
    edit(content)
    with pytest.raises(DecisionUnreadable, match=said):
        stored_decision(content)


def test_decision_written_in_another_order_is_drift(policy: Policy, record: DecisionRecord) -> None:
    found = replay(edited(record, lambda content: content["gates"].reverse(), hide=True), [policy])
    assert [difference.field for difference in found.differences] == ["snapshot"]


def test_decision_of_a_policy_that_is_gone_is_drift(policy: Policy, record: DecisionRecord) -> None:
    found = replay(record, [replace(policy, version="2026-02")])
    assert (found.decision, list(found.differences)) == (None, [Difference("policy_version", "2026-01", "")])


def test_decision_of_a_policy_whose_file_was_changed_is_drift_in_what_that_changes(
    policy: Policy, record: DecisionRecord
) -> None:
    changed = replace(policy, sha256="f" * 64, gates=replace(policy.gates, new_emi_counts=False))
    found = {difference.field for difference in replay(record, [changed]).differences}
    assert {"policy_sha256", "reasons", "gates.EMI_BURDEN_TOO_HIGH.passed", "message"} <= found
    assert "credit_score" not in found


def test_request_edited_to_terms_that_do_not_amortize_is_drift(policy: Policy, record: DecisionRecord) -> None:
    found = replay(edited(record, lambda c: c.update(loan_amount=1, tenure_months=600), hide=True), [policy])
    assert (found.decision, list(found.differences)) == (None, [Difference("monthly_installment", "₹23,536.74", "")])
