"""The policy files of the service, and the pins of those that have taken decisions."""

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import NoPolicyInEffect
from almeno_grpc.domain.policy import Policy, policy_in_effect, policy_of_version
from almeno_grpc.domain.policy_file import PolicyError, parse_policy
from almeno_grpc.service.store import Store


def read_policies(files: Iterable[tuple[str, bytes]]) -> list[Policy]:
    """Parses policy files, given by name and content.

    Raises:
        PolicyError: A file is invalid, is not named after its version, or takes effect on the day of another.
    """
    policies: list[Policy] = []
    for name, content in sorted(files):
        try:
            policy = parse_policy(content)
        except PolicyError as error:
            raise PolicyError(f"policy file {name}: {error}") from error
        if name != f"{policy.version}.toml":
            raise PolicyError(f"policy file {name}: a file is named after its version, {policy.version}.toml")
        same_day = next((other for other in policies if other.effective_date == policy.effective_date), None)
        if same_day is not None:
            raise PolicyError(f"policy file {name}: takes effect on the same day as policy {same_day.version}")
        policies.append(policy)
    return policies


def check_pins(store: Store, policies: Sequence[Policy]) -> None:
    """Checks that the files of policies with stored decisions have the SHA-256 that was pinned.

    Raises:
        PolicyError: A file has changed or is gone.
    """
    with store.read() as tx:
        pins = tx.policy_pins.all()
    sha256_by_version = {policy.version: policy.sha256 for policy in policies}
    for version, sha256 in sorted(pins.items()):
        if version not in sha256_by_version:
            raise PolicyError(f"policy {version} has taken decisions, but its file is gone; put it back")
        if sha256_by_version[version] != sha256:
            raise PolicyError(
                f"policy {version} has taken decisions, but its file has changed since (SHA-256 was {sha256}); put the "
                "old file back and publish the change as a new version"
            )


class PolicyCalendar:
    """Which policy decides on a day. The policies stay as they are for as long as the process lives."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.in_effect = lru_cache(maxsize=8)(partial(policy_in_effect, policies))
        """The policy in effect on a business date; raises NoPolicyInEffect where none has taken effect."""


class PolicyService:
    """The use cases of listing and fetching policies."""

    def __init__(self, policies: Sequence[Policy], clock: Clock) -> None:
        self._policies = sorted(policies, key=lambda policy: policy.effective_date)
        self._clock = clock

    def all(self) -> list[Policy]:
        """Every policy in the order of their effective dates."""
        return self._policies

    def get(self, version: str) -> Policy:
        """The policy with the version.

        Raises:
            PolicyNotFound: None has it.
        """
        return policy_of_version(self._policies, version)

    def is_in_effect(self, policy: Policy) -> bool:
        """Whether the policy decides on the business date."""
        try:
            return policy is policy_in_effect(self._policies, self._clock.today())
        except NoPolicyInEffect:
            return False
