"""What a method is, from its descriptor: does it read, change something, or stream."""

# grpc's classes are generic in its stubs only.
from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from almeno_grpc.api import scope_pb2
from almeno_grpc.domain.access import ANY_CALLER
from almeno_grpc.metrics import MethodLabels

_TYPES = {
    (False, False): "unary",
    (True, False): "client_stream",
    (False, True): "server_stream",
    (True, True): "bidi_stream",
}


@dataclass(frozen=True)
class Method:
    """A method of a service.

    Attributes:
        path: Full name, as gRPC has it: `/almeno.credit.v1.CreditService/GetCustomer`.
        labels: How its calls are counted.
        has_effects: Whether it changes something: `option idempotency_level = IDEMPOTENT`, by way of its request_id.
        is_stream: Whether requests or responses are streamed.
    """

    path: str
    labels: MethodLabels
    has_effects: bool
    is_stream: bool
    scope: str = ""
    """What its callers need: `option (scope)`. Without it nobody may call the method."""


OPEN_SERVICE = "grpc.health.v1.Health"
"""Needs no credential: whoever balances load has none."""
_SCOPES = {
    "grpc.reflection.v1.ServerReflection": ANY_CALLER,
    "grpc.reflection.v1alpha.ServerReflection": ANY_CALLER,
    OPEN_SERVICE: ANY_CALLER,
}
"""Of the methods of services that are not ours."""


def path_of(descriptor: MethodDescriptor) -> str:
    """The full name of a method, as gRPC has it."""
    return f"/{descriptor.containing_service.full_name}/{descriptor.name}"


def method_of(path: str, handler: grpc.RpcMethodHandler[Any, Any]) -> Method:
    """The method of a path, from the descriptor pool; one without a descriptor is what its handler says."""
    return _described(path) or _method(path, handler.request_streaming, handler.response_streaming, has_effects=True)


@cache
def _described(path: str) -> Method | None:
    try:
        descriptor = descriptor_pool.Default().FindMethodByName(path[1:].replace("/", "."))
    except KeyError:
        return None
    has_effects = descriptor.GetOptions().idempotency_level == MethodOptions.IDEMPOTENT
    # protoc's stubs know extensions of messages as descriptors alone.
    scope: str = descriptor.GetOptions().Extensions[scope_pb2.scope]  # type: ignore[index]
    return _method(path, descriptor.client_streaming, descriptor.server_streaming, scope, has_effects=has_effects)


def _method(path: str, client_streaming: bool, server_streaming: bool, scope: str = "", *, has_effects: bool) -> Method:
    service, _, name = path[1:].rpartition("/")
    labels = MethodLabels(service, name, _TYPES[client_streaming, server_streaming])
    scope = _SCOPES.get(service, scope)
    return Method(path, labels, has_effects, client_streaming or server_streaming, scope)
