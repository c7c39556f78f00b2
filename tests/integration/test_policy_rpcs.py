"""Policies over the wire: the files as they were published."""

import hashlib
from datetime import date
from pathlib import Path

import pytest

import almeno_grpc
from almeno_grpc import bootstrap
from almeno_grpc.api import portfolio_service_pb2 as pb
from almeno_grpc.clock import Clock
from almeno_grpc.service.policies import PolicyService
from almeno_grpc.service.rule_files import POLICIES, parse_rules

POLICY_FOLDER = Path(almeno_grpc.__file__).parent / "policies"


def test_policies_are_listed_as_their_files_say(shared_stubs):
    policies = shared_stubs.portfolio.ListPolicies(pb.ListPoliciesRequest()).policies
    days = [date(each.effective_date.year, each.effective_date.month, each.effective_date.day) for each in policies]
    assert [(each.version, day, each.in_effect) for each, day in zip(policies, days, strict=True)] == [
        ("2026-01", date(1970, 1, 1), True),
        ("2026-12", date(2026, 12, 1), False),
    ]
    for policy in policies:
        content = (POLICY_FOLDER / f"{policy.version}.toml").read_bytes()
        assert (policy.toml.encode(), policy.sha256) == (content, hashlib.sha256(content).hexdigest())
        assert shared_stubs.portfolio.GetPolicy(pb.GetPolicyRequest(version=policy.version)).policy == policy


@pytest.mark.parametrize(("today", "version"), [(date(2026, 11, 30), "2026-01"), (date(2026, 12, 1), "2026-12")])
def test_policy_2026_12_decides_from_december_2026_on(today, version):
    service = PolicyService(bootstrap.load_policies(), Clock(today, bootstrap.Settings().timezone))
    assert [policy.version for policy in service.all() if service.is_in_effect(policy)] == [version]


@pytest.mark.parametrize(
    ("version", "code", "reason", "fields"),
    [
        ("2025-01", "NOT_FOUND", "POLICY_NOT_FOUND", []),
        ("2026-01.toml", "NOT_FOUND", "POLICY_NOT_FOUND", []),
        ("../2026-01", "NOT_FOUND", "POLICY_NOT_FOUND", []),
        ("", "INVALID_ARGUMENT", "INVALID_FIELD", ["version"]),
        ("2026-01\n", "INVALID_ARGUMENT", "INVALID_FIELD", ["version"]),
        ("9" * 65, "INVALID_ARGUMENT", "INVALID_FIELD", ["version"]),
    ],
)
def test_version_that_there_is_not_is_refused(shared_stubs, version, code, reason, fields):
    refusal = shared_stubs.refusal(lambda: shared_stubs.portfolio.GetPolicy(pb.GetPolicyRequest(version=version)))
    assert (refusal.code, refusal.reason, refusal.fields) == (code, reason, fields)


@pytest.fixture
def policies():
    text = (POLICY_FOLDER / "2026-01.toml").read_text(encoding="utf-8")
    days = {"2026-01": "2026-07-01", "2026-02": "1999-01-01", "2026-03": "2026-04-01"}
    files = {
        f"{version}.toml": text.replace('"2026-01"', f'"{version}"').replace("1970-01-01", day)
        for version, day in days.items()
    }
    return parse_rules(POLICIES, ((name, content.encode()) for name, content in files.items()))


@pytest.mark.parametrize(
    ("today", "in_effect"),
    [
        (date(1998, 12, 31), []),
        (date(1999, 1, 1), ["2026-02"]),
        (date(2026, 4, 10), ["2026-03"]),
        (date(2026, 7, 1), ["2026-01"]),
    ],
)
def test_policies_stand_in_the_order_in_which_they_take_effect_and_one_of_them_decides(policies, today, in_effect):
    service = PolicyService(policies, Clock(today, bootstrap.Settings().timezone))
    assert [policy.version for policy in service.all()] == ["2026-02", "2026-03", "2026-01"]
    assert [policy.version for policy in service.all() if service.is_in_effect(policy)] == in_effect
