"""The supervisor: processes that die, a server that stops, and one that cannot start."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.certificates import DAY, NOW, MadeCertificate, made_certificate
from support.servers import eventually, is_alive
from support.toy_bootstrap import Credit
from support.toy_server import ToyServer, process_that_answers

from almeno_grpc.api import portfolio_service_pb2, portfolio_service_pb2_grpc

GREEDY = Credit.GREEDY
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., ToyServer]]:
    toys: list[ToyServer] = []

    def start_toy(*arguments: str, broken: str = "") -> ToyServer:
        toys.append(ToyServer(tmp_path / str(len(toys)), *arguments, broken=broken))
        return toys[-1]

    yield start_toy
    for toy in toys:
        toy.close()


def test_port_that_is_taken_is_an_error(start: Callable[..., ToyServer]) -> None:
    server = start("--workers=1").wait_until_ready()
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
    # What it counted stays, what it showed is gone.
    assert {file.name for file in toy.folder.glob(f"almeno-metrics-*/*_{victim}.db")} == {
        f"counter_{victim}.db",
        f"histogram_{victim}.db",
    }
    assert toy.stop() == 0
    assert not list(toy.folder.glob("almeno-metrics-*"))


def test_process_that_is_killed_while_it_starts_is_started_as_often(start: Callable[..., ToyServer]) -> None:
    toy = start("--workers=1").wait_until_ready()
    for kills in range(1, 7):
        os.kill(toy.process_ids("import")[-1], signal.SIGKILL)
        eventually(lambda kills=kills: len(toy.events("process_restarted")) == kills)
    assert toy.stop() == 0
    assert not toy.events("server_failed")


def test_process_that_is_halted_is_replaced(start: Callable[..., ToyServer]) -> None:
    toy = start("--process-max-silence-seconds=2", "--metrics-address=127.0.0.1:0").wait_until_ready()
    halted = [toy.process_ids(role)[0] for role in ("rpc-0", "import")]
    for process_id in halted:
        os.kill(process_id, signal.SIGSTOP)
    eventually(lambda: len(toy.events("process_restarted")) == 2)
    assert {line["process"] for line in toy.events("process_hung")} == {"rpc-0", "import"}
    eventually(lambda: toy.http_get("/readyz")[0] == 200)
    assert not any(map(is_alive, halted))
    # The other has answered all the while.
    assert len(toy.process_ids("rpc-1")) == 1
    assert toy.stop() == 0


def test_process_that_takes_too_much_memory_is_replaced_while_the_others_go_on(start: Callable[..., ToyServer]) -> None:
    toy = start("--process-max-memory-bytes=256MiB").wait_until_ready()
    processes = toy.process_ids("rpc-0") + toy.process_ids("rpc-1")
    with toy.channel() as channel:
        # It may be ended before it has answered.
        with contextlib.suppress(grpc.RpcError):
            process_that_answers(channel, GREEDY)
        eventually(lambda: toy.events("process_restarted"))
    [too_large] = toy.events("process_too_large")
    assert too_large["process_pid"] in processes
    assert too_large["memory_bytes"] > too_large["max_memory_bytes"] == 256 * 2**20
    assert len(toy.process_ids("rpc-0") + toy.process_ids("rpc-1")) == 3


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


def test_certificate_that_is_replaced_is_shown_to_who_connects_next(
    start: Callable[..., ToyServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_CERTIFICATE_SECONDS", "0.05")
    old, new = made_certificate(), made_certificate(end=NOW + 90 * DAY)
    certificate, key = old.write(tmp_path)
    toy = start(
        "--workers=1", f"--tls-key={key}", f"--tls-certificate={certificate}", "--metrics-address=127.0.0.1:0"
    ).wait_until_ready()
    expiry = re.search(r"\nalmeno_tls_certificate_expiry_timestamp_seconds (\S+)\n", toy.http_get("/metrics")[1])
    assert expiry is not None
    assert float(expiry[1]) == (NOW + DAY).timestamp()
    connected = grpc.secure_channel(toy.address, grpc.ssl_channel_credentials(old.pem))
    with connected, grpc.secure_channel(toy.address, grpc.ssl_channel_credentials(new.pem)) as later:
        process_that_answers(connected)
        # Halfway the key is not the certificate's, and the old pair goes on.
        certificate.write_bytes(new.pem)
        eventually(lambda: toy.events("certificate_refused"))
        assert shown_certificate(toy) == old.certificate
        key.write_bytes(new.key_pem)
        eventually(lambda: shown_certificate(toy) == new.certificate)
        assert process_that_answers(later) == process_that_answers(connected) == toy.process_ids("rpc-0")[0]
    assert not toy.events("process_died")


def test_process_that_starts_while_the_certificates_are_unsound_waits_for_sound_ones(
    start: Callable[..., ToyServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_CERTIFICATE_SECONDS", "0.05")
    old, new = made_certificate(), made_certificate()
    certificate, key = old.write(tmp_path)
    toy = start(f"--tls-key={key}", f"--tls-certificate={certificate}").wait_until_ready()
    certificate.write_bytes(new.pem)
    [victim] = toy.process_ids("rpc-0")
    os.kill(victim, signal.SIGKILL)
    eventually(
        lambda: [line for line in toy.events("certificate_refused") if line["pid"] in toy.process_ids("rpc-0")[1:]]
    )
    with grpc.secure_channel(toy.address, grpc.ssl_channel_credentials(old.pem)) as channel:
        assert process_that_answers(channel) == toy.process_ids("rpc-1")[0]
    key.write_bytes(new.key_pem)
    eventually(lambda: shown_certificate(toy) == new.certificate)
    assert toy.stop() == 0


def shown_certificate(toy: ToyServer) -> x509.Certificate:
    host, _, port = toy.address.rpartition(":")
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((host, int(port)), timeout=5).encode())


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (made_certificate(begin=NOW - 9 * DAY, end=NOW - DAY), "ALMENO_TLS_CERTIFICATE: it has expired"),
        (made_certificate(begin=NOW + DAY, end=NOW + 2 * DAY), "ALMENO_TLS_CERTIFICATE: it is not valid before"),
        (replace(made_certificate(), key=made_certificate().key), "ALMENO_TLS_KEY: the key does not belong"),
    ],
)
def test_server_whose_certificate_nobody_would_take_does_not_start(
    start: Callable[..., ToyServer], tmp_path: Path, made: MadeCertificate, said: str
) -> None:
    certificate, key = made.write(tmp_path)
    toy = start(f"--tls-key={key}", f"--tls-certificate={certificate}")
    assert toy.wait() == 2
    assert said in toy.events("server_failed")[0]["message"]


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
    # A line for each: it has neither TLS nor access control.
    faults = [line.split(": ")[:2] for line in ended.stderr.splitlines()]
    assert faults == [["almeno-server", "ALMENO_ADDRESS"], ["almeno-server", "ALMENO_ACCESS"]]
