"""A server that runs: health, reflection and metrics over all of its processes."""

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from support.servers import eventually
from support.toy_server import ToyServer, process_that_answers

from almeno_grpc.api import credit_service_pb2, credit_service_pb2_grpc
from almeno_grpc.metrics import SAMPLE_FILE_BYTES, NoMetrics, metrics_of_process

SERVING = health_pb2.HealthCheckResponse.SERVING
SERVICES = ["almeno.credit.v1.CreditService", "almeno.credit.v1.PortfolioService"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToyServer]:
    """A server for the tests that leave it as it is."""
    toy = ToyServer(tmp_path_factory.mktemp("server"), "--metrics-address=127.0.0.1:0", "--business-date=2026-03-31")
    try:
        yield toy.wait_until_ready()
    finally:
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


def test_health_follows_what_the_store_can_do_for_reads_and_for_writes(server: ToyServer) -> None:
    with server.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        def serving() -> set[str]:
            names = ["", *SERVICES, "reads", "writes", "grpc.health.v1.Health"]
            found = {name: stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5) for name in names}
            return {name for name, response in found.items() if response.status == SERVING}

        all_of_them = serving()
        assert len(all_of_them) == 6
        assert server.http_get("/readyz")[0] == 200
        watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(watch).status == SERVING
        for broken, left in (
            ("no-writes", {"reads", "grpc.health.v1.Health"}),
            ("no-reads", {"grpc.health.v1.Health"}),
        ):
            (server.folder / broken).touch()
            eventually(lambda left=left: serving() == left)
            eventually(lambda: server.http_get("/readyz")[0] == 503)
            assert server.http_get("/healthz")[0] == 200
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        for broken in ("no-writes", "no-reads"):
            (server.folder / broken).unlink()
        eventually(lambda: serving() == all_of_them)
        assert next(watch).status == SERVING


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a process")
def test_processes_make_files_that_others_cannot_read_and_no_core_files(server: ToyServer) -> None:
    for process_id in (*server.process_ids("rpc-0"), *server.process_ids("import")):
        folder = Path(f"/proc/{process_id}")
        assert "Umask:\t0077\n" in (folder / "status").read_text()
        assert re.search(r"Max core file size +0 +0 +bytes", (folder / "limits").read_text())
    files = list(server.folder.glob("almeno-metrics-*/*"))
    assert len(files) >= 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert {file.parent.stat().st_mode & 0o777 for file in files} == {0o700}


def test_metrics_are_counted_into_files_whose_space_is_reserved(server: ToyServer) -> None:
    with server.channel() as channel:
        process_that_answers(channel)
    for process_id in (server.process_ids(role)[0] for role in ("rpc-0", "rpc-1", "import")):
        files = list(server.folder.glob(f"almeno-metrics-*/*_{process_id}.db"))
        # The library has made none beside these.
        kinds = ("counter", "histogram", "gauge_livesum")
        assert {file.name for file in files} == {f"{kind}_{process_id}.db" for kind in kinds}
        for file in files:
            assert file.stat().st_size == SAMPLE_FILE_BYTES
            assert file.stat().st_blocks * 512 >= SAMPLE_FILE_BYTES


def test_process_counts_nothing_where_the_folder_of_metrics_is_full(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_arguments: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert isinstance(metrics_of_process(), NoMetrics)
    assert list(tmp_path.iterdir()) == []


def samples_of(server: ToyServer) -> dict[str, float]:
    code, text = server.http_get("/metrics")
    assert code == 200
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_calls_in_flight_are_those_of_all_processes(server: ToyServer) -> None:
    labels = '{grpc_method="GetCustomer",grpc_service="almeno.credit.v1.CreditService",grpc_type="unary"}'

    def figures(*names: str) -> list[float]:
        return [samples_of(server).get(f"{name}{labels}", 0) for name in names]

    with contextlib.ExitStack() as stack:
        channels: dict[int, grpc.Channel] = {}
        while len(channels) < 2:
            channel = stack.enter_context(server.channel())
            channels[process_that_answers(channel)] = channel
        request = credit_service_pb2.GetCustomerRequest(customer_id=1500)
        stubs = map(credit_service_pb2_grpc.CreditServiceStub, channels.values())
        calls = [stub.GetCustomer.future(request, timeout=10) for stub in stubs for _ in range(3)]
        eventually(lambda: figures("almeno_calls_in_flight") == [6])
        assert {call.result().customer.customer_id for call in calls} == channels.keys()
    eventually(lambda: figures("almeno_calls_in_flight") == [0])
    handled = sum(
        value
        for name, value in samples_of(server).items()
        if name.startswith("grpc_server_handled_total") and 'grpc_method="GetCustomer"' in name
    )
    assert figures("grpc_server_started_total") == [handled]
    # As many as each of the two processes takes on.
    assert samples_of(server)['almeno_call_slots{kind="call"}'] == 2000


def test_metrics_add_up_all_processes(server: ToyServer) -> None:
    def samples() -> dict[str, float]:
        return samples_of(server)

    service = 'grpc_service="almeno.credit.v1.CreditService",grpc_type="unary"'
    labels = f'{{grpc_code="OK",grpc_method="GetCustomer",{service}}}'
    before = samples().get(f"grpc_server_handled_total{labels}", 0)
    seen = set()
    for _ in range(40):
        with server.channel() as channel:
            seen.add(process_that_answers(channel))
    assert len(seen) == 2
    after = samples()
    assert after[f"grpc_server_handled_total{labels}"] == before + 40
    assert after[f"grpc_server_handling_seconds_count{labels}"] == before + 40
    reason = 'kind="check",outcome="declined",reason="CREDIT_SCORE_TOO_LOW"'
    assert after[f"almeno_decisions_total{{{reason}}}"] == before + 40
    assert after['almeno_decline_reasons_total{kind="check",reason="EMI_BURDEN_TOO_HIGH"}'] == before + 40
    assert after['almeno_import_rows_total{kind="loans",outcome="inserted"}'] == 3
    assert after["almeno_import_queue_depth"] == 4
    assert after["almeno_import_queue_age_seconds"] >= 60
    assert after['almeno_process_serving{process="rpc-1"}'] == 1
    assert after["almeno_process_restarts_total"] == 0
    assert server.http_get("/customers")[0] == 404
