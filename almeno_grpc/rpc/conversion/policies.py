"""Policies as messages."""

from almeno_grpc.api import policy_pb2
from almeno_grpc.domain.policy import Policy
from almeno_grpc.rpc.conversion.values import fill_date


def fill_policy(message: policy_pb2.Policy, policy: Policy, *, in_effect: bool) -> None:
    """Fills a policy, and whether it decides on the business date."""
    message.version = policy.version
    fill_date(message.effective_date, policy.effective_date)
    message.sha256 = policy.sha256
    message.in_effect = in_effect
    message.toml = policy.toml
