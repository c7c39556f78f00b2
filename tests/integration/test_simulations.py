"""Simulations over the wire, held against the checks of all customers."""

import re
from collections import Counter
from fractions import Fraction

import pytest
from support.recount import (
    DRAFT,
    POLICY,
    Told,
    as_date,
    changed,
    checks,
    checks_under,
    simulate,
    simulation,
)


def assert_counts(figures, decisions, bands):
    """Holds the figures of a policy against the decisions, by customer."""
    decided = [decision for decision in decisions.values() if decision is not None]
    approved = [decision for decision in decided if decision.approved]
    assert (figures.approvals, figures.declines) == (len(approved), len(decided) - len(approved))
    assert figures.not_amortizing == len(decisions) - len(decided)
    by_reason = Counter(reason for decision in decided for reason in decision.reasons)
    assert [(count.reason, count.declines) for count in figures.declines_by_reason] == sorted(by_reason.items())
    by_score = Counter(decision.credit_score for decision in decided)
    assert [(count.credit_score, count.customers) for count in figures.scores] == sorted(by_score.items())
    rates = [(count.interest_rate.value, count.approvals) for count in figures.rates]
    assert dict(rates) == Counter(decision.rate for decision in approved)
    assert rates == sorted(rates, key=lambda count: Fraction(count[0]))

    def band(decision):
        return next((above for above in bands if above is not None and decision.credit_score > above), None)

    in_band, approved_in_band = Counter(map(band, decided)), Counter(map(band, approved))
    assert [
        (count.above if count.HasField("above") else None, count.customers, count.approvals) for count in figures.bands
    ] == [(above, in_band[above], approved_in_band[above]) for above in bands]
    assert [count.HasField("least_rate") for count in figures.bands] == [True] * (len(bands) - 1) + [False]


def test_published_policy_over_the_book_is_the_count_of_the_checks(sample):
    decisions = checks(sample)
    progress, summary, flips = simulate(sample, version="2026-01")
    assert progress == [(0, len(decisions)), (len(decisions), len(decisions))]
    assert (summary.customers, as_date(summary.business_date)) == (len(decisions), sample.book.clock.today())
    assert summary.before == summary.after
    assert (flips, summary.newly_approved, summary.newly_declined) == ([], 0, 0)
    assert summary.after.policy_version == "2026-01"
    assert_counts(summary.after, decisions, bands=(50, 30, 10, None))
    assert summary.after.approvals > 20
    assert summary.after.declines > 20


def test_draft_over_the_book_is_the_count_of_the_checks_it_would_take(sample):
    before, after = checks(sample), checks_under(DRAFT, sample)
    _, summary, flips = simulate(sample, policy=DRAFT)
    assert (summary.before.policy_version, summary.after.policy_version) == ("2026-01", "draft")
    assert_counts(summary.before, before, bands=(50, 30, 10, None))
    assert_counts(summary.after, after, bands=(45, 35, None))
    flipped = [number for number in sorted(before) if before[number].approved != after[number].approved]
    assert [flip.customer_id for flip in flips] == flipped
    assert [Told.of(flip.before) for flip in flips] == [before[number] for number in flipped]
    assert [Told.of(flip.after) for flip in flips] == [after[number] for number in flipped]
    newly_approved = sum(after[number].approved for number in flipped)
    assert (summary.newly_approved, summary.newly_declined) == (newly_approved, len(flipped) - newly_approved)
    assert summary.newly_approved
    assert summary.newly_declined


def test_terms_that_do_not_amortize_give_no_decision_whatever_the_customer(sample):
    hopeless = {"loan_amount": 1_000, "interest_rate": "100", "tenure_months": 600}
    assert set(checks(sample, **hopeless).values()) == {None}
    _, summary, flips = simulate(sample, version="2026-01", **hopeless)
    figures = summary.after
    assert (figures.approvals, figures.declines, figures.not_amortizing) == (0, 0, summary.customers)
    assert sum(count.customers for count in figures.scores) == summary.customers
    assert flips == []


def test_a_flip_to_terms_that_do_not_amortize_has_no_decision_after(sample):
    dear = re.sub(r'min_rate = "\d+"', 'min_rate = "100"', POLICY)
    asked = {"loan_amount": 1_200, "interest_rate": "0", "tenure_months": 600}
    _, summary, flips = simulate(sample, policy=dear, **asked)
    assert len(flips) == summary.newly_declined > 20
    assert all(flip.before.approved and not flip.HasField("after") for flip in flips)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({}, "INVALID_FIELD", "policy"),
        ({"policy": ""}, "INVALID_FIELD", "policy"),
        ({"policy": "version = "}, "INVALID_FIELD", "policy"),
        ({"policy": "x" * 65_537}, "INVALID_FIELD", "policy"),
        ({"policy": changed(DRAFT, ("max_points = 50", "max_points = 49"))}, "INVALID_FIELD", "policy"),
        ({"policy": "[" * 60_000}, "INVALID_FIELD", "policy"),
        ({"version": ""}, "INVALID_FIELD", "version"),
        ({"version": "a\nb"}, "INVALID_FIELD", "version"),
        ({"version": "2026-01", "against_version": "1" * 65}, "INVALID_FIELD", "against_version"),
        ({"version": "2025-01"}, "POLICY_NOT_FOUND", None),
        ({"version": "2026-01", "against_version": "2025-01"}, "POLICY_NOT_FOUND", None),
        ({"version": "2026-01", "loan_amount": 999}, "INVALID_FIELD", "loan_amount"),
        ({"version": "2026-01", "interest_rate": "100.1"}, "INVALID_FIELD", "interest_rate"),
        ({"version": "2026-01", "tenure_months": 601}, "INVALID_FIELD", "tenure_months"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused_at_once(shared_stubs, changes, reason, field):
    refusal = shared_stubs.refusal(
        lambda: list(shared_stubs.portfolio.SimulatePolicy(simulation(**changes), timeout=30))
    )
    assert refusal.reason == reason
    assert refusal.code == ("NOT_FOUND" if reason == "POLICY_NOT_FOUND" else "INVALID_ARGUMENT")
    assert refusal.fields == ([field] if field else [])


def test_what_is_wrong_with_a_draft_is_told_by_the_name_of_the_key(shared_stubs):
    draft = changed(DRAFT, ("new_emi_counts = true", 'new_emi_counts = "yes"'))
    refusal = shared_stubs.refusal(
        lambda: list(shared_stubs.portfolio.SimulatePolicy(simulation(policy=draft), timeout=30))
    )
    assert refusal.message == "policy: gates.new_emi_counts must be true or false"
