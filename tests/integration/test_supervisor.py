"""The server's processes, started for real on free ports, with the application of `toy_bootstrap`."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from almeno_grpc.api import (
    credit_service_pb2,
    credit_service_pb2_grpc,
    portfolio_service_pb2,
    portfolio_service_pb2_grpc,
)

SERVING = health_pb2.HealthCheckResponse.SERVING
SERVICES = ["almeno.credit.v1.CreditService", "almeno.credit.v1.PortfolioService"]
PROGRAM = """
import os, sys
from almeno_grpc.config import settings_from_command_line
from almeno_grpc.serving.supervisor import Supervisor
sys.exit(Supervisor(settings_from_command_line(sys.argv[1:], os.environ), "toy_bootstrap").run())
"""


class ToyServer:
    """A server with two processes for calls, and what it has written to its log."""

    def __init__(self, folder: Path, *arguments: str, broken: str = "") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        environment = {name: text for name, text in os.environ.items() if not name.startswith("ALMENO_")}
        environment |= {
            "PYTHONPATH": str(Path(__file__).parent),
            "TOY_FOLDER": str(folder),
            "TOY_BROKEN": broken,
            "TMPDIR": str(folder),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--address=127.0.0.1:0", "--workers=2", "--drain-seconds=3", *arguments],
            env=environment,
            stderr=subprocess.PIPE,
        )
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == name]

    def wait_until_ready(self) -> "ToyServer":
        eventually(lambda: self.events("server_ready") or self.process.poll() is not None, seconds=20)
        assert self.events("server_ready"), self.lines
        return self

    @property
    def address(self) -> str:
        return str(self.events("server_ready")[0]["address"])

    def channel(self) -> grpc.Channel:
        # Connections of their own, rather than one that all channels of the test share.
        return grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)])

    def http_get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.events("server_ready")[0]["metrics_address"], timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def process_ids(self, role: str) -> list[int]:
        started = self.events("process_started") + self.events("process_restarted")
        return [line["process_pid"] for line in started if line["process"] == role]

    def notes(self, name: str) -> list[Path]:
        return list(self.folder.glob(f"{name}-[0-9]*"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(20)
        self._reader.join(10)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self._reader.join(15)
        assert self.process.stderr is not None
        self.process.stderr.close()


def eventually(holds: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # One that nobody has waited for is dead all the same.
    status = Path(f"/proc/{process_id}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def process_that_answers(channel: grpc.Channel, milliseconds: int = 1) -> int:
    request = credit_service_pb2.GetCustomerRequest(customer_id=milliseconds)
    response = credit_service_pb2_grpc.CreditServiceStub(channel).GetCustomer(request, timeout=10)
    return int(response.customer.customer_id)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyServer]:
    """A server for the tests that leave it as it is."""
    toy = ToyServer(tmp_path_factory.mktemp("server"), "--metrics-address=127.0.0.1:0", "--business-date=2026-03-31")
    try:
        yield toy.wait_until_ready()
    finally:
        toy.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ToyServer]]:
    toys: list[ToyServer] = []

    def start_toy(*arguments: str, broken: str = "") -> ToyServer:
        toys.append(ToyServer(tmp_path / str(len(toys)), *arguments, broken=broken))
        return toys[-1]

    yield start_toy
    for toy in toys:
        toy.close()


def test_server_that_is_ready_tells_how_it_serves(server: ToyServer) -> None:
    [ready] = server.events("server_ready")
    assert re.fullmatch(r"127\.0\.0\.1:[1-9][0-9]+", ready["address"])
    assert (ready["workers"], ready["business_date"], ready["role"]) == (2, "2026-03-31", "supervisor")
    assert ready["database"] == "sqlite:///almeno.db"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", ready["time"])
    eventually(lambda: server.notes("worker") and server.notes("queued"))
    assert len(server.notes("queued")) == 1


def test_health_serves_the_whole_and_each_service_by_name(server: ToyServer) -> None:
    with server.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ["", *SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]:
            assert stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status == SERVING
            assert next(stub.Watch(health_pb2.HealthCheckRequest(service=name), timeout=5)).status == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="bank.Vault"), timeout=5)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_describes_every_service_in_both_versions(server: ToyServer, version: str) -> None:
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        *(
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
            for symbol in [
                *SERVICES,
                "almeno.credit.v1.CreditService.GetCustomer",
                "almeno.credit.v1.Customer",
                "google.type.Money",
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            ]
        ),
        reflection_pb2.ServerReflectionRequest(file_by_filename="grpc/reflection/v1/reflection.proto"),
    ]
    with server.channel() as channel:
        listed, *described = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )(iter(requests), timeout=5)
    assert sorted(service.name for service in listed.list_services_response.service) == [
        *SERVICES,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ]
    assert len(described) == len(requests) - 1
    for response in described:
        assert response.file_descriptor_response.file_descriptor_proto, response


@pytest.mark.parametrize(
    "request_",
    [
        reflection_pb2.ServerReflectionRequest(),
        reflection_pb2.ServerReflectionRequest(file_by_filename="../../etc/passwd"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="..\n" * 9),
        reflection_pb2.ServerReflectionRequest(all_extension_numbers_of_type="almeno.credit.v1.Nothing"),
        reflection_pb2.ServerReflectionRequest(
            file_containing_extension=reflection_pb2.ExtensionRequest(
                containing_type="almeno.credit.v1.Customer", extension_number=-7
            )
        ),
    ],
    ids=lambda request: str(request)[:30],
)
def test_reflection_of_nonsense_is_answered_with_an_error_of_its_own(server: ToyServer, request_: Any) -> None:
    with server.channel() as channel:
        [response] = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )(iter([request_]), timeout=5)
    assert response.error_response.error_code in {3, 5}


def test_both_processes_serve_each_on_a_core_of_its_own(server: ToyServer) -> None:
    seen = set()

    def ask() -> bool:
        with server.channel() as channel:
            seen.add(process_that_answers(channel))
        return len(seen) == 2

    eventually(ask)
    assert seen == {*server.process_ids("rpc-0"), *server.process_ids("rpc-1")}
    cores = [os.sched_getaffinity(process_id) for process_id in seen]
    assert [len(of_process) for of_process in cores] == [1, 1]
    assert len(set.union(*cores)) == min(2, len(os.sched_getaffinity(0)))


def test_metrics_add_up_all_processes(server: ToyServer) -> None:
    def figures() -> dict[str, float]:
        code, text = server.http_get("/metrics")
        assert code == 200
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    labels = '{code="OK",method="/almeno.credit.v1.CreditService/GetCustomer"}'
    before = figures().get(f"almeno_calls_total{labels}", 0)
    seen = set()
    for _ in range(40):
        with server.channel() as channel:
            seen.add(process_that_answers(channel))
    assert len(seen) == 2
    after = figures()
    assert after[f"almeno_calls_total{labels}"] == before + 40
    assert after[f"almeno_call_seconds_count{labels}"] == before + 40
    reason = 'kind="check",outcome="declined",reason="CREDIT_SCORE_TOO_LOW"'
    assert after[f"almeno_decisions_total{{{reason}}}"] == before + 40
    assert after['almeno_decline_reasons_total{kind="check",reason="EMI_BURDEN_TOO_HIGH"}'] == before + 40
    assert after['almeno_import_rows_total{kind="loans",outcome="inserted"}'] == 3
    assert after["almeno_import_queue_depth"] == 4
    assert after["almeno_process_restarts_total"] == 0
    assert server.http_get("/customers")[0] == 404


def test_port_that_is_taken_is_an_error(server: ToyServer, start: Callable[..., ToyServer]) -> None:
    second = start(f"--address={server.address}")
    assert second.wait() == 1
    [failed] = second.events("server_failed")
    assert failed["message"] == f"{server.address}: address already in use"
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        third = start(f"--address=127.0.0.1:{other.getsockname()[1]}")
        assert third.wait() == 1
    fourth = start(f"--metrics-address={server.address}")
    assert fourth.wait() == 1
    assert "for metrics" in fourth.events("server_failed")[0]["message"]


def test_process_that_is_killed_is_started_again_while_the_port_goes_on(start: Callable[..., ToyServer]) -> None:
    toy = start("--metrics-address=127.0.0.1:0").wait_until_ready()
    [victim] = toy.process_ids("rpc-0")
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: toy.events("process_died"))
    with toy.channel() as channel:
        assert process_that_answers(channel) == toy.process_ids("rpc-1")[0]
    eventually(lambda: toy.events("process_restarted"))
    heir = toy.process_ids("rpc-0")[-1]

    def heir_answers() -> bool:
        with toy.channel() as channel:
            return process_that_answers(channel) == heir

    eventually(heir_answers)
    assert toy.events("process_died")[0]["exit_code"] == -signal.SIGKILL
    assert "almeno_process_restarts_total 1.0" in toy.http_get("/metrics")[1]
    assert toy.stop() == 0
    assert not list(toy.folder.glob("almeno-metrics-*"))


def test_process_that_is_killed_while_it_starts_is_started_as_often(start: Callable[..., ToyServer]) -> None:
    toy = start("--workers=1").wait_until_ready()
    for kills in range(1, 7):
        os.kill(toy.process_ids("import")[-1], signal.SIGKILL)
        eventually(lambda kills=kills: len(toy.events("process_restarted")) == kills)
    assert toy.stop() == 0
    assert not toy.events("server_failed")


def test_server_whose_supervisor_is_killed_frees_the_port(start: Callable[..., ToyServer]) -> None:
    toy = start("--metrics-address=127.0.0.1:0").wait_until_ready()
    children = [toy.process_ids(role)[0] for role in ("rpc-0", "rpc-1", "import")]
    assert all(is_alive(child) for child in children)
    toy.process.kill()
    eventually(lambda: not any(is_alive(child) for child in children))
    assert toy.notes("worker-stopped")
    assert not list(toy.folder.glob("almeno-metrics-*"))
    assert start(f"--address={toy.address}").wait_until_ready().address == toy.address


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_lets_calls_in_flight_finish_and_refuses_new_ones(
    start: Callable[..., ToyServer], number: signal.Signals
) -> None:
    toy = start("--workers=1").wait_until_ready()
    with toy.channel() as channel, toy.channel() as later, ThreadPoolExecutor(1) as caller:
        watch = health_pb2_grpc.HealthStub(later).Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(watch).status == SERVING
        stream = portfolio_service_pb2_grpc.PortfolioServiceStub(later).WatchImport(
            portfolio_service_pb2.WatchImportRequest(), timeout=10
        )
        next(stream)
        call = caller.submit(process_that_answers, channel, 1000)
        eventually(lambda: toy.notes("called"))
        toy.process.send_signal(number)
        assert [seen.status for seen in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
        with pytest.raises(grpc.RpcError) as caught:
            process_that_answers(later)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert call.result() == toy.process_ids("rpc-0")[0]
    assert toy.wait() == 0
    assert toy.events("server_stopped")[0]["exit_code"] == 0
    assert toy.notes("closed")
    assert toy.notes("worker-stopped")


def test_second_signal_stops_without_waiting_for_calls(start: Callable[..., ToyServer]) -> None:
    toy = start("--workers=1", "--drain-seconds=60").wait_until_ready()
    with toy.channel() as channel, ThreadPoolExecutor(1) as caller:
        call = caller.submit(process_that_answers, channel, 8000)
        eventually(lambda: toy.notes("called"))
        toy.process.terminate()
        eventually(lambda: toy.events("server_stopping"))
        started = time.monotonic()
        assert toy.stop() == 0
        assert time.monotonic() - started < 4
        with pytest.raises(grpc.RpcError):
            call.result()


def test_call_that_outlasts_the_drain_time_is_cancelled(start: Callable[..., ToyServer]) -> None:
    toy = start("--workers=1", "--drain-seconds=1").wait_until_ready()
    with toy.channel() as channel, ThreadPoolExecutor(1) as caller:
        call = caller.submit(process_that_answers, channel, 8000)
        eventually(lambda: toy.notes("called"))
        started = time.monotonic()
        assert toy.stop() == 0
        assert time.monotonic() - started < 5
        with pytest.raises(grpc.RpcError):
            call.result()


def test_server_stops_cleanly_when_nobody_reads_its_log(tmp_path: Path) -> None:
    toy = ToyServer(tmp_path).wait_until_ready()
    process_ids = toy.process_ids("rpc-0") + toy.process_ids("import")
    # The reader of the pipe goes away, and each further write fails.
    assert toy.process.stderr is not None
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, toy.process.stderr.fileno())
    os.close(devnull)
    toy.process.terminate()
    assert toy.process.wait(15) == 0
    assert not any(is_alive(process_id) for process_id in process_ids)
    toy.close()


@pytest.fixture
def pem(tmp_path: Path) -> tuple[Path, Path]:
    """A key and a certificate of 127.0.0.1 that is its own authority."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=almeno"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return key, certificate


