"""The exceptions of the client, as one tree.

CreditServiceError
├── InvalidArgument
├── NotFound
├── AlreadyExists
├── FailedPrecondition
├── OutOfRange
├── Unauthenticated
├── PermissionDenied
├── Aborted
├── ResourceExhausted
├── Unavailable
└── DeadlineExceeded

A status code without a class of its own is a plain CreditServiceError. A declined loan is an answer, not an error.
"""

from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status

DOMAIN = "almeno.credit"
"""The domain of the service's own error reasons."""

# What is too large stays too large.
_LASTING_REASONS = frozenset({"MESSAGE_TOO_LARGE", "UPLOAD_TOO_LARGE"})
_RETRYABLE_CODES = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    }
)
# By the number that a google.rpc.Status carries.
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class CreditServiceError(Exception):
    """Base of all exceptions that a call raises.

    Attributes:
        code: The gRPC status code.
        message: One sentence for people.
        reason: Reason of the google.rpc.ErrorInfo, such as `CUSTOMER_NOT_FOUND`; empty when the error did not come from
            the service itself, as when it cannot be reached.
        fields: Description of each field violation, by the path of the field in the request.
        metadata: Metadata of the google.rpc.ErrorInfo.
        retry_delay_seconds: How long the service asks to wait before the call is sent again; 0 where it does not.
        request_id: The request_id that the call was sent with, for a call that changes something: after a
            retryable error, send the same request with it again. None for other calls.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        fields: dict[str, str] | None = None,
        metadata: dict[str, str] | None = None,
        retry_delay_seconds: float = 0.0,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason
        self.fields = fields or {}
        self.metadata = metadata or {}
        self.retry_delay_seconds = retry_delay_seconds
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"

    @property
    def retryable(self) -> bool:
        """Whether the same request, with the same request_id, may well succeed later and is safe to send again."""
        return self.code in _RETRYABLE_CODES and self.reason not in _LASTING_REASONS


class InvalidArgument(CreditServiceError):
    """The request is invalid in any state of the book; `fields` has the violations."""


class NotFound(CreditServiceError):
    """A resource of the request does not exist."""


class AlreadyExists(CreditServiceError):
    """The resource to create exists already."""


class FailedPrecondition(CreditServiceError):
    """The request is valid, but not in the current state of the book; or the client was closed before it was made."""


class OutOfRange(CreditServiceError):
    """What is asked for lies beyond what the service keeps."""


class Unauthenticated(CreditServiceError):
    """The service does not know who calls: no credentials, none that are valid, or none any more."""


class PermissionDenied(CreditServiceError):
    """The caller may not do this, or not to this amount."""


class Aborted(CreditServiceError):
    """The transaction conflicted with another and was rolled back."""


class ResourceExhausted(CreditServiceError):
    """A limit of the service is reached."""


class Unavailable(CreditServiceError):
    """The service cannot be reached or cannot serve at the moment."""


class DeadlineExceeded(CreditServiceError):
    """The deadline has passed; whether a write took effect is unknown."""


_BY_CODE: dict[grpc.StatusCode, type[CreditServiceError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRange,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.ABORTED: Aborted,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


def error_of(error: grpc.RpcError, request_id: str | None = None) -> CreditServiceError:
    """Makes the exception for a failed call, from its status and the details the service sent with it."""
    # Imported here, for a call that goes well needs neither.
    from google.rpc.status_pb2 import Status  # noqa: PLC0415
    from grpc_status import rpc_status  # noqa: PLC0415

    # grpc raises objects that are both an RpcError and the Call; only the latter has code and details.
    call: Any = error
    try:
        status = rpc_status.from_call(call) or Status()
    except (DecodeError, ValueError):
        # A proxy between the service and this client may have changed the status.
        status = Status()
    return _error(call.code() or grpc.StatusCode.UNKNOWN, call.details(), status, request_id)


def error_of_status(status: "Status") -> CreditServiceError:
    """Makes the exception for one request of a batch; it is not raised, for it leaves the others as they are."""
    return _error(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, status)


def _error(
    code: grpc.StatusCode, message: str | None, status: "Status", request_id: str | None = None
) -> CreditServiceError:
    return _BY_CODE.get(code, CreditServiceError)(
        code,
        message or f"the call failed with {code.name} and no message",
        **_details(status),
        request_id=request_id,
    )


def _details(status: "Status") -> dict[str, Any]:
    """Reason, fields, metadata and delay of an error; none where the service sent none, or none that can be read."""
    from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo  # noqa: PLC0415

    found: dict[str, Any] = {}
    try:
        for detail in status.details:
            info, request, retry = ErrorInfo(), BadRequest(), RetryInfo()
            if detail.Unpack(info) and info.domain == DOMAIN:
                found |= {"reason": info.reason, "metadata": dict(info.metadata)}
            elif detail.Unpack(request):
                violations = request.field_violations
                found["fields"] = {violation.field: violation.description for violation in violations}
            elif detail.Unpack(retry):
                found["retry_delay_seconds"] = retry.retry_delay.ToTimedelta().total_seconds()
    except DecodeError:
        return {}
    return found
