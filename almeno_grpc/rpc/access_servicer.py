"""AccessService: each RPC checks its request, calls a use case and converts what that gives."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from almeno_grpc.api import access_service_pb2 as pb
from almeno_grpc.api import access_service_pb2_grpc
from almeno_grpc.domain.limits import MAX_ID
from almeno_grpc.rpc import access_requests as read
from almeno_grpc.rpc import requests
from almeno_grpc.rpc.conversion.access import fill_certificate_name, fill_key, fill_limits, fill_principal
from almeno_grpc.rpc.conversion.audit import fill_checkpoint, fill_event
from almeno_grpc.rpc.conversion.values import fill_timestamp
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.rpc.pages import page_key, page_of, page_token
from almeno_grpc.rpc.runtime.current_call import current_caller
from almeno_grpc.service.access import AccessService
from almeno_grpc.service.audit import AuditService
from almeno_grpc.service.callers import KNOWN_EVERYWHERE_SECONDS
from almeno_grpc.service.idempotency import Idempotency
from almeno_grpc.service.store import Transaction

T = TypeVar("T")


class AccessServicer(access_service_pb2_grpc.AccessServiceServicer):
    """Serves AccessService. What changes callers is answered once every process knows of it."""

    def __init__(self, idempotency: Idempotency, access: AccessService, audit: AuditService) -> None:
        self._idempotency = idempotency
        self._access = access
        self._audit = audit

    def CreatePrincipal(self, request: pb.CreatePrincipalRequest, context: grpc.ServicerContext) -> bytes:
        """Creates a principal."""
        fields = FieldReader()
        name = read.principal_name(fields, "name", request.name)
        scopes = read.scopes_of(fields, request.scopes)
        limits = read.limits_of(fields, request.limits)
        return self._change(
            fields,
            request,
            context,
            lambda tx: self._access.create_principal(tx, name, scopes, limits),
            partial(_filled, pb.CreatePrincipalResponse, "principal", fill_principal),
            name,
        )

    def UpdatePrincipal(self, request: pb.UpdatePrincipalRequest, context: grpc.ServicerContext) -> bytes:
        """Changes a principal."""
        fields = FieldReader()
        name = read.principal_name(fields, "name", request.name)
        scopes = read.scopes_of(fields, request.scopes) if request.scopes else None
        limits = read.limits_of(fields, request.limits) if request.HasField("limits") else None
        disabled = request.disabled if request.HasField("disabled") else None
        return self._change(
            fields,
            request,
            context,
            lambda tx: self._access.update_principal(tx, name, scopes, limits, disabled=disabled),
            partial(_filled, pb.UpdatePrincipalResponse, "principal", fill_principal),
            name,
        )

    def ListPrincipals(
        self, request: pb.ListPrincipalsRequest, _context: grpc.ServicerContext
    ) -> pb.ListPrincipalsResponse:
        """Lists the principals."""
        fields = FieldReader()
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            "principals",
            size,
            request.page_token,
            ("",),
            self._access.page_of_principals,
            lambda principal: (principal.name,),
        )
        response = pb.ListPrincipalsResponse(next_page_token=page.next_page_token)
        for principal in page.rows:
            fill_principal(response.principals.add(), principal)
        return response

    def CreateKey(self, request: pb.CreateKeyRequest, context: grpc.ServicerContext) -> bytes:
        """Registers an API key."""
        fields = FieldReader()
        principal = read.principal_name(fields, "principal", request.principal)
        key_id = read.key_id_of(fields, request.key_id)
        sha256 = read.key_sha256_of(fields, request.key_sha256)
        scopes = read.scopes_of(fields, request.scopes)
        expire_time = None
        if request.HasField("expire_time"):
            expire_time = read.microseconds_of(fields, "expire_time", request.expire_time)
        return self._change(
            fields,
            request,
            context,
            lambda tx: self._access.create_key(tx, principal, key_id, sha256, scopes, expire_time),
            partial(_filled, pb.CreateKeyResponse, "key", fill_key),
            key_id,
        )

    def RevokeKey(self, request: pb.RevokeKeyRequest, context: grpc.ServicerContext) -> bytes:
        """Revokes an API key."""
        fields = FieldReader()
        key_id = read.key_id_of(fields, request.key_id)
        expire_time = None
        if request.HasField("expire_time"):
            expire_time = read.microseconds_of(fields, "expire_time", request.expire_time)
        return self._change(
            fields,
            request,
            context,
            lambda tx: self._access.revoke_key(tx, key_id, expire_time),
            partial(_filled, pb.RevokeKeyResponse, "key", fill_key),
            key_id,
        )

    def ListKeys(self, request: pb.ListKeysRequest, _context: grpc.ServicerContext) -> pb.ListKeysResponse:
        """Lists the API keys."""
        fields = FieldReader()
        principal = read.principal_name(fields, "principal", request.principal) if request.principal else ""
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        page = page_of(
            f"keys of {principal or 'all'}",
            size,
            request.page_token,
            ("",),
            partial(self._access.page_of_keys, principal),
            lambda key: (key.key_id,),
        )
        response = pb.ListKeysResponse(next_page_token=page.next_page_token)
        for key in page.rows:
            fill_key(response.keys.add(), key)
        return response

    def SetCertificateName(self, request: pb.SetCertificateNameRequest, context: grpc.ServicerContext) -> bytes:
        """Lets a name in certificates stand for a principal."""
        fields = FieldReader()
        name = read.certificate_name_of(fields, request.name)
        principal = read.principal_name(fields, "principal", request.principal)
        return self._change(
            fields,
            request,
            context,
            lambda tx: self._access.set_certificate_name(tx, name, principal),
            partial(_filled, pb.SetCertificateNameResponse, "certificate_name", fill_certificate_name),
            name,
        )

    def RemoveCertificateName(self, request: pb.RemoveCertificateNameRequest, context: grpc.ServicerContext) -> bytes:
        """Lets a name in certificates stand for nobody."""
        fields = FieldReader()
        name = read.certificate_name_of(fields, request.name)
        return self._change(
            fields,
            request,
            context,
            lambda tx: self._access.remove_certificate_name(tx, name),
            partial(_filled, pb.RemoveCertificateNameResponse, "certificate_name", fill_certificate_name),
            name,
        )

    def WhoAmI(self, _request: pb.WhoAmIRequest, _context: grpc.ServicerContext) -> pb.WhoAmIResponse:
        """Tells who the caller is."""
        caller = current_caller()
        response = pb.WhoAmIResponse(
            principal=caller.principal, key_id=caller.key_id, certificate_name=caller.certificate_name
        )
        response.scopes.extend(sorted(caller.scopes))
        fill_limits(response.limits, caller.limits)
        if caller.expire_time is not None:
            fill_timestamp(response.expire_time, caller.expire_time)
        return response

    def ListAuditEvents(
        self, request: pb.ListAuditEventsRequest, _context: grpc.ServicerContext
    ) -> pb.ListAuditEventsResponse:
        """Lists the events of the audit trail."""
        fields = FieldReader()
        events = read.event_filter(fields, request)
        size = fields.page_size(request.page_size)
        fields.raise_if_invalid()
        scope = f"events of {events}"
        before = None
        if request.page_token:
            event_time, stream_id, sequence = page_key(scope, request.page_token, (0, 0, 0))
            before = event_time, stream_id, sequence
        page = self._audit.page(events, before, size)
        response = pb.ListAuditEventsResponse()
        if page.next_place is not None:
            response.next_page_token = page_token(scope, *page.next_place)
        for event in page.events:
            fill_event(response.events.add(), event)
        return response

    def GetAuditCheckpoint(
        self, request: pb.GetAuditCheckpointRequest, _context: grpc.ServicerContext
    ) -> pb.GetAuditCheckpointResponse:
        """Fetches a checkpoint of the audit trail."""
        fields = FieldReader()
        number = fields.number("number", request.number, 0, MAX_ID)
        fields.raise_if_invalid()
        response = pb.GetAuditCheckpointResponse()
        fill_checkpoint(response.checkpoint, self._audit.checkpoint(number))
        return response

    def _change(
        self,
        fields: FieldReader,
        request: Any,
        context: grpc.ServicerContext,
        work: Callable[[Transaction], T],
        answer: Callable[[T], Message],
        subject: str,
    ) -> bytes:
        """Does the work of a request once, and gives the answer to its result."""
        method = type(request).__name__.removesuffix("Request")
        call = requests.request_context(fields, method, request, request.request_id, context, is_of_book=False)
        fields.raise_if_invalid()
        return self._idempotency.execute(
            call,
            work,
            lambda result: answer(result).SerializeToString(),
            # The other processes look for changes several times a second.
            lambda _result: time.sleep(KNOWN_EVERYWHERE_SECONDS),
            about=lambda _result: (0, subject),
        )


def _filled(kind: Callable[[], Message], field: str, fill: Callable[[Any, T], None], value: T) -> Message:
    """A response whose one field is filled from a value."""
    response = kind()
    fill(getattr(response, field), value)
    return response
