"""Conversion of messages of AccessService to records, and of limits both ways."""

import datetime as dt

from google.protobuf.timestamp_pb2 import Timestamp

from almeno_client.access_records import (
    ApiKey,
    AuditCheckpoint,
    AuditEvent,
    AuditEventKind,
    Caller,
    CertificateName,
    Principal,
    PrincipalLimits,
)
from almeno_client.enums import enum_names
from almeno_client.values import instant_of, money_message, rupees_of
from almeno_grpc.api import access_pb2, access_service_pb2

_KINDS = enum_names(dict(access_pb2.AuditEventKind.items()), AuditEventKind, "AUDIT_EVENT_KIND_")


def limits_message(limits: PrincipalLimits) -> access_pb2.PrincipalLimits:
    """Converts limits to a message.

    Raises:
        TypeError: An amount is a float.
        ValueError: An amount cannot be sent.
    """
    return access_pb2.PrincipalLimits(
        max_loan_amount=None if limits.max_loan_amount is None else money_message(limits.max_loan_amount),
        max_repayment=None if limits.max_repayment is None else money_message(limits.max_repayment),
        calls_per_second=limits.calls_per_second,
        burst=limits.burst,
        max_streams=limits.max_streams,
        max_pii_reads_per_day=limits.max_pii_reads_per_day,
    )


def timestamp_message(instant: dt.datetime) -> Timestamp:
    """Converts an instant to a message.

    Raises:
        ValueError: The instant has no time zone.
    """
    if instant.utcoffset() is None:
        raise ValueError(f"an instant has to have a time zone, and {instant} has none")
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def limits_of(message: access_pb2.PrincipalLimits) -> PrincipalLimits:
    """Converts limits."""
    return PrincipalLimits(
        max_loan_amount=rupees_of(message.max_loan_amount) if message.HasField("max_loan_amount") else None,
        max_repayment=rupees_of(message.max_repayment) if message.HasField("max_repayment") else None,
        calls_per_second=message.calls_per_second if message.HasField("calls_per_second") else None,
        burst=message.burst if message.HasField("burst") else None,
        max_streams=message.max_streams if message.HasField("max_streams") else None,
        max_pii_reads_per_day=message.max_pii_reads_per_day if message.HasField("max_pii_reads_per_day") else None,
    )


def principal_of(message: access_pb2.Principal) -> Principal:
    """Converts a principal."""
    return Principal(
        name=message.name,
        scopes=tuple(message.scopes),
        limits=limits_of(message.limits),
        disabled=message.disabled,
        create_time=instant_of(message.create_time),
        update_time=instant_of(message.update_time),
    )


def key_of(message: access_pb2.ApiKey) -> ApiKey:
    """Converts an API key."""
    return ApiKey(
        key_id=message.key_id,
        principal=message.principal,
        scopes=tuple(message.scopes),
        create_time=instant_of(message.create_time),
        expire_time=instant_of(message.expire_time),
        revoke_time=instant_of(message.revoke_time) if message.HasField("revoke_time") else None,
        last_use_time=instant_of(message.last_use_time) if message.HasField("last_use_time") else None,
    )


def certificate_name_of(message: access_pb2.CertificateName) -> CertificateName:
    """Converts a name in client certificates."""
    return CertificateName(message.name, message.principal, instant_of(message.create_time))


def caller_of(message: access_service_pb2.WhoAmIResponse) -> Caller:
    """Converts who the caller is."""
    return Caller(
        principal=message.principal,
        scopes=tuple(message.scopes),
        limits=limits_of(message.limits),
        key_id=message.key_id,
        certificate_name=message.certificate_name,
        expire_time=instant_of(message.expire_time) if message.HasField("expire_time") else None,
    )


def audit_event_of(message: access_pb2.AuditEvent) -> AuditEvent:
    """Converts an audit event."""
    return AuditEvent(
        stream_id=message.stream_id,
        sequence=message.sequence,
        kind=_KINDS.get(message.kind, AuditEventKind.UNSPECIFIED),
        event_time=instant_of(message.event_time),
        principal=message.principal,
        credential=message.credential,
        method=message.method,
        customer_id=message.customer_id,
        subject=message.subject,
        request_id=message.request_id,
        outcome=message.outcome,
        count=message.count,
        hash=message.hash,
    )


def checkpoint_of(message: access_pb2.AuditCheckpoint) -> AuditCheckpoint:
    """Converts a checkpoint."""
    return AuditCheckpoint(
        number=message.number,
        create_time=instant_of(message.create_time),
        root=message.root,
        hash=message.hash,
        signature=message.signature,
        algorithm=message.algorithm,
    )
