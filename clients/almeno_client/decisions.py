"""The calls on decisions that are stored."""

from collections.abc import Iterator

from almeno_client.base_client import BaseClient, iterate_pages
from almeno_client.conversion import replay_of, stored_decision_of
from almeno_client.records import DamagedDecision, Decision, Replay
from almeno_grpc.api import credit_service_pb2


class DecisionCalls(BaseClient):
    """The calls that show a stored decision, and take it again."""

    def get_decision(self, decision_id: str, *, timeout_seconds: float | None = None) -> Decision | DamagedDecision:
        """Fetches a stored decision, with everything it was taken from; or what can be told of it, if it is damaged.

        Raises:
            InvalidArgument: The name is no UUID.
            NotFound: No stored decision has the name.
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
            NotFound: No customer has the number; raised with the first decision that is asked for.
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
        """Takes a stored decision again, from what is stored of it and by the same policy, and compares.

        Raises:
            InvalidArgument: The name is no UUID.
            NotFound: No stored decision has the name.
        """
        request = credit_service_pb2.ReplayDecisionRequest(decision_id=decision_id)
        response: credit_service_pb2.ReplayDecisionResponse = self._unary(
            self._credit_stub.ReplayDecision, request, timeout_seconds
        )
        return replay_of(response)
