"""The endpoint for metrics, whatever strangers do with their connections to it."""

import contextlib
import http.client
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.core import GaugeMetricFamily
from support.servers import eventually

from almeno_grpc.config_values import Address
from almeno_grpc.serving import metrics_endpoint
from almeno_grpc.serving.metrics_endpoint import MAX_CONNECTIONS, MetricsEndpoint


class State:
    """What the server is like; a collector of its loans."""

    is_ready = True
    loans = 7.0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if self.loans < 0:
            raise ValueError(self.loans)
        yield GaugeMetricFamily("loans", "Loans.", self.loans)


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def listen(state: State) -> Iterator[Callable[..., MetricsEndpoint]]:
    with contextlib.ExitStack() as stack:

        def start(**options: object) -> MetricsEndpoint:
            endpoint = MetricsEndpoint(Address("127.0.0.1", 0), state, lambda: state.is_ready, **options)
            stack.callback(endpoint.server_close)
            endpoint.serve()
            stack.callback(endpoint.shutdown)
            return endpoint

        yield start


def get(endpoint: MetricsEndpoint, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(str(endpoint.address), timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


def connected(endpoint: MetricsEndpoint) -> socket.socket:
    return socket.create_connection((endpoint.address.host, endpoint.address.port), timeout=5)


def test_scrape_is_answered_beside_more_slow_connections_than_are_served(listen: Callable) -> None:
    endpoint = listen()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(endpoint)) for _ in range(MAX_CONNECTIONS + 20)]
        for number, each in enumerate(slow):
            with contextlib.suppress(OSError):
                each.sendall(b"GET /metrics HTTP/1.1\r\n"[: number % 24])
        for _ in range(3):
            code, text = get(endpoint, "/metrics")
            assert (code, "loans 7.0" in text) == (200, True)
        # The oldest have made room.
        with contextlib.suppress(ConnectionResetError):
            assert slow[0].recv(1) == b""


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"])
def test_connection_that_takes_too_long_is_ended(
    monkeypatch: pytest.MonkeyPatch, listen: Callable, sent: bytes
) -> None:
    monkeypatch.setattr(metrics_endpoint, "MAX_CONNECTION_SECONDS", 0.1)
    endpoint = listen()
    with connected(endpoint) as slow:
        slow.sendall(sent)

        def is_ended() -> bool:
            # It goes on sending, a byte now and then.
            try:
                slow.sendall(b"x")
            except OSError:
                return True
            return False

        eventually(is_ended, seconds=5, pause_seconds=0.05)
    eventually(lambda: not endpoint._accepted)


def test_server_tells_whether_it_is_alive_and_ready(listen: Callable, state: State) -> None:
    endpoint = listen()
    assert get(endpoint, "/healthz") == (200, "alive\n")
    assert get(endpoint, "/readyz") == (200, "ready\n")
    state.is_ready = False
    assert get(endpoint, "/readyz") == (503, "not ready\n")
    assert get(endpoint, "/healthz")[0] == 200
    assert get(endpoint, "/customers")[0] == 404


def test_metrics_are_for_those_who_send_the_token_of_the_file(listen: Callable, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    endpoint = listen(token_file=file)
    assert get(endpoint, "/metrics", Authorization="Bearer first")[0] == 200
    for wrong in ("Bearer second", "Bearer ", "Basic first", "first", "Bearer first2", "Bearer fir\u00e9st"):
        assert get(endpoint, "/metrics", Authorization=wrong)[0] == 401
    assert get(endpoint, "/metrics")[0] == 401
    assert get(endpoint, "/readyz")[0] == 200
    file.write_text("second")
    assert get(endpoint, "/metrics", Authorization="bearer second")[0] == 200
    # Neither an empty file nor none lets everybody in.
    file.write_text("\n")
    assert get(endpoint, "/metrics", Authorization="Bearer ")[0] == 401
    file.unlink()
    assert get(endpoint, "/metrics", Authorization="Bearer second")[0] == 401


def test_scrape_that_fails_is_an_error_and_nothing_but_the_log_tells_why(
    listen: Callable, state: State, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint = listen()
    state.loans = -1.0
    assert get(endpoint, "/metrics") == (500, "the log tells why\n")
    state.loans = 8.0
    assert "loans 8.0" in get(endpoint, "/metrics")[1]
    assert "Traceback" not in capfd.readouterr().err
