"""RPCs on stored decisions: get, list, replay."""

from collections.abc import Iterator

from almeno_client.base_client import BaseClient, iterate_pages
from almeno_client.conversion import replay_of, stored_decision_of
from almeno_client.decision_records import Decision
from almeno_client.records import DamagedDecision, Replay
from almeno_grpc.api import credit_service_pb2


class DecisionCalls(BaseClient):
    """RPCs on stored decisions: get, list, replay."""

    def get_decision(self, decision_id: str, *, timeout_seconds: float | None = None) -> Decision | DamagedDecision:
        """Fetches a stored decision with its inputs; a DamagedDecision where those cannot be read.

        Raises:
            InvalidArgument: The id is not a UUID.
            NotFound: There is no stored decision with the id.
        """
        request = credit_service_pb2.GetDecisionRequest(decision_id=decision_id)
        response: credit_service_pb2.GetDecisionResponse = self._unary(
            self._credit_stub.GetDecision, request, timeout_seconds
        )
        return stored_decision_of(response.decision)

    def list_decisions(
        self, customer_id: int, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Iterator[Decision | DamagedDecision]:
        """Yields the stored decisions on a customer, the oldest first.

        Raises:
            NotFound: There is no customer with the id; raised by the first `next()`.
        """

        def fetch(page_token: str) -> tuple[Iterator[Decision | DamagedDecision], str]:
            request = credit_service_pb2.ListDecisionsRequest(
                customer_id=customer_id, page_size=page_size, page_token=page_token
            )
            response: credit_service_pb2.ListDecisionsResponse = self._unary(
                self._credit_stub.ListDecisions, request, timeout_seconds
            )
            return map(stored_decision_of, response.decisions), response.next_page_token

        return iterate_pages(fetch)

    def replay_decision(self, decision_id: str, *, timeout_seconds: float | None = None) -> Replay:
        """Recomputes a stored decision from its stored inputs, under the same policy version, and compares.

        Raises:
            InvalidArgument: The id is not a UUID.
            NotFound: There is no stored decision with the id.
        """
        request = credit_service_pb2.ReplayDecisionRequest(decision_id=decision_id)
        response: credit_service_pb2.ReplayDecisionResponse = self._unary(
            self._credit_stub.ReplayDecision, request, timeout_seconds
        )
        return replay_of(response)
