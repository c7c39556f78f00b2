"""Whatever comes in, the server answers with an error of the contract: never INTERNAL, never UNKNOWN."""

from decimal import Decimal

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st
from support.served_book import served
from support.trials import FUZZ_EXAMPLES

from almeno_grpc.api import credit_service_pb2, loan_service_pb2, portfolio_service_pb2
from almeno_grpc.rpc import event_servicer
from almeno_grpc.rpc.runtime.methods import path_of

CODES = {
    "OK",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED",
    "OUT_OF_RANGE",
}

NASTY_TEXTS = [
    *(
        "",
        " ",
        "\u0000",
        "a\u0000b",
        "💸",
        "👩🏽‍🚀",
        "\u200fمحمد\u202e",
        "\u2028",
        "\ufeff",
        "e\u0301" * 90,
        "\U0001d49c" * 100,
    ),
    *("' OR 1=1 --", "%s%n{0}", "../../etc/passwd", "\x1b[31m", "NaN", "1e400", "-0", "9" * 400, "a" * 70_000),
    *(
        "+919876543210",
        "9876543210",
        "10.5",
        "100",
        "0.0001",
        "1e-4",
        "book.csv",
        "book.xlsx",
        "00000000-0000-0000-0000-000000000000",
    ),
    *("123e4567-e89b-42d3-a456-426614174000", "\u0661\u0662", "½", "\ud7ff", "\U0010ffff"),
]
INT64 = [0, 1, -1, 5, 7, 1000, 100_000, 10**9, 10**15, 2**31, 2**63 - 1, -(2**63), 1_000_000_001]
INT32 = [0, 1, -1, 12, 18, 30, 120, 600, 601, 1000, 10_000_000, 999_999_999, 2**31 - 1, -(2**31)]
DECIMALS = ["0", "12", "10.5", "100", "-1", "1e999", "1E-999", "NaN", "Infinity", "", "9" * 64, "10." + "0" * 60 + "1"]


def messages(descriptor, depth=0):
    """Messages of the right shape whose values are ordinary, at a limit, or absurd."""
    if descriptor.full_name == "google.type.Decimal":
        texts = st.sampled_from(DECIMALS) | st.decimals(allow_nan=True).map(str) | st.text(max_size=70)
        return st.builds(lambda text: {"value": text}, texts)
    fields = {field.name: values(field, depth) for field in descriptor.fields}
    return st.fixed_dictionaries({}, optional=fields)


def values(field, depth):
    by_type = {
        FieldDescriptor.TYPE_STRING: lambda: st.sampled_from(NASTY_TEXTS) | st.text(max_size=120),
        FieldDescriptor.TYPE_BYTES: lambda: st.binary(max_size=2000),
        FieldDescriptor.TYPE_INT32: lambda: st.sampled_from(INT32) | st.integers(-(2**31), 2**31 - 1),
        FieldDescriptor.TYPE_INT64: lambda: st.sampled_from(INT64) | st.integers(-(2**63), 2**63 - 1),
        FieldDescriptor.TYPE_BOOL: st.booleans,
        FieldDescriptor.TYPE_ENUM: lambda: st.integers(-2, 5) | st.sampled_from(INT32),
        FieldDescriptor.TYPE_MESSAGE: lambda: messages(field.message_type, depth + 1),
    }
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (values(each, depth) for each in field.message_type.fields)
        return st.dictionaries(key, value, max_size=3)
    one = by_type[field.type]()
    return st.lists(one, max_size=4) if field.is_repeated else one


METHODS = [
    (module, method)
    for module, service in (
        (credit_service_pb2, "CreditService"),
        (loan_service_pb2, "LoanService"),
        (portfolio_service_pb2, "PortfolioService"),
    )
    for method in module.DESCRIPTOR.services_by_name[service].methods
]


@pytest.fixture(scope="module")
def with_book(shared_stubs, rows_of):
    """A server with customer 7, loans 5 and 1000, and imports that wait."""
    shared_stubs.book.upsert([rows_of.customer(7)])
    shared_stubs.book.upsert([rows_of.loan(7, 5), rows_of.loan(7, 1000)])
    return shared_stubs


