"""Requests of AccessService, checked and turned into values of the domain."""

import re
from collections.abc import Collection
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from almeno_grpc.api import access_pb2, access_service_pb2
from almeno_grpc.domain import limits as bounds
from almeno_grpc.domain.access import Limits, expanded
from almeno_grpc.rpc.field_reader import FieldReader
from almeno_grpc.service.audit import EventFilter

_PRINCIPAL = re.compile(r"[a-z0-9._-]{1,64}")
_KEY_ID = re.compile(r"[0-9A-Za-z]{12}")
_SHA256_BYTES = 32
_MAX_CERTIFICATE_NAME_CHARACTERS = 255
_MAX_SCOPES = 64
_COUNTS = {
    "calls_per_second": 1_000_000,
    "burst": 1_000_000,
    "max_streams": 64,
    "max_pii_reads_per_day": 1_000_000_000,
}
"""Limits that are counts, each with the most it may be."""


def principal_name(fields: FieldReader, field: str, value: str) -> str:
    """The name of a principal, whether there is one or not."""
    if not _PRINCIPAL.fullmatch(value):
        fields.add_violation(field, "must be 1 to 64 of a-z, 0-9, '.', '_' and '-'")
    return value


def scopes_of(fields: FieldReader, names: Collection[str]) -> frozenset[str]:
    """Scopes, and those that roles stand for."""
    if len(names) > _MAX_SCOPES:
        fields.add_violation("scopes", f"must be at most {_MAX_SCOPES}")
        return frozenset()
    try:
        return expanded(names)
    except KeyError as error:
        fields.add_violation("scopes", f"has no scope or role {str(error.args[0])[:64]!r}")
        return frozenset()


def limits_of(fields: FieldReader, message: access_pb2.PrincipalLimits) -> Limits:
    """Limits of a principal; what is not set does not limit."""
    found: dict[str, Any] = {}
    for name, most in (("max_loan_amount", bounds.MAX_LOAN_AMOUNT), ("max_repayment", None)):
        if message.HasField(name):
            amount = getattr(message, name)
            found[name] = fields.amount(f"limits.{name}", amount, min_paise=1, max_paise=most)
    for name, highest in _COUNTS.items():
        if message.HasField(name):
            found[name] = fields.number(f"limits.{name}", getattr(message, name), 1, highest)
    if "burst" in found and "calls_per_second" not in found:
        fields.add_violation("limits.burst", "needs calls_per_second beside it")
    return Limits(**found)


def key_id_of(fields: FieldReader, value: str) -> str:
    """The id of an API key, whether there is one or not."""
    if not _KEY_ID.fullmatch(value):
        fields.add_violation("key_id", "must be 12 of 0-9, A-Z and a-z")
    return value


def key_sha256_of(fields: FieldReader, value: bytes) -> bytes:
    """The SHA-256 of an API key."""
    if len(value) != _SHA256_BYTES:
        fields.add_violation("key_sha256", f"must be the SHA-256 of the key, {_SHA256_BYTES} bytes")
    return value


def certificate_name_of(fields: FieldReader, value: str) -> str:
    """A name in certificates."""
    if not 1 <= len(value) <= _MAX_CERTIFICATE_NAME_CHARACTERS or not value.isprintable() or value.isspace():
        fields.add_violation("name", f"must be 1 to {_MAX_CERTIFICATE_NAME_CHARACTERS} characters that can be seen")
    return value


def event_filter(fields: FieldReader, request: access_service_pb2.ListAuditEventsRequest) -> EventFilter:
    """Which events of the audit trail are asked for."""
    times = {
        name: microseconds_of(fields, name, getattr(request, name))
        for name in ("start_time", "end_time")
        if request.HasField(name)
    }
    customer_id = fields.identifier("customer_id", request.customer_id) if request.customer_id else 0
    principal = principal_name(fields, "principal", request.principal) if request.principal else ""
    return EventFilter(principal, customer_id, **times)


def microseconds_of(fields: FieldReader, field: str, value: Timestamp) -> int:
    """An instant, in microseconds since the epoch."""
    try:
        return value.ToMicroseconds()
    except ValueError:
        fields.add_violation(field, "must be an instant of the years 1 to 9999")
        return 0
