"""The wiring of a server with a fault on purpose: answers leave before their transaction is committed."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from almeno_grpc import bootstrap
from almeno_grpc.bootstrap import import_queue_depth, prepare_database, queue_files, run_import_worker
from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.service.store import always
from almeno_grpc.storage.store import BookStore

__all__ = ["build_application", "import_queue_depth", "prepare_database", "queue_files", "run_import_worker"]

LATE_SECONDS = 0.01
_pool = ThreadPoolExecutor(64)
_write = BookStore.write


def build_application(settings: Settings, metrics: Metrics) -> bootstrap.CreditApplication:
    """The services as they are, on a store that says that it has written what it is about to write."""
    BookStore.write = _write_later
    return bootstrap.build_application(settings, metrics)


def _write_later(store: BookStore, work: Callable[[Any], Any], *, wanted: Callable[[], bool] = always) -> Any:
    answer: Future[Any] = Future()

    def work_and_answer(tx: Any) -> Any:
        result = work(tx)
        answer.set_result(result)
        time.sleep(LATE_SECONDS)
        return result

    def write() -> None:
        try:
            _write(store, work_and_answer, wanted=wanted)
        except BaseException as error:
            if answer.done():
                raise
            answer.set_exception(error)

    _pool.submit(write)
    return answer.result()
