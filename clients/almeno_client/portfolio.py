"""RPCs on the whole book: policies, simulations, the portfolio summary."""

import time
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.message import Message

from almeno_client.base_client import BaseClient
from almeno_client.decision_conversion import outside_message
from almeno_client.decision_records import OutsideCredit
from almeno_client.errors import CreditServiceError, Unavailable
from almeno_client.portfolio_conversion import flip_of, policy_of, progress_of, simulation_of, summary_of
from almeno_client.portfolio_records import BookProgress, Policy, PortfolioSummary, SimulationFlip, SimulationSummary
from almeno_client.values import Rate, Rupees, money_message, rate_message
from almeno_grpc.api import portfolio_service_pb2

SCAN_TIMEOUT_SECONDS = 600.0
"""Default deadline of a scan over the whole book: a million customers at 1,700 a second."""


class PortfolioCalls(BaseClient):
    """RPCs on the whole book: policies, simulations, the portfolio summary."""

    def list_policies(self, *, timeout_seconds: float | None = None) -> tuple[Policy, ...]:
        """Fetches every version of the credit policy by effective date, the oldest first."""
        response: portfolio_service_pb2.ListPoliciesResponse = self._unary(
            self._portfolio_stub.ListPolicies, portfolio_service_pb2.ListPoliciesRequest(), timeout_seconds
        )
        return tuple(map(policy_of, response.policies))

    def get_policy(self, version: str, *, timeout_seconds: float | None = None) -> Policy:
        """Fetches a version of the credit policy.

        Raises:
            NotFound: There is no such version.
        """
        request = portfolio_service_pb2.GetPolicyRequest(version=version)
        response: portfolio_service_pb2.GetPolicyResponse = self._unary(
            self._portfolio_stub.GetPolicy, request, timeout_seconds
        )
        return policy_of(response.policy)

    def simulate_policy(
        self,
        *,
        policy: str | None = None,
        version: str | None = None,
        against_version: str = "",
        loan_amount: Rupees,
        interest_rate: Rate,
        tenure_months: int,
        outside: OutsideCredit | None = None,
        timeout_seconds: float | None = None,
    ) -> Iterator[BookProgress | SimulationSummary | SimulationFlip]:
        """Decides one loan request for every customer under two policies. Stores nothing.

        Args:
            policy: The candidate as a draft: the content of a policy file, TOML. Give this or `version`.
            version: The candidate as a version of the service's.
            against_version: Version of the baseline policy; the one in effect when empty.
            loan_amount: Principal that every customer applies for, in rupees.
            interest_rate: Requested interest rate, in per cent a year.
            tenure_months: Requested number of monthly instalments.
            outside: Credit with other lenders that every customer is taken to have; none when None.
            timeout_seconds: Deadline of the stream, its retries included; SCAN_TIMEOUT_SECONDS when None.

        Returns:
            Progress, several times; then the summary, once; then each customer whose outcome changes, by ascending id.

        Raises:
            InvalidArgument: The draft is not a policy, or a field is invalid; raised, as every error of the service, by
                the first `next()`.
            NotFound: There is no such version.
            ValueError: Both a draft and a version are given, or neither.
        """
        if (policy is None) == (version is None):
            raise ValueError("give either the draft of a policy or a version to try")
        request = portfolio_service_pb2.SimulatePolicyRequest(
            policy=policy,
            version=version,
            against_version=against_version,
            loan_amount=money_message(loan_amount),
            interest_rate=rate_message(interest_rate),
            tenure_months=tenure_months,
            outside=outside_message(outside),
        )
        return map(_simulation_update, self._scan_book(self._portfolio_stub.SimulatePolicy, request, timeout_seconds))

    def summarize_portfolio(self, *, timeout_seconds: float | None = None) -> Iterator[BookProgress | PortfolioSummary]:
        """Aggregates the whole book on the business date.

        Args:
            timeout_seconds: Deadline of the stream, its retries included; SCAN_TIMEOUT_SECONDS when None.

        Returns:
            Progress, several times; then the summary, once.
        """
        request = portfolio_service_pb2.SummarizePortfolioRequest()
        return map(_summary_update, self._scan_book(self._portfolio_stub.SummarizePortfolio, request, timeout_seconds))

    def _scan_book(self, method: Any, request: Message, timeout_seconds: float | None) -> Iterator[Any]:
        """Yields the updates of a scan over the book; begins again when the stream breaks before its summary."""
        deadline = time.monotonic() + (SCAN_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds)
        attempts_made, summed_up = 0, False
        while True:
            try:
                for response in self._updates(method, request, max(deadline - time.monotonic(), 0.0)):
                    summed_up = summed_up or response.WhichOneof("update") == "summary"
                    yield response
                if summed_up:
                    return
                raise Unavailable(
                    grpc.StatusCode.UNAVAILABLE, "the service ended the scan over the book before its summary"
                )
            except CreditServiceError as error:
                attempts_made += 1
                # Updates after the summary must not come twice.
                if summed_up:
                    raise
                pause_seconds = self._pause_seconds(error, attempts_made, deadline)
            time.sleep(pause_seconds)

    def _updates(self, method: Any, request: Message, timeout_seconds: float) -> Iterator[Any]:
        for response in self._stream(method, request, timeout_seconds):
            # An update that is newer than this client is left out.
            if response.WhichOneof("update"):
                yield response


def _simulation_update(
    response: portfolio_service_pb2.SimulatePolicyResponse,
) -> BookProgress | SimulationSummary | SimulationFlip:
    match response.WhichOneof("update"):
        case "progress":
            return progress_of(response.progress)
        case "summary":
            return simulation_of(response.summary)
    return flip_of(response.flip)


def _summary_update(
    response: portfolio_service_pb2.SummarizePortfolioResponse,
) -> BookProgress | PortfolioSummary:
    return progress_of(response.progress) if response.HasField("progress") else summary_of(response.summary)
