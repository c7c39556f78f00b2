"""The wiring of a server whose batches hold one call each: every request in a transaction of its own."""

from almeno_grpc import bootstrap
from almeno_grpc.application import CreditApplication
from almeno_grpc.bootstrap import build_import_worker, prepare_database, queue_files, store_figures
from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.service import idempotency

__all__ = ["build_application", "build_import_worker", "prepare_database", "queue_files", "store_figures"]


def build_application(settings: Settings, metrics: Metrics) -> CreditApplication:
    """The services as they are, without batches."""
    idempotency.MAX_BATCH_CALLS = 1
    return bootstrap.build_application(settings, metrics)
