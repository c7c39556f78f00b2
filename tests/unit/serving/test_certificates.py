"""Which certificates a server takes, at its start and while it runs."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from support.certificates import DAY, NOW, MadeCertificate, made_certificate

from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.serving.certificates import CertificateRenewal, read_certificates


def now_microseconds() -> int:
    return int(NOW.timestamp() * 1_000_000)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    certificate, key = made_certificate().write(tmp_path)
    return replace(Settings(), tls_certificate=certificate, tls_key=key)


def with_certificate(settings: Settings, content: bytes) -> Settings:
    settings.tls_certificate.write_bytes(content)
    return settings


def with_key(settings: Settings, content: bytes) -> Settings:
    settings.tls_key.write_bytes(content)
    return settings


def with_authorities(settings: Settings, content: bytes) -> Settings:
    path = settings.tls_key.with_name("authorities.pem")
    path.write_bytes(content)
    return replace(settings, tls_client_ca=path)


def encrypted(made: MadeCertificate) -> bytes:
    return made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


def test_chain_whose_certificates_are_in_date_is_taken_and_ends_with_the_first_of_them(tmp_path: Path) -> None:
    root = made_certificate("root", end=NOW + 30 * DAY)
    leaf = made_certificate("leaf", end=NOW + 9 * DAY, issuer=root)
    certificate, key = leaf.write(tmp_path)
    certificate.write_bytes(leaf.pem + root.pem)
    settings = with_authorities(replace(Settings(), tls_certificate=certificate, tls_key=key), root.pem)
    files = read_certificates(settings, NOW)
    assert files.expires == NOW + 9 * DAY
    assert files.authorities == root.pem


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: with_key(s, made_certificate().key_pem), "TLS_KEY: the key does not belong"),
        (lambda s: with_certificate(s, made_certificate().pem), "TLS_KEY: the key does not belong"),
        (lambda s: with_key(s, b""), "TLS_KEY: the file holds no private key"),
        (lambda s: with_key(s, encrypted(made_certificate())), "TLS_KEY: the file holds no private key"),
        (lambda s: with_certificate(s, b"-----BEGIN"), "the file holds no certificates"),
        (
            lambda s: with_certificate(s, s.tls_certificate.read_bytes()[:200]),
            "TLS_CERTIFICATE: the file holds no cert",
        ),
        (lambda s: with_certificate(s, s.tls_certificate.read_bytes() + made_certificate("x").pem), "of its issuer"),
        (lambda s: with_authorities(s, b"nobody"), "TLS_CLIENT_CA: the file holds no certificates"),
        (lambda s: replace(s, tls_key=s.tls_key.with_name("none")), "TLS_KEY: .*no such file"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    settings: Settings, change: Callable[[Settings], Settings], said: str
) -> None:
    read_certificates(settings, NOW)
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_certificates(change(settings), NOW)
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [(-3, -1, "it has expired: it was valid to"), (1, 3, "it is not valid before")],
)
def test_certificate_out_of_date_is_refused(settings: Settings, begin: int, end: int, said: str) -> None:
    made_certificate(begin=NOW + begin * DAY, end=NOW + end * DAY).write(settings.tls_certificate.parent)
    with pytest.raises(ConfigurationError, match=said):
        read_certificates(settings, NOW)


def test_chain_with_an_authority_out_of_date_is_refused(settings: Settings) -> None:
    root = made_certificate("root", begin=NOW - 9 * DAY, end=NOW - DAY)
    leaf = made_certificate("leaf", issuer=root)
    leaf.write(settings.tls_certificate.parent)
    settings.tls_certificate.write_bytes(leaf.pem + root.pem)
    with pytest.raises(ConfigurationError, match="it has expired"):
        read_certificates(settings, NOW)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(
        "almeno_grpc.serving.certificates.log_event",
        lambda event, level=logging.INFO, **fields: seen.append(json.dumps([event, level, fields])),
    )
    return seen


def test_sound_certificates_replace_the_old_ones(settings: Settings, events: list[str]) -> None:
    renewal = CertificateRenewal(settings, now_microseconds)
    renewal.look()
    assert renewal._take_renewed() is None
    made_certificate(end=NOW + 90 * DAY).write(settings.tls_certificate.parent)
    renewal.look()
    assert renewal.expires == NOW + 90 * DAY
    assert renewal._take_renewed() is not None
    # gRPC is given it once, and keeps it.
    assert renewal._take_renewed() is None
    assert [event for event in events if "certificate_renewed" in event] == events


def test_unsound_certificates_leave_the_old_ones_in_use_and_are_logged_once(
    settings: Settings, events: list[str]
) -> None:
    renewal = CertificateRenewal(settings, now_microseconds)
    old = renewal.expires
    new = made_certificate(end=NOW + 90 * DAY)
    # The key comes a moment later than the certificate.
    settings.tls_certificate.write_bytes(new.pem)
    for _ in range(3):
        renewal.look()
    assert renewal.expires == old
    assert renewal._take_renewed() is None
    assert len(events) == 1
    assert "certificate_refused" in events[0]
    settings.tls_key.write_bytes(new.key_pem)
    renewal.look()
    assert renewal.expires == NOW + 90 * DAY
    settings.tls_key.unlink()
    for _ in range(2):
        renewal.look()
    assert renewal.expires == NOW + 90 * DAY
    assert len(events) == 3


def test_certificate_that_is_not_valid_yet_is_taken_once_it_is(settings: Settings, events: list[str]) -> None:
    now = NOW

    def tell() -> int:
        return int(now.timestamp() * 1_000_000)

    renewal = CertificateRenewal(settings, tell)
    made_certificate(begin=NOW + timedelta(hours=1), end=NOW + 90 * DAY).write(settings.tls_certificate.parent)
    renewal.look()
    assert renewal.expires == NOW + DAY
    now = NOW + timedelta(hours=2)
    renewal.look()
    assert renewal.expires == NOW + 90 * DAY
    assert len(events) == 2
