"""Where OpenTelemetry's variables send the spans of a server."""

import pytest

from almeno_grpc.config import ConfigurationError
from almeno_grpc.open_telemetry import describe_process
from almeno_grpc.trace_exporters import trace_exporters


@pytest.mark.parametrize(
    ("names", "exporters"),
    [
        # As OpenTelemetry's specification has it. There is no entry point `otlp` without a package more.
        ("", ["OTLPSpanExporter"]),
        ("otlp", ["OTLPSpanExporter"]),
        ("console", ["ConsoleSpanExporter"]),
        ("otlp, console,", ["OTLPSpanExporter", "ConsoleSpanExporter"]),
        ("console,console", ["ConsoleSpanExporter"]),
        ("otlp,otlp_proto_grpc", ["OTLPSpanExporter"]),
        ("none", []),
        ("None", []),
    ],
)
def test_spans_go_to_each_exporter_that_is_named(names: str, exporters: list[str]) -> None:
    found = trace_exporters({"OTEL_TRACES_EXPORTER": names, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert [exporter.load().__name__ for exporter in found] == exporters


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER: there is no exporter 'zipkin' here, but console"),
        ({"OTEL_TRACES_EXPORTER": "console,zipkin"}, "zipkin"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "there is no exporter 'otlp_proto_http' here"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "must be grpc or http/protobuf"),
    ],
)
def test_exporter_that_is_not_there_is_an_error_and_spans_do_not_vanish(
    variables: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        trace_exporters(variables)


@pytest.mark.parametrize(
    ("attributes", "service_name", "shown"),
    [
        ("", "", "almeno-server"),
        ("service.name=mine", "", "mine"),
        ("", "ours", "ours"),
        ("service.name=mine", "ours", "ours"),
    ],
)
def test_service_has_the_name_that_its_operator_gives_it(
    attributes: str, service_name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", attributes)
    monkeypatch.setenv("OTEL_SERVICE_NAME", service_name)
    described = describe_process("rpc-0").attributes
    assert described["service.name"] == shown
    assert str(described["service.instance.id"]).startswith("rpc-0-")
