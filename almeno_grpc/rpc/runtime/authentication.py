"""Authentication: who makes a call, by its API key, its client certificate or both.

An API key is looked at before a byte of the request is received; a certificate, which gRPC has verified against the
authorities, where the call is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Protocol

import grpc

from almeno_grpc.domain.access import ANYONE, Caller
from almeno_grpc.domain.errors import (
    CredentialsInvalid,
    CredentialsMissing,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
)
from almeno_grpc.rpc.runtime.rates import Rates

AUTHORIZATION = "authorization"
_SCHEME = "bearer "
_SPIFFE = "spiffe://"
_COMMON_NAME, _DNS, _URI = "x509_common_name", "peer_dns", "peer_uri"
"""Names of gRPC's for what a verified certificate says."""

Metadata = Iterable[tuple[str, str | bytes]] | None


class Certificates(Enum):
    """What names in client certificates are good for."""

    OFF = "off"
    """Nothing."""
    NAMES = "names"
    """They stand for a principal where a call has no API key."""
    BOTH = "both"
    """They are needed beside an API key of the same principal."""


class Authentication(Protocol):
    """Finds the caller of a call."""

    def by_metadata(self, metadata: Metadata) -> Caller | None:
        """The caller by the metadata of a call; None where its certificate has to say.

        Raises:
            Unauthenticated: The credential is missing or not valid.
            AccessUnknown: Who may call is not known at the moment.
        """

    def by_certificate(self, caller: Caller | None, context: grpc.ServicerContext) -> Caller:
        """The caller by the certificate too, where that counts; raises as above.

        Args:
            caller: As `by_metadata` gives it; ANYONE where the method needs no credential.
            context: The call's.
        """

    def count_call(self, caller: Caller) -> None:
        """Counts a call that a caller may make.

        Raises:
            RateLimited: The principal calls more often than it may.
        """

    def again(self, caller: Caller) -> Caller:
        """The caller of a stream that goes on, as it is known now; raises as above."""

    def note_refusal(self, caller: Caller | None, path: str, error: BaseException) -> None:
        """Records that a call was refused for who made it; other errors are left alone."""


class OpenAccess:
    """Access control is off: anyone may make any call."""

    def by_metadata(self, metadata: Metadata) -> Caller:  # noqa: ARG002 - nobody is asked for a credential
        """Whoever it is."""
        return ANYONE

    def by_certificate(self, caller: Caller | None, context: grpc.ServicerContext) -> Caller:  # noqa: ARG002 - as above
        """Whoever it is."""
        return ANYONE

    def count_call(self, caller: Caller) -> None:
        """Nobody's calls are counted."""

    def again(self, caller: Caller) -> Caller:
        """Whoever it was."""
        return caller

    def note_refusal(self, caller: Caller | None, path: str, error: BaseException) -> None:
        """Nobody is refused."""


class Directory(Protocol):
    """What is known of callers."""

    def by_key(self, key: bytes) -> Caller:
        """The caller with an API key."""

    def by_certificate_name(self, name: str) -> Caller:
        """The caller with a name in its certificate."""

    def again(self, caller: Caller) -> Caller:
        """The caller as it is known now."""


class KeyAuthentication:
    """API keys and, where they count, certificates."""

    def __init__(
        self,
        directory: Directory,
        certificates: Certificates,
        record_refusal: Callable[[Caller | None, str, str], None] = lambda _caller, _path, _reason: None,
    ) -> None:
        """Makes it.

        Args:
            directory: What is known of callers.
            certificates: What names in certificates are good for.
            record_refusal: Records, for the audit trail, whose call was refused, its method and the reason.
        """
        self._record_refusal = record_refusal
        self._directory = directory
        self._certificates = certificates
        self._rates = Rates()

    def by_metadata(self, metadata: Metadata) -> Caller | None:
        """By `authorization: Bearer KEY`, sent once."""
        values = [value for name, value in metadata or () if name == AUTHORIZATION]
        if not values and self._certificates is Certificates.NAMES:
            return None
        if not values:
            raise CredentialsMissing
        value = values[0]
        if len(values) > 1 or isinstance(value, bytes) or value[: len(_SCHEME)].lower() != _SCHEME:
            raise CredentialsInvalid
        return self._directory.by_key(value[len(_SCHEME) :].strip().encode())

    def by_certificate(self, caller: Caller | None, context: grpc.ServicerContext) -> Caller:
        """By the name in it: the principal's own, or that of the key's principal."""
        if caller is ANYONE or (caller is not None and self._certificates is not Certificates.BOTH):
            return caller
        certified = self._directory.by_certificate_name(certificate_name(context.auth_context()))
        if caller is None:
            return certified
        if certified.principal != caller.principal:
            raise CredentialsInvalid
        return Caller(
            caller.principal,
            caller.key_id,
            caller.scopes,
            caller.limits,
            caller.expire_time,
            certified.certificate_name,
        )

    def count_call(self, caller: Caller) -> None:
        """By the rate of its principal."""
        self._rates.count(caller)

    def again(self, caller: Caller) -> Caller:
        """As it is known now."""
        return caller if caller is ANYONE else self._directory.again(caller)

    def note_refusal(self, caller: Caller | None, path: str, error: BaseException) -> None:
        """For the audit trail."""
        if isinstance(error, Unauthenticated | PermissionDenied | RateLimited):
            self._record_refusal(caller, path, error.reason)


def certificate_name(verified: Mapping[str, Any]) -> str:
    """The name by which a certificate is known: its SPIFFE id, else its one DNS name, else its common name.

    Args:
        verified: What gRPC says of the peer: lists of bytes.

    Raises:
        CredentialsMissing: There is no certificate, or none with such a name.
        CredentialsInvalid: It has two URI names, as no SPIFFE certificate has.
    """
    names = {each: [value.decode(errors="replace") for value in verified.get(each, ())] for each in (_URI, _DNS)}
    common = [value.decode(errors="replace") for value in verified.get(_COMMON_NAME, ())]
    if len(names[_URI]) > 1:
        raise CredentialsInvalid
    spiffe_ids = [name for name in names[_URI] if name.startswith(_SPIFFE)]
    dns = names[_DNS] if len(names[_DNS]) == 1 else []
    found: list[str] = [*spiffe_ids, *dns, *common]
    if not found or not found[0]:
        raise CredentialsMissing
    return found[0]
