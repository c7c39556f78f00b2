"""The HTTP endpoint of the supervisor: the metrics of all processes, and whether the server is alive and ready.

The server is that of the Prometheus client, a thread a connection. It has no limits of its own; here a connection has
ten seconds, and a new one is always served: when there are many, it takes the place of the oldest.
"""

import hmac
import io
import logging
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from socket import AF_INET6, SHUT_RDWR, socket
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import ThreadingWSGIServer, make_wsgi_app
from prometheus_client.registry import Collector

from almeno_grpc.config_values import Address
from almeno_grpc.logs import log_event

MAX_CONNECTIONS = 64
"""Connections that are served at a time; one more ends the oldest."""
MAX_CONNECTION_SECONDS = 10.0
"""From its acceptance to the end of its answer, however slowly it sends or reads."""
MAX_TOKEN_BYTES = 4096


class MetricsEndpoint(ThreadingWSGIServer):
    """Serves `/metrics`, `/healthz` and `/readyz`."""

    def __init__(
        self, address: Address, collector: Collector, is_ready: Callable[[], bool], token_file: Path | None = None
    ) -> None:
        """Listens; `serve` begins to answer.

        Args:
            address: Where.
            collector: What `/metrics` shows.
            is_ready: Whether the server can do all that it is for, which `/readyz` tells.
            token_file: Holds the token that `/metrics` asks for, in `Authorization: Bearer`; read at each request.

        Raises:
            OSError: The address cannot be listened on.
        """
        if ":" in address.ip:
            self.address_family = AF_INET6
        registry = CollectorRegistry()
        registry.register(collector)
        self._metrics = make_wsgi_app(registry)
        self._is_ready = is_ready
        self._token_file = token_file
        self._lock = threading.Lock()
        self._accepted: dict[socket, float] = {}
        """When each connection was accepted: the oldest first, and those whose request is there behind the others."""
        super().__init__((address.ip, address.port), _Handler)
        self.set_app(self._answer)
        self.address = Address(address.host, self.socket.getsockname()[1])

    def serve(self) -> None:
        """Answers requests on threads of its own until `server_close`."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def process_request(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Serves a connection on a thread of its own."""
        if isinstance(request, socket):
            with self._lock:
                if len(self._accepted) >= MAX_CONNECTIONS:
                    self._end(next(iter(self._accepted)))
                self._accepted[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Ends connections whose time is over; called twice a second."""
        with self._lock:
            now = time.monotonic()
            for connection, accepted in list(self._accepted.items()):
                if now - accepted > MAX_CONNECTION_SECONDS:
                    self._end(connection)

    def shutdown_request(self, request: socket | tuple[bytes, socket]) -> None:
        """Closes a connection."""
        if isinstance(request, socket):
            with self._lock:
                self._accepted.pop(request, None)
        super().shutdown_request(request)

    def note_request(self, connection: socket) -> None:
        """Notes that a request has arrived whole; connections that have sent none are ended before."""
        with self._lock:
            if connection in self._accepted:
                self._accepted[connection] = self._accepted.pop(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Leaves a scraper that went away alone."""

    def _end(self, connection: socket) -> None:
        """Makes the thread of a connection find its end; it closes it."""
        self._accepted.pop(connection, None)
        try:
            connection.shutdown(SHUT_RDWR)
        except OSError:
            # The other side was quicker.
            return

    def _answer(self, environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match environment.get("PATH_INFO", ""):
            case "/healthz":
                status, text = HTTPStatus.OK, "alive"
            case "/readyz" if self._is_ready():
                status, text = HTTPStatus.OK, "ready"
            case "/readyz":
                status, text = HTTPStatus.SERVICE_UNAVAILABLE, "not ready"
            case "/metrics" if self._is_authorized(environment.get("HTTP_AUTHORIZATION", "")):
                return self._exposition(environment, start_response)
            case "/metrics":
                status, text = HTTPStatus.UNAUTHORIZED, "a bearer token is needed"
            case _:
                status, text = HTTPStatus.NOT_FOUND, "there are /metrics, /healthz and /readyz"
        return _plain(start_response, status, text)

    def _exposition(self, environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer: Iterable[bytes] = self._metrics(environment, start_response)
        except Exception as error:
            log_event("metrics_failed", logging.ERROR, error=error)
            return _plain(start_response, HTTPStatus.INTERNAL_SERVER_ERROR, "the log tells why")
        return answer

    def _is_authorized(self, authorization: str) -> bool:
        if self._token_file is None:
            return True
        try:
            with self._token_file.open("rb") as file:
                token = file.read(MAX_TOKEN_BYTES).strip()
        except OSError as error:
            log_event("metrics_token_unreadable", logging.ERROR, error=error)
            return False
        scheme, _, given = authorization.partition(" ")
        # WSGI has decoded the header so.
        given_bytes = given.strip().encode("latin-1", "replace")
        return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given_bytes, token)


class _Handler(WSGIRequestHandler):
    server: MetricsEndpoint
    timeout = MAX_CONNECTION_SECONDS

    def get_environ(self) -> dict[str, Any]:
        """The request, which is there now."""
        self.server.note_request(self.connection)
        return super().get_environ()

    def get_stderr(self) -> Any:
        """Where tracebacks go of those who went away: nowhere."""
        return io.StringIO()

    def log_message(self, *_arguments: object) -> None:
        """Logs no request."""


def _plain(start_response: StartResponse, status: HTTPStatus, text: str) -> list[bytes]:
    headers = [("Content-Type", "text/plain; charset=utf-8")]
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Bearer"))
    start_response(f"{status.value} {status.phrase}", headers)
    return [f"{text}\n".encode()]
