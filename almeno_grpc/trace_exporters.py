"""Where spans go, by the variables of OpenTelemetry's specification; none of its packages is imported."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from almeno_grpc.config import ConfigurationError

VARIABLE = "OTEL_TRACES_EXPORTER"
NONE = "none"
_PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OTLP = {"": "otlp_proto_grpc", "grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
"""The exporters of OTLP by their protocols, as OpenTelemetry for Python names them."""


def trace_exporters(environment: Mapping[str, str]) -> list[EntryPoint]:
    """The exporters that OTEL_TRACES_EXPORTER names, a list with commas between: `otlp` unless set, or `none`.

    Args:
        environment: Variables, as of `os.environ`.

    Returns:
        Entry points that load the exporters' classes.

    Raises:
        ConfigurationError: An exporter is not installed.
    """
    installed = {each.name: each for each in entry_points(group="opentelemetry_traces_exporter")}
    names = [name.strip() for name in (environment.get(VARIABLE) or "otlp").split(",")]
    found = {}
    for name in names:
        if name.lower() in ("", NONE):
            continue
        own_name = _otlp_name(environment) if name == "otlp" else name
        if own_name not in installed:
            raise ConfigurationError(
                f"{VARIABLE}: there is no exporter {own_name!r} here, but {', '.join(sorted(installed))} and {NONE}"
            )
        found[own_name] = installed[own_name]
    return list(found.values())


def _otlp_name(environment: Mapping[str, str]) -> str:
    protocols = (environment.get(name, "").strip() for name in _PROTOCOL_VARIABLES)
    protocol = next(filter(None, protocols), "")
    if protocol not in _OTLP:
        raise ConfigurationError(f"{_PROTOCOL_VARIABLES[1]}: must be grpc or http/protobuf")
    return _OTLP[protocol]
