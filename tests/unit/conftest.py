"""What the unit tests share: hypothesis without a deadline, and the policy and the norms the service ships with."""

from pathlib import Path

import pytest
from hypothesis import settings

import almeno_grpc
from almeno_grpc.domain.norms import Norms
from almeno_grpc.domain.norms_file import parse_norms
from almeno_grpc.domain.policy import Policy
from almeno_grpc.domain.policy_file import parse_policy

settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


@pytest.fixture(scope="session")
def policy_file() -> str:
    """The text of the default policy."""
    return (Path(almeno_grpc.__file__).parent / "policies" / "2026-01.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def terms_file() -> str:
    """The text of the terms of the package."""
    return (Path(almeno_grpc.__file__).parent / "terms" / "2026-12.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def policy(policy_file: str) -> Policy:
    return parse_policy(policy_file.encode())


@pytest.fixture(scope="session")
def policy_2026_12() -> Policy:
    return parse_policy((Path(almeno_grpc.__file__).parent / "policies" / "2026-12.toml").read_bytes())


@pytest.fixture(scope="session")
def norms_file() -> str:
    """The text of the default provisioning norms."""
    return (Path(almeno_grpc.__file__).parent / "norms" / "2026-12.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def norms(norms_file: str) -> Norms:
    return parse_norms(norms_file.encode())
