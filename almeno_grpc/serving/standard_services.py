"""The services that every gRPC server has: health, and reflection in its two versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from almeno_grpc.domain.errors import NotFound
from almeno_grpc.rpc.runtime.exchanges import exchange_behavior
from almeno_grpc.serving.store_monitor import StoreState

REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"


class ServiceNotFound(NotFound):
    """The server has no service of the name."""

    reason = "SERVICE_NOT_FOUND"
    noun = "service"


READS, WRITES = "reads", "writes"
"""Names for which health tells whether the store can be read, and whether it takes writes."""


class Health(health.HealthServicer):
    """The health service: SERVING while the process can do all that it is for, and until it drains.

    For the server as a whole and for each service of the application, while the store can be read and takes writes; for
    the others, such as reflection, always.
    """

    def __init__(self, service_names: Iterable[str], names_without_store: Iterable[str] = ()) -> None:
        """Makes it; what needs the store is NOT_SERVING until `follow_store` is told more.

        Args:
            service_names: Full names of the services that need the store.
            names_without_store: Those of the others.
        """
        super().__init__()
        self._told: dict[str, bool] = {}
        self._with_store = (health.OVERALL_HEALTH, WRITES, *service_names)
        without_store = (health.SERVICE_NAME, *names_without_store)
        self._names = frozenset({READS, *self._with_store, *without_store})
        for name in without_store:
            self._tell(name, is_serving=True)
        self.follow_store(StoreState.UNAVAILABLE)

    def follow_store(self, state: StoreState) -> None:
        """Turns to what the store can do."""
        for name in self._with_store:
            self._tell(name, is_serving=state is StoreState.WORKS)
        self._tell(READS, is_serving=state is not StoreState.UNAVAILABLE)

    def _tell(self, name: str, *, is_serving: bool) -> None:
        # Whoever watches is told of changes alone.
        if self._told.get(name) != is_serving:
            self._told[name] = is_serving
            response = health_pb2.HealthCheckResponse
            self.set(name, response.SERVING if is_serving else response.NOT_SERVING)

    def Check(  # noqa: N802 - the service's name for it
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """Tells the status of a service, or of the server when the name is empty."""
        if request.service not in self._names:
            raise ServiceNotFound(request.service)
        return super().Check(request, context)


class _Symbols:
    """A descriptor pool in which methods can be looked up too, as grpcurl does to describe one."""

    def __init__(self, pool: descriptor_pool.DescriptorPool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the pool's name for it
        """Finds the file of a symbol; KeyError when there is none."""
        service, _, method = symbol.rpartition(".")
        try:
            if method in self._pool.FindServiceByName(service).methods_by_name:
                return self._pool.FindFileContainingSymbol(service)
        except KeyError:
            pass
        return self._pool.FindFileContainingSymbol(symbol)


def add_standard_services(server: grpc.Server, service_names: Iterable[str]) -> Health:
    """Adds health and reflection to a server.

    Args:
        server: The server, not started.
        service_names: Full names of the services beside these.
    """
    reflected = (*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME, REFLECTION_V1)
    serving = Health(service_names, (reflection.SERVICE_NAME, REFLECTION_V1))
    health_pb2_grpc.add_HealthServicer_to_server(serving, server)
    _describe_reflection_v1()
    # The messages of v1 are those of v1alpha on the wire, so that one servicer answers both.
    servicer = reflection.ReflectionServicer(reflected, _Symbols(descriptor_pool.Default()))
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(
        exchange_behavior(lambda request, context: next(servicer.ServerReflectionInfo(iter((request,)), context))),
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in (reflection.SERVICE_NAME, REFLECTION_V1):
        server.add_registered_method_handlers(name, {"ServerReflectionInfo": handler})
    return serving


def _describe_reflection_v1() -> None:
    """Adds the file of reflection v1, which no package carries, so that callers can ask for it too."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = "grpc.reflection.v1"
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(".v1alpha.", ".v1.")
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(".v1alpha.", ".v1.")
        method.output_type = method.output_type.replace(".v1alpha.", ".v1.")
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
