"""A proxy in the environment, as many offices have it."""

import socket

import pytest
from almeno_client import CreditClient, CreditServiceError, Retries, Unavailable


@pytest.fixture
def proxy(monkeypatch):
    """A proxy that answers nothing; whether somebody has connected to it is what a test asks."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listening.getsockname()[1]}")
        yield listening


@pytest.mark.parametrize("address", ["127.0.0.1:1", "localhost:1", "[::1]:1", "dns:///localhost:1", "ipv4:127.0.0.1:1"])
def test_service_on_this_machine_is_not_looked_for_behind_a_proxy(proxy, address):
    with CreditClient(address, retries=Retries(1), timeout_seconds=5) as client, pytest.raises(Unavailable):
        client.get_customer(14)
    with pytest.raises(TimeoutError):
        proxy.accept()


def test_service_on_another_machine_is(proxy):
    with (
        CreditClient("credit.example.com:50051", retries=Retries(1), timeout_seconds=0.5) as client,
        pytest.raises(CreditServiceError),
    ):
        client.get_customer(14)
    proxy.accept()[0].close()
