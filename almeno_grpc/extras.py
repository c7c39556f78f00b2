"""The extras of the distribution `almeno-grpc`: the packages that parts of it need besides those of the client library.

A part asks for its extra before it imports what is in it, so that an `ImportError` of our own code is never taken for
an extra that is missing.
"""

from importlib.util import find_spec

EXTRAS = {
    "cli": ("rich", "typer"),
    "report": ("openpyxl", "plotly"),
    "server": (
        "alembic",
        "cryptography",
        "grpc_health",
        "grpc_reflection",
        "msgspec",
        "numpy",
        "pandas",
        "phonenumbers",
        "prometheus_client",
        "python_calamine",
        "sqlalchemy",
    ),
    "postgres": ("psycopg",),
    "otel": ("opentelemetry.trace", "opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.grpc"),
}
"""The modules of each extra's packages, as they are imported. Those that the server can do without are left out."""


class ExtraMissing(Exception):
    """A part of the distribution was asked for whose extra is not installed; the message says how to install it."""


def has_extra(extra: str) -> bool:
    """Whether the packages of an extra are installed. None of them is imported."""
    return all(_is_installed(module) for module in EXTRAS[extra])


def require_extra(extra: str, part: str) -> None:
    """Checks that the packages of an extra are installed.

    Args:
        extra: Its name.
        part: What needs it, such as "the server".

    Raises:
        ExtraMissing: One of them is not.
    """
    if not has_extra(extra):
        raise ExtraMissing(f"{part} is not installed: pip install 'almeno-grpc[{extra}]'")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # One of the packages around it is not there either.
        return False
