"""What methods are, as their descriptors say."""

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from grpc_health.v1 import health_pb2

from almeno_grpc.api import credit_service_pb2, loan_service_pb2, portfolio_service_pb2
from almeno_grpc.rpc.runtime.methods import method_of, path_of

NO_HANDLER = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
METHODS = [
    method
    for file in (credit_service_pb2.DESCRIPTOR, loan_service_pb2.DESCRIPTOR, portfolio_service_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
]


def has_request_id(method: MethodDescriptor) -> bool:
    fields = method.input_type.fields_by_name
    header = fields.get("header")
    return "request_id" in (fields if header is None else header.message_type.fields_by_name)


@pytest.mark.parametrize("descriptor", METHODS, ids=lambda method: method.name)
def test_method_with_a_request_id_changes_something_and_every_other_one_reads(descriptor: MethodDescriptor) -> None:
    level = descriptor.GetOptions().idempotency_level
    assert level == (MethodOptions.IDEMPOTENT if has_request_id(descriptor) else MethodOptions.NO_SIDE_EFFECTS)
    assert method_of(path_of(descriptor), NO_HANDLER).has_effects == has_request_id(descriptor)


def test_streams_are_those_of_the_descriptors() -> None:
    streams = {method.name: method_of(path_of(method), NO_HANDLER) for method in METHODS}
    assert {name: method.labels.grpc_type for name, method in streams.items() if method.is_stream} == {
        "StartImport": "client_stream",
        "WatchImport": "server_stream",
        "SimulatePolicy": "server_stream",
        "SummarizePortfolio": "server_stream",
        "WatchEvents": "server_stream",
        "ExportLoans": "server_stream",
        "ExportJournal": "server_stream",
    }


def test_methods_of_other_packages_read_unless_they_say_otherwise() -> None:
    health = health_pb2.DESCRIPTOR.services_by_name["Health"]
    check = method_of(path_of(health.methods_by_name["Check"]), NO_HANDLER)
    assert (check.path, check.has_effects, check.is_stream) == ("/grpc.health.v1.Health/Check", False, False)
    assert check.labels == ("grpc.health.v1.Health", "Check", "unary")


def test_method_without_a_descriptor_is_what_its_handler_says() -> None:
    handler = grpc.stream_stream_rpc_method_handler(lambda _requests, _context: iter(()))
    method = method_of("/bank.Vault/Open", handler)
    assert (method.labels, method.has_effects, method.is_stream) == (("bank.Vault", "Open", "bidi_stream"), True, True)