def test_server_with_tls_serves_the_callers_that_its_authority_has_certified(
    start: Callable[..., ToyServer], pem: tuple[Path, Path]
) -> None:
    key, certificate = pem
    toy = start(
        "--workers=1", f"--tls-key={key}", f"--tls-certificate={certificate}", f"--tls-client-ca={certificate}"
    ).wait_until_ready()
    assert toy.events("server_ready")[0]["tls"] is True
    authority = certificate.read_bytes()
    certified = grpc.ssl_channel_credentials(authority, key.read_bytes(), authority)
    with grpc.secure_channel(toy.address, certified) as channel:
        assert process_that_answers(channel) == toy.process_ids("rpc-0")[0]
    unknown = grpc.ssl_channel_credentials(authority)
    for refused in (grpc.secure_channel(toy.address, unknown), toy.channel()):
        with refused, pytest.raises(grpc.RpcError) as caught:
            process_that_answers(refused)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_database_that_is_not_available_ends_the_start(start: Callable[..., ToyServer]) -> None:
    toy = start(broken="database")
    assert toy.wait() == 1
    [failed] = toy.events("server_failed")
    assert (failed["message"], failed["reason"]) == ("the database is locked", "STORE_UNAVAILABLE")
    assert not toy.events("process_started")


def test_process_that_dies_again_and_again_before_it_serves_ends_the_server(start: Callable[..., ToyServer]) -> None:
    toy = start("--workers=1", broken="application")
    assert toy.wait() == 1
    assert len(toy.process_ids("rpc-0")) == 5
    assert "rpc-0 has ended 5 times" in toy.events("server_failed")[0]["message"]


def test_settings_that_make_no_sense_end_the_program_with_code_two() -> None:
    program = [sys.executable, "-c", "import sys; from almeno_grpc.server import main; sys.exit(main())"]
    ended = subprocess.run(
        [*program, "--address=0.0.0.0:0"], env={}, capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("almeno-server: ALMENO_ADDRESS: ")
    assert ended.stderr.count("\n") == 1
