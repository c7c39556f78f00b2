"""Whether the service can do what it is for, as grpc.health.v1 tells it. No key is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from almeno_client.base_client import BaseClient
from almeno_client.errors import NotFound
from almeno_grpc.api import access_service_pb2, credit_service_pb2, loan_service_pb2, portfolio_service_pb2

_CHECK = "/grpc.health.v1.Health/Check"
# On the wire HealthCheckRequest is one string and HealthCheckResponse one enum value, both in the field 1, as in these
# messages of protobuf's own: a package of health stubs would be one more to install.
_serialize_service: Callable[[StringValue], bytes] = StringValue.SerializeToString
_parse_status: Callable[[bytes], Int32Value] = Int32Value.FromString
_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")

WHOLE = ""
"""Stands for the server as a whole."""
NAMES: tuple[str, ...] = (
    WHOLE,
    "reads",
    "writes",
    *(
        service.full_name
        for file in (credit_service_pb2, loan_service_pb2, portfolio_service_pb2, access_service_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
    ),
)
"""What a server is asked for: as a whole, whether its database can be read and takes writes, and each service."""


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """The health of a service.

    Attributes:
        service: Its full name; empty for the server as a whole, `reads` and `writes` for its database.
        status: `SERVING`, `NOT_SERVING`, `UNKNOWN`, or `SERVICE_UNKNOWN` where the server does not have it.
    """

    service: str
    status: str

    @property
    def is_serving(self) -> bool:
        """Whether it can do what it is for."""
        return self.status == "SERVING"


class HealthCalls(BaseClient):
    """RPCs of grpc.health.v1."""

    def check_health(self, *, timeout_seconds: float | None = None) -> list[ServiceHealth]:
        """Asks for the health of the server, of its database and of each service: of the process that answers."""
        check: Any = self._channel.unary_unary(
            _CHECK, request_serializer=_serialize_service, response_deserializer=_parse_status
        )
        return [ServiceHealth(name, self._status(check, name, timeout_seconds)) for name in NAMES]

    def _status(self, check: Any, name: str, timeout_seconds: float | None) -> str:
        try:
            status = self._unary(check, StringValue(value=name), timeout_seconds).value
        except NotFound:
            return "SERVICE_UNKNOWN"
        return _STATUSES[status] if 0 <= status < len(_STATUSES) else "UNKNOWN"
