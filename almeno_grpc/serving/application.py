"""The interfaces between the processes of the server and the application, which `almeno_grpc.bootstrap` implements."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Protocol, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor

from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics, StoreFigures
from almeno_grpc.rpc.runtime.authentication import Authentication
from almeno_grpc.serving.gc_tuning import paused_collection


class CheckedStore(Protocol):
    """A store, as those see it who look whether it can work.

    Attributes:
        has_failed: Set where it could not do what it was asked to.
    """

    has_failed: threading.Event

    def probe_reads(self) -> None:
        """Raises a CreditError where the store cannot be read."""

    def probe_writes(self) -> None:
        """Raises a CreditError where the store takes no writes."""


class Application(Protocol):
    """The services of one process, with the resources that they hold."""

    @property
    def service_names(self) -> tuple[str, ...]:
        """Full names of the services, for health and reflection."""

    @property
    def authentication(self) -> Authentication:
        """Who calls."""

    @property
    def inline_methods(self) -> frozenset[MethodDescriptor]:
        """Unary methods whose handlers return a Future at once: they wait for nothing, and need no thread."""

    @property
    def store(self) -> CheckedStore:
        """The store that the services use."""

    def add_to(self, server: grpc.Server) -> None:
        """Adds the services to a server that has not started."""

    def drain(self) -> None:
        """Begins to drain: long streams end with UNAVAILABLE, for their callers to retry."""

    def close(self) -> None:
        """Releases all resources; no call is under way any more."""


class Bootstrap(Protocol):
    """The composition root: the module that wires the application together. Each process imports it for itself."""

    def prepare_database(self, settings: Settings) -> None:
        """Creates or migrates the database, before any process of the server uses it.

        Raises:
            ConfigurationError: The database cannot be used as it is set up.
            CreditError: The database is not available.
        """

    def build_application(self, settings: Settings, metrics: Metrics) -> Application:
        """Makes the services of this process."""

    def build_import_worker(self, settings: Settings, metrics: Metrics) -> Callable[[threading.Event], None]:
        """Makes the function that works on imports until its event is set; the unfinished goes on at the next start.

        Nothing of it is imported later than here.
        """

    def queue_files(self, settings: Settings) -> None:
        """Queues the files of the settings `load_customers` and `load_loans`."""

    def store_figures(self, settings: Settings) -> Callable[[], StoreFigures]:
        """Makes the function that looks at the database for a scrape; it is called from several threads."""


DEFAULT_BOOTSTRAP = "almeno_grpc.bootstrap"


def load_bootstrap(module: str) -> Bootstrap:
    """Imports the module that wires the application together."""
    with paused_collection():
        return cast("Bootstrap", importlib.import_module(module))
