"""Who may call what on a real server: each method without a key, with a wrong one, without its scope, with it alone."""

import os
import subprocess
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status
from support.servers import BIN, RunningServer, StartServer

from almeno_grpc.api import access_pb2, access_service_pb2, access_service_pb2_grpc, credit_service_pb2, scope_pb2
from almeno_grpc.api import portfolio_service_pb2 as portfolio_pb
from almeno_grpc.api_keys import key_id_of, key_sha256, new_key
from almeno_grpc.clock import Clock
from almeno_grpc.domain.access import SCOPES
from almeno_grpc.service.access import AccessService
from almeno_grpc.storage.store import SqlStore

SERVICES = ("CreditService", "LoanService", "PortfolioService", "AccessService")
METHODS = [
    method
    for service in SERVICES
    for method in descriptor_pool.Default().FindServiceByName(f"almeno.credit.v1.{service}").methods
]
WRONG_KEY = new_key()
KNOWN_SECONDS = 1.0


def scope_of(method: MethodDescriptor) -> str:
    return str(method.GetOptions().Extensions[scope_pb2.scope])


def metadata(key: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {key}")] if key else []


@dataclass
class Closed:
    """A server with access control, and keys to it."""

    server: RunningServer
    channel: grpc.Channel
    admin: str
    with_alone: dict[str, str]
    """A key with no other scope, by scope."""
    without: dict[str, str]
    """A key with all other scopes, by scope."""

    def call(self, path: str, key: str, request: bytes = b"", timeout: float = 10) -> bytes:
        """Calls a method, whatever its type, and gives the first of its answers."""
        answers = self.channel.stream_stream(path)(iter([request]), metadata=metadata(key), timeout=timeout)
        try:
            return next(answers, b"")
        finally:
            answers.cancel()

    def error(self, path: str, key: str, request: bytes = b"") -> tuple[str, str]:
        """The code and the reason of a call; OK and nothing where it is answered."""
        try:
            self.call(path, key, request)
        except grpc.RpcError as error:
            return error.code().name, reason_of(error).reason
        return "OK", ""

    def access(self, key: str) -> "Access":
        return Access(access_service_pb2_grpc.AccessServiceStub(self.channel), metadata(key))


@dataclass
class Access:
    """Calls of AccessService with a key."""

    stub: Any
    metadata: list[tuple[str, str]]

    def __call__(self, method: str, **fields: Any) -> Any:
        request = getattr(access_service_pb2, f"{method}Request")(**fields)
        return getattr(self.stub, method)(request, metadata=self.metadata, timeout=10)


def reason_of(error: Any) -> error_details_pb2.ErrorInfo:
    status = rpc_status.from_call(error)
    assert status is not None, error
    [detail] = [each for each in status.details if each.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    info = error_details_pb2.ErrorInfo()
    detail.Unpack(info)
    assert info.domain == "almeno.credit"
    return info


def init(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")}
    return subprocess.run(
        [str(BIN / "almeno-server"), "access", "init", *options],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def closed(start_shared_server: StartServer) -> Iterator[Closed]:
    server = start_shared_server(ALMENO_ACCESS="keys", ALMENO_METRICS_ADDRESS="127.0.0.1:0")
    made = init(server.folder, "--database-url", server.database_url, "--key-file", "admin.key")
    assert made.returncode == 0, made.stderr
    admin = (server.folder / "admin.key").read_text().strip()
    with grpc.insecure_channel(server.address) as channel:
        with_alone, without = keys_by_scope(server.database_url)
        time.sleep(KNOWN_SECONDS)
        yield Closed(server, channel, admin, with_alone, without)


def keys_by_scope(database_url: str) -> tuple[dict[str, str], dict[str, str]]:
    """Keys with each scope alone and with all others, made on the database itself: a call for each would take long."""
    store = SqlStore(database_url, threads=1)
    access = AccessService(store, Clock(None, ZoneInfo("Asia/Kolkata")))
    store.write(lambda tx: access.create_principal(tx, "all", SCOPES))
    found: list[dict[str, str]] = [{}, {}]
    for keys, scopes_for in zip(found, (lambda it: {it}, lambda it: SCOPES - {it}), strict=True):
        for scope in sorted(SCOPES):
            key = new_key()
            given = key_id_of(key), key_sha256(key), scopes_for(scope)
            store.write(lambda tx, given=given: access.create_key(tx, "all", *given))  # type: ignore[misc]
            keys[scope] = key
    store.close()
    return found[0], found[1]


def create_key(access: Access, principal: str, scopes: Any = ()) -> str:
    key = new_key()
    access("CreateKey", principal=principal, key_id=key_id_of(key), key_sha256=key_sha256(key), scopes=scopes)
    return key


def test_every_method_names_a_scope_that_there_is() -> None:
    assert len(METHODS) == 57
    for method in METHODS:
        assert scope_of(method) in SCOPES | {"*"}, method.full_name
    assert [method.name for method in METHODS if scope_of(method) == "*"] == ["WhoAmI"]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_method_is_open_to_its_scope_alone(closed: Closed, method: MethodDescriptor) -> None:
    path, scope = f"/{method.containing_service.full_name}/{method.name}", scope_of(method)
    assert closed.error(path, "") == ("UNAUTHENTICATED", "CREDENTIALS_MISSING")
    assert closed.error(path, WRONG_KEY) == ("UNAUTHENTICATED", "CREDENTIALS_INVALID")
    allowed = closed.with_alone.get(scope, closed.admin)
    # Of a stream that waits for what is to come, an error that comes at once.
    request = portfolio_pb.WatchEventsRequest(after=10**9).SerializeToString() if method.name == "WatchEvents" else b""
    code, _ = closed.error(path, allowed, request)
    assert code not in ("UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED", "INTERNAL")
    if scope != "*":
        assert closed.error(path, closed.without[scope]) == ("PERMISSION_DENIED", "SCOPE_MISSING")


def test_missing_scope_is_named(closed: Closed) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        closed.access(closed.with_alone["loans:read"])("ListPrincipals")
    assert reason_of(caught.value).metadata == {"scope": "access:admin"}


def test_scope_is_looked_at_before_the_request(closed: Closed) -> None:
    path = "/almeno.credit.v1.CreditService/GetLoan"
    assert closed.error(path, closed.without["loans:read"], b"\xff\xff")[1] == "SCOPE_MISSING"
    assert closed.error(path, closed.with_alone["loans:read"], b"\xff\xff")[1] == "INVALID_FIELD"


def test_method_that_there_is_not_is_told_to_callers_alone(closed: Closed) -> None:
    path = "/almeno.credit.v1.CreditService/Nothing"
    assert closed.error(path, "") == ("UNAUTHENTICATED", "CREDENTIALS_MISSING")
    assert closed.error(path, closed.admin) == ("UNIMPLEMENTED", "METHOD_NOT_FOUND")


def test_health_needs_no_credential_and_reflection_any(closed: Closed) -> None:
    assert closed.error("/grpc.health.v1.Health/Check", "") == ("OK", "")
    ask = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    for version in ("v1", "v1alpha"):
        path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
        assert closed.error(path, "", ask) == ("UNAUTHENTICATED", "CREDENTIALS_MISSING")
        assert closed.error(path, closed.with_alone["policies:read"], ask) == ("OK", "")


def test_caller_is_told_who_it_is(closed: Closed) -> None:
    me = closed.access(closed.with_alone["loans:read"])("WhoAmI")
    assert (me.principal, list(me.scopes)) == ("all", ["loans:read"])
    assert closed.with_alone["loans:read"].startswith(f"almeno_{me.key_id}_")
    assert me.HasField("expire_time")


def test_revoked_key_is_refused_once_the_answer_is_there(closed: Closed) -> None:
    access = closed.access(closed.admin)
    key = create_key(access, "all")
    assert closed.access(key)("WhoAmI").principal == "all"
    access("RevokeKey", key_id=key.split("_")[1])
    assert closed.error("/almeno.credit.v1.AccessService/WhoAmI", key) == ("UNAUTHENTICATED", "CREDENTIALS_INVALID")


def test_stream_that_is_open_ends_with_its_key(closed: Closed) -> None:
    access = closed.access(closed.admin)
    key = create_key(access, "all")
    ask = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    questions: SimpleQueue[bytes | None] = SimpleQueue()
    stream = closed.channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    answers = stream(iter(questions.get, None), metadata=metadata(key), timeout=10)
    questions.put(ask)
    assert next(answers)
    access("RevokeKey", key_id=key_id_of(key))
    questions.put(ask)
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert reason_of(caught.value).reason == "CREDENTIALS_INVALID"
    questions.put(None)


@pytest.mark.parametrize(
    "path",
    ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/almeno.credit.v1.PortfolioService/StartImport"],
)
def test_stream_that_says_nothing_ends_with_its_key_too(closed: Closed, path: str) -> None:
    access = closed.access(closed.admin)
    key = create_key(access, "all")
    silence: SimpleQueue[bytes | None] = SimpleQueue()
    answers = closed.channel.stream_stream(path)(iter(silence.get, None), metadata=metadata(key), timeout=10)
    time.sleep(0.2)
    access("RevokeKey", key_id=key_id_of(key))
    began_seconds = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert reason_of(caught.value).reason == "CREDENTIALS_INVALID"
    assert time.monotonic() - began_seconds < KNOWN_SECONDS
    silence.put(None)


def test_request_that_comes_long_after_its_headers_is_looked_at_again(closed: Closed) -> None:
    access = closed.access(closed.admin)
    key = create_key(access, "all")
    released = threading.Event()

    def late() -> Iterator[bytes]:
        released.wait(10)
        yield b""

    call = closed.channel.stream_unary("/almeno.credit.v1.CreditService/ListCustomers").future(
        late(), metadata=metadata(key), timeout=10
    )
    time.sleep(0.2)
    access("RevokeKey", key_id=key_id_of(key))
    released.set()
    with pytest.raises(grpc.RpcError) as caught:
        call.result()
    assert reason_of(caught.value).reason == "CREDENTIALS_INVALID"


def test_limits_of_a_principal_hold(closed: Closed) -> None:
    access = closed.access(closed.admin)
    limits = access_pb2.PrincipalLimits(calls_per_second=1, burst=2)
    limits.max_loan_amount.units = 100_000
    access("CreatePrincipal", name="limited", scopes=["loans:write"], limits=limits)
    key = create_key(access, "limited")
    request = credit_service_pb2.CreateLoanRequest(customer_id=1, tenure_months=12)
    request.loan_amount.units, request.interest_rate.value = 100_001, "12"
    path = "/almeno.credit.v1.CreditService/CreateLoan"
    assert closed.error(path, key, request.SerializeToString()) == ("PERMISSION_DENIED", "CALLER_LIMIT_EXCEEDED")
    request.loan_amount.units = 100_000
    assert closed.error(path, key, request.SerializeToString()) == ("NOT_FOUND", "CUSTOMER_NOT_FOUND")
    with pytest.raises(grpc.RpcError) as caught:
        closed.call(path, key)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(caught.value).reason == "RATE_LIMITED"
    trailing = dict(caught.value.trailing_metadata())
    assert 1 <= int(trailing["grpc-retry-pushback-ms"]) <= 1100
    assert b"google.rpc.RetryInfo" in trailing["grpc-status-details-bin"]


def test_customer_is_redacted_without_the_scope_for_persons(closed: Closed) -> None:
    request = credit_service_pb2.RegisterCustomerRequest(
        first_name="Asha", last_name="Rao", age=30, phone_number="98765 43210", request_id=str(uuid.uuid4())
    )
    request.monthly_income.units = 50_000
    access = closed.access(closed.admin)
    blind = create_key(access, "all", ["customers:write", "customers:read", "customers:list"])
    seeing = create_key(access, "all", ["customers:read", "customers:pii"])
    path = "/almeno.credit.v1.CreditService/"
    answer = closed.call(f"{path}RegisterCustomer", blind, request.SerializeToString())
    registered = credit_service_pb2.RegisterCustomerResponse.FromString(answer).customer
    asked = credit_service_pb2.GetCustomerRequest(customer_id=registered.customer_id).SerializeToString()
    seen = {
        key: credit_service_pb2.GetCustomerResponse.FromString(closed.call(f"{path}GetCustomer", key, asked)).customer
        for key in (blind, seeing)
    }
    listed = credit_service_pb2.ListCustomersResponse.FromString(closed.call(f"{path}ListCustomers", blind)).customers
    for customer in (registered, seen[blind], *listed):
        assert (customer.redacted, customer.phone_hint) == (True, "3210")
        assert (customer.first_name, customer.last_name, customer.phone_number) == ("", "", "")
    assert (seen[seeing].first_name, seen[seeing].phone_number) == ("Asha", "+919876543210")
    assert (seen[seeing].redacted, seen[seeing].phone_hint) == (False, "")


def test_key_is_nowhere_but_with_its_owner(closed: Closed) -> None:
    secrets = [key.split("_")[2][:43] for key in (closed.admin, *closed.with_alone.values(), WRONG_KEY)]
    files = [path for path in closed.server.folder.rglob("*") if path.is_file() and path.name != "admin.key"]
    found = b"".join(path.read_bytes() for path in files)
    with urllib.request.urlopen(f"http://{closed.server.metrics_address}/metrics", timeout=10) as metrics:
        found += metrics.read()
    for key in (WRONG_KEY, closed.with_alone["loans:read"]):
        with pytest.raises(grpc.RpcError) as caught:
            closed.access(key)("ListPrincipals")
        found += f"{caught.value.details()} {caught.value.trailing_metadata()}".encode()
    assert b"CREDENTIALS_INVALID" in found
    assert b"SCOPE_MISSING" in found
    for secret in secrets:
        assert secret.encode() not in found
