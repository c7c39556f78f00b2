import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from almeno_grpc.domain import errors
from almeno_grpc.domain.errors import CreditError, FieldViolation, InvalidField
from almeno_grpc.rpc.errors import (
    MAX_PUSHBACK_MILLISECONDS,
    MIN_PUSHBACK_MILLISECONDS,
    MessageTooLarge,
    MethodNotFound,
    code_of,
    to_status,
)

HEADERS_OF_A_CLIENT_BYTES = 8 * 1024


def details(error: CreditError) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.BadRequest | None]:
    value = dict(to_status(error).trailing_metadata)["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(value)
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    if len(status.details) == 1:
        return info, None
    assert status.details[1].Unpack(bad_request)
    assert len(status.details) == 2
    return info, bad_request


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.TooManyCalls("later"), range(MIN_PUSHBACK_MILLISECONDS, MAX_PUSHBACK_MILLISECONDS + 1)),
        (errors.UploadTooLarge("too large"), [-1]),
        (MessageTooLarge("too large"), [-1]),
        (errors.StoreUnavailable("locked"), [None]),
    ],
)
def test_refusal_tells_when_to_send_the_call_again_and_what_is_too_large_not_to(error, expected) -> None:
    def pushback():
        text = dict(to_status(error).trailing_metadata).get("grpc-retry-pushback-ms")
        return text and int(text)

    drawn = {pushback() for _ in range(20)}
    assert drawn <= set(expected)
    # Callers that were refused together do not come together.
    assert (len(drawn) > 1) == (len(expected) > 1)


def leaves(branch: type[CreditError]) -> list[type[CreditError]]:
    below = branch.__subclasses__()
    return [leaf for kind in below for leaf in leaves(kind)] if below else [branch]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidField.of("age", "must be 18 to 120"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.RequestIdReused(), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.LoanNotFound(7), grpc.StatusCode.NOT_FOUND),
        (errors.PhoneNumberTaken(), grpc.StatusCode.ALREADY_EXISTS),
        (errors.NoPolicyInEffect("no policy"), grpc.StatusCode.FAILED_PRECONDITION),
        (errors.UploadTooLarge("too large"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (MessageTooLarge("too large"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (errors.DeadlineExceeded("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (errors.WriteConflict("conflict"), grpc.StatusCode.ABORTED),
        (errors.StoreUnavailable("locked"), grpc.StatusCode.UNAVAILABLE),
        (MethodNotFound("none"), grpc.StatusCode.UNIMPLEMENTED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_becomes_the_code_of_its_branch_with_its_reason(error: CreditError, code: grpc.StatusCode) -> None:
    status = to_status(error)
    info, _ = details(error)
    assert (status.code, status.details) == (code, error.message)
    assert (info.domain, info.reason) == ("almeno.credit", error.reason)


def test_every_error_of_the_domain_has_a_code_and_a_reason_of_its_own() -> None:
    for leaf in leaves(CreditError):
        if not leaf.__module__.startswith("almeno_grpc."):
            continue
        assert leaf.reason != "INTERNAL", leaf
        assert code_of(leaf.__new__(leaf)) is not grpc.StatusCode.INTERNAL, leaf


def test_fields_at_fault_are_named() -> None:
    error = InvalidField(FieldViolation("age", "must be 18 to 120"), FieldViolation("loan_amount.nanos", "too fine"))
    _, bad_request = details(error)
    assert bad_request is not None
    assert [(v.field, v.description) for v in bad_request.field_violations] == [
        ("age", "must be 18 to 120"),
        ("loan_amount.nanos", "too fine"),
    ]


def test_error_without_fields_at_fault_has_its_metadata_alone() -> None:
    info, bad_request = details(errors.CustomerNotFound(42))
    assert dict(info.metadata) == {"customer_id": "42"}
    assert bad_request is None


@pytest.mark.parametrize("text", ["x" * 100_000, "ē" * 50_000, "\ud800" * 5000, "\n%" * 9000], ids=["x", "ē", "�", "%"])
def test_longest_error_fits_into_the_headers_a_client_takes(text: str) -> None:
    error = errors.StoreUnavailable(
        text,
        violations=tuple(FieldViolation(text, text) for _ in range(500)),
        metadata={str(number): text for number in range(100)},
    )
    status = to_status(error)
    details_bytes = len(status.trailing_metadata[0][1])
    # Percent-encoding makes up to three bytes of one, base64 four of three.
    assert 3 * len(status.details.encode()) + details_bytes * 4 / 3 < HEADERS_OF_A_CLIENT_BYTES - 500
    _, bad_request = details(error)
    assert bad_request is not None
    assert bad_request.field_violations
