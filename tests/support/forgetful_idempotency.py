"""The wiring of a server with a fault on purpose: it never looks whether a request was answered before."""

from almeno_grpc import bootstrap
from almeno_grpc.application import CreditApplication
from almeno_grpc.bootstrap import build_import_worker, prepare_database, queue_files, store_figures
from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.storage.idempotency import IdempotencyRecords

__all__ = ["build_application", "build_import_worker", "prepare_database", "queue_files", "store_figures"]


def build_application(settings: Settings, metrics: Metrics) -> CreditApplication:
    """The services as they are, on a store that finds no idempotency record."""
    IdempotencyRecords.get_many = lambda *_: {}
    return bootstrap.build_application(settings, metrics)
