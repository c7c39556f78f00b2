"""Which policy files the service takes."""

import pytest

from almeno_grpc.domain.policy_file import PolicyError
from almeno_grpc.service.policies import read_policies


@pytest.fixture
def later(policy_file):
    return policy_file.replace('"2026-01"', '"2026-07"').replace("1970-01-01", "2026-07-01")


def test_policies_are_read_in_the_order_of_their_names(policy_file, later):
    policies = read_policies([("2026-07.toml", later.encode()), ("2026-01.toml", policy_file.encode())])
    assert [policy.version for policy in policies] == ["2026-01", "2026-07"]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("2026-07.toml", ("max_points = 50", "max_points = -50"), "policy file 2026-07.toml: "),
        ("2026-08.toml", ("", ""), "2026-08.toml: a file is named after its version, 2026-07.toml"),
        ("2026-07.toml", ("2026-07-01", "1970-01-01"), "takes effect on the same day as policy 2026-01"),
    ],
)
def test_file_that_cannot_be_used_is_named(policy_file, later, name, change, said):
    files = [("2026-01.toml", policy_file.encode()), (name, later.replace(*change).encode())]
    with pytest.raises(PolicyError, match=said.replace(".", r"\.")):
        read_policies(files)
