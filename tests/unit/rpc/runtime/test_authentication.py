"""Who calls: by the key in the metadata, by the name in the certificate, or by both."""

from types import SimpleNamespace
from typing import Any

import pytest

from almeno_grpc.domain.access import ANYONE, Caller
from almeno_grpc.domain.errors import CredentialsInvalid, CredentialsMissing
from almeno_grpc.rpc.runtime.authentication import Certificates, KeyAuthentication, OpenAccess, certificate_name

PUNE = Caller("branch-pune", "k1", frozenset({"loans:read"}))
BY_NAME = {
    "pune.example": Caller("branch-pune", "", frozenset({"loans:read"}), certificate_name="pune.example"),
    "delhi.example": Caller("branch-delhi", "", frozenset({"loans:read"}), certificate_name="delhi.example"),
}


class Directory:
    def by_key(self, key: bytes) -> Caller:
        if key != b"the key":
            raise CredentialsInvalid
        return PUNE

    def by_certificate_name(self, name: str) -> Caller:
        if name not in BY_NAME:
            raise CredentialsInvalid
        return BY_NAME[name]

    def again(self, caller: Caller) -> Caller:
        return caller


def authentication(certificates: Certificates = Certificates.OFF) -> KeyAuthentication:
    return KeyAuthentication(Directory(), certificates)


def certified(*names: str) -> Any:
    return SimpleNamespace(auth_context=lambda: {"peer_dns": [name.encode() for name in names]})


@pytest.mark.parametrize("value", ["Bearer the key", "bearer the key", "BEARER the key", "Bearer  the key "])
def test_key_is_read_from_the_metadata(value: str) -> None:
    assert authentication().by_metadata([("user-agent", "x"), ("authorization", value)]) == PUNE


@pytest.mark.parametrize("metadata", [None, [], [("user-agent", "Bearer the key")]])
def test_call_without_a_key_is_told_what_it_needs(metadata: Any) -> None:
    with pytest.raises(CredentialsMissing, match="authorization: Bearer"):
        authentication().by_metadata(metadata)


@pytest.mark.parametrize("value", ["", "the key", "Basic the key", "Bearer", "Bearer another key", b"Bearer the key"])
def test_malformed_and_unknown_keys_are_refused_alike(value: str | bytes) -> None:
    with pytest.raises(CredentialsInvalid) as caught:
        authentication().by_metadata([("authorization", value)])
    assert str(caught.value) == "the credentials of the call are not valid"


def test_two_keys_are_refused_even_where_one_is_good() -> None:
    with pytest.raises(CredentialsInvalid):
        authentication().by_metadata([("authorization", "Bearer the key"), ("authorization", "Bearer x")])


def test_certificate_stands_for_its_principal_where_there_is_no_key() -> None:
    names = authentication(Certificates.NAMES)
    assert names.by_metadata([]) is None
    assert names.by_certificate(None, certified("delhi.example")) == BY_NAME["delhi.example"]
    assert names.by_certificate(PUNE, certified("delhi.example")) == PUNE
    with pytest.raises(CredentialsInvalid):
        names.by_certificate(None, certified("goa.example"))


def test_certificate_counts_for_nothing_where_it_is_not_asked_for() -> None:
    assert authentication().by_certificate(PUNE, certified("delhi.example")) == PUNE


def test_key_and_certificate_have_to_be_of_the_same_principal() -> None:
    both = authentication(Certificates.BOTH)
    with pytest.raises(CredentialsMissing):
        both.by_metadata([])
    caller = both.by_certificate(PUNE, certified("pune.example"))
    assert (caller.principal, caller.key_id, caller.certificate_name) == ("branch-pune", "k1", "pune.example")
    for context in (certified("delhi.example"), certified("goa.example")):
        with pytest.raises(CredentialsInvalid):
            both.by_certificate(PUNE, context)
    with pytest.raises(CredentialsMissing):
        both.by_certificate(PUNE, certified())


@pytest.mark.parametrize(
    ("verified", "name"),
    [
        ({"peer_uri": [b"spiffe://bank/pune"], "peer_dns": [b"pune.example"]}, "spiffe://bank/pune"),
        ({"peer_uri": [b"https://pune.example"], "peer_dns": [b"pune.example"]}, "pune.example"),
        ({"peer_dns": [b"pune.example"], "x509_common_name": [b"Pune"]}, "pune.example"),
        ({"peer_dns": [b"a.example", b"b.example"], "x509_common_name": [b"Pune"]}, "Pune"),
        ({"x509_common_name": [b"Pune"]}, "Pune"),
    ],
)
def test_certificate_is_known_by_its_spiffe_id_or_dns_name_or_common_name(verified: Any, name: str) -> None:
    assert certificate_name(verified) == name


def test_certificate_with_two_uri_names_is_refused() -> None:
    with pytest.raises(CredentialsInvalid):
        certificate_name({"peer_uri": [b"spiffe://bank/pune", b"spiffe://bank/delhi"]})


@pytest.mark.parametrize("verified", [{}, {"x509_common_name": [b""]}, {"peer_dns": [b"a", b"b"]}])
def test_certificate_without_a_name_is_none(verified: Any) -> None:
    with pytest.raises(CredentialsMissing):
        certificate_name(verified)


def test_without_access_control_nobody_is_asked() -> None:
    open_access = OpenAccess()
    assert open_access.by_metadata(None) is ANYONE
    assert open_access.by_certificate(None, certified()) is ANYONE
