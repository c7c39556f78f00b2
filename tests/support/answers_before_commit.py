"""The wiring of a server with a fault on purpose: answers leave before their transaction is committed."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from almeno_grpc import bootstrap
from almeno_grpc.bootstrap import import_queue_depth, prepare_database, queue_files, run_import_worker
from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.service.store import always
from almeno_grpc.storage.backend import settle
from almeno_grpc.storage.store import SqlStore

__all__ = ["build_application", "import_queue_depth", "prepare_database", "queue_files", "run_import_worker"]

LATE_SECONDS = 0.01
_submit = SqlStore.submit


def build_application(settings: Settings, metrics: Metrics) -> bootstrap.CreditApplication:
    """The services as they are, on a store that says that it has written what it is about to write."""
    SqlStore.submit = _submit_and_answer_at_once
    return bootstrap.build_application(settings, metrics)


def _submit_and_answer_at_once(
    store: SqlStore, work: Callable[[Any], Any], then: Callable[[Any], Any], *, wanted: Callable[[], bool] = always
) -> Any:
    answer: Future[Any] = Future()

    def work_and_answer(tx: Any) -> Any:
        result = work(tx)
        if not answer.done():
            settle(answer, lambda: then(result))
        time.sleep(LATE_SECONDS)
        return result

    def tell_failure(written: Future[Any]) -> None:
        if not answer.done():
            settle(answer, written.result)

    _submit(store, work_and_answer, lambda result: result, wanted=wanted).add_done_callback(tell_failure)
    return answer
