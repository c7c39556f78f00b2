"""Fetching, listing and replaying stored decisions."""

from collections.abc import Sequence
from dataclasses import dataclass

from almeno_grpc.domain.errors import CustomerNotFound, DecisionNotFound
from almeno_grpc.domain.policy import Policy
from almeno_grpc.service.decision_replay import Replay, replay
from almeno_grpc.service.decision_snapshot import DecisionUnreadable, StoredDecision, read_snapshot
from almeno_grpc.service.store import DecisionRecord, Store


@dataclass(frozen=True, slots=True)
class DamagedDecision:
    """A decision whose snapshot cannot be read: of it there are only the columns that stand beside the snapshot."""

    record: DecisionRecord
    damage: str


class DecisionService:
    """The use cases around stored decisions."""

    def __init__(self, store: Store, policies: Sequence[Policy]) -> None:
        self._store = store
        self._policies = policies

    def get(self, decision_id: str) -> StoredDecision | DamagedDecision:
        """The decision as it was taken, or its columns where the snapshot cannot be read.

        Raises:
            DecisionNotFound: No stored decision has the id.
        """
        return _read(self._record(decision_id))

    def page(self, customer_id: int, after: str, count: int) -> list[StoredDecision | DamagedDecision]:
        """Up to `count` decisions on a customer whose ids sort behind `after`, the oldest first.

        Raises:
            CustomerNotFound: No customer has the id.
        """
        with self._store.read() as tx:
            records = tx.decisions.page(customer_id, after, count)
            if not records and tx.customers.get(customer_id) is None:
                raise CustomerNotFound(customer_id)
        return [_read(record) for record in records]

    def replay(self, decision_id: str) -> Replay:
        """Takes the decision again, from its snapshot and under the same policy, and compares.

        Raises:
            DecisionNotFound: No stored decision has the id.
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
        return read_snapshot(record.snapshot)
    except DecisionUnreadable as error:
        return DamagedDecision(record, str(error))
