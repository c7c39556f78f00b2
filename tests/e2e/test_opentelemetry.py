"""The server under `opentelemetry-instrument`, which puts an interceptor around every handler: all calls work."""

import json
from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from support.book_files import CUSTOMER_HEADINGS, csv_file, customer_row
from support.calls import NOBODY, SECONDS, check_of, loan_of, refused, registered
from support.servers import BIN, CUSTOMERS, RunningServer, eventually

from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api import import_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb

CREDIT = "/almeno.credit.v1.CreditService"
PORTFOLIO = "/almeno.credit.v1.PortfolioService"
HEALTH = "/grpc.health.v1.Health"
REFLECTION = "/grpc.reflection.v1.ServerReflection"


class InstrumentedServer(RunningServer):
    """A server whose calls are traced; the spans go to a file of its folder."""

    program = (
        *("sh", "-c", 'exec "$@" >"$TMPDIR/spans"', "sh"),
        *(str(BIN / "opentelemetry-instrument"), str(BIN / "almeno-server")),
    )

    def spans(self) -> set[str]:
        """The names of the calls that were traced, so far."""
        text = (self.folder / "spans").read_text(encoding="utf-8")
        decoder, names, at = json.JSONDecoder(), set(), 0
        while (at := text.find("{\n", at)) >= 0:
            try:
                span, at = decoder.raw_decode(text, at)
            except json.JSONDecodeError:
                # Is being written.
                break
            if span["kind"] == "SpanKind.SERVER":
                names.add(span["name"])
        return names


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InstrumentedServer]:
    started = InstrumentedServer(
        tmp_path_factory.mktemp("instrumented"),
        OTEL_TRACES_EXPORTER="console",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    yield started
    assert started.stop() == 0


def test_unary_calls_work_and_are_traced(server: InstrumentedServer) -> None:
    customer_id = registered(server.credit, income=100_000).customer_id
    assert server.credit.CheckEligibility(check_of(customer_id, 10_000), timeout=SECONDS).decision.approved
    assert server.credit.CreateLoan(loan_of(customer_id, 10_000), timeout=SECONDS).HasField("loan")
    refusal = refused(server.credit.GetLoan, pb.GetLoanRequest(loan_id=NOBODY))
    assert (refusal.code, refusal.reason) == ("NOT_FOUND", "LOAN_NOT_FOUND")
    names = {f"{CREDIT}/{name}" for name in ("RegisterCustomer", "CheckEligibility", "CreateLoan", "GetLoan")}
    eventually(lambda: names <= server.spans())


def test_uploads_and_watches_work_and_are_traced(server: InstrumentedServer) -> None:
    queued = server.upload(CUSTOMERS, csv_file(CUSTOMER_HEADINGS, map(customer_row, range(1, 4))))
    request = portfolio_pb.WatchImportRequest(import_id=queued.import_id)
    *_, last = server.portfolio.WatchImport(request, timeout=SECONDS)
    assert server.get_import(queued.import_id).state == import_pb2.IMPORT_STATE_SUCCEEDED
    assert last.ByteSize()
    assert len(list(server.portfolio.SummarizePortfolio(portfolio_pb.SummarizePortfolioRequest(), timeout=SECONDS))) > 1
    names = {f"{PORTFOLIO}/{name}" for name in ("StartImport", "WatchImport", "SummarizePortfolio")}
    eventually(lambda: names <= server.spans())


def test_health_and_reflection_work_and_are_traced(server: InstrumentedServer) -> None:
    health = health_pb2_grpc.HealthStub(server.channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS).status == serving
    watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS)
    assert next(watch).status == serving
    watch.cancel()
    reflect = server.channel.stream_stream(
        f"{REFLECTION}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    [listed] = reflect(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=SECONDS)
    assert "almeno.credit.v1.CreditService" in {each.name for each in listed.list_services_response.service}
    names = {f"{HEALTH}/Check", f"{HEALTH}/Watch", f"{REFLECTION}/ServerReflectionInfo"}
    eventually(lambda: names <= server.spans())


def test_unknown_method_is_told_with_details(server: InstrumentedServer) -> None:
    call = server.channel.unary_unary(f"{CREDIT}/CloseBank")
    refusal = refused(lambda timeout: call(b"", timeout=timeout))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNIMPLEMENTED.name, "METHOD_NOT_FOUND")


def test_server_stops_while_its_health_is_watched(server: InstrumentedServer) -> None:
    watch = health_pb2_grpc.HealthStub(server.channel).Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    server.process.terminate()
    assert [seen.status for seen in watch] == [health_pb2.HealthCheckResponse.NOT_SERVING]
    assert server.process.wait(SECONDS) == 0
