"""`almeno health`: what grpc.health.v1 tells of the server, in the exit code."""

import json
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from almeno_client import CreditClient
from almeno_client.health import NAMES, ServiceHealth
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import HealthServicer
from typing_extensions import override

from almeno_grpc.serving.standard_services import Health
from almeno_grpc.serving.store_monitor import StoreState

SERVICES = [name for name in NAMES if name.startswith("almeno.")]


class PlainHealth(Health):
    """Answers about a service that there is not as gRPC's own servicer does: this server has no chain for errors."""

    @override
    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        return HealthServicer.Check(self, request, context)


@pytest.fixture
def health() -> Health:
    return PlainHealth(SERVICES)


@pytest.fixture
def address(health: Health) -> Iterator[str]:
    """Of a server that has nothing but its health."""
    with tempfile.TemporaryDirectory() as folder:
        server = grpc.server(ThreadPoolExecutor(2))
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        server.add_insecure_port(f"unix:{Path(folder) / 'server'}")
        server.start()
        yield f"unix:{Path(folder) / 'server'}"
        server.stop(0).wait()


def test_service_that_serves_ends_with_0(almeno, health: Health) -> None:
    health.follow_store(StoreState.WORKS)
    result = almeno("health")
    assert result.exit_code == 0
    assert "the server" in result.stdout
    assert result.stdout.count("SERVING") == len(NAMES) == 7
    assert "NOT_SERVING" not in result.stdout


def test_server_as_a_whole_is_the_row_whose_name_is_empty(almeno, health: Health) -> None:
    health.follow_store(StoreState.WORKS)
    assert almeno("health", output="tsv").stdout.startswith("\tSERVING\nreads\tSERVING\n")
    assert almeno("health", output="csv").stdout.startswith("service,status\n,SERVING\n")


def test_database_that_takes_no_writes_ends_with_5_and_is_named(almeno, health: Health) -> None:
    health.follow_store(StoreState.READ_ONLY)
    result = almeno("health", "--json")
    assert result.exit_code == 5
    answer = json.loads(result.stdout)
    assert not answer["serving"]
    assert {each["service"]: each["status"] for each in answer["services"]} == {
        "": "NOT_SERVING",
        "reads": "SERVING",
        "writes": "NOT_SERVING",
        **dict.fromkeys(SERVICES, "NOT_SERVING"),
    }


def test_service_that_the_server_does_not_have_is_told_as_unknown(health: Health, address: str) -> None:
    health.follow_store(StoreState.WORKS)
    del health._server_status["almeno.credit.v1.LoanService"]
    with CreditClient(address, timeout_seconds=5) as client:
        found = client.check_health()
    assert [each for each in found if not each.is_serving] == [
        ServiceHealth("almeno.credit.v1.LoanService", "SERVICE_UNKNOWN")
    ]


def test_server_that_is_not_there_ends_with_5(almeno, tmp_path: Path) -> None:
    result = almeno("--address", f"unix:{tmp_path / 'nobody'}", "--timeout", "0.5", "health")
    assert result.exit_code == 5
    assert "Is the service running" in result.stderr


def test_wait_ends_when_the_service_serves(almeno, health: Health) -> None:
    later = threading.Timer(0.3, health.follow_store, (StoreState.WORKS,))
    later.start()
    assert almeno("health", "--wait", "20").exit_code == 0
    later.join()


def test_wait_ends_with_5_when_its_time_is_over(almeno) -> None:
    assert almeno("health", "--wait", "0.3").exit_code == 5
