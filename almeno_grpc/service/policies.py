"""The credit policies of the service."""

from collections.abc import Sequence
from functools import lru_cache, partial

from almeno_grpc.clock import Clock
from almeno_grpc.domain.errors import NoPolicyInEffect
from almeno_grpc.domain.policy import Policy, policy_in_effect, policy_of_version


class PolicyCalendar:
    """Which policy decides on a day. The policies stay as they are for as long as the process lives."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.in_effect = lru_cache(maxsize=8)(partial(policy_in_effect, policies))
        """The policy in effect on a business date; raises NoPolicyInEffect where none has taken effect."""


class PolicyService:
    """The use cases of listing and fetching policies."""

    def __init__(self, policies: Sequence[Policy], clock: Clock) -> None:
        self._policies = sorted(policies, key=lambda policy: (policy.effective_date, policy.version))
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
