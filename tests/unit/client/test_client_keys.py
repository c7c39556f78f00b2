import re
import zlib

import grpc
import pytest
from almeno_client import CreditServiceError, ImportKind, PermissionDenied, Tls, Unauthenticated, new_key
from almeno_client.base_client import BaseClient
from support.fake_service import QUICK
from support.portfolio_model import summary

from almeno_grpc.api import access_service_pb2 as access
from almeno_grpc.api import credit_service_pb2 as credit
from almeno_grpc.api import portfolio_service_pb2 as portfolio
from almeno_grpc.api_keys import key_id_of, key_sha256

# Made by hand from the rule: the check is the CRC32 of all before it, as a number in base62.
KNOWN = "almeno_0123456789AB_" + "a" * 43 + "0BDz6z"


def test_key_has_the_form_that_the_contract_gives_it():
    key = new_key()
    assert re.fullmatch("almeno_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", key)
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for character in key[-6:]:
        number = number * 62 + digits.index(character)
    assert number == zlib.crc32(key[:-6].encode())
    assert key_id_of(key) == key[7:19]


def test_keys_differ_in_id_and_in_secret():
    keys = {new_key() for _ in range(100)}
    assert len({key[7:19] for key in keys}) == len({key[20:63] for key in keys}) == 100


def test_known_key_has_the_known_hash():
    assert key_id_of(KNOWN) == "0123456789AB"
    assert key_sha256(KNOWN).hex() == "49366542f6bd892b38f9298b15ec7cac38675a92132b9a00d0972e1d8734af5a"


def test_key_that_was_cut_or_mistyped_is_refused_without_repeating_it():
    key = new_key()
    other = "a" if key[40] != "a" else "b"
    for wrong in (key[:-1], key + "\n", key[:40] + other + key[41:], key.lower(), "", "secret", key[:-1] + "é"):
        with pytest.raises(ValueError, match="not an API key") as caught:
            key_id_of(wrong)
        assert not wrong or wrong not in str(caught.value)


@pytest.fixture
def key():
    return new_key()


@pytest.fixture
def keyed(client_class, address, key):
    with client_class(address, api_key=key, retries=QUICK, timeout_seconds=10) as client:
        yield client


def test_key_goes_with_every_call_streams_uploads_and_retries_too(keyed, key, service, sample):
    down = sample.refusal(grpc.StatusCode.UNAVAILABLE, "restarting")
    service.answers("GetLoan", down, credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer()))
    service.answers("WhoAmI", access.WhoAmIResponse())
    service.answers("StartImport", down, portfolio.StartImportResponse(book_import=sample.import_("QUEUED")))
    ended = [portfolio.WatchImportResponse(book_import=sample.import_("SUCCEEDED"))]
    service.answers("WatchImport", lambda *_: [down], lambda *_: ended)
    service.answers("SummarizePortfolio", lambda *_: [portfolio.SummarizePortfolioResponse(summary=summary())])
    keyed.get_loan(5)
    keyed.who_am_i()
    keyed.start_import(ImportKind.LOANS, b"x", file_name="x.csv")
    list(keyed.watch_import("i-1"))
    list(keyed.summarize_portfolio())
    sent = {method: set(values) for method, values in service.credentials.items()}
    methods = ("GetLoan", "WhoAmI", "StartImport", "WatchImport", "SummarizePortfolio")
    assert sent == {method: {f"Bearer {key}"} for method in methods}
    assert [len(service.credentials[method]) for method in ("GetLoan", "StartImport", "WatchImport")] == [2, 2, 2]


def test_client_without_a_key_sends_none(client, service, sample):
    service.answers("GetLoan", credit.GetLoanResponse(loan=sample.loan(), customer=sample.customer()))
    client.get_loan(5)
    assert service.credentials["GetLoan"] == [None]


@pytest.mark.parametrize(
    "address",
    [
        "credit.example.com:50051",
        "10.0.0.1:50051",
        "0.0.0.0:50051",
        "localhost.example.com:50051",
        "dns:///credit.example.com:50051",
        "ipv4:127.0.0.1:50051,10.0.0.1:50051",
        "[2001:db8::1]:50051",
        "xds:///credit",
    ],
)
def test_key_never_crosses_a_network_in_plaintext(client_class, address, key):
    with pytest.raises(ValueError, match="over TLS only") as caught:
        client_class(address, api_key=key)
    assert key not in str(caught.value)
    client_class(address, api_key=key, tls=Tls()).close()
    client_class(address).close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:50051",
        "127.8.8.8:50051",
        "localhost:50051",
        "[::1]:50051",
        "dns:///localhost:50051",
        "dns://127.0.0.1/localhost:50051",
        "ipv4:127.0.0.1:50051,127.0.0.2:50051",
        "ipv6:[::1]:50051",
        "unix:/run/almeno.sock",
        "unix-abstract:almeno",
    ],
)
def test_key_is_taken_to_this_machine_without_tls(client_class, address, key):
    client_class(address, api_key=key).close()


def test_text_that_is_no_key_is_refused_before_anything_is_sent(client_class, address):
    with pytest.raises(ValueError, match="not an API key"):
        client_class(address, api_key="secret")


@pytest.mark.parametrize(
    ("code", "kind"), [("UNAUTHENTICATED", Unauthenticated), ("PERMISSION_DENIED", PermissionDenied)]
)
def test_refusal_of_the_caller_has_a_class_of_its_own_and_is_not_tried_again(keyed, service, sample, code, kind):
    service.answers(
        "GetLoan", sample.refusal(grpc.StatusCode[code], "no", "SCOPE_MISSING", {}, {"scope": "loans:read"})
    )
    with pytest.raises(kind) as caught:
        keyed.get_loan(5)
    assert isinstance(caught.value, CreditServiceError)
    assert (caught.value.retryable, caught.value.metadata) == (False, {"scope": "loans:read"})
    assert len(service.requests["GetLoan"]) == 1


def test_key_is_nowhere_in_what_python_shows_of_a_client(keyed, key):
    assert key not in repr(keyed)
    assert not hasattr(BaseClient, "__repr__") or BaseClient.__repr__ is object.__repr__
