"""Which rule files the service takes: those of the package, and those of a lender's folder beside them."""

from datetime import date
from pathlib import Path

import pytest

from almeno_grpc.domain.errors import TermsChanged
from almeno_grpc.domain.rule_file import RuleFileError, newest_in_effect
from almeno_grpc.service.rule_files import POLICIES, TERMS, PinnedVersions, check_pins, load_rules, parse_rules

ROOT = Path(__file__).parents[3]
TERMS_FILE = (ROOT / "almeno_grpc/terms/2026-12.toml").read_text(encoding="utf-8")


@pytest.fixture
def later(policy_file):
    return policy_file.replace('"2026-01"', '"2026-07"').replace("1970-01-01", "2026-07-01")


@pytest.fixture
def folder(tmp_path):
    """A lender's folder with terms of its own, of the same day as those of the package."""
    (tmp_path / "terms").mkdir()
    own = TERMS_FILE.replace('"2026-12"', '"2026-12-own"')
    (tmp_path / "terms" / "2026-12-own.toml").write_text(own, encoding="utf-8")
    return tmp_path


def test_rules_are_read_in_the_order_of_their_days(policy_file, later):
    files = [("rules/2026-07.toml", later.encode()), ("2026-01.toml", policy_file.encode())]
    assert [policy.version for policy in parse_rules(POLICIES, files)] == ["2026-01", "2026-07"]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("2026-07.toml", ("max_points = 50", "max_points = -50"), "policy file rules/2026-07.toml: score.on_time_"),
        ("2026-08.toml", ("", ""), "2026-08.toml: a file is named after its version, 2026-07.toml"),
        ("2026-01.toml", ('"2026-07"', '"2026-01"'), "rules/2026-01.toml: the version 2026-01 stands in 2026-01.toml"),
    ],
)
def test_file_that_cannot_be_used_is_named(policy_file, later, name, change, said):
    files = [("2026-01.toml", policy_file.encode()), (f"rules/{name}", later.replace(*change).encode())]
    with pytest.raises(RuleFileError, match=said.replace(".", r"\.")):
        parse_rules(POLICIES, files)


def test_files_of_a_lender_stand_beside_those_of_the_package(folder):
    assert [terms.version for terms in load_rules(TERMS, None)] == ["2026-12"]
    assert [terms.version for terms in load_rules(TERMS, folder)] == ["2026-12", "2026-12-own"]
    assert [policy.version for policy in load_rules(POLICIES, folder)] == [
        policy.version for policy in load_rules(POLICIES, None)
    ]


def test_newest_in_effect_holds_and_of_one_day_the_larger_version(folder):
    text = TERMS_FILE.replace('"2026-12"', '"2027-01"').replace("2026-12-01", "2027-01-01")
    (folder / "terms" / "2027-01.toml").write_text(text, encoding="utf-8")
    terms = load_rules(TERMS, folder)
    in_effect = [newest_in_effect(terms, date(*day)) for day in ((2026, 11, 30), (2026, 12, 1), (2027, 1, 1))]
    assert [each and each.version for each in in_effect] == [None, "2026-12-own", "2027-01"]


def test_example_of_the_project_is_sound_and_holds_before_the_terms_of_the_package():
    terms = newest_in_effect(load_rules(TERMS, ROOT / "data/rules"), date(2026, 12, 1))
    assert (terms.version, str(terms.processing_percent)) == ("2026-12-example", "1")
    assert str(terms.charge_percent_a_year) == "24"


def test_version_that_stands_twice_names_both_files(folder):
    path = folder / "terms" / "2026-12.toml"
    path.write_text(TERMS_FILE, encoding="utf-8")
    with pytest.raises(RuleFileError, match=rf"^terms file {path}: the version 2026-12 stands in 2026-12\.toml"):
        load_rules(TERMS, folder)


def test_unsound_file_of_a_lender_is_named_with_its_key(folder):
    path = folder / "terms" / "2026-12-own.toml"
    path.write_text(TERMS_FILE.replace("grace_days = 3", "grace_days = -3"), encoding="utf-8")
    with pytest.raises(RuleFileError, match=rf"^terms file {path}: late\.grace_days must be a whole number from 0 to"):
        load_rules(TERMS, folder)


def test_folder_in_which_nobody_would_read_the_rules_is_refused(folder, tmp_path_factory):
    (folder / ".git").mkdir()
    (folder / "README.md").touch()
    load_rules(TERMS, folder)
    (folder / "policy").mkdir()
    with pytest.raises(RuleFileError, match="policy: rules lie in the folders norms, policies, terms"):
        load_rules(TERMS, folder)
    with pytest.raises(RuleFileError, match="has none of the folders"):
        load_rules(TERMS, tmp_path_factory.mktemp("empty"))


def test_file_that_cannot_be_read_is_named(folder):
    (folder / "terms" / "2027-01.toml").mkdir()
    with pytest.raises(RuleFileError, match=r"2027-01\.toml: Is a directory"):
        load_rules(TERMS, folder)


def test_file_of_which_the_database_has_the_content_may_be_gone():
    (terms,) = load_rules(TERMS, None)
    check_pins(TERMS, {"2025-01": "f", "2026-12": terms.sha256}, [terms], content_is_pinned=True)
    with pytest.raises(RuleFileError, match="policy 2025-01 has taken decisions, but its file is gone"):
        check_pins(POLICIES, {"2025-01": "f"}, [])
    with pytest.raises(RuleFileError, match="terms 2026-12 has booked loans, but its file has changed since"):
        check_pins(TERMS, {"2026-12": "f"}, [terms], content_is_pinned=True)


def test_version_is_pinned_once_and_only_by_the_same_file():
    (terms,) = load_rules(TERMS, None)
    pinned = PinnedVersions(TERMS)
    assert pinned.must_be_pinned(terms, {})
    assert terms.version not in pinned
    assert not pinned.must_be_pinned(terms, {"2026-12": terms.sha256})
    assert terms.version in pinned
    assert not pinned.must_be_pinned(terms, None)
    with pytest.raises(TermsChanged, match="terms 2026-12 has booked loans from another file"):
        pinned.must_be_pinned(terms, {"2026-12": "f"})
