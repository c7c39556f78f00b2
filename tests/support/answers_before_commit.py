"""The wiring of a server with a fault on purpose: answers leave before their transaction is committed."""

import time
from typing import Any

from almeno_grpc import bootstrap
from almeno_grpc.application import CreditApplication
from almeno_grpc.bootstrap import build_import_worker, prepare_database, queue_files, store_figures
from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.service import idempotency

__all__ = ["build_application", "build_import_worker", "prepare_database", "queue_files", "store_figures"]

LATE_SECONDS = 0.01
_execute_batch, _complete = idempotency.execute_batch, idempotency._complete


def build_application(settings: Settings, metrics: Metrics) -> CreditApplication:
    """The services as they are, but for batches whose calls are answered while their transaction is open."""
    idempotency.execute_batch = _execute_and_answer
    idempotency._complete = _complete_unless_answered
    return bootstrap.build_application(settings, metrics)


def _execute_and_answer(tx: Any, use_case: Any, calls: Any, clock: Any, access: Any, steps: Any, *, wait: bool) -> Any:
    outcomes = _execute_batch(tx, use_case, calls, clock, access, steps, wait=wait)
    for call, outcome in zip(calls, outcomes, strict=True):
        if not isinstance(outcome, Exception):
            _complete_unless_answered(call, outcome)
    time.sleep(LATE_SECONDS)
    return outcomes


def _complete_unless_answered(call: Any, outcome: Any) -> None:
    if not call.answer.done():
        _complete(call, outcome)
