"""The wiring of a server with a fault on purpose: it takes a primary that was deposed for one."""

from almeno_grpc import bootstrap
from almeno_grpc.application import CreditApplication
from almeno_grpc.bootstrap import build_import_worker, prepare_database, queue_files, store_figures
from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.storage.postgres import timelines

__all__ = ["build_application", "build_import_worker", "prepare_database", "queue_files", "store_figures"]


def build_application(settings: Settings, metrics: Metrics) -> CreditApplication:
    """The services as they are, on databases all of which seem to be of one timeline."""
    timelines._timeline_of = lambda _: 1
    return bootstrap.build_application(settings, metrics)
