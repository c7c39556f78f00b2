"""Fetching, listing and replaying stored decisions."""

from collections.abc import Sequence
from dataclasses import dataclass

from almeno_grpc.domain.errors import CustomerNotFound, DecisionNotFound
from almeno_grpc.domain.policy import Policy
from almeno_grpc.service.decision_reading import DecisionUnreadable, snapshot_of, stored_decision
from almeno_grpc.service.decision_record import StoredDecision
from almeno_grpc.service.decision_replay import Replay, replay
from almeno_grpc.service.store import DecisionRecord, Store


@dataclass(frozen=True, slots=True)
class DamagedDecision:
    """A decision of which no more can be told than what stands beside its snapshot."""

    record: DecisionRecord
    damage: str


class DecisionService:
    """The use cases around stored decisions."""

    def __init__(self, store: Store, policies: Sequence[Policy]) -> None:
        self._store = store
        self._policies = policies

    def get(self, decision_id: str) -> StoredDecision | DamagedDecision:
        """The decision as it was taken, or what can be told of it.

        Raises:
            DecisionNotFound: No stored decision has the name.
        """
        return _read(self._record(decision_id))

    def page(self, customer_id: int, after: str, count: int) -> list[StoredDecision | DamagedDecision]:
        """Up to `count` decisions on a customer whose names sort behind `after`, the oldest first.

        Raises:
            CustomerNotFound: No customer has the number.
        """
        with self._store.read() as tx:
            records = tx.decisions.page(customer_id, after, count)
            if not records and tx.customers.get(customer_id) is None:
                raise CustomerNotFound(customer_id)
        return [_read(record) for record in records]

    def replay(self, decision_id: str) -> Replay:
        """Takes the decision again, from what is stored of it and by the same policy, and compares.

        Raises:
            DecisionNotFound: No stored decision has the name.
        """
        return replay(self._record(decision_id), self._policies)

    def _record(self, decision_id: str) -> DecisionRecord:
        with self._store.read() as tx:
            record = tx.decisions.get(decision_id)
        if record is None:
            raise DecisionNotFound(decision_id)
        return record


def _read(record: DecisionRecord) -> StoredDecision | DamagedDecision:
    try:
        return stored_decision(snapshot_of(record.snapshot))
    except DecisionUnreadable as error:
        return DamagedDecision(record, str(error))