ENDS = {"WatchEvents": {"UNAVAILABLE"}}
"""How streams without an end are ended."""


@pytest.fixture(scope="module", autouse=True)
def _watches_end_soon():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_servicer, "IDLE_WATCH_SECONDS", 0)
        yield


@pytest.fixture(scope="module")
def send(with_book):
    """Sends bytes to a method and gives the code of the answer; errors must have their details."""
    return lambda method, requests: answer_code(with_book, method, requests)


def answer_code(server, method, requests):
    path = path_of(method)
    stub = server.channel.stream_stream(path, request_serializer=bytes, response_deserializer=bytes)
    try:
        list(stub(iter(requests), timeout=20))
    except grpc.RpcError as error:
        return server.refusal_of(error).code
    return "OK"


@pytest.fixture(scope="module")
def on_grpc_path(databases):
    """A server that gRPC itself gives the requests."""
    url = databases.make()
    with served(url, dispatches_early=False) as server:
        yield server
    databases.drop(url)


def methods_by_name():
    return [pytest.param(module, method, id=method.name) for module, method in METHODS]


@pytest.mark.parametrize(("module", "method"), methods_by_name())
def test_request_of_the_right_shape_with_any_values_is_answered_by_the_contract(send, module, method):
    request_class = getattr(module, method.input_type.name)

    @settings(settings.get_profile("integration"), max_examples=FUZZ_EXAMPLES)
    @given(st.lists(messages(method.input_type), min_size=1, max_size=3))
    def try_any(dictionaries):
        if method.name != "StartImport":
            dictionaries = dictionaries[:1]
        requests = []
        for dictionary in dictionaries:
            if len(dictionary) > 1 and method.name == "StartImport":
                # Header and piece are one field or the other.
                del dictionary["header"]
            requests.append(request_class(**dictionary).SerializeToString())
        assert send(method, requests) in CODES | ENDS.get(method.name, set())

    try_any()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # they come to no database
@pytest.mark.parametrize(("module", "method"), methods_by_name())
def test_bytes_that_are_no_message_are_answered_by_the_contract(send, module, method):
    assert module

    @settings(settings.get_profile("integration"), max_examples=FUZZ_EXAMPLES)
    @given(st.lists(st.binary(max_size=300), max_size=3))
    def try_any(requests):
        assert send(method, requests) in CODES | ENDS.get(method.name, set())

    try_any()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)  # they come to no database
@pytest.mark.parametrize(("module", "method"), methods_by_name())
def test_bytes_that_are_no_message_are_answered_by_the_contract_on_the_path_of_grpc_too(on_grpc_path, module, method):
    assert module

    # Without a request, gRPC answers a call with one request by itself.
    @settings(settings.get_profile("integration"), max_examples=max(1, FUZZ_EXAMPLES // 6))
    @given(st.lists(st.binary(max_size=300), min_size=1, max_size=3))
    def try_any(requests):
        assert answer_code(on_grpc_path, method, requests) in CODES | ENDS.get(method.name, set())

    try_any()


def test_loan_terms_from_end_to_end_of_their_ranges_are_answered_by_the_contract(send, with_book):
    customer = with_book.book.register(100_00_00_000_00)
    method = next(method for _, method in METHODS if method.name == "CreateLoan")

    @settings(settings.get_profile("integration"), max_examples=4 * FUZZ_EXAMPLES)
    @given(
        rupees=st.integers(1000, 10**9) | st.sampled_from([1000, 10**9]),
        paise=st.integers(0, 99),
        rate=st.integers(0, 10**6) | st.sampled_from([0, 1, 10**6]),
        months=st.integers(1, 600),
    )
    def try_any(rupees, paise, rate, months):
        request = credit_service_pb2.CreateLoanRequest(customer_id=customer.customer_id, tenure_months=months)
        request.loan_amount.units, request.loan_amount.nanos = rupees, paise * 10_000_000
        request.interest_rate.value = f"{Decimal(rate).scaleb(-4):f}"
        assert send(method, [request.SerializeToString()]) in {"OK", "INVALID_ARGUMENT"}

    try_any()
