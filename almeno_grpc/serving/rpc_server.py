"""The gRPC server of one process: synchronous, on the port that the processes share."""

from __future__ import annotations

import grpc

from almeno_grpc.config import Settings
from almeno_grpc.metrics import Metrics
from almeno_grpc.rpc.runtime.admission import AdmissionInterceptor
from almeno_grpc.rpc.runtime.limits import (
    MAX_CALLS_OF_CONNECTION,
    MAX_CONNECTIONS,
    MAX_METADATA_BYTES,
    MAX_PENDING_CALLS,
    CallLimits,
)
from almeno_grpc.serving import standard_services
from almeno_grpc.serving.application import Application
from almeno_grpc.serving.store_monitor import StoreMonitor, StoreState


class RpcServer:
    """The gRPC server of one process."""

    def __init__(
        self, settings: Settings, application: Application, metrics: Metrics, tls: grpc.ServerCredentials | None = None
    ) -> None:
        """Makes the server and listens.

        Args:
            settings: The settings.
            application: What it serves.
            metrics: Where calls are counted.
            tls: The credentials of the server; None serves without TLS.

        Raises:
            RuntimeError: The address cannot be listened on.
        """
        self._application = application
        self._admission = AdmissionInterceptor(
            threads=settings.threads,
            limits=CallLimits(
                max_concurrent_calls=settings.max_concurrent_calls,
                max_message_bytes=settings.max_message_bytes,
                slow_call_milliseconds=settings.slow_call_milliseconds,
            ),
            metrics=metrics,
            authentication=application.authentication,
            inline_methods=application.inline_methods,
        )
        self._server = grpc.server(
            self._admission.executor,
            interceptors=[self._admission],
            options=_options(settings),
        )
        application.add_to(self._server)
        self._health = standard_services.add_standard_services(self._server, application.service_names)
        self._store_monitor = StoreMonitor(application.store, self._health.follow_store)
        if tls is not None:
            self._server.add_secure_port(str(settings.address), tls)
        else:
            self._server.add_insecure_port(str(settings.address))

    def start(self) -> None:
        """Begins to serve."""
        self._store_monitor.start()
        self._server.start()

    def look_at_store(self) -> StoreState:
        """Tells what the store can do, and turns health to NOT_SERVING where it does not answer at all."""
        self._store_monitor.notice_hang()
        return self._store_monitor.state

    def reject_calls(self) -> None:
        """Answers UNAVAILABLE to new calls, ends long streams, and turns health to NOT_SERVING."""
        self._health.enter_graceful_shutdown()
        self._admission.reject_calls()
        self._application.drain()
        self._admission.end_watches()

    @property
    def is_busy(self) -> bool:
        """Whether calls are under way."""
        return self._admission.calls_under_way > 0

    def close(self) -> None:
        """Releases threads and application; no call is under way any more."""
        self._store_monitor.stop()
        self._admission.close()
        self._application.close()


def _options(settings: Settings) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 1),
        # A file that comes in one message, and any message up to its size, is refused by decoding, with details; what
        # is larger still by gRPC itself, without.
        ("grpc.max_receive_message_length", 2 * settings.max_message_bytes + settings.import_max_upload_bytes),
        ("grpc.max_send_message_length", -1),
        # No compression: 8 KiB of gzip on the wire become megabytes to be unpacked. It is answered with UNIMPLEMENTED.
        ("grpc.compression_enabled_algorithms_bitset", 1),
        # Between two limits gRPC would refuse at random.
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
        # With its overload protection gRPC takes on fewer streams than it has told the caller, and answers a quarter of
        # a burst of calls with UNAVAILABLE, without details. It is meant for callers who reset their calls; those are
        # bounded by the calls that are pending.
        ("grpc.max_concurrent_streams", MAX_CALLS_OF_CONNECTION),
        ("grpc.http.overload_protection", 0),
        ("grpc.max_allowed_incoming_connections", MAX_CONNECTIONS),
        # Beyond these, gRPC cancels calls that the event thread has not come to, without details; the first limit is
        # where it begins to do so at random.
        ("grpc.server.max_pending_requests", MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING_CALLS),
        ("grpc.server_handshake_timeout_ms", 10_000),
        # Connections are made anew, so that new certificates take effect and callers spread over new processes.
        ("grpc.max_connection_idle_ms", 900_000),
        ("grpc.max_connection_age_ms", 3_600_000),
        ("grpc.max_connection_age_grace_ms", 600_000),
        # A caller that has vanished is noticed within a minute and a half; one may ping every ten seconds.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
