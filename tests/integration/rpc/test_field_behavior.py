"""What the protos say of a field of a request, `google.api.field_behavior`, is what the server does without it."""

import grpc
import pytest
from google.api import field_behavior_pb2
from google.api.field_behavior_pb2 import OPTIONAL, REQUIRED
from support.good_requests import BUSINESS_DATE, METHODS, good_request
from support.loan_calls import RULES, Lender
from support.served_book import refusal_of, served

from almeno_grpc.rpc.runtime.methods import path_of

NEED_IT = {"calls_per_second": ["burst"]}
"""Fields that are refused without another optional one."""


@pytest.fixture(scope="module")
def lender(sqlite_databases):
    url = sqlite_databases.make()
    with served(url, business_date=BUSINESS_DATE, rules=RULES) as server:
        yield Lender(server, BUSINESS_DATE)
    sqlite_databases.drop(url)


def each_method(*, with_fields=False):
    chosen = [method for method in METHODS if method.input_type.fields or not with_fields]
    return pytest.mark.parametrize("method", chosen, ids=lambda method: method.name)


def fields_of(message, path=()):
    """The fields of a request, and those of messages of ours in them, each by its path."""
    for field in message.fields:
        yield (*path, field)
        own = field.message_type is not None and field.message_type.file.package == "almeno.credit.v1"
        if own and not field.is_repeated and not field.message_type.GetOptions().map_entry:
            yield from fields_of(field.message_type, (*path, field))


def behavior(field):
    behaviors = list(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])
    assert behaviors in ([REQUIRED], [OPTIONAL]), f"{field.full_name} needs one (google.api.field_behavior)"
    return behaviors[0]


ENDLESS = {"WatchEvents"}
"""Streams that their caller ends."""


def in_oneof(field):
    """Whether the field is one of several that stand for each other."""
    return field.containing_oneof is not None and len(field.containing_oneof.fields) > 1


def holder_of(request, path):
    for field in path[:-1]:
        request = getattr(request, field.name)
    return request


def answer(lender, method, request):
    """None where the request is taken, and else how it is refused."""
    stub = lender.server.channel.stream_stream(path_of(method), bytes, bytes)
    try:
        if method.name in ENDLESS:
            # Something has happened since the first event.
            next(stub(iter([request.SerializeToString()]), timeout=20))
        else:
            list(stub(iter([request.SerializeToString()]), timeout=20))
    except grpc.RpcError as error:
        refusal = refusal_of(error)
        # Whoever makes checkpoints does not run here.
        return None if refusal.reason == "CHECKPOINT_NOT_FOUND" else refusal
    return None


@each_method(with_fields=True)
def test_every_field_of_a_request_says_whether_it_is_required(method):
    for *_, field in fields_of(method.input_type):
        assert behavior(field) == OPTIONAL or not in_oneof(field), f"{field.full_name}: another may be set in its place"


@each_method()
def test_request_with_every_field_is_taken(lender, method):
    request = good_request(method, lender)
    for *holders, field in fields_of(method.input_type):
        if in_oneof(field) or field.name == "page_token" or any(map(in_oneof, holders[:-1])):
            continue
        holder = holder_of(request, (*holders, field))
        is_set = field.name in {each.name for each, _ in holder.ListFields()}
        assert is_set, f"{field.full_name} is set in no good request of tests/support/good_requests.py"
    assert answer(lender, method, request) is None


@each_method(with_fields=True)
def test_request_without_a_field_is_refused_by_its_name_where_it_is_required_and_else_taken(lender, method):
    for path in fields_of(method.input_type):
        field = path[-1]
        request = good_request(method, lender)
        for name in (field.name, *NEED_IT.get(field.name, [])):
            holder_of(request, path).ClearField(name)
        refused = answer(lender, method, request)
        if behavior(field) == REQUIRED:
            name = ".".join(each.name for each in path)
            assert refused, f"{name} is REQUIRED, and a request without it was taken"
            assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [name]), refused
        elif in_oneof(field):
            assert refused is None or refused.code == "INVALID_ARGUMENT", refused
        else:
            assert refused is None, f"{field.full_name} is OPTIONAL: {refused}"
