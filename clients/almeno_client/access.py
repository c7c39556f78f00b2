"""RPCs on callers and the audit trail: principals, API keys, certificate names, audit events."""

import datetime as dt
from collections.abc import Iterator, Sequence

from almeno_client.access_conversion import (
    audit_event_of,
    caller_of,
    certificate_name_of,
    checkpoint_of,
    key_of,
    limits_message,
    principal_of,
    timestamp_message,
)
from almeno_client.access_records import (
    ApiKey,
    AuditCheckpoint,
    AuditEvent,
    Caller,
    CertificateName,
    Principal,
    PrincipalLimits,
)
from almeno_client.base_client import BaseClient, iterate_pages, new_request_id
from almeno_grpc.api import access_service_pb2
from almeno_grpc.api_keys import key_id_of, key_sha256


class AccessCalls(BaseClient):
    """RPCs on callers and the audit trail: principals, API keys, certificate names, audit events.

    Each but `who_am_i` may raise PermissionDenied: the caller lacks the scope.
    """

    def who_am_i(self, *, timeout_seconds: float | None = None) -> Caller:
        """Fetches who the service takes this client for, and what it may do."""
        response: access_service_pb2.WhoAmIResponse = self._unary(
            self._access_stub.WhoAmI, access_service_pb2.WhoAmIRequest(), timeout_seconds
        )
        return caller_of(response)

    def create_principal(
        self,
        name: str,
        *,
        scopes: Sequence[str],
        limits: PrincipalLimits | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Principal:
        """Creates a principal.

        Args:
            name: 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`.
            scopes: Scopes such as `loans:read`, or roles such as `counter`, which stand for their scopes of today.
            limits: What it may do at most; no limits when None.
            request_id: Idempotency key, a UUID; generated when None.
            timeout_seconds: Deadline of the call, its retries included; the client's when None.

        Raises:
            InvalidArgument: A field is invalid.
            AlreadyExists: There is a principal of that name.
        """
        request = access_service_pb2.CreatePrincipalRequest(
            request_id=request_id or new_request_id(),
            name=name,
            scopes=scopes,
            limits=None if limits is None else limits_message(limits),
        )
        response: access_service_pb2.CreatePrincipalResponse = self._unary(
            self._access_stub.CreatePrincipal, request, timeout_seconds
        )
        return principal_of(response.principal)

    def update_principal(
        self,
        name: str,
        *,
        scopes: Sequence[str] = (),
        limits: PrincipalLimits | None = None,
        disabled: bool | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Principal:
        """Changes a principal; what is not given stays as it is.

        Args:
            name: Name of the principal.
            scopes: All its scopes from now on; those of today when empty.
            limits: All its limits from now on; those of today when None.
            disabled: Whether its credentials are refused from now on.
            request_id: Idempotency key, a UUID; generated when None.
            timeout_seconds: Deadline of the call, its retries included; the client's when None.

        Raises:
            InvalidArgument: A field is invalid.
            NotFound: There is no principal of that name.
            FailedPrecondition: No principal would be left that may change principals.
        """
        request = access_service_pb2.UpdatePrincipalRequest(
            request_id=request_id or new_request_id(),
            name=name,
            scopes=scopes,
            limits=None if limits is None else limits_message(limits),
        )
        if disabled is not None:
            request.disabled = disabled
        response: access_service_pb2.UpdatePrincipalResponse = self._unary(
            self._access_stub.UpdatePrincipal, request, timeout_seconds
        )
        return principal_of(response.principal)

    def list_principals(self, *, page_size: int = 0, timeout_seconds: float | None = None) -> Iterator[Principal]:
        """Yields all principals by name."""

        def fetch(page_token: str) -> tuple[Iterator[Principal], str]:
            request = access_service_pb2.ListPrincipalsRequest(page_size=page_size, page_token=page_token)
            response: access_service_pb2.ListPrincipalsResponse = self._unary(
                self._access_stub.ListPrincipals, request, timeout_seconds
            )
            return map(principal_of, response.principals), response.next_page_token

        return iterate_pages(fetch)

    def create_key(
        self,
        principal: str,
        key: str,
        *,
        scopes: Sequence[str] = (),
        expire_time: dt.datetime | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> ApiKey:
        """Registers an API key. Its id and its SHA-256 are sent, never the key itself.

        Args:
            principal: Name of its principal.
            key: The key, from `new_key()`. Keep it first: it is nowhere else.
            scopes: A part of the principal's; all of them when empty.
            expire_time: Time from which it is refused, within 365 days; 90 days from now when None.
            request_id: Idempotency key, a UUID; generated when None.
            timeout_seconds: Deadline of the call, its retries included; the client's when None.

        Raises:
            InvalidArgument: A field is invalid.
            NotFound: There is no principal of that name.
            AlreadyExists: The key is registered already.
            ValueError: The text is not an API key, or the time has no time zone.
        """
        request = access_service_pb2.CreateKeyRequest(
            request_id=request_id or new_request_id(),
            principal=principal,
            key_id=key_id_of(key),
            key_sha256=key_sha256(key),
            scopes=scopes,
            expire_time=None if expire_time is None else timestamp_message(expire_time),
        )
        response: access_service_pb2.CreateKeyResponse = self._unary(
            self._access_stub.CreateKey, request, timeout_seconds
        )
        return key_of(response.key)

    def revoke_key(
        self,
        key_id: str,
        *,
        expire_time: dt.datetime | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> ApiKey:
        """Revokes an API key, now and for ever; or has it expire at a time to come, where one is given.

        Raises:
            NotFound: There is no key with the id.
            ValueError: The time has no time zone.
        """
        request = access_service_pb2.RevokeKeyRequest(
            request_id=request_id or new_request_id(),
            key_id=key_id,
            expire_time=None if expire_time is None else timestamp_message(expire_time),
        )
        response: access_service_pb2.RevokeKeyResponse = self._unary(
            self._access_stub.RevokeKey, request, timeout_seconds
        )
        return key_of(response.key)

    def list_keys(
        self, principal: str = "", *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Iterator[ApiKey]:
        """Yields the API keys of a principal, of all when empty, by id; those revoked or expired too.

        Raises:
            NotFound: There is no principal of that name; raised by the first `next()`.
        """

        def fetch(page_token: str) -> tuple[Iterator[ApiKey], str]:
            request = access_service_pb2.ListKeysRequest(
                principal=principal, page_size=page_size, page_token=page_token
            )
            response: access_service_pb2.ListKeysResponse = self._unary(
                self._access_stub.ListKeys, request, timeout_seconds
            )
            return map(key_of, response.keys), response.next_page_token

        return iterate_pages(fetch)

    def set_certificate_name(
        self, name: str, principal: str, *, request_id: str | None = None, timeout_seconds: float | None = None
    ) -> CertificateName:
        """Lets a name in client certificates stand for a principal.

        Raises:
            InvalidArgument: A field is invalid.
            NotFound: There is no principal of that name.
        """
        request = access_service_pb2.SetCertificateNameRequest(
            request_id=request_id or new_request_id(), name=name, principal=principal
        )
        response: access_service_pb2.SetCertificateNameResponse = self._unary(
            self._access_stub.SetCertificateName, request, timeout_seconds
        )
        return certificate_name_of(response.certificate_name)

    def remove_certificate_name(
        self, name: str, *, request_id: str | None = None, timeout_seconds: float | None = None
    ) -> CertificateName:
        """Lets a name in client certificates stand for nobody. Returns the name as it was.

        Raises:
            NotFound: The name was not set.
        """
        request = access_service_pb2.RemoveCertificateNameRequest(request_id=request_id or new_request_id(), name=name)
        response: access_service_pb2.RemoveCertificateNameResponse = self._unary(
            self._access_stub.RemoveCertificateName, request, timeout_seconds
        )
        return certificate_name_of(response.certificate_name)

    def list_audit_events(
        self,
        *,
        principal: str = "",
        customer_id: int = 0,
        start_time: dt.datetime | None = None,
        end_time: dt.datetime | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Iterator[AuditEvent]:
        """Yields events of the audit trail by time, the latest first.

        Args:
            principal: Only events of this principal; of all when empty.
            customer_id: Only events that concern this customer; of all when 0.
            start_time: Only events at or after this time.
            end_time: Only events before this time.
            page_size: Events to fetch at a time; the service's choice when 0.
            timeout_seconds: Deadline of each call; the client's when None.
        """
        start = None if start_time is None else timestamp_message(start_time)
        end = None if end_time is None else timestamp_message(end_time)

        def fetch(page_token: str) -> tuple[Iterator[AuditEvent], str]:
            request = access_service_pb2.ListAuditEventsRequest(
                principal=principal,
                customer_id=customer_id,
                start_time=start,
                end_time=end,
                page_size=page_size,
                page_token=page_token,
            )
            response: access_service_pb2.ListAuditEventsResponse = self._unary(
                self._access_stub.ListAuditEvents, request, timeout_seconds
            )
            return map(audit_event_of, response.events), response.next_page_token

        return iterate_pages(fetch)

    def get_audit_checkpoint(self, number: int = 0, *, timeout_seconds: float | None = None) -> AuditCheckpoint:
        """Fetches a checkpoint of the audit trail; the latest when 0.

        Raises:
            NotFound: There is no checkpoint of that number, or none yet.
        """
        request = access_service_pb2.GetAuditCheckpointRequest(number=number)
        response: access_service_pb2.GetAuditCheckpointResponse = self._unary(
            self._access_stub.GetAuditCheckpoint, request, timeout_seconds
        )
        return checkpoint_of(response.checkpoint)
