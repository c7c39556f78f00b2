"""Errors as a caller gets them: the tree of the domain, turned into gRPC statuses with their details."""

import random
from typing import ClassVar, NamedTuple

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from almeno_grpc.domain.errors import (
    Aborted,
    AlreadyExists,
    CreditError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    RateLimited,
    ResourceExhausted,
    TooManyCalls,
    Unauthenticated,
    Unavailable,
)

DOMAIN = "almeno.credit"

# A status travels in HTTP/2 headers, which a client need not take beyond 8 KiB: the message up to three times its
# size, the details in base64, a third longer. These limits keep it below.
MAX_MESSAGE_BYTES = 512
MAX_DETAILS_BYTES = 4096
MAX_DESCRIPTION_BYTES = 200
MAX_VIOLATIONS = 20
MAX_METADATA = 8


class MethodNotFound(CreditError):
    """The server has no such method."""

    reason: ClassVar[str] = "METHOD_NOT_FOUND"


class InvalidMessage(InvalidArgument):
    """What a caller sent is no message of the method's request type, or is missing."""

    reason: ClassVar[str] = "INVALID_FIELD"


class MessageTooLarge(ResourceExhausted):
    """A request message is larger than the server takes."""

    reason: ClassVar[str] = "MESSAGE_TOO_LARGE"


class StreamIdle(Unavailable):
    """A stream has had nothing to tell for long; its caller may open it again."""

    reason: ClassVar[str] = "STREAM_IDLE"


CODES: dict[type[CreditError], grpc.StatusCode] = {
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Aborted: grpc.StatusCode.ABORTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    MethodNotFound: grpc.StatusCode.UNIMPLEMENTED,
    CreditError: grpc.StatusCode.INTERNAL,
}
"""The status code of each branch; the tree's own root is an error nobody named."""


def code_of(error: CreditError) -> grpc.StatusCode:
    """The status code of an error: that of the nearest branch above it."""
    return next(CODES[branch] for branch in type(error).__mro__ if branch in CODES)


PUSHBACK = "grpc-retry-pushback-ms"
"""Trailing metadata that tells a client's retry policy when to come again; a negative number, not to."""
MIN_PUSHBACK_MILLISECONDS, MAX_PUSHBACK_MILLISECONDS = 250, 1250


class _Status(NamedTuple):
    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


class StatusWithPushback(_Status, grpc.Status):
    """A status with metadata of its own."""


def to_status(error: CreditError) -> grpc.Status:
    """The status of an error, as gRPC sends it; see `fill_status`."""
    message = status_pb2.Status()
    fill_status(message, error)
    return with_pushback(rpc_status.to_status(message), error)


def with_pushback(status: grpc.Status, error: CreditError) -> grpc.Status:
    """The status of an error with the time at which to send the call again, drawn anew, where it is a refusal.

    Clients take it as it is, without jitter of their own: those that were refused together must not come together. What
    is too large will be too large again.
    """
    if not isinstance(error, ResourceExhausted):
        return status
    metadata = [(key, value) for key, value in status.trailing_metadata or () if key != PUSHBACK]
    return StatusWithPushback(status.code, status.details, (*metadata, (PUSHBACK, str(_pushback_milliseconds(error)))))


def _pushback_milliseconds(error: ResourceExhausted) -> int:
    if isinstance(error, RateLimited):
        return error.retry_delay_milliseconds
    if isinstance(error, TooManyCalls):
        return random.randint(MIN_PUSHBACK_MILLISECONDS, MAX_PUSHBACK_MILLISECONDS)  # noqa: S311 - no secret
    return -1


def fill_status(message: status_pb2.Status, error: CreditError) -> None:
    """Fills the status of an error.

    It carries exactly one ErrorInfo; for fields at fault a BadRequest, for a rate a RetryInfo. Long texts are cut so
    that it fits into headers.
    """
    metadata = {name: _cut(value) for name, value in list(error.metadata.items())[:MAX_METADATA]}
    _fill(message, code_of(error), error.reason, error.message, metadata)
    bad_request = error_details_pb2.BadRequest()
    room_bytes = MAX_DETAILS_BYTES - message.ByteSize()
    for violation in error.violations[:MAX_VIOLATIONS]:
        entry = bad_request.field_violations.add(field=_cut(violation.field), description=_cut(violation.description))
        if bad_request.ByteSize() > room_bytes:
            bad_request.field_violations.remove(entry)
            break
    if bad_request.field_violations:
        message.details.add().Pack(bad_request)
    if isinstance(error, RateLimited):
        retry_info = error_details_pb2.RetryInfo()
        retry_info.retry_delay.FromMilliseconds(error.retry_delay_milliseconds)
        message.details.add().Pack(retry_info)


def internal_status() -> grpc.Status:
    """The status of an exception nobody expected; it tells nothing of it."""
    status = status_pb2.Status()
    _fill(status, grpc.StatusCode.INTERNAL, "INTERNAL", "the server failed to answer; its log tells why", {})
    return rpc_status.to_status(status)


def _fill(message: status_pb2.Status, code: grpc.StatusCode, reason: str, text: str, metadata: dict[str, str]) -> None:
    message.code = code.value[0]
    message.message = _cut(text, MAX_MESSAGE_BYTES)
    message.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata))


def _cut(text: str, max_bytes: int = MAX_DESCRIPTION_BYTES) -> str:
    """Cuts a text to so many bytes of UTF-8; what UTF-8 cannot say becomes a question mark."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= max_bytes:
        return encoded.decode()
    return f"{encoded[: max_bytes - 3].decode('utf-8', 'ignore')}…"
