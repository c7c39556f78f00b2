"""Policy files under a real server: what is published later decides later, and what has decided never changes."""

import os
import shutil
from pathlib import Path

import pytest
from support.calls import SECONDS, loan_of, registered
from support.servers import ROOT, START_SECONDS, RunningServer, StartServer

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import decision_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb
from almeno_grpc.serving.supervisor import MISCONFIGURED

MATCH = decision_pb2.REPLAY_OUTCOME_MATCH
CHANGED = "policy 2026-01 has taken decisions, but its file has changed since"
GONE = "policy 2026-01 has taken decisions, but its file is gone; put it back"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """The folder of the policies of an installation of its own, whose files a test may change."""
    return Path(shutil.copytree(ROOT / "almeno_grpc", tmp_path / "almeno_grpc")) / "policies"


def started_on(policies: Path, start_server: StartServer) -> RunningServer:
    """A server of the installation that the policies belong to."""
    installation = policies.parents[1]
    return start_server(PYTHONPATH=os.pathsep.join([str(installation), os.environ.get("PYTHONPATH", "")]))


def refusal_to_start(server: RunningServer) -> str:
    """What a server logs that does not start."""
    with pytest.raises(AssertionError, match="the server ended"):
        server.start()
    assert server.process.wait(START_SECONDS) == MISCONFIGURED
    return server.log_file.read_text(encoding="utf-8")


def replayed(server: RunningServer, decision_id: str) -> pb.ReplayDecisionResponse:
    return server.credit.ReplayDecision(pb.ReplayDecisionRequest(decision_id=decision_id), timeout=SECONDS)


def test_server_refuses_to_start_on_a_policy_that_changed_under_a_decision(
    policies: Path, start_server: StartServer
) -> None:
    file = policies / "2026-01.toml"
    published = file.read_bytes()
    server = started_on(policies, start_server)
    server.credit.CreateLoan(loan_of(registered(server.credit).customer_id, 50_000), timeout=SECONDS)
    assert server.stop() == 0
    for content, said in (
        (published + b"\n", CHANGED),
        (published.replace(b'"0.50"', b'"0.60"'), CHANGED),
        (published.replace(b"up_to = 50", b"up_to = 40"), "bands[2].up_to leaves a gap: scores above 40 and up to 50"),
        (None, GONE),
    ):
        assert content != published
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        assert said in refusal_to_start(server)
    file.write_bytes(published)
    server.start()
    assert len(server.rows("SELECT * FROM loan")) == 1


def test_policy_published_later_decides_from_its_day_and_earlier_decisions_hold_by_theirs(
    policies: Path, start_server: StartServer
) -> None:
    """The later policy asks 14 % of every customer."""
    later = (policies / "2026-01.toml").read_text(encoding="utf-8")
    for old, new in (
        ("2026-01", "2026-07"),
        ("1970-01-01", "2026-07-01"),
        ('rate = "0"', 'rate = "14"'),
        ('rate = "12"', 'rate = "14"'),
    ):
        assert old in later
        later = later.replace(old, new)
    (policies / "2026-07.toml").write_text(later, encoding="utf-8")
    server = started_on(policies, start_server)
    customer_id, decided = registered(server.credit).customer_id, list[str]()
    for day, version, rate in (("2026-04-10", "2026-01", "10"), ("2026-07-01", "2026-07", "14")):
        if server.process.poll() is not None:
            server.start(ALMENO_BUSINESS_DATE=day)
        decision = server.credit.CreateLoan(loan_of(customer_id, 50_000), timeout=SECONDS).decision
        assert (decision.policy_version, decision.corrected_interest_rate.value) == (version, rate)
        decided.append(decision.decision_id)
        assert [replayed(server, decision_id).outcome for decision_id in decided] == [MATCH] * len(decided)
        listed = server.portfolio.ListPolicies(portfolio_pb.ListPoliciesRequest(), timeout=SECONDS).policies
        assert [policy.version for policy in listed] == ["2026-01", "2026-07", "2026-12"]
        assert [policy.version for policy in listed if policy.in_effect] == [version]
        assert listed[1].toml == later
        assert server.stop() == 0


def test_lender_has_rules_of_its_own_without_a_change_of_the_package(start_server: StartServer, tmp_path: Path) -> None:
    """The lender's policy asks 14 % of every customer from the day of the package's terms on, and its terms a fee."""
    rules = Path(shutil.copytree(ROOT / "data" / "rules", tmp_path / "rules"))
    published = (ROOT / "almeno_grpc" / "policies" / "2026-01.toml").read_text(encoding="utf-8")
    for old, new in (
        ("2026-01", "2026-12-own"),
        ("1970-01-01", "2026-12-01"),
        ('rate = "0"', 'rate = "14"'),
        ('rate = "12"', 'rate = "14"'),
    ):
        assert old in published
        published = published.replace(old, new)
    policy, terms = rules / "policies" / "2026-12-own.toml", rules / "terms" / "2026-12-example.toml"
    policy.parent.mkdir()
    policy.write_text(published, encoding="utf-8")
    server = start_server(ALMENO_RULES=str(rules), ALMENO_BUSINESS_DATE="2026-12-01")
    booked = server.credit.CreateLoan(loan_of(registered(server.credit).customer_id, 50_000), timeout=SECONDS)
    assert (booked.decision.policy_version, booked.decision.corrected_interest_rate.value) == ("2026-12-own", "14")
    asked = pb.GetKeyFactsRequest(loan_id=booked.loan.loan_id)
    facts = server.credit.GetKeyFacts(asked, timeout=SECONDS).key_facts
    assert (facts.terms_version, facts.processing_fee.units, facts.gst.units) == ("2026-12-example", 500, 90)
    assert server.stop() == 0
    sound = terms.read_bytes()
    terms.write_bytes(sound.replace(b"grace_days = 3", b"grace_days = 9"))
    assert "terms 2026-12-example has booked loans, but its file has changed since" in refusal_to_start(server)
    terms.write_bytes(sound.replace(b"grace_days = 3", b"grace = 3"))
    assert f"terms file {terms}: late.grace_days is missing" in refusal_to_start(server)
