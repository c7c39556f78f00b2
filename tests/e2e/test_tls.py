"""A real server over TLS, with certificates made here; and that open traffic beyond this machine takes a word."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import grpc
import pytest
from almeno_client import AsyncCreditClient, CreditClient, Retries, Tls, Unavailable
from support.calls import SECONDS
from support.servers import BIN, RunningServer, StartServer

from almeno_grpc.api import access_service_pb2, access_service_pb2_grpc, credit_service_pb2_grpc
from almeno_grpc.api import credit_service_pb2 as pb
from almeno_grpc.api_keys import key_id_of, key_sha256, new_key
from almeno_grpc.clock import Clock
from almeno_grpc.service.access import AccessService
from almeno_grpc.service.callers import KNOWN_EVERYWHERE_SECONDS
from almeno_grpc.service.store import Transaction
from almeno_grpc.storage.store import SqlStore

APPLICANT = {"first_name": "Asha", "last_name": "Rao", "age": 34, "monthly_income": 50_000}
ONCE = Retries(attempts=1)


@dataclass(frozen=True)
class Pair:
    """A key and its certificate, which is its own authority."""

    key: Path
    certificate: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> "Pair":
        pair = cls(folder / f"{name}-key.pem", folder / f"{name}.pem")
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        terms = ["-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        files = ["-keyout", str(pair.key), "-out", str(pair.certificate)]
        subprocess.run([*command, *terms, *files], check=True, capture_output=True)
        return pair


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificates")
    folder = tmp_path_factory.mktemp("certificates")
    return {name: Pair.make(folder, name) for name in ("server", "branch", "stranger")}


@pytest.fixture(scope="module")
def tls_server(start_shared_server: StartServer, pairs: dict[str, Pair]) -> RunningServer:
    """A server that encrypts, whoever calls."""
    mine = pairs["server"]
    return start_shared_server("--tls-certificate", str(mine.certificate), "--tls-key", str(mine.key))


@pytest.fixture(scope="module")
def certified_server(start_shared_server: StartServer, pairs: dict[str, Pair]) -> RunningServer:
    """A server that serves the branch alone."""
    mine = pairs["server"]
    return start_shared_server(
        ALMENO_TLS_CERTIFICATE=str(mine.certificate),
        ALMENO_TLS_KEY=str(mine.key),
        ALMENO_TLS_CLIENT_CA=str(pairs["branch"].certificate),
    )


def almeno(server: RunningServer, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")}
    return subprocess.run(
        [str(BIN / "almeno"), "--address", server.address, "--json", "--timeout", "10", *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("certificates", ["names", "both"])
def test_certificate_stands_for_a_principal_or_beside_its_key(
    start_server: StartServer, pairs: dict[str, Pair], certificates: str
) -> None:
    mine, branch = pairs["server"], pairs["branch"]
    server = start_server(
        ALMENO_TLS_CERTIFICATE=str(mine.certificate),
        ALMENO_TLS_KEY=str(mine.key),
        ALMENO_TLS_CLIENT_CA=str(branch.certificate),
        ALMENO_ACCESS="keys",
        ALMENO_ACCESS_CERTIFICATES=certificates,
    )
    keys = {"branch-pune": new_key(), "branch-delhi": new_key()}
    store = SqlStore(server.database_url, threads=1)
    access = AccessService(store, Clock(None, ZoneInfo("Asia/Kolkata")))

    def create(tx: Transaction) -> None:
        for name, key in keys.items():
            access.create_principal(tx, name, {"customers:list"})
            access.create_key(tx, name, key_id_of(key), key_sha256(key))
        # The one DNS name of the certificate.
        access.set_certificate_name(tx, "localhost", "branch-pune")

    store.write(create)
    store.close()
    time.sleep(KNOWN_EVERYWHERE_SECONDS)
    credentials = grpc.ssl_channel_credentials(
        mine.certificate.read_bytes(), branch.key.read_bytes(), branch.certificate.read_bytes()
    )
    with grpc.secure_channel(server.address, credentials) as channel:
        stub = access_service_pb2_grpc.AccessServiceStub(channel)

        def who(key: str = "") -> str:
            metadata = [("authorization", f"Bearer {key}")] if key else []
            try:
                me = stub.WhoAmI(access_service_pb2.WhoAmIRequest(), metadata=metadata, timeout=SECONDS)
            except grpc.RpcError as error:
                return str(error.code().name)
            return f"{me.principal} {me.certificate_name} {'key' if me.key_id else ''}".strip()

        found = [who(), who(keys["branch-pune"]), who(keys["branch-delhi"])]
    if certificates == "names":
        assert found == ["branch-pune localhost", "branch-pune  key", "branch-delhi  key"]
    else:
        assert found == ["UNAUTHENTICATED", "branch-pune localhost key", "UNAUTHENTICATED"]


def test_client_and_command_line_call_over_tls(tls_server: RunningServer, pairs: dict[str, Pair]) -> None:
    authority = pairs["server"].certificate
    with CreditClient(tls_server.address, tls=Tls(authority)) as client:
        customer = client.register_customer(**APPLICANT, phone_number="98450 44441")
    result = almeno(tls_server, "--tls-ca", authority, "customer", str(customer.customer_id))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["customer"]["phone_number"] == "+919845044441"
    assert tls_server.events("server_ready")[0]["tls"] is True


def test_open_traffic_is_refused_where_tls_is_served(tls_server: RunningServer) -> None:
    with grpc.insecure_channel(tls_server.address) as channel:
        stub = credit_service_pb2_grpc.CreditServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ListCustomers(pb.ListCustomersRequest(), timeout=SECONDS)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert almeno(tls_server, "customers").returncode == 5


def test_server_whose_certificate_is_not_trusted_is_not_called(
    tls_server: RunningServer, pairs: dict[str, Pair]
) -> None:
    stranger = Tls(pairs["stranger"].certificate)
    with CreditClient(tls_server.address, tls=stranger, retries=ONCE) as client, pytest.raises(Unavailable):
        list(client.list_customers())
    assert almeno(tls_server, "--tls-ca", pairs["stranger"].certificate, "customers").returncode == 5


def test_server_that_asks_for_certificates_serves_those_of_its_authority_alone(
    certified_server: RunningServer, pairs: dict[str, Pair]
) -> None:
    authority, branch, stranger = (pairs[name] for name in ("server", "branch", "stranger"))
    certified = Tls(authority.certificate, branch.certificate, branch.key)
    with CreditClient(certified_server.address, tls=certified) as client:
        assert client.register_customer(**APPLICANT, phone_number="98450 44442").customer_id

    async def listed_by_asyncio(tls: Tls) -> list[int]:
        async with AsyncCreditClient(certified_server.address, tls=tls, retries=ONCE) as client:
            return [customer.customer_id async for customer in client.list_customers()]

    assert asyncio.run(listed_by_asyncio(certified))
    ours = ("--tls-ca", authority.certificate)
    branch_options = ("--tls-cert", branch.certificate, "--tls-key", branch.key)
    assert almeno(certified_server, *ours, *branch_options, "customers").returncode == 0
    for tls in (Tls(authority.certificate), Tls(authority.certificate, stranger.certificate, stranger.key)):
        with CreditClient(certified_server.address, tls=tls, retries=ONCE) as client, pytest.raises(Unavailable):
            list(client.list_customers())
        with pytest.raises(Unavailable):
            asyncio.run(listed_by_asyncio(tls))
    assert almeno(certified_server, *ours, "customers").returncode == 5


def start_in_vain(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALMENO_")}
    return subprocess.run(
        [str(BIN / "almeno-server"), "--database-url", f"sqlite:///{tmp_path}/a.db", *options],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_other_machines_are_not_served_without_tls_unless_it_is_said(tmp_path: Path, address: str) -> None:
    result = start_in_vain(tmp_path, "--address", address)
    assert result.returncode == 2
    assert "ALMENO_TLS_CERTIFICATE" in result.stderr
    assert "ALMENO_INSECURE" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_server_without_its_key_does_not_start(tmp_path: Path, pairs: dict[str, Pair]) -> None:
    certificate = str(pairs["server"].certificate)
    result = start_in_vain(tmp_path, "--address", "0.0.0.0:0", "--tls-certificate", certificate)
    assert result.returncode == 2
    assert "ALMENO_TLS_KEY" in result.stderr


def test_address_that_is_taken_is_an_error(tmp_path: Path, tls_server: RunningServer) -> None:
    result = start_in_vain(tmp_path, "--address", tls_server.address)
    assert result.returncode == 1
    assert "address already in use" in result.stderr
