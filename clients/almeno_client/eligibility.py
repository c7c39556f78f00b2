"""The calls that decide loan requests and book nothing."""

from collections.abc import Sequence

import grpc

from almeno_client.base_client import BaseClient
from almeno_client.decision_conversion import decision_of, eligibility_message
from almeno_client.decision_records import Decision, EligibilityRequest, OutsideCredit
from almeno_client.errors import CreditServiceError, error_of_status
from almeno_client.values import Rate, Rupees
from almeno_grpc.api import credit_service_pb2

_MAX_BATCH_REQUESTS = 1000
"""The bound of the service on one BatchCheckEligibility."""


class EligibilityCalls(BaseClient):
    """The calls that decide loan requests and book nothing."""

    def check_eligibility(
        self,
        customer_id: int,
        *,
        loan_amount: Rupees,
        interest_rate: Rate,
        tenure_months: int,
        outside: OutsideCredit | None = None,
        timeout_seconds: float | None = None,
    ) -> Decision:
        """Decides a loan request as of now without booking it. Stores nothing. A decline is an answer, not an error.

        Args:
            customer_id: Id of the customer who applies.
            loan_amount: Requested principal, in rupees.
            interest_rate: Requested interest rate, in per cent a year.
            tenure_months: Requested number of monthly instalments.
            outside: The applicant's credit with other lenders; None when nothing is known of it.
            timeout_seconds: Deadline of the call, its retries included; the client's when None.

        Raises:
            InvalidArgument: A field is invalid, or the terms do not amortize.
            NotFound: There is no customer with the id.
        """
        request = eligibility_message(
            EligibilityRequest(customer_id, loan_amount, interest_rate, tenure_months, outside)
        )
        response: credit_service_pb2.CheckEligibilityResponse = self._unary(
            self._credit_stub.CheckEligibility, request, timeout_seconds
        )
        return decision_of(response.decision)

    def check_eligibility_batch(
        self, requests: Sequence[EligibilityRequest], *, timeout_seconds: float | None = None
    ) -> list[Decision | CreditServiceError]:
        """Decides many loan requests as of now. Stores nothing.

        Args:
            requests: Any number of them; sent in calls of up to 1000, one after the other.
            timeout_seconds: Deadline of each call; the client's when None.

        Returns:
            For each request, in order, the decision, or the error that `check_eligibility` would raise.
        """
        messages = list(map(eligibility_message, requests))
        outcomes: list[Decision | CreditServiceError] = []
        for start in range(0, len(messages), _MAX_BATCH_REQUESTS):
            batch = messages[start : start + _MAX_BATCH_REQUESTS]
            response: credit_service_pb2.BatchCheckEligibilityResponse = self._unary(
                self._credit_stub.BatchCheckEligibility,
                credit_service_pb2.BatchCheckEligibilityRequest(requests=batch),
                timeout_seconds,
            )
            if len(response.results) != len(batch):
                raise CreditServiceError(
                    grpc.StatusCode.INTERNAL,
                    f"the service answered {len(response.results)} results to {len(batch)} requests",
                )
            outcomes += map(_batch_outcome, response.results)
        return outcomes


def _batch_outcome(result: credit_service_pb2.BatchCheckEligibilityResult) -> Decision | CreditServiceError:
    return error_of_status(result.error) if result.HasField("error") else decision_of(result.decision)
