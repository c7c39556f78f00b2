"""The certificates of the server: checked before they are used, and renewed from their files while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import grpc
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates

from almeno_grpc.config import ConfigurationError, Settings
from almeno_grpc.logs import log_event

LOOK_SECONDS = 10.0
"""Between two looks at the files; a pod cannot be sent a signal when they have changed."""
MAX_FILE_BYTES = 2**20

Signature = tuple[tuple[int, int, int] | None, ...]
"""Of each file what changes when it is written or replaced; None where there is none."""


@dataclass(frozen=True)
class CertificateFiles:
    """What the files hold, checked.

    Attributes:
        certificates: The chain of the server, its own certificate first, in PEM.
        key: The private key, in PEM.
        authorities: Those that certify callers, in PEM; None where any caller is served.
        expires: When the first certificate of the chain expires.
    """

    certificates: bytes
    key: bytes
    authorities: bytes | None
    expires: datetime

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """As gRPC takes it."""
        return grpc.ssl_server_certificate_configuration([(self.key, self.certificates)], self.authorities)


def read_certificates(settings: Settings, now: datetime) -> CertificateFiles:
    """Reads the files of the settings and checks that they belong together and are in date.

    Raises:
        ConfigurationError: They do not, or cannot be read; the message quotes nothing of them.
    """
    certificates = _read(settings.tls_certificate, "tls_certificate")
    key = _read(settings.tls_key, "tls_key")
    authorities = _read(settings.tls_client_ca, "tls_client_ca") if settings.tls_client_ca else None
    chain = _certificates_of(certificates, "tls_certificate")
    if _public_bytes(_public_key_of(key)) != _public_bytes(chain[0].public_key()):
        raise ConfigurationError("the key does not belong to the first certificate of the chain", "tls_key")
    _check_chain(chain)
    for certificate in chain:
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if now < begin:
            raise ConfigurationError(f"it is not valid before {begin.isoformat()}", "tls_certificate")
        if now > end:
            raise ConfigurationError(f"it has expired: it was valid to {end.isoformat()}", "tls_certificate")
    if authorities is not None:
        _certificates_of(authorities, "tls_client_ca")
    return CertificateFiles(
        certificates, key, authorities, min(certificate.not_valid_after_utc for certificate in chain)
    )


class CertificateRenewal:
    """Keeps the certificates in use, and replaces them when sound ones have come into their files."""

    def __init__(self, settings: Settings, now_microseconds: Callable[[], int]) -> None:
        """Reads the files; `start` goes on looking at them.

        Args:
            settings: Names the files.
            now_microseconds: Tells the time, since the epoch.

        Raises:
            ConfigurationError: The files are not sound.
        """
        self._settings = settings
        self._now_microseconds = now_microseconds
        self._accepted = self._signature()
        self._refused: Signature | None = None
        self._files = read_certificates(settings, self._now())
        self._renewed: CertificateFiles | None = None
        self._is_stopped = threading.Event()

    @property
    def expires(self) -> datetime:
        """When the certificates in use expire."""
        return self._files.expires

    def credentials(self) -> grpc.ServerCredentials:
        """Credentials that follow the files: each connection that comes gets the newest certificates."""
        return grpc.dynamic_ssl_server_credentials(
            self._files.configuration(),
            self._take_renewed,  # type: ignore[arg-type]  # the stubs do not know of None, which says: no change
            require_client_authentication=self._settings.tls_client_ca is not None,
        )

    def start(self) -> None:
        """Looks at the files until `stop`, on a thread of its own: a handshake must not wait for a disk."""
        threading.Thread(target=self._run, name="certificates", daemon=True).start()

    def stop(self) -> None:
        """Looks no more."""
        self._is_stopped.set()

    def look(self) -> None:
        """Takes what the files hold, if they have changed and are sound; otherwise what was taken before goes on."""
        signature = self._signature()
        if signature == self._accepted:
            return
        try:
            files = read_certificates(self._settings, self._now())
        except ConfigurationError as error:
            # A certificate that is not valid yet will be: it is tried again, and logged once.
            if signature != self._refused:
                self._refused = signature
                expires = self.expires.isoformat()
                log_event("certificate_refused", logging.ERROR, message=str(error), in_use_expires=expires)
            return
        self._accepted, self._refused = signature, None
        self._files = self._renewed = files
        log_event("certificate_renewed", expires=files.expires.isoformat())

    def _run(self) -> None:
        while not self._is_stopped.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception as error:
                log_event("certificate_look_failed", logging.ERROR, error=error)

    def _take_renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC asks for before each handshake: None for no change."""
        files, self._renewed = self._renewed, None
        return files.configuration() if files else None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_microseconds() / 1_000_000, UTC)

    def _signature(self) -> Signature:
        settings = self._settings
        return tuple(map(_stamp, filter(None, (settings.tls_certificate, settings.tls_key, settings.tls_client_ca))))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path | None, setting: str) -> bytes:
    if path is None:
        raise ConfigurationError("certificate and key are needed together", setting)
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{path}: {(error.strerror or str(error)).lower()}", setting) from error


def _certificates_of(pem: bytes, setting: str) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigurationError("the file holds no certificates in PEM", setting) from None


def _public_key_of(pem: bytes) -> PublicKeyTypes:
    try:
        return load_pem_private_key(pem, password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError("the file holds no private key in PEM without a password", "tls_key") from None


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _check_chain(chain: list[Certificate]) -> None:
    for certificate, issuer in pairwise(chain):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise ConfigurationError(
                "each certificate of the chain has to be followed by that of its issuer", "tls_certificate"
            ) from None
